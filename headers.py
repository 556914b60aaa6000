"""The headers from which the engine is compiled, each completed from the Python file beside it.

C wants a number when it compiles, Python when it runs. A number is written once, in `X.py`; the header `X.pxd` in `src`
holds types, and its numbers are added here, in the copy of the package that Cython reads:

* of a compiled module, what it assigns under `if not cython.compiled:`;
* of a module without a header, from which compiled ones cimport, all that can be a number in C: its integers, each
  `IntEnum`, and as a struct each dataclass whose fields are all truth values. Such a module is run to find them, so it
  imports nothing but the standard library.

A function that the header declares `cdef inline` gets its body here too, so that the C compiler can expand it in other
modules, and is blank in the copy of its Python file.
"""

from __future__ import annotations

import ast
import dataclasses
import enum
import re
import runpy
import sys
from pathlib import Path
from typing import Any

CIMPORT = re.compile(r"^from ([\w.]+) cimport ", re.MULTILINE)
INLINE = re.compile(
    r"^(?:@cython\.locals\((?P<locals>[^)]*)\)\n)?(?P<head>cdef inline [^\n]*?\b(?P<name>\w+)\([^\n]*[^:\n])$",
    re.MULTILINE,
)
INT = range(-1 << 31, 1 << 31)
C_TYPES = {"int": "int", "uint": "unsigned int", "longlong": "long long", "bint": "bint", "uchar": "unsigned char"}


def stage(package: Path, target: Path) -> None:
    """Make `target` a copy of a package's Python files and completed headers.

    What has not changed keeps its time, by which Cython decides what to compile again.
    """
    sources = {path.relative_to(package): without_inlined(path) for path in package.rglob("*.py")}
    texts = sources | complete(package)
    for name, text in texts.items():
        path = target / name
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    for path in [*target.rglob("*.py"), *target.rglob("*.pxd")]:
        if path.relative_to(target) not in texts:
            path.unlink()


def complete(package: Path) -> dict[Path, str]:
    """All headers of a package, by their place in it."""
    types = {path: with_bodies(path, path.read_text()) for path in package.rglob("*.pxd")}
    headers = {path: text + declarations(assigned(path.with_suffix(".py"))) for path, text in types.items()}
    named = {module for text in types.values() for module in CIMPORT.findall(text)}
    for module in named:
        header = package.parent.joinpath(*module.split(".")).with_suffix(".pxd")
        if header not in types and header.with_suffix(".py").exists():
            headers[header] = defined(header.with_suffix(".py"))
    return {path.relative_to(package): text for path, text in headers.items()}


def with_bodies(header: Path, text: str) -> str:
    """A header whose inline functions have the bodies of the Python file, with their locals declared."""
    found = functions(header.with_suffix(".py")) if INLINE.search(text) else {}

    def defined_here(match: re.Match[str]) -> str:
        function = found[match["name"]]
        arguments = {argument.arg for argument in function.args.args}
        pairs = [pair.split("=") for pair in re.findall(r"\w+=cython\.\w+", match["locals"] or "")]
        kinds = [pair for pair in pairs if pair[0] not in arguments]
        declared = [f"cdef {C_TYPES[kind.removeprefix('cython.')]} {name}" for name, kind in kinds]
        body = [ast.unparse(statement) for statement in function.body[1:]]  # the first is the docstring
        return "\n".join([f"{match['head']}:", *(indent(line) for line in [*declared, *body])])

    return INLINE.sub(defined_here, text)


def functions(source: Path) -> dict[str, ast.FunctionDef]:
    """The functions of a Python file, by name."""
    return {node.name: node for node in ast.parse(source.read_text()).body if isinstance(node, ast.FunctionDef)}


def indent(code: str) -> str:
    """One level further in."""
    return "\n".join(f"    {line}" for line in code.splitlines())


def without_inlined(source: Path) -> str:
    """A Python file without what its header defines; its other lines keep their numbers."""
    text = source.read_text()
    header = source.with_suffix(".pxd")
    inlined = {match["name"] for match in INLINE.finditer(header.read_text())} if header.exists() else set()
    lines = text.splitlines(keepends=True)
    for name, node in functions(source).items() if inlined else ():
        if name in inlined:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            lines[first - 1 : node.end_lineno] = ["\n"] * ((node.end_lineno or first) - first + 1)
    return "".join(lines)


def assigned(source: Path) -> dict[str, int]:
    """What a compiled module assigns when it is not compiled."""
    body = ast.parse(source.read_text()).body
    blocks = [node for node in body if isinstance(node, ast.If) and ast.unparse(node.test) == "not cython.compiled"]
    assignments: list[ast.stmt] = [node for block in blocks for node in block.body if isinstance(node, ast.Assign)]
    numbers: dict[str, Any] = {}
    exec(compile(ast.Module(assignments, []), str(source), "exec"), {"range": range}, numbers)
    for name, value in numbers.items():
        if type(value) is not int:
            sys.exit(f"{source}: {name} is assigned when the module is not compiled, but is no integer")
    return numbers


def defined(source: Path) -> str:
    """Declarations of what a module that is not compiled has for compiled ones."""
    names = {name: value for name, value in runpy.run_path(str(source)).items() if not name.startswith("_")}
    own = [value for value in names.values() if isinstance(value, type) and value.__module__ == "<run_path>"]
    enums = [enum_of(kind.__name__, dict(kind.__members__)) for kind in own if issubclass(kind, enum.IntEnum)]
    structs = [struct_of(kind) for kind in own if dataclasses.is_dataclass(kind)]
    return "".join(
        [declarations({name: value for name, value in names.items() if type(value) is int}), *enums, *structs]
    )


def declarations(numbers: dict[str, int]) -> str:
    """Numbers as constants. In C those that do not fit an int have the type of their enum: each has its own."""
    small = {name: number for name, number in numbers.items() if number in INT}
    large = [{name: number} for name, number in numbers.items() if number not in INT]
    return "".join(enum_of("", group) for group in (small, *large) if group)


def enum_of(name: str, members: dict[str, int]) -> str:
    """An enum, with or without a name."""
    head = f"cdef enum {name}:" if name else "cdef enum:"
    return "".join([f"\n{head}\n", *(f"    {member} = {int(number)}\n" for member, number in members.items())])


def struct_of(kind: Any) -> str:
    """A dataclass of truth values as a struct; nothing for another."""
    fields = dataclasses.fields(kind)
    if any(field.type not in (bool, "bool") for field in fields):
        return ""
    return "".join([f"\nctypedef struct {kind.__name__}:\n", *(f"    bint {field.name}\n" for field in fields)])
