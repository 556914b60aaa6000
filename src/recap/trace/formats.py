"""The kernel's own description of its events: the `format` files, parsed as far as anybody asks."""

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

FIELD = re.compile(
    r"^[ \t]*field:[ \t]*(?P<decl>[^;\n]*);[ \t]*offset:(?P<offset>\d{1,9});[ \t]*size:(?P<size>\d{1,9});"
    r"(?:[ \t]*signed:(?P<signed>[01]);)?",
    re.MULTILINE,
)
NAME = re.compile(r"^name: *(\S+)$", re.MULTILINE)
IDENTITY = re.compile(r"^ID: *(\d{1,5})$", re.MULTILINE)
PAIR = re.compile(r"\{(?P<value>[^{}\"]*),\s*\"(?P<name>[^\"]*)\"\s*\}")
CAST = re.compile(
    r"\(\s*(?:unsigned |signed |enum |struct )*"
    r"(?:[a-z]\w*_t|int|long|long long|short|char|u\d+|__u\d+|unsigned)\s*\)"
)
SUFFIX = re.compile(r"\b(0[xX][0-9a-fA-F]+|\d+)[uUlL]+\b")

OPERATORS: dict[type[ast.AST], Callable[[int, int], int]] = {
    ast.BitOr: lambda x, y: x | y,
    ast.BitAnd: lambda x, y: x & y,
    ast.Add: lambda x, y: x + y,
    ast.Sub: lambda x, y: x - y,
    ast.LShift: lambda x, y: x << (y & 63),
}
LONGEST_CONSTANT = 2000


@dataclass(frozen=True, slots=True)
class Field:
    """Where one field of an event lies."""

    name: str
    type: str
    offset: int
    size: int
    signed: bool


def parse_fields(text: str) -> dict[str, Field]:
    """The fields that a format file (or `header_page`) describes, by name."""
    fields = {}
    for match in FIELD.finditer(text):
        kind, _, name = match["decl"].strip().rpartition(" ")
        name, bracket, extent = name.lstrip("*").partition("[")
        fields[name] = Field(
            name,
            kind.strip() + bracket + extent,
            int(match["offset"]),
            int(match["size"]),
            match["signed"] == "1",
        )
    return fields


@dataclass(frozen=True)
class EventFormat:
    """One event of the recorded kernel."""

    system: str
    name: str
    id: int
    text: str = field(repr=False)

    @cached_property
    def fields(self) -> dict[str, Field]:
        """Its fields by name, the common ones included."""
        return parse_fields(self.text)

    def symbols(self, name: str) -> dict[int, str]:
        """What `print fmt` calls the values (or bits) of a field; empty where it prints them as numbers."""
        printed = re.search(rf"__print_(?:symbolic|flags)\(\s*REC->{re.escape(name)}\s*,", self.text)
        if printed is None:
            return {}
        end = self.text.find("REC->", printed.end())
        found = {}
        for pair in PAIR.finditer(self.text, printed.end(), len(self.text) if end < 0 else end):
            value = constant(pair["value"])
            if value is not None:
                found[value] = pair["name"]
        return found


def parse_format(system: str, text: str) -> EventFormat | None:
    """The event a format file describes, or None where it names none."""
    name = NAME.search(text)
    identity = IDENTITY.search(text)
    if name is None or identity is None:
        return None
    return EventFormat(system, name[1], int(identity[1]), text)


def constant(text: str) -> int | None:
    """The value of a C constant expression without names, such as `(gfp_t)(0x400u|0x800u)`; else None."""
    plain = CAST.sub("", SUFFIX.sub(r"\1", text[:LONGEST_CONSTANT])).strip()
    try:
        return evaluate(ast.parse(plain, mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def evaluate(node: ast.expr) -> int:
    """The value of an expression of integers."""
    match node:
        case ast.Constant(value=int(value)):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -evaluate(operand)
        case ast.UnaryOp(op=ast.Invert(), operand=operand):
            return ~evaluate(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return OPERATORS[type(op)](evaluate(left), evaluate(right))
    raise ValueError("not a constant")
