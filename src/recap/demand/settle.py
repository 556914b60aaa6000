"""A live snapshot brought to one event: its parts were read one after the other, and the trace says what changed.

The marks that `record` writes say when: all struct pages between ALL and LISTS, the lists and the struct pages on them
twice between LISTS and DONE. Where the two agree nothing changed between them, and only the struct pages that were not
read again are older. Where they do not, what the trace says of a frame meanwhile holds; of what else changed, what was
found stands, and is counted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from recap.demand.contradictions import snapshot_spot
from recap.demand.from_flags.evidence import rows_of
from recap.demand.from_flags.lists import HUGE_LIST, merged
from recap.demand.from_flags.lists import rows as list_rows
from recap.kernel import MIGRATE_MOVABLE, MIGRATE_PCPTYPES
from recap.pages import Array
from recap.trace import Event, Events, Snapshot
from recap.trace.snapshot import (
    COSTLY_ORDER,
    FREE,
    LRU,
    PAGEBLOCK_ORDER,
    PAGEBLOCK_PAGES,
    PCP,
    PCP_TYPES,
    Taken,
    frames,
)
from recap.trace.state.take import ALL, DONE, LISTS

ALLOC, FREED = np.uint8(Event.MM_PAGE_ALLOC), np.uint8(Event.MM_PAGE_FREE)
NEVER = -1
MOST_TOLD = 8
NR_LRU = 4


@dataclass(frozen=True, eq=False)
class Settled:
    """A live snapshot at one event.

    Args:
        snapshot: the state then.
        spot: the first event behind it.
        assumptions: what was settled, and what could not be.
    """

    snapshot: Snapshot
    spot: int
    assumptions: list[str]


def settle(snapshot: Snapshot, events: Events) -> Settled | None:
    """Bring a live snapshot to one event; None where no marks say when it was read."""
    taken, spots = snapshot.taken, marks(events)
    if spots is None:
        return None
    begin, lists, done = spots
    if not taken.differ:
        spot = snapshot_spot(events, snapshot, lists, done)[0]
        begin = spot if taken.whole else begin
    else:
        spot, begin = done, lists if taken.whole else begin
    told: list[str] = []
    while_read = Changes(events, begin, spot, len(snapshot.flags))
    if taken.differ:
        snapshot, changed = with_lists(snapshot, Changes(events, lists, spot, len(snapshot.flags)))
        told.append(
            f"the lists never stood still while they were read: {changed} entries are as the trace has them, and what "
            f"else changed in {taken.differ} places is as it was found"
        )
    snapshot, changed = with_lru(snapshot, while_read)
    if changed:
        told.append(f"{changed} pages came to LRU lists or left them while struct pages were read: the trace tells")
    return Settled(snapshot, spot, told)


def marks(events: Events) -> tuple[int, int, int] | None:
    """The rows of the last marks: before all struct pages, before the lists, behind them."""
    rows = np.flatnonzero(events.event == np.uint8(Event.TRACE_MARKER))
    last = {events.marks[int(events.a[row])]: int(row) for row in rows}
    if not {ALL, LISTS, DONE} <= last.keys():
        return None
    return last[ALL], last[LISTS], last[DONE]


def of_taking(taken: Taken) -> list[str]:
    """What is not as the kernel had it from the beginning."""
    told = []
    if taken.torn:
        lists = "; ".join(f"{name}: {entries}" for name, entries in list(taken.torn.items())[:MOST_TOLD])
        told.append(f"{len(taken.torn)} lists tore, of which these entries were found: {lists}")
    if taken.cgroups > 1:
        told.append(f"the LRU lists of {taken.cgroups} cgroups are one, each spread evenly over it")
    if taken.generations:
        told.append("the generations of the LRU are two lists: the two youngest are active")
    return told


class Changes:
    """What the trace says of each frame while a part of the state was read."""

    def __init__(self, events: Events, begin: int, end: int, nr_frames: int) -> None:
        self.events = events.slice(begin, end)
        rows = rows_of(self.events, (Event.MM_PAGE_ALLOC, Event.MM_PAGE_FREE), nr_frames)
        order = self.events.order[rows].astype(np.int64)
        pfns = frames(self.events.pfn[rows].astype(np.int64), order)
        within = pfns < nr_frames
        self.row = np.full(nr_frames, NEVER)  # of the last that happened to a frame
        self.row[pfns[within]] = np.repeat(rows, 1 << order)[within]
        named = self.row != NEVER
        freed = np.zeros(nr_frames, np.bool_)
        freed[named] = self.events.event[self.row[named]] == FREED
        self.freed, self.held = freed, named & ~freed

    def blocks_freed(self, unlisted: Array) -> Array:
        """The rows of the frees that still hold, in time order, of blocks that are on no list."""
        rows = np.unique(self.row[self.freed & unlisted])
        heads = self.events.pfn[rows].astype(np.int64)
        found: Array = rows[self.row[heads] == rows]
        return found

    def insertions(self, nr_frames: int) -> Array:
        """The last row for each page that came to an LRU list and is still held, in time order."""
        rows = rows_of(self.events, (Event.MM_LRU_INSERTION,), nr_frames)
        rows = rows[~self.freed[self.events.pfn[rows]] & (rows > self.row[self.events.pfn[rows]])]
        last = {int(pfn): int(row) for pfn, row in zip(self.events.pfn[rows], rows, strict=True)}
        return np.array(sorted(last.values()), np.int64)


def with_lists(snapshot: Snapshot, changes: Changes) -> tuple[Snapshot, int]:
    """The free and per-cpu lists as the trace has them: without what was allocated, with what was freed."""
    lists, nr_frames = snapshot.lists, len(snapshot.flags)
    order = orders_of(lists)
    on = lists[:, 0] != LRU
    of_block = np.repeat(np.flatnonzero(on), 1 << order[on])
    inside = frames(lists[on, 4], order[on])
    broken = np.unique(of_block[changes.held[np.minimum(inside, nr_frames - 1)]])
    rest = inside[np.isin(of_block, broken) & ~changes.held[np.minimum(inside, nr_frames - 1)]]
    keep = np.ones(len(lists), np.bool_)
    keep[broken] = False
    listed = np.zeros(nr_frames, np.bool_)
    listed[inside[~np.isin(of_block, broken)]] = True
    pieces = of_rest(snapshot, np.sort(rest))
    listed[rest] = True
    freed = [one for row in changes.blocks_freed(~listed)[::-1] if (one := freed_block(snapshot, changes.events, row))]
    new = np.array(freed, np.int64).reshape(-1, 5)
    found = np.concatenate((new, pieces, lists[keep]))  # both go to the heads of their lists
    return with_pcp_counts(replace(snapshot, lists=found)), len(broken) + len(new)


def orders_of(lists: Array) -> Array:
    """The order of each entry of a list."""
    small = lists[:, 2] // PCP_TYPES
    per_cpu = np.where(small > COSTLY_ORDER, PAGEBLOCK_ORDER, small)
    return np.where(lists[:, 0] == FREE, lists[:, 2], np.where(lists[:, 0] == PCP, per_cpu, 0))


def of_rest(snapshot: Snapshot, pfns: Array) -> Array:
    """What is left of blocks of which a part was allocated, as blocks on free lists."""
    found = [np.empty((0, 5), np.int64)]
    for zone in snapshot.zones:
        mine = pfns[(pfns >= zone.start_pfn) & (pfns < zone.start_pfn + zone.spanned)]
        heads, orders = merged(mine)
        found.append(list_rows(FREE, zone.index, orders, snapshot.pageblock[heads // PAGEBLOCK_PAGES], heads))
    return np.concatenate(found)


def freed_block(snapshot: Snapshot, events: Events, row: int) -> tuple[int, ...] | None:
    """A block that was freed, at the head of a per-cpu list, or of a free list where it is too large."""
    pfn, order = int(events.pfn[row]), int(events.order[row])
    zone = next((one for one in snapshot.zones if one.start_pfn <= pfn < one.start_pfn + one.spanned), None)
    if zone is None:
        return None
    kind = int(snapshot.pageblock[pfn // PAGEBLOCK_PAGES])
    if order > COSTLY_ORDER and order != PAGEBLOCK_ORDER:
        return FREE, zone.index, order, kind, pfn
    kind = kind if kind < MIGRATE_PCPTYPES else MIGRATE_MOVABLE
    number = HUGE_LIST if order == PAGEBLOCK_ORDER else order * PCP_TYPES + kind
    return PCP, zone.index, number, int(events.cpu[row]), pfn


def with_pcp_counts(snapshot: Snapshot) -> Snapshot:
    """The per-cpu counts by what is on the lists."""
    mine = snapshot.lists[snapshot.lists[:, 0] == PCP]
    pages = 1 << orders_of(mine)
    pcps = [
        replace(one, count=int(pages[(mine[:, 1] == one.zone) & (mine[:, 3] == one.cpu)].sum()))
        for one in snapshot.pcps
    ]
    return replace(snapshot, pcps=tuple(pcps))


def with_lru(snapshot: Snapshot, changes: Changes) -> tuple[Snapshot, int]:
    """The LRU lists as the trace has them: without pages that were freed, or allocated since and on no list yet; with
    those that came to a list, at its head."""
    lists, nr_frames = snapshot.lists, len(snapshot.flags)
    rows = changes.insertions(nr_frames)
    came = np.zeros(nr_frames, np.bool_)
    came[changes.events.pfn[rows]] = True
    gone = changes.freed | (changes.held & ~came)
    on_lru = lists[:, 0] == LRU
    leaves = on_lru & gone[lists[:, 4]]
    listed = np.zeros(nr_frames, np.bool_)
    listed[lists[~leaves, 4]] = True
    new = rows[~listed[changes.events.pfn[rows]]][::-1]
    if not len(new) and not leaves.any():
        return snapshot, 0
    lru = changes.events.a[new].astype(np.int64)
    new, lru = new[lru < NR_LRU], lru[lru < NR_LRU]
    pfns = changes.events.pfn[new].astype(np.int64)
    found = np.concatenate((list_rows(LRU, 0, lru, 0, pfns), lists[~leaves]))
    flags = snapshot.flags.copy()
    flags[gone] = 0
    flags[pfns] = np.uint64(1 << snapshot.number("pageflags", "PG_lru"))
    flags[pfns[lru % 2 == 1]] |= np.uint64(1 << snapshot.number("pageflags", "PG_active"))
    flags[pfns[lru < 2]] |= np.uint64(1 << snapshot.number("pageflags", "PG_swapbacked"))
    mapping = snapshot.mapping.copy()
    mapping[gone] = 0
    mapping[pfns] = np.where(lru < 2, np.uint64(1), np.uint64(snapshot.mapping.max() + 4))
    return replace(snapshot, lists=found, flags=flags, mapping=mapping), len(new) + int(leaves.sum())
