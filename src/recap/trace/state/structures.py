"""A kernel's structures that say where its memory is: nodes, zones, per-cpu lists, LRU lists, sections.

Two kinds of reading: where things are, once and at leisure; then all that changes, as often as
it takes until it stands still.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from recap.trace.state.btf import Btf, StructLayout, UnknownTypeError
from recap.trace.state.memory import KernelSource, UnreadableError

PAGE_BYTES = 4096
POINTER_BYTES = 8
SECTION_PAGES = 1 << 15  # SECTION_SIZE_BITS of x86-64
PAGEBLOCK_PAGES = 512
MAX_NODES = 64
KERNEL_SPACE = 1 << 63
MAX_CGROUPS = 1 << 16
SECTION_FLAGS = PAGE_BYTES - 1  # the low bits of a section's mem_map
LONG_BITS = 64
TEXT_BYTES = 32


@dataclass(frozen=True)
class StructRecord:
    """One structure as it was read."""

    btf: Btf
    layout: StructLayout
    data: memoryview
    address: int

    def numbers(self, name: str) -> list[int]:
        """A member that is an integer, a pointer, or an array of these."""
        one = self.layout.field(name)
        return [
            int.from_bytes(self.data[at : at + one.size], "little", signed=one.signed)
            for at in range(one.offset, one.offset + one.length * one.size, one.size)
        ]

    def number(self, name: str) -> int:
        """A member that is one integer or pointer."""
        return self.numbers(name)[0]

    def inner(self, name: str, index: int = 0) -> StructRecord:
        """A member that is a structure, or one of an array of them."""
        one = self.layout.field(name)
        at = one.offset + index * one.size
        return StructRecord(self.btf, self.btf.layout(one.type), self.data[at : at + one.size], self.address + at)

    def count(self, name: str) -> int:
        """How many elements a member has."""
        return self.layout.field(name).length

    def has(self, name: str) -> bool:
        """Whether this kernel's structure has such a member."""
        return name in self.layout.fields

    def atomic(self, name: str) -> int:
        """A member that is an atomic counter."""
        return self.inner(name).number("counter")

    def atomics(self, name: str) -> list[int]:
        """A member that is an array of atomic counters."""
        return [self.inner(name, i).number("counter") for i in range(self.count(name))]


@dataclass(frozen=True)
class Place:
    """Where a structure is."""

    layout: StructLayout
    address: int


@dataclass(frozen=True)
class Section:
    """A section of memory: where the bits are that say what its pageblocks are."""

    number: int
    address: int


@dataclass
class Places:
    """Where everything is that a reading reads."""

    node: int  # its number
    vmemmap: int
    frames: int  # up to the last zone's end
    stat: Place  # of the node
    zones: dict[int, Place]
    pcps: dict[tuple[int, int], Place]  # by zone index and CPU
    lruvecs: list[Place]
    sections: list[Section] = field(default_factory=list)


