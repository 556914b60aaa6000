"""Which branches of the engine no test takes: printed, and held against those that are named in branches.txt.

    make branches
    python -m tests.branches --write    # brings branches.txt up to date; what is new in it is open

The engine is what can be compiled: modules with a .pxd. Without compilation the same code runs as Python, and coverage
sees its branches. A line of branches.txt names one that is not taken, and why:

    module | function | the line that branches -> the line that is never come to | the reason
"""

from __future__ import annotations

import ast
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import coverage

SOURCE = Path("src/recap")
LISTED = Path(__file__).with_suffix(".txt")
OUT = "the end"  # where a function or a loop is left
IMPORTS = "if not cython.compiled:"  # always true where this is measured
OPEN = "open: no test comes to it"


class Branch(NamedTuple):
    """One that is not taken, named so that it is the same when lines are added above."""

    module: str
    function: str
    step: str


def modules() -> list[Path]:
    """The engine."""
    headers = sorted(SOURCE.rglob("*.pxd"))
    return [path for path in (header.with_suffix(".py") for header in headers) if path.is_file()]


def measured() -> dict[str, Any]:
    """What coverage tells of each module, by its path."""
    found = coverage.Coverage()
    found.load()
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        found.json_report(morfs=[str(path) for path in modules()], outfile=file.name)
        report: dict[str, Any] = json.loads(Path(file.name).read_bytes())
    files: dict[str, Any] = report["files"]
    return files


def missed(path: Path, told: dict[str, Any]) -> Iterator[Branch]:
    """The branches of a module that were not taken, and its functions that never ran."""
    source = path.read_text()
    lines = source.splitlines()
    functions = list(functions_of(ast.parse(source)))
    module = str(path.relative_to(SOURCE).with_suffix(""))

    def text(number: int) -> str:
        return lines[number - 1].strip() if number > 0 else OUT

    branches = {int(origin): int(target) for origin, target in told["missing_branches"]}
    for origin, target in told["missing_branches"]:
        if text(origin) != IMPORTS:
            yield Branch(module, function_at(functions, origin), f"{text(origin)} -> {text(target)}")
    idle = set(told["missing_lines"]) - set(branches)
    for name, first, last in functions:
        body = [line for line in told["executed_lines"] if first < line <= last]
        if not body and idle & set(range(first, last + 1)):
            yield Branch(module, name, "never runs")


def functions_of(tree: ast.AST, outer: str = "") -> Iterator[tuple[str, int, int]]:
    """Every function: its name, its first and its last line; outer ones before inner ones."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            name = f"{outer}{node.name}"
            if isinstance(node, ast.FunctionDef):
                yield name, node.lineno, node.end_lineno or node.lineno
            yield from functions_of(node, f"{name}.")


def function_at(functions: list[tuple[str, int, int]], line: int) -> str:
    """The innermost function around a line."""
    around = [name for name, first, last in functions if first <= line <= last]
    return around[-1] if around else "module"


def listed() -> dict[Branch, str]:
    """The branches that are known not to be taken, with the reasons."""
    found = {}
    for line in LISTED.read_text().splitlines():
        if line and not line.startswith("#"):
            module, function, rest = line.split(" | ", 2)  # the code may hold one more
            step, reason = rest.rsplit(" | ", 1)
            found[Branch(module, function, step)] = reason
    return found


def write(found: set[Branch]) -> None:
    """Name what was found, with the reasons that are known."""
    reasons = listed()
    rows = [" | ".join([*branch, reasons.get(branch, OPEN)]) for branch in sorted(found)]
    LISTED.write_text("".join(f"{row}\n" for row in rows))


def main(*options: str) -> int:
    """Print it; 1 if the list and the measurement differ."""
    files = measured()
    found: list[Branch] = []
    total = taken = 0
    for path in modules():
        told = files.get(str(path))
        if told is None:
            print(f"{path}: no test has imported it", file=sys.stderr)
            return 1
        summary = told["summary"]
        total += summary["num_branches"]
        taken += summary["covered_branches"]
        if summary["missing_branches"]:
            print(f"{path}: {summary['covered_branches']} of {summary['num_branches']} branches")
        found += missed(path, told)
    if "--write" in options:
        write(set(found))
    known = listed()
    print(f"The engine: {taken:,} of {total:,} branches taken; {len(set(found))} are not, {len(known)} are named")
    for branch in sorted(set(found) - known.keys()):
        print("not named:", " | ".join(branch))
    for branch in sorted(known.keys() - set(found)):
        print("named, but taken or gone:", " | ".join(branch))
    return int(known.keys() != set(found))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
