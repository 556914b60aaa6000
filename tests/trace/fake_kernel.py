"""A kernel made up of a few structures: its types as BTF, and its memory as an ELF core file, as /proc/kcore is one."""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass, field
from pathlib import Path

from recap.trace.state import btf as state

INT, PTR, ARRAY, STRUCT, UNION, ENUM = 1, 2, 3, 4, 5, 6
PAGES = 4096
VMEMMAP = 0xFFFF_EA00_0000_0000
BASE = 0xFFFF_8880_0100_0000  # of all else
PER_CPU = 0x2_0000  # of CPU 0
PAGE_BYTES, LIST_BYTES = 64, 16
PAGE = {"flags": 0, "next": 8, "prev": 16, "mapping": 24, "index": 32, "private": 40, "mapcount": 48, "refcount": 52}
LRU_AT = PAGE["next"]
WATERMARKS = (40, 50, 60, 70)
SPAN = (16, PAGES)  # of the only zone
FLAGS = {"PG_referenced": 1, "PG_dirty": 2, "PG_lru": 3, "PG_active": 4, "PG_workingset": 5, "PG_slab": 6, "PG_head": 7}
FLAGS |= {"PG_reserved": 8, "PG_private": 9, "PG_swapbacked": 10, "PG_writeback": 11}
FLAGS |= {"PG_reclaim": 12, "PG_unevictable": 13}
KINDS = {"MIGRATE_UNMOVABLE": 0, "MIGRATE_MOVABLE": 1, "MIGRATE_RECLAIMABLE": 2, "MIGRATE_HIGHATOMIC": 3}
ENUMS = {
    "pageflags": FLAGS,
    "migratetype": KINDS | {"MIGRATE_ISOLATE": 4},
    "zone_stat_item": {"NR_FREE_PAGES": 0},
    "node_stat_item": {"NR_FILE_DIRTY": 0, "NR_ACTIVE_FILE": 1},
    "zone_flags": {"ZONE_BOOSTED_WATERMARK": 0},
    "pageblock_bits": {"PB_migrate": 0, "PB_migrate_end": 2, "NR_PAGEBLOCK_BITS": 4},
}
Member = tuple[str, str, int]  # name, type, how many: 0 is no array
STRUCTS: dict[str, list[Member]] = {
    "list_head": [("next", "pointer", 0), ("prev", "pointer", 0)],
    "atomic": [("counter", "long", 0)],
    "page_list": [("lru", "list_head", 0), ("mapping", "pointer", 0), ("index", "word", 0), ("private", "word", 0)],
    "page": [
        ("flags", "word", 0),
        ("", "page_list", 0),
        ("_mapcount", "int", 0),
        ("_refcount", "int", 0),
        ("compound_order", "byte", 8),
    ],
    "free_area": [("free_list", "list_head", 5), ("nr_free", "word", 0)],
    "per_cpu_pages": [
        *((name, "int", 0) for name in ("count", "high", "batch", "free_factor")),
        ("lists", "list_head", 13),
    ],
    "zone": [
        ("_watermark", "word", 4),
        ("watermark_boost", "word", 0),
        ("nr_reserved_highatomic", "word", 0),
        ("lowmem_reserve", "long", 4),
        ("per_cpu_pageset", "pointer", 0),
        ("zone_start_pfn", "word", 0),
        ("managed_pages", "atomic", 0),
        ("spanned_pages", "word", 0),
        ("present_pages", "word", 0),
        ("name", "pointer", 0),
        ("free_area", "free_area", 11),
        ("flags", "word", 0),
        ("vm_stat", "atomic", 2),
    ],
    "lru_gen_folio": [  # four ages, two kinds, two zones
        ("max_seq", "word", 0),
        ("folios", "list_head", 16),
        ("nr_pages", "long", 16),
    ],
    "lruvec": [("lists", "list_head", 5), ("lrugen", "lru_gen_folio", 0)],
    "cgroup_subsys_state": [("sibling", "list_head", 0), ("children", "list_head", 0)],
    "mem_cgroup_per_node": [("lruvec", "lruvec", 0)],
    "mem_cgroup": [("css", "cgroup_subsys_state", 0), ("nodeinfo", "pointer", 1)],
    "pglist_data": [
        ("node_zones", "zone", 2),
        ("node_present_pages", "word", 0),
        ("node_id", "int", 2),
        ("__lruvec", "lruvec", 0),
        ("vm_stat", "atomic", 2),
    ],
    "cpumask": [("bits", "word", 1)],
    "new_utsname": [("sysname", "byte", 64), ("release", "byte", 64)],
    "uts_namespace": [("name", "new_utsname", 0)],
    "mem_section_usage": [("subsection_map", "word", 1), ("pageblock_flags", "word", 0)],
    "mem_section": [("section_mem_map", "word", 0), ("usage", "pointer", 0)],
}


