"""A kernel's types and variables from its own memory: from the BTF it carries, and its kallsyms.

A distribution's kernel has no debug symbols, but its memory holds the types of all its structures
(CONFIG_DEBUG_INFO_BTF) and the addresses of its variables (CONFIG_KALLSYMS_ALL; vmcoreinfo tells where, since 6.0). BTF
has no types of ordinary variables: those that are asked for are named here.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache
from typing import Any

import drgn
from drgn.helpers.linux.kallsyms import load_vmlinux_kallsyms

INT, PTR, ARRAY, STRUCT, UNION, ENUM, FWD, TYPEDEF, VOLATILE, CONST, RESTRICT = range(1, 12)
FUNC, FUNC_PROTO, VAR, DATASEC, FLOAT, DECL_TAG, TYPE_TAG, ENUM64 = range(12, 20)
QUALIFIERS = {VOLATILE: drgn.Qualifiers.VOLATILE, CONST: drgn.Qualifiers.CONST, RESTRICT: drgn.Qualifiers.RESTRICT}
KINDS = {
    drgn.TypeKind.INT: (INT,),
    drgn.TypeKind.BOOL: (INT,),
    drgn.TypeKind.FLOAT: (FLOAT,),
    drgn.TypeKind.STRUCT: (STRUCT,),
    drgn.TypeKind.UNION: (UNION,),
    drgn.TypeKind.ENUM: (ENUM, ENUM64),
    drgn.TypeKind.TYPEDEF: (TYPEDEF,),
}
ITEM_BYTES = {ARRAY: 12, STRUCT: 12, UNION: 12, ENUM: 8, FUNC_PROTO: 8, DATASEC: 12, ENUM64: 12}  # for each of vlen
LONE_BYTES = {INT: 4, ARRAY: 12, VAR: 4, DECL_TAG: 4}  # once
HEADER = struct.Struct("<HBBIIIII")
SIGNED, BOOLEAN = 1, 4  # of an integer's encoding

# What drgn's helpers and the snapshot ask for; a string is the type's name, a number in front an array of so many.
VARIABLES: dict[str, Callable[[drgn.Program], drgn.Type]] = {
    "node_data": lambda program: program.array_type(program.pointer_type(program.type("struct pglist_data")), 64),
    "vmemmap_base": lambda program: program.type("unsigned long"),
    "mem_section": lambda program: program.pointer_type(program.pointer_type(program.type("struct mem_section"))),
    "__per_cpu_offset": lambda program: program.array_type(program.type("unsigned long"), 8192),
    "__cpu_online_mask": lambda program: program.type("struct cpumask"),
    "nr_cpu_ids": lambda program: program.type("unsigned int"),
    "init_uts_ns": lambda program: program.type("struct uts_namespace"),
}


class Btf:
    """The types of one BTF section, made into drgn's as they are asked for."""

    def __init__(self, program: drgn.Program, data: bytes) -> None:
        magic, version, _, header, type_at, type_bytes, text_at, text_bytes = HEADER.unpack_from(data)
        if magic != 0xEB9F or version != 1:
            raise ValueError("this is no BTF of version 1")
        self.program = program
        self.data = data[header + type_at : header + type_at + type_bytes]
        self.text = data[header + text_at : header + text_at + text_bytes]
        self.offset = [0]  # of type 1, 2, ...; type 0 is void
        self.named: dict[tuple[int, str], int] = {}
        self.index()
        self.type = cache(self.make)

    def index(self) -> None:
        """Where each type is, and its name."""
        at = 0
        while at < len(self.data):
            name, info, _ = struct.unpack_from("<III", self.data, at)
            kind, vlen = info >> 24 & 0x1F, info & 0xFFFF
            if name:
                self.named.setdefault((kind, self.string(name)), len(self.offset))
            self.offset.append(at)
            items = 1 if kind == ARRAY else vlen
            at += 12 + (ITEM_BYTES[kind] * items if kind in ITEM_BYTES else LONE_BYTES.get(kind, 0))

    def string(self, at: int) -> str:
        """A name."""
        return self.text[at : self.text.index(0, at)].decode()

    def find(self, _: drgn.Program, kinds: Any, name: str, _filename: str | None) -> drgn.Type | None:
        """A type by its name, as drgn asks its finders."""
        for wanted in kinds:
            for kind in KINDS.get(wanted, ()):
                number = self.named.get((kind, name))
                if number is not None:
                    found = self.type(number)
                    if found.kind == wanted:
                        return found
        return None

    def make(self, number: int) -> drgn.Type:
        """A type by its number."""
        if not number:
            return self.program.void_type()
        at = self.offset[number]
        name_at, info, size = struct.unpack_from("<III", self.data, at)
        name = self.string(name_at) or None
        kind, vlen, flag, at = info >> 24 & 0x1F, info & 0xFFFF, bool(info >> 31), at + 12
        if kind in (STRUCT, UNION):
            maker = self.program.struct_type if kind == STRUCT else self.program.union_type
            return maker(name, size, [self.member(at + 12 * item, flag) for item in range(vlen)])
        if kind in (ENUM, ENUM64):
            return self.enum(name, size, at, kind, vlen, flag)
        if kind == FWD:
            return self.program.union_type(name) if flag else self.program.struct_type(name)
        if kind in (INT, FLOAT):
            return self.scalar(name, size, at, kind)
        return self.derived(kind, name, size, at)

    def scalar(self, name: str | None, size: int, at: int, kind: int) -> drgn.Type:
        """A number."""
        if kind == FLOAT:
            return self.program.float_type(name, size, "little")
        encoding = self.data[at + 3] & 0xF
        if encoding & BOOLEAN:
            return self.program.bool_type(name, size, "little")
        return self.program.int_type(name, size, bool(encoding & SIGNED), "little")

    def derived(self, kind: int, name: str | None, of: int, at: int) -> drgn.Type:
        """A type made of one other."""
        if kind == ARRAY:
            element, _, length = struct.unpack_from("<III", self.data, at)
            return self.program.array_type(self.type(element), length)
        if kind == PTR:
            return self.program.pointer_type(self.type(of))
        if kind == TYPEDEF:
            return self.program.typedef_type(name, self.type(of))
        if kind in QUALIFIERS:
            inner = self.type(of)
            return inner.qualified(inner.qualifiers | QUALIFIERS[kind])
        if kind == TYPE_TAG:
            return self.type(of)
        return self.program.function_type(self.program.void_type(), [])  # only ever pointed at

    def member(self, at: int, bitfields: bool) -> drgn.TypeMember:
        """A member of a structure; its type is made when it is looked at, for structures point at each other."""
        name, number, offset = struct.unpack_from("<III", self.data, at)
        bits = offset >> 24 if bitfields else 0
        position = offset & 0xFFFFFF if bitfields else offset

        def of_type() -> drgn.Object:
            absent = drgn.AbsenceReason.OTHER
            field = {"bit_field_size": bits} if bits else {}
            return drgn.Object(self.program, self.type(number), absence_reason=absent, **field)

        return drgn.TypeMember(of_type, self.string(name) or None, position)

    def enum(self, name: str | None, size: int, at: int, kind: int, vlen: int, signed: bool) -> drgn.Type:
        """An enumeration with its values."""
        enumerators = []
        for item in range(vlen):
            if kind == ENUM:
                text, value = struct.unpack_from("<Ii" if signed else "<II", self.data, at + 8 * item)
            else:
                text, low, high = struct.unpack_from("<IIi" if signed else "<III", self.data, at + 12 * item)
                value = high << 32 | low
            enumerators.append(drgn.TypeEnumerator(self.string(text), value))
        compatible = self.program.int_type("int" if signed else "unsigned int", size, signed, "little")
        return self.program.enum_type(name, compatible, enumerators)


def load(program: drgn.Program) -> None:
    """Let a program that has no debug symbols find types and variables in its kernel's memory."""
    symbols = load_vmlinux_kallsyms(program)
    address = {name: symbols(program, name, None, True)[0].address for name in ("__start_BTF", "__stop_BTF")}
    start, stop = address["__start_BTF"], address["__stop_BTF"]
    btf = Btf(program, program.read(start, stop - start))

    def variable(_: drgn.Program, name: str, flags: Any, _filename: str | None) -> drgn.Object | None:
        if name not in VARIABLES or not flags & drgn.FindObjectFlags.VARIABLE:
            return None
        found = symbols(program, name, None, True)
        return drgn.Object(program, VARIABLES[name](program), address=found[0].address) if found else None

    program.register_type_finder("btf", btf.find, enable_index=0)
    program.register_symbol_finder("kallsyms", symbols, enable_index=0)
    program.register_object_finder("kallsyms", variable, enable_index=0)
