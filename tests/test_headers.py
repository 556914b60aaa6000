"""Numbers that stand in a header for the compiled engine are those of the Python file beside it, and of the enums."""

from __future__ import annotations

import ast
import enum
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from recap.demand.demand import Kind, Op
from recap.sim.journal import Note
from recap.trace import Event

PACKAGE = Path("src/recap")
NUMBER = re.compile(r"^    ([A-Z][A-Z0-9_]+) = (-?\w+)$", re.MULTILINE)
HEADERS = sorted(path for path in PACKAGE.rglob("*.pxd") if NUMBER.search(path.read_text()))
ENUMS: dict[str, type[enum.IntEnum]] = {"": Event, "OP_": Op, "KIND_": Kind, "NOTE_": Note}


def declared(header: Path) -> dict[str, int]:
    """The numbers of a header."""
    return {name: int(value, 0) for name, value in NUMBER.findall(header.read_text())}


def assigned(source: Path) -> Iterator[tuple[str, int]]:
    """The numbers of a Python file: `A = 1`, `A = 1 << 4` and `A, B = range(2)`."""
    for node in ast.walk(ast.parse(source.read_text())):
        if not isinstance(node, ast.Assign):
            continue
        names = [leaf.id for leaf in ast.walk(node.targets[0]) if isinstance(leaf, ast.Name)]
        if not all(name.isupper() for name in names):
            continue
        try:
            value = eval(compile(ast.Expression(node.value), str(source), "eval"), {"range": range, "len": len})
        except Exception:  # not a number by itself
            continue
        values = list(value) if isinstance(value, range) else [value]
        yield from ((name, number) for name, number in zip(names, values, strict=False) if isinstance(number, int))


@pytest.mark.parametrize("header", HEADERS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_header_has_the_numbers_of_its_file(header: Path) -> None:
    beside = dict(assigned(header.with_suffix(".py")))
    numbers = declared(header)
    both = beside.keys() & numbers.keys()
    assert {name: numbers[name] for name in both} == {name: beside[name] for name in both}


@pytest.mark.parametrize("prefix", ENUMS)
def test_a_header_has_the_numbers_of_the_enums(prefix: str) -> None:
    members = {f"{prefix}{name}": int(value) for name, value in ENUMS[prefix].__members__.items()}
    found = {
        (header, name): number for header in HEADERS for name, number in declared(header).items() if name in members
    }
    assert found
    assert {name: number for (_, name), number in found.items()} == {name: members[name] for _, name in found}
