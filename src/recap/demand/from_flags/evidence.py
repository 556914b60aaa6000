"""What a trace tells of the memory before it: the first that happens to a frame says what the frame was."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recap.kernel import MIGRATE_TYPES
from recap.pages import Array
from recap.trace import Event, Events
from recap.trace.kpageflags import KPF, Words, has, mask
from recap.trace.snapshot import PAGEBLOCK_PAGES, frames

NEVER = np.iinfo(np.int64).max  # in place of a row
MOST_ORDER = 10
OWN_ORDERS = (0, 1, 2, 3, 9)  # of per-cpu lists
KSWAPD = "kswapd"
LRU_BITS = mask(KPF.LRU, KPF.ACTIVE, KPF.ANON, KPF.SWAPBACKED, KPF.BUDDY, KPF.DIRTY, KPF.REFERENCED, KPF.UNEVICTABLE)


@dataclass(frozen=True, eq=False)
class Firsts:
    """The first event of each frame.

    Args:
        row: of the first allocation, free or drain of a block that begins with the frame, if nothing of the kind
            happened to the frame as part of another block before; NEVER where there is none.
        part: likewise, of a block with the frame in it.
        held: frames of which that is a free.
        whole: frames that were in use because that is the free of a block of several; a single frame may have been
            taken untold, by compaction.
        event, order, migratetype, cpu: of that event; nothing where there is none.
        reclaimed: the row where reclaim first freed or wrote the frame, before anybody allocated it; or NEVER.
    """

    row: Array
    part: Array
    held: Array
    whole: Array
    event: Array
    order: Array
    migratetype: Array
    cpu: Array
    reclaimed: Array

    def is_a(self, event: Event) -> Array:
        """Which frames have this for their first event."""
        found: Array = (self.row != NEVER) & (self.event == np.uint8(event))
        return found

    def on_pcp(self, unclaimed: Array) -> Array:
        """The first frames of blocks that were on a per-cpu list, of the frames without flags: from there they were
        allocated, or drained, before anything else happened to a frame of theirs.
        """
        ours = self.is_a(Event.MM_PAGE_ALLOC) | self.is_a(Event.MM_PAGE_PCPU_DRAIN)
        heads = np.flatnonzero(unclaimed & ours & np.isin(self.order, OWN_ORDERS))
        order = self.order[heads].astype(np.int64)
        heads, order = (column[heads + (1 << order) <= len(unclaimed)] for column in (heads, order))
        inside = frames(heads, order)
        earlier = unclaimed[inside] & (self.part[inside] >= np.repeat(self.row[heads], 1 << order))
        whole = np.logical_and.reduceat(earlier, np.cumsum(1 << order) - (1 << order)) if len(heads) else earlier
        heads, order = heads[whole], order[whole]
        inside = frames(heads, order)
        return heads[~np.isin(heads, inside[inside != np.repeat(heads, 1 << order)])]


def firsts(events: Events, nr_frames: int) -> Firsts:
    """Find them."""
    kinds = (Event.MM_PAGE_ALLOC, Event.MM_PAGE_FREE, Event.MM_PAGE_PCPU_DRAIN)
    rows = rows_of(events, kinds, nr_frames)
    row, part = earliest(events, rows, nr_frames), first_part(events, rows, nr_frames)
    row[row > part] = NEVER
    held = (part != NEVER) & (events.event[np.where(part == NEVER, 0, part)] == np.uint8(Event.MM_PAGE_FREE))
    found = np.where(row == NEVER, 0, row)
    there = row != NEVER
    columns = {name: np.where(there, getattr(events, name)[found], 0) for name in ("event", "order", "cpu")}
    migratetype = np.where(there, events.migratetype[found], 0).clip(0, MIGRATE_TYPES - 1)
    return Firsts(
        row=row,
        part=part,
        held=held,
        whole=held & (events.order[np.where(held, part, 0)] > 0),
        migratetype=migratetype,
        reclaimed=reclaimed(events, row, nr_frames),
        **columns,
    )


def rows_of(events: Events, kinds: tuple[Event, ...], nr_frames: int) -> Array:
    """The rows of these events that name a frame there is, of a block that can be."""
    wanted = np.isin(events.event, np.array(kinds, np.uint8)) & (events.pfn < nr_frames)
    return np.flatnonzero(wanted & (events.order <= MOST_ORDER))


def earliest(events: Events, rows: Array, nr_frames: int) -> Array:
    """For each frame the first of these rows that names it."""
    found = np.full(nr_frames, NEVER)
    found[events.pfn[rows[::-1]]] = rows[::-1]  # of several the last assignment stays
    return found


def first_part(events: Events, rows: Array, nr_frames: int) -> Array:
    """For each frame the first of these rows with a block that it is in."""
    order = events.order[rows].astype(np.int64)
    pfns = frames(events.pfn[rows].astype(np.int64), order)[::-1]
    within = pfns < nr_frames
    found = np.full(nr_frames, NEVER)
    found[pfns[within]] = np.repeat(rows, 1 << order)[::-1][within]
    return found


def reclaimed(events: Events, first: Array, nr_frames: int) -> Array:
    """Where reclaim first freed or wrote a frame that nobody had allocated since the start."""
    freed = rows_of(events, (Event.MM_PAGE_FREE,), nr_frames)
    freed = freed[reclaims(events, freed)]
    freed = freed[first[events.pfn[freed]] == freed]
    written = rows_of(events, (Event.MM_VMSCAN_WRITE_FOLIO,), nr_frames)
    written = written[written <= first[events.pfn[written]]]
    return earliest(events, np.sort(np.concatenate((freed, written))), nr_frames)


def reclaims(events: Events, rows: Array) -> Array:
    """Whether the task of each row reclaims then: kswapd always, others between begin and end."""
    kswapd = np.array([pid for pid, comm in events.comms.items() if comm.startswith(KSWAPD)], np.int32)
    borders = np.flatnonzero(
        (events.event == np.uint8(Event.MM_VMSCAN_DIRECT_RECLAIM_BEGIN))
        | (events.event == np.uint8(Event.MM_VMSCAN_DIRECT_RECLAIM_END))
    )
    borders = borders[np.argsort(events.pid[borders], kind="stable")]
    place = events.pid[borders].astype(np.int64) * len(events) + borders
    before = np.searchsorted(place, events.pid[rows].astype(np.int64) * len(events) + rows) - 1
    last = borders[np.maximum(before, 0)] if len(borders) else np.zeros(len(rows), np.int64)
    inside = (before >= 0) & (events.pid[last] == events.pid[rows])
    begun = events.event[last] == np.uint8(Event.MM_VMSCAN_DIRECT_RECLAIM_BEGIN)
    found: Array = np.isin(events.pid[rows], kswapd) | (inside & begun)
    return found


def brought_forward(flags: Words, events: Events) -> Words:
    """The flags as they were after some events, which happened while they were read or later.

    A frame whose last event is a free has none; it may be on a per-cpu list. One that was allocated last, and read as
    free or as a page that has gone since, has none but those its way to an LRU list tells.
    """
    rows = rows_of(events, (Event.MM_PAGE_ALLOC, Event.MM_PAGE_FREE), len(flags))
    if not len(rows):
        return flags
    order = events.order[rows].astype(np.int64)
    pfns = frames(events.pfn[rows].astype(np.int64), order)
    within = pfns < len(flags)
    last = np.full(len(flags), -1)
    last[pfns[within]] = np.repeat(rows, 1 << order)[within]
    named = last >= 0
    freed = named & (events.event[last] == np.uint8(Event.MM_PAGE_FREE))
    flags = np.where(freed & ~has(flags, KPF.BUDDY), np.uint64(0), flags)
    held = named & ~freed
    flags = np.where(held & has(flags, KPF.BUDDY), np.uint64(0), flags)
    return on_lists(flags, events, last, held)


def on_lists(flags: Words, events: Events, last: Array, held: Array) -> Words:
    """The flags of pages that went to an LRU list after they were allocated."""
    rows = rows_of(events, (Event.MM_LRU_INSERTION,), len(flags))
    pfns = events.pfn[rows].astype(np.int64)
    rows, pfns = (column[held[pfns] & (rows > last[pfns])] for column in (rows, pfns))
    lru = events.a[rows].astype(np.int64) & 3
    told = np.full(len(rows), mask(KPF.LRU))
    told |= np.where(lru & 1, mask(KPF.ACTIVE), np.uint64(0))
    told |= np.where(lru < 2, mask(KPF.ANON, KPF.SWAPBACKED), np.uint64(0))
    read = has(flags[pfns], KPF.LRU)  # after it came there, most likely: then the flags say more
    flags = flags.copy()
    flags[pfns[~read]] = flags[pfns[~read]] & ~LRU_BITS | told[~read]
    return flags


def first_of_block(events: Events, event: Event, nr_blocks: int) -> Array:
    """For each pageblock the first row of an event that names a frame in it."""
    rows = rows_of(events, (event,), nr_blocks * PAGEBLOCK_PAGES)
    found = np.full(nr_blocks, NEVER)
    found[events.pfn[rows[::-1]] // PAGEBLOCK_PAGES] = rows[::-1]
    return found