class Btf:
    """Writes types in the format of Documentation/bpf/btf.rst."""

    def __init__(self) -> None:
        self.types, self.text, self.count = b"", b"\0", 0
        self.known: dict[str, tuple[int, int]] = {}  # number, and bytes
        self.offset: dict[tuple[str, str], int] = {}
        for name, size, signed in (("word", 8, 0), ("long", 8, 1), ("int", 4, 1), ("byte", 1, 0)):
            self.add(name, INT, size, struct.pack("<I", signed << 24 | size * 8), size)
        self.add("", PTR, 0, b"", 8, "pointer")
        for struct_name, members in STRUCTS.items():
            self.add_struct(struct_name, members)
        for enum_name, values in ENUMS.items():
            items = b"".join(struct.pack("<Ii", self.string(name), value) for name, value in values.items())
            self.add(enum_name, ENUM, 4, items, 4, vlen=len(values))

    def string(self, name: str) -> int:
        """Where a name is."""
        if not name:
            return 0
        self.text += name.encode() + b"\0"
        return len(self.text) - len(name) - 1

    def add(self, name: str, kind: int, size: int, body: bytes, width: int, called: str = "", vlen: int = 0) -> None:
        """A type."""
        self.types += struct.pack("<III", self.string(name), kind << 24 | vlen, size) + body
        self.count += 1
        self.known[called or name] = (self.count, width)

    def add_struct(self, name: str, members: list[Member]) -> None:
        """A structure: its members one behind the other."""
        at, body = 0, b""
        for member, kind, count in members:
            number, width = self.known[kind]
            if count:
                self.add("", ARRAY, 0, struct.pack("<III", number, number, count), width * count, f"{kind}[{count}]")
                number = self.count
            body += struct.pack("<III", self.string(member), number, at * 8)
            self.offset[name, member] = at
            at += width * max(1, count)
        self.add(name, STRUCT, at, body, at, vlen=len(members))

    def data(self) -> bytes:
        """The section."""
        head = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(self.types), len(self.types), len(self.text))
        return head + self.types + self.text


