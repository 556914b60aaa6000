"""The lists of a reading, followed from page to page: free lists, per-cpu lists, LRU lists, each head first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from recap.trace.snapshot import FREE, LRU, PCP
from recap.trace.state.image import Image
from recap.trace.state.reading import Reading
from recap.trace.state.structures import Places, StructRecord

NR_LRU = 4  # the unevictable list is not kept as a list
YOUNG = 2  # generations that count as active (lru_gen_is_active)
GENERATIONS, KINDS = 4, 2  # MAX_NR_GENS, ANON_AND_FILE
OUTSIDE = -1  # of a pointer that points to no struct page
Rows = npt.NDArray[np.int64]
Name = tuple[int, int, int, int]  # kind and three numbers, as in a snapshot


@dataclass
class Lists:
    """What was found.

    Args:
        rows: one for each entry, as in a snapshot.
        torn: the lists that could not be followed from end to end, with the entries that were found.
        cgroups: how many sets of LRU lists were not empty.
        generations: whether the LRU has more generations than two.
    """

    rows: Rows
    torn: dict[str, int] = field(default_factory=dict)
    cgroups: int = 0
    generations: bool = False


class Walk:
    """Follows lists through an image; a page is on the first list that it is found on."""

    def __init__(self, image: Image, places: Places) -> None:
        lru = image.page.field("lru").offset
        self.lru, self.vmemmap, self.size = lru, places.vmemmap, image.page.size
        self.frames = image.frames
        self.pointers = {name: image.words[name].data for name in ("next", "prev")}
        self.seen = bytearray(image.frames)
        self.found: list[Rows] = []
        self.torn: dict[str, int] = {}

    def pfn(self, pointer: int) -> int:
        """The frame whose struct page a list's pointer points to."""
        behind = pointer - self.lru - self.vmemmap
        if behind < 0 or behind % self.size or behind >= self.frames * self.size:
            return OUTSIDE
        return behind // self.size

    def one_way(self, way: str, pointer: int, head: int) -> tuple[list[int], bool]:
        """The pages on a list from a pointer on, and whether they lead back to its head."""
        pointers, seen = self.pointers[way], self.seen
        found: list[int] = []
        while pointer != head:
            pfn = self.pfn(pointer)
            if pfn == OUTSIDE or seen[pfn]:
                return found, False
            seen[pfn] = 1
            found.append(pfn)
            pointer = pointers[pfn]
        return found, True

    def pages(self, head: StructRecord, name: str) -> list[int]:
        """The pages on a list, head first; of one that tore, from both of its ends as far as they lead."""
        first, last = head.number("next"), head.number("prev")
        if not first:  # a list that is not in use
            return []
        found, whole = self.one_way("next", first, head.address)
        if not whole:
            more, _ = self.one_way("prev", last, head.address)
            found += more[::-1]
            self.torn[name] = len(found)
        return found

    def add(self, name: Name, pages: list[int]) -> None:
        """Note a list."""
        if pages:
            rows = np.empty((len(pages), 5), np.int64)
            rows[:, :4] = name
            rows[:, 4] = pages
            self.found.append(rows)


def lists_of(reading: Reading, image: Image, *, lru: bool = True) -> Lists:
    """Follow all lists; those of the LRU too, if they are wanted."""
    walk = Walk(image, reading.places)
    for index in reading.zone_at:
        free_areas(walk, index, reading.zone(index))
    for index, cpu in reading.pcp_at:
        record = reading.pcp((index, cpu))
        for number in range(record.count("lists")):
            pages = walk.pages(record.inner("lists", number), f"per-cpu list {number} of zone {index}, CPU {cpu}")
            walk.add((PCP, index, number, cpu), pages)
    cgroups, generations = lru_lists(walk, reading) if lru else (0, False)
    rows = np.concatenate(walk.found) if walk.found else np.empty((0, 5), np.int64)
    return Lists(rows, walk.torn, cgroups, generations)


def free_areas(walk: Walk, index: int, zone: StructRecord) -> None:
    """The free lists of a zone."""
    for order in range(zone.count("free_area")):
        area = zone.inner("free_area", order)
        for migratetype in range(area.count("free_list")):
            name = f"free list of zone {index}, order {order}, migratetype {migratetype}"
            pages = walk.pages(area.inner("free_list", migratetype), name)
            walk.add((FREE, index, order, migratetype), pages)


def lru_lists(walk: Walk, reading: Reading) -> tuple[int, bool]:
    """The four LRU lists: of several cgroups as one, with their pages at the same shares of the way."""
    parts: list[list[list[int]]] = [[] for _ in range(NR_LRU)]
    used, generations = 0, False
    for lruvec in reading.lruvecs():
        mine = [(lru, walk.pages(lruvec.inner("lists", lru), f"LRU list {lru}")) for lru in range(NR_LRU)]
        young = list(generation_lists(walk, lruvec)) if lruvec.has("lrugen") else []
        generations |= any(pages for _, pages in young)
        used += any(pages for _, pages in (*mine, *young))
        for lru, pages in (*young, *mine):
            if pages:
                parts[lru].append(pages)
    for lru, lists in enumerate(parts):
        walk.add((LRU, 0, lru, 0), together(lists))
    return used, generations


def generation_lists(walk: Walk, lruvec: StructRecord) -> Iterator[tuple[int, list[int]]]:
    """The lists of a multi-generational LRU as active and inactive ones: the two youngest generations are active, and
    the oldest is at the tail. A generation has a list for each zone.
    """
    lrugen = lruvec.inner("lrugen")
    name = "folios" if lrugen.has("folios") else "lists"  # until 6.2
    youngest, zones = lrugen.number("max_seq"), lrugen.count(name) // (GENERATIONS * KINDS)
    for kind in range(KINDS):
        for active in (True, False):
            pages: list[int] = []
            for age in range(YOUNG) if active else range(YOUNG, GENERATIONS):
                at = ((youngest - age) % GENERATIONS * KINDS + kind) * zones
                told = f"LRU generation {youngest - age}"
                pages += together([walk.pages(lrugen.inner(name, at + zone), told) for zone in range(zones)])
            yield 2 * kind + active, pages


def together(lists: list[list[int]]) -> list[int]:
    """Several lists as one, in which each is evenly spread."""
    lists = [one for one in lists if one]
    if len(lists) < 2:
        return lists[0] if lists else []
    share = np.concatenate([(np.arange(len(one)) + 0.5) / len(one) for one in lists])
    pages = np.concatenate([np.array(one, np.int64) for one in lists])
    found: list[int] = pages[np.argsort(share, kind="stable")].tolist()
    return found