class Structures:
    """A kernel's structures, found from its variables."""

    def __init__(self, source: KernelSource) -> None:
        self.source = source
        self.btf = source.btf
        try:
            self.page = self.btf.struct("page")
            self.zone = self.btf.struct("zone")
            self.pglist = self.btf.struct("pglist_data")
            self.pcp = self.btf.struct("per_cpu_pages")
            self.lruvec = self.btf.struct("lruvec")
        except UnknownTypeError as error:
            raise UnreadableError(str(error)) from None

    def read(self, address: int, size: int) -> bytes:
        """Some bytes."""
        buffer = bytearray(size)
        self.source.memory.read_into(address, memoryview(buffer))
        return bytes(buffer)

    def long(self, address: int) -> int:
        """A word: a number, or a pointer."""
        return int.from_bytes(self.read(address, POINTER_BYTES), "little")

    def record(self, layout: StructLayout, address: int) -> StructRecord:
        """A structure."""
        return StructRecord(self.btf, layout, memoryview(self.read(address, layout.size)), address)

    def variable(self, name: str) -> int:
        """Where a variable is.

        Errors:
            UnreadableError: the kernel has none of that name.
        """
        address = self.source.address(name)
        if not address:
            raise UnreadableError(f"the kernel does not tell where its {name} is")
        return address

    def release(self) -> str:
        """The kernel's release."""
        names = self.record(self.btf.struct("uts_namespace"), self.variable("init_uts_ns")).inner("name")
        return bytes(names.numbers("release")).split(b"\0")[0].decode(errors="replace")

    def text(self, address: int) -> str:
        """A short text."""
        return self.read(address, TEXT_BYTES).split(b"\0")[0].decode(errors="replace")

    def nodes(self) -> dict[int, StructRecord]:
        """The nodes that have memory. How many entries node_data has is not told; a node knows its number."""
        table = self.source.address("node_data")
        if not table:  # without CONFIG_NUMA
            return {0: self.record(self.pglist, self.variable("contig_page_data"))}
        found = {}
        for number in range(MAX_NODES):
            address = self.long(table + number * POINTER_BYTES)
            if address >= KERNEL_SPACE:
                node = self.record(self.pglist, address)
                if node.number("node_id") != number:
                    break
                if node.number("node_present_pages"):
                    found[number] = node
        return found

    def largest_node(self) -> tuple[int, StructRecord]:
        """The node with most memory."""
        nodes = self.nodes()
        if not nodes:
            raise UnreadableError("no node with memory was found")
        number = max(nodes, key=lambda one: nodes[one].number("node_present_pages"))
        return number, nodes[number]

    def places(self) -> Places:
        """Where everything is that a reading of the largest node reads."""
        number, node = self.largest_node()
        zones = {}
        frames = 0
        for index in range(node.count("node_zones")):
            zone = node.inner("node_zones", index)
            if zone.number("present_pages"):
                zones[index] = Place(self.zone, zone.address)
                frames = max(frames, zone.number("zone_start_pfn") + zone.number("spanned_pages"))
        return Places(
            node=number,
            vmemmap=self.vmemmap(),
            frames=frames,
            stat=Place(self.pglist, node.address),
            zones=zones,
            pcps={(index, cpu): self.pcp_of(zone, cpu) for index, zone in zones.items() for cpu in self.cpus()},
            lruvecs=list(self.lruvecs(number, node)),
            sections=[Section(one, at) for one, at in self.sections(frames) if at],
        )

    def cpus(self) -> list[int]:
        """The CPUs that are online."""
        mask = self.record(self.btf.struct("cpumask"), self.variable("__cpu_online_mask")).numbers("bits")
        return [64 * word + bit for word, bits in enumerate(mask) for bit in range(LONG_BITS) if bits >> bit & 1]

    def pcp_of(self, zone: Place, cpu: int) -> Place:
        """The per-cpu lists of a zone and a CPU. Before 5.14 (28f836b6777b) they were part of another structure."""
        record = self.record(self.zone, zone.address)
        offset = self.long(self.variable("__per_cpu_offset") + cpu * POINTER_BYTES)
        if record.has("per_cpu_pageset"):
            return Place(self.pcp, record.number("per_cpu_pageset") + offset & 2**64 - 1)
        inside = self.btf.struct("per_cpu_pageset").field("pcp").offset
        return Place(self.pcp, record.number("pageset") + offset + inside & 2**64 - 1)

    def lruvecs(self, number: int, node: StructRecord) -> Iterator[Place]:
        """A node's LRU lists: its own, and those of every memory cgroup."""
        own = "__lruvec" if node.has("__lruvec") else "lruvec"  # until 5.4
        yield Place(self.lruvec, node.inner(own).address)
        variable = self.source.address("root_mem_cgroup")
        root = self.long(variable) if variable else 0
        if root >= KERNEL_SPACE:
            yield from self.lruvecs_of_cgroups(number, root)

    def lruvecs_of_cgroups(self, number: int, root: int) -> Iterator[Place]:
        """Those of a memory cgroup and of all below it."""
        memcg, css = self.btf.struct("mem_cgroup"), self.btf.struct("cgroup_subsys_state")
        nodeinfo, to_css = memcg.field("nodeinfo").offset, memcg.field("css").offset
        inside = self.btf.struct("mem_cgroup_per_node").field("lruvec").offset
        children, sibling = css.field("children").offset, css.field("sibling").offset
        waiting, seen = [root], {root}
        while waiting and len(seen) < MAX_CGROUPS:
            group = waiting.pop()
            info = self.long(group + nodeinfo + number * POINTER_BYTES)
            if info >= KERNEL_SPACE:
                yield Place(self.lruvec, info + inside)
            head = group + to_css + children
            entry = self.long(head)
            while entry != head and entry >= KERNEL_SPACE:
                child = entry - sibling - to_css
                if child in seen:  # the list changed meanwhile
                    break
                seen.add(child)
                waiting.append(child)
                entry = self.long(entry)

    def sections(self, frames: int) -> Iterator[tuple[int, int]]:
        """For each section of memory its number, and where the bits of its pageblocks are; 0 where it has none."""
        section = self.btf.struct("mem_section")
        bits = self.btf.struct("mem_section_usage").field("pageblock_flags").offset
        per_root = PAGE_BYTES // section.size
        roots = self.long(self.variable("mem_section"))
        for number in range(-(-frames // SECTION_PAGES)):
            root = self.long(roots + number // per_root * POINTER_BYTES)
            usage = 0
            if root >= KERNEL_SPACE:
                usage = self.record(section, root + number % per_root * section.size).number("usage")
            yield number, usage + bits if usage >= KERNEL_SPACE else 0

    def section_bytes(self) -> int:
        """How many bytes say what the pageblocks of a section are: four bits each, and since 6.17 eight."""
        wide = "PB_migrate_isolate" in self.btf.enum("pageblock_bits")
        return SECTION_PAGES // PAGEBLOCK_PAGES * (8 if wide else 4) // 8

    def vmemmap(self) -> int:
        """Where the struct pages are: of a section with memory, where its first would be if it were frame 0."""
        section = self.btf.struct("mem_section")
        per_root = PAGE_BYTES // section.size
        roots = self.long(self.variable("mem_section"))
        for number in range(PAGE_BYTES * per_root):
            root = self.long(roots + number // per_root * POINTER_BYTES)
            if root < KERNEL_SPACE:
                continue
            found = self.record(section, root + number % per_root * section.size).number("section_mem_map")
            if found & ~SECTION_FLAGS >= KERNEL_SPACE:
                return found & ~SECTION_FLAGS
        raise UnreadableError("no section of memory was found")