@dataclass
class FakeKernel:
    """One node, one zone, one CPU; lists are given as page frames, head first."""

    free: dict[tuple[int, int], list[int]] = field(default_factory=dict)  # by order and migratetype
    per_cpu: dict[int, list[int]] = field(default_factory=dict)
    lru: dict[int, list[int]] = field(default_factory=dict)
    cgroups: list[dict[int, list[int]]] = field(default_factory=list)  # LRU lists of the root, and of groups below it
    generations: dict[tuple[int, int, int], list[int]] = field(default_factory=dict)  # by sequence, kind and zone
    youngest: int = 0
    compound: dict[int, int] = field(default_factory=dict)  # order by head
    types: dict[int, int] = field(default_factory=dict)  # migratetype by pageblock, movable if not given

    def __post_init__(self) -> None:
        self.btf = Btf()
        self.low = bytearray(1 << 16)
        self.pages = bytearray(PAGES * PAGE_BYTES)
        self.at = {"node_data": 0, "mem_section": 0x100, "__per_cpu_offset": 0x200, "__cpu_online_mask": 0x300}
        self.at |= {"init_uts_ns": 0x400, "node": 0x1000, "pcp": 0x8000, "name": 0x9000, "roots": 0xA000}
        self.at |= {"sections": 0xB000, "usage": 0xC000, "cgroups": 0xD000}
        if self.cgroups:
            self.at["root_mem_cgroup"] = 0x500
        self.write()

    def address(self, name: str) -> int:
        """Where something is."""
        return BASE + self.at[name]

    def place(self, *path: tuple[str, str]) -> int:
        """The offset of a member of a member ..."""
        return sum(self.btf.offset[step] for step in path)

    def word(self, at: int, value: int) -> None:
        """Write a word."""
        struct.pack_into("<Q", self.low, at, value & 2**64 - 1)

    def page(self, pfn: int, name: str, value: int) -> None:
        """Write a word of a struct page."""
        struct.pack_into("<Q", self.pages, pfn * PAGE_BYTES + PAGE[name], value & 2**64 - 1)

    def link(self, head: int, pfns: list[int]) -> None:
        """A list, from a head at an offset."""
        here = BASE + head
        chain = [here, *(VMEMMAP + pfn * PAGE_BYTES + LRU_AT for pfn in pfns), here]
        self.word(head, chain[1])
        self.word(head + 8, chain[-2])
        for number, pfn in enumerate(pfns):
            self.page(pfn, "next", chain[number + 2])
            self.page(pfn, "prev", chain[number])

    def write(self) -> None:
        """All of memory anew."""
        self.low[:], self.pages[:] = bytes(len(self.low)), bytes(len(self.pages))
        self.word(self.at["node_data"], self.address("node"))
        self.word(self.at["mem_section"], self.address("roots"))
        self.word(self.at["roots"], self.address("sections"))
        self.word(self.at["sections"], VMEMMAP | 0x1F)
        self.word(self.at["sections"] + 8, self.address("usage"))
        self.word(self.at["__per_cpu_offset"], PER_CPU)
        self.word(self.at["__cpu_online_mask"], 1)
        at = self.at["init_uts_ns"] + 64
        self.low[at : at + 7] = b"6.1.0-x"
        self.low[self.at["name"] : self.at["name"] + 5] = b"DMA32"
        self.write_blocks()
        self.write_zone()

    def write_blocks(self) -> None:
        """The types of the pageblocks, and the compound pages."""
        bits = 0
        for block in range(PAGES // 512):
            bits |= self.types.get(block, 1) << 4 * block
        self.word(self.at["usage"] + 8, bits)
        for head, order in self.compound.items():
            self.page(head, "flags", 1 << FLAGS["PG_head"])
            self.pages[(head + 1) * PAGE_BYTES + 56] = order

    def write_zone(self) -> None:
        """The second zone of the node, the first has no memory; and all lists."""
        node, zone_bytes = self.at["node"], self.btf.known["zone"][1]
        zone = node + zone_bytes
        node_at = {name: node + self.btf.offset["pglist_data", name] for name in ("node_present_pages", "__lruvec")}
        zone_at = {member: zone + self.btf.offset["zone", member] for member, _, _ in STRUCTS["zone"]}
        self.word(node_at["node_present_pages"], SPAN[1] - SPAN[0])
        for name, value in {
            "zone_start_pfn": SPAN[0],
            "spanned_pages": SPAN[1] - SPAN[0],
            "present_pages": SPAN[1] - SPAN[0],
            "managed_pages": 4000,
            "per_cpu_pageset": self.address("pcp") - PER_CPU,
            "name": self.address("name"),
        }.items():
            self.word(zone_at[name], value)
        for number, mark in enumerate(WATERMARKS):
            self.word(zone_at["_watermark"] + 8 * number, mark)
        for order in range(11):
            for kind in range(5):
                area = zone_at["free_area"] + order * self.btf.known["free_area"][1]
                pfns = self.free.get((order, kind), [])
                self.link(area + kind * LIST_BYTES, pfns)
                for pfn in pfns:
                    self.page(pfn, "private", order)
        count = sum(len(pfns) << number // 3 for number, pfns in self.per_cpu.items())
        struct.pack_into("<iiii", self.low, self.at["pcp"], count, 100, 31, 0)
        for number in range(13):
            self.link(self.at["pcp"] + 16 + number * LIST_BYTES, self.per_cpu.get(number, []))
        self.write_lruvec(node_at["__lruvec"], self.lru)
        lrugen = node_at["__lruvec"] + self.btf.offset["lruvec", "lrugen"]
        self.word(lrugen, self.youngest)
        for (sequence, kind, in_zone), pfns in self.generations.items():
            self.link(lrugen + 8 + (sequence % 4 * 4 + kind * 2 + in_zone) * LIST_BYTES, pfns)
            self.on_lru(pfns, anonymous=not kind)
        self.write_cgroups()

    def write_lruvec(self, at: int, lists: dict[int, list[int]]) -> None:
        """The classic LRU lists."""
        for number in range(5):
            self.link(at + number * LIST_BYTES, lists.get(number, []))
            self.on_lru(lists.get(number, []), anonymous=number < 2)

    def on_lru(self, pfns: list[int], *, anonymous: bool) -> None:
        """The struct pages of pages on an LRU list."""
        for pfn in pfns:
            self.page(pfn, "flags", 1 << FLAGS["PG_lru"])
            self.page(pfn, "mapping", BASE + 0x5000 + (1 if anonymous else 0))

    def write_cgroups(self) -> None:
        """The root of all memory cgroups, and its children."""
        places = [self.at["cgroups"] + 0x800 * number for number in range(len(self.cgroups))]
        sibling, children = (self.btf.offset["cgroup_subsys_state", name] for name in ("sibling", "children"))
        for at, lists in zip(places, self.cgroups, strict=True):
            self.word(at + self.btf.offset["mem_cgroup", "nodeinfo"], BASE + at + 0x100)
            self.write_lruvec(at + 0x100, lists)
            self.link(at + children, [])
        if places:
            self.word(self.at["root_mem_cgroup"], BASE + places[0])
            chain = [places[0] + children, *(at + sibling for at in places[1:]), places[0] + children]
            for here, there in itertools.pairwise(chain):
                self.word(here, BASE + there)

    def core(self) -> bytes:
        """An ELF core file of it."""
        parts = [(BASE, bytes(self.low)), (VMEMMAP, bytes(self.pages))]
        table = 64
        head = struct.pack("<4sB11xHHIQQQIHHHHHH", b"\x7fELF", 2, 4, 62, 1, 0, table, 0, 0, 64, 56, len(parts), 0, 0, 0)
        offset, headers, data = 4096, b"", b""
        for address, part in parts:
            headers += struct.pack("<IIQQQQQQ", 1, 6, offset + len(data), address, 0, len(part), len(part), 4096)
            data += part
        return (head + headers).ljust(offset, b"\0") + data

    def kallsyms(self) -> str:
        """What /proc/kallsyms says of it."""
        names = ("node_data", "mem_section", "__per_cpu_offset", "__cpu_online_mask", "init_uts_ns")
        return (
            "".join(f"{self.address(name):016x} D {name}\n" for name in names) + "ffffffffc0000000 d node_data\t[mod]\n"
        )

    def files(self, folder: Path) -> dict[str, Path]:
        """These, as files."""
        found = {name: folder / name for name in ("KCORE", "KALLSYMS", "BTF")}
        found["KCORE"].write_bytes(self.core())
        found["KALLSYMS"].write_text(self.kallsyms())
        found["BTF"].write_bytes(self.btf.data())
        return found


class Source:
    """The kernel by its memory itself, without files."""

    def __init__(self, kernel: FakeKernel) -> None:
        self.kernel, self.btf, self.memory = kernel, state.Btf(kernel.btf.data()), self

    def address(self, name: str) -> int:
        """Where a variable is."""
        return self.kernel.address(name) if name in self.kernel.at else 0

    def read_into(self, address: int, buffer: memoryview) -> None:
        """Fill a buffer with what is at an address."""
        for start, part in ((BASE, self.kernel.low), (VMEMMAP, self.kernel.pages)):
            if start <= address < start + len(part):
                buffer[:] = part[address - start : address - start + len(buffer)]
