"""A kernel's types, from the BTF that it carries: where the members of its structures are, and its enumerations.

The format is in Documentation/bpf/btf.rst. Only what describes memory is understood: no functions, no variables.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache

INT, PTR, ARRAY, STRUCT, UNION, ENUM, FWD, TYPEDEF, VOLATILE, CONST, RESTRICT = range(1, 12)
FUNC, FUNC_PROTO, VAR, DATASEC, FLOAT, DECL_TAG, TYPE_TAG, ENUM64 = range(12, 20)
ALIASES = (TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG)
RECORDS = (STRUCT, UNION)
ITEM_BYTES = {STRUCT: 12, UNION: 12, ENUM: 8, FUNC_PROTO: 8, DATASEC: 12, ENUM64: 12}  # for each of `vlen`
LONE_BYTES = {INT: 4, ARRAY: 12, VAR: 4, DECL_TAG: 4}  # once
HEADER = struct.Struct("<HBBIIIII")
TYPE = struct.Struct("<III")  # name, kind and number of items, size or type
MEMBER = struct.Struct("<III")  # name, type, offset in bits
MAGIC, VERSION = 0xEB9F, 1
POINTER_BYTES = 8
SIGNED = 1 << 24  # of an integer's encoding


class UnknownTypeError(LookupError):
    """The kernel has no such type, or its type no such member."""


@dataclass(frozen=True, slots=True)
class StructMember:
    """A member of a structure: where it is, in bytes; of an array, its first element and how many there are."""

    offset: int
    size: int  # of an element
    length: int
    type: int
    signed: bool


@dataclass(frozen=True)
class StructLayout:
    """A structure: its size in bytes, and its members, those of unnamed members included."""

    name: str
    size: int
    fields: dict[str, StructMember]

    def field(self, name: str) -> StructMember:
        """One member.

        Errors:
            UnknownTypeError: it has no such member.
        """
        if name not in self.fields:
            raise UnknownTypeError(f"{self.name} has no {name}")
        return self.fields[name]


class Btf:
    """All types of one kernel, by their numbers."""

    def __init__(self, data: bytes) -> None:
        try:
            magic, version, _, header, type_at, type_bytes, text_at, text_bytes = HEADER.unpack_from(data)
        except struct.error:
            magic = version = 0
        if magic != MAGIC or version != VERSION:
            raise UnknownTypeError("the kernel's BTF is not of version 1")
        self.data = data[header + type_at : header + type_at + type_bytes]
        self.text = data[header + text_at : header + text_at + text_bytes]
        self.offset = [0]  # of type 1, 2, ...; type 0 is void
        self.named: dict[tuple[int, int], int] = {}  # by kind, and where the name is
        self.index()
        self.layout = cache(self.make_layout)

    def index(self) -> None:
        """Find where each type is."""
        at, end, unpack = 0, len(self.data), TYPE.unpack_from
        data, offset, named = self.data, self.offset, self.named
        while at < end:
            name, info, _ = unpack(data, at)
            kind = info >> 24 & 0x1F
            if name and kind in (STRUCT, UNION, ENUM, ENUM64):
                named.setdefault((kind, name), len(offset))
            offset.append(at)
            at += 12 + ITEM_BYTES.get(kind, 0) * (info & 0xFFFF) + LONE_BYTES.get(kind, 0)

    def string(self, at: int) -> str:
        """A name."""
        return self.text[at : self.text.index(0, at)].decode()

    def head(self, number: int) -> tuple[int, int, int, int]:
        """What every type begins with: name, kind, number of items, size or type."""
        name, info, size = TYPE.unpack_from(self.data, self.offset[number])
        return name, info >> 24 & 0x1F, info & 0xFFFF, size

    def find(self, kinds: tuple[int, ...], name: str) -> int:
        """The number of a type that has a name.

        Errors:
            UnknownTypeError: there is none.
        """
        wanted = name.encode() + b"\0"
        at = self.text.find(b"\0" + wanted) + 1
        while at > 0:
            for kind in kinds:
                if (kind, at) in self.named:
                    return self.named[kind, at]
            at = self.text.find(b"\0" + wanted, at) + 1
        raise UnknownTypeError(f"this kernel has no {name}")

    def struct(self, name: str) -> StructLayout:
        """A structure by its name.

        Errors:
            UnknownTypeError: there is none.
        """
        return self.layout(self.find(RECORDS, name))

    def make_layout(self, number: int) -> StructLayout:
        """A structure by its number."""
        number = self.resolved(number)
        name, kind, _, size = self.head(number)
        if kind not in RECORDS:
            raise UnknownTypeError(f"type {number} is no structure")
        fields: dict[str, StructMember] = {}
        self.add_members(fields, number, 0)
        return StructLayout(self.string(name), size, fields)

    def add_members(self, fields: dict[str, StructMember], number: int, base: int) -> None:
        """Note the members of a structure that begins at `base`. Bit fields are left out."""
        _, _, items, _ = self.head(number)
        at = self.offset[number] + TYPE.size
        bitfields = TYPE.unpack_from(self.data, self.offset[number])[1] >> 31
        for item in range(items):
            name, kind, offset = MEMBER.unpack_from(self.data, at + item * MEMBER.size)
            if bitfields and offset >> 24:
                continue
            offset = (offset & 0xFFFFFF if bitfields else offset) // 8
            if name:
                fields.setdefault(self.string(name), self.make_field(kind, base + offset))
            else:
                self.add_members(fields, self.resolved(kind), base + offset)

    def make_field(self, number: int, offset: int) -> StructMember:
        """A member of a type."""
        number = self.resolved(number)
        length = 1
        while self.head(number)[1] == ARRAY:
            element, _, count = struct.unpack_from("<III", self.data, self.offset[number] + TYPE.size)
            length *= count
            number = self.resolved(element)
        return StructMember(offset, self.size(number), length, number, self.signed(number))

    def resolved(self, number: int) -> int:
        """The type itself, behind typedefs and qualifiers."""
        while number:
            _, kind, _, target = self.head(number)
            if kind not in ALIASES:
                break
            number = target
        return number

    def size(self, number: int) -> int:
        """Bytes of a value of a type that is no array."""
        if not number:
            return 0
        _, kind, _, size = self.head(number)
        if kind == PTR:
            return POINTER_BYTES
        return size if kind in (INT, STRUCT, UNION, ENUM, ENUM64, FLOAT) else 0

    def signed(self, number: int) -> bool:
        """Whether it is an integer that may be negative."""
        if not number or self.head(number)[1] != INT:
            return False
        (encoding,) = struct.unpack_from("<I", self.data, self.offset[number] + TYPE.size)
        return bool(encoding & SIGNED)

    def enum(self, name: str) -> dict[str, int]:
        """The values of an enumeration.

        Errors:
            UnknownTypeError: there is none.
        """
        number = self.find((ENUM, ENUM64), name)
        _, kind, items, _ = self.head(number)
        at, found = self.offset[number] + TYPE.size, {}
        for item in range(items):
            if kind == ENUM:
                text, value = struct.unpack_from("<Ii", self.data, at + 8 * item)
            else:
                text, low, high = struct.unpack_from("<IIi", self.data, at + 12 * item)
                value = high << 32 | low
            found[self.string(text)] = value
        return found
