"""All that says which page is on which list, read at once: again and again, until two readings agree.

The lists change while they are read. Two readings that agree, one right behind the other, have nothing between them
that changed a list: both are of the moment between them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recap.trace.state.btf import StructLayout
from recap.trace.state.image import Image
from recap.trace.state.structures import Place, Places, StructRecord, Structures

PIECE_FRAMES = 1 << 16  # 4 MiB of struct pages
CHUNK_FRAMES = 64  # a page of struct pages: what is read again of those a list names
HEADS = ("free_area", "lists", "count")  # the members that lists begin in
FOR_LISTS = ("next", "prev", "private")  # the words of a struct page that say what list it is on


@dataclass(frozen=True)
class PageRun:
    """Struct pages of consecutive frames, and where a reading has them."""

    first: int
    frames: int
    at: int


class Reading:
    """A buffer for one reading, and what is where in it."""

    def __init__(self, structures: Structures, places: Places, runs: list[tuple[int, int]]) -> None:
        self.structures, self.places = structures, places
        self.at: list[tuple[int, int, int]] = []  # address, place, bytes
        self.size = 0
        stat = places.stat.layout.field("vm_stat")
        self.stat_at = self.room(places.stat.address + stat.offset, stat.size * stat.length)
        self.zone_at = {index: self.room_for(place) for index, place in places.zones.items()}
        self.pcp_at = {key: self.room_for(place) for key, place in places.pcps.items()}
        self.lruvec_at = [self.room_for(place) for place in places.lruvecs]
        self.bits_at = [self.room(one.address, structures.section_bytes()) for one in places.sections]
        self.runs = [self.run(first, frames) for first, frames in runs]
        self.buffer = np.full(self.size, 0xFF, np.uint8)  # written to, so that it is there

    def room(self, address: int, size: int) -> int:
        """A place in the buffer for what is at an address."""
        at = self.size
        self.at.append((address, at, size))
        self.size += -(-size // 8) * 8
        return at

    def room_for(self, place: Place) -> int:
        """A place for a structure."""
        return self.room(place.address, place.layout.size)

    def run(self, first: int, frames: int) -> PageRun:
        """A place for struct pages."""
        size = self.structures.page.size
        return PageRun(first, frames, self.room(self.places.vmemmap + first * size, frames * size))

    def read(self) -> None:
        """Read everything."""
        read_into, view = self.structures.source.memory.read_into, self.buffer.data
        for address, at, size in self.at:
            read_into(address, view[at : at + size])

    def record(self, layout: StructLayout, at: int, address: int) -> StructRecord:
        """A structure of the reading."""
        return StructRecord(self.structures.btf, layout, self.buffer.data[at : at + layout.size], address)

    def zone(self, index: int) -> StructRecord:
        """A zone."""
        place = self.places.zones[index]
        return self.record(place.layout, self.zone_at[index], place.address)

    def pcp(self, key: tuple[int, int]) -> StructRecord:
        """The per-cpu lists of a zone and a CPU."""
        place = self.places.pcps[key]
        return self.record(place.layout, self.pcp_at[key], place.address)

    def lruvecs(self) -> list[StructRecord]:
        """All LRU lists."""
        return [
            self.record(place.layout, at, place.address)
            for place, at in zip(self.places.lruvecs, self.lruvec_at, strict=True)
        ]

    def node_stat(self) -> list[int]:
        """The node's counters."""
        one = self.places.stat.layout.field("vm_stat")
        raw = self.buffer[self.stat_at : self.stat_at + one.size * one.length]
        return [int(number) for number in raw.view(np.int64)]

    def bits(self) -> dict[int, npt.NDArray[np.uint8]]:
        """The bits of each section's pageblocks."""
        size = self.structures.section_bytes()
        return {
            one.number: self.buffer[at : at + size] for one, at in zip(self.places.sections, self.bits_at, strict=True)
        }

    def struct_pages(self, run: PageRun) -> memoryview:
        """Those of a run."""
        return self.buffer.data[run.at : run.at + run.frames * self.structures.page.size]

    def put(self, image: Image) -> None:
        """Note all struct pages of the reading."""
        for run in self.runs:
            image.put(run.first, self.struct_pages(run))

    def differs(self, other: Reading, image: Image) -> int:
        """How many lists and struct pages say something else of the lists in another reading of the same."""
        found = sum(
            lists_of(one.layout, one.data) != lists_of(two.layout, two.data)
            for one, two in zip(self.heads(), other.heads(), strict=True)
        )
        width = self.structures.page.size // 8
        columns = [image.at[name] for name in FOR_LISTS]
        for run in self.runs:
            pages = [np.frombuffer(each.struct_pages(run), np.uint64).reshape(-1, width) for each in (self, other)]
            found += int((pages[0][:, columns] != pages[1][:, columns]).any(axis=1).sum())
        return found

    def heads(self) -> list[StructRecord]:
        """All structures that lists begin in."""
        return [*map(self.zone, self.zone_at), *map(self.pcp, self.pcp_at), *self.lruvecs()]


def lists_of(layout: StructLayout, data: memoryview) -> list[bytes]:
    """The parts of a structure in which lists begin."""
    found = []
    for name in HEADS:
        if name in layout.fields:
            one = layout.fields[name]
            found.append(bytes(data[one.offset : one.offset + one.length * one.size]))
    return found
