"""The migratetype of each pageblock: pagetypeinfo counts them, the trace and the pages in them tell which is which."""

from __future__ import annotations

import numpy as np

from recap.demand.from_flags.evidence import NEVER, Firsts, first_of_block, rows_of
from recap.demand.from_flags.seen import Seen
from recap.kernel import MIGRATE_HIGHATOMIC, MIGRATE_MOVABLE, MIGRATE_RECLAIMABLE, MIGRATE_TYPES, MIGRATE_UNMOVABLE
from recap.pages import Array
from recap.trace import Event, Events, ZoneState
from recap.trace.kpageflags import KPF, has, mask
from recap.trace.snapshot import PAGEBLOCK_PAGES

PCP_TYPES = (MIGRATE_UNMOVABLE, MIGRATE_MOVABLE, MIGRATE_RECLAIMABLE)
DRAINED = 8  # times as much as a request, which may be served from another type's per-cpu list
SURE = 1 << 40  # a vote that outweighs any number of pages


def votes(seen: Seen, events: Events, first: Firsts) -> Array:
    """How much speaks for each pageblock's being of each migratetype.

    A page in a block speaks for the type it is usually taken from. What the trace takes from the free list of a type
    before anybody steals the block is of that type; so is what returns to the free lists.
    """
    nr_blocks = -(-len(seen.flags) // PAGEBLOCK_PAGES)
    found = np.zeros((nr_blocks, MIGRATE_TYPES), np.int64)
    block = np.arange(len(seen.flags)) // PAGEBLOCK_PAGES

    def add(which: Array, migratetype: int) -> None:
        found[:, migratetype] += np.bincount(block[which], minlength=nr_blocks)

    found[:, MIGRATE_MOVABLE] = 1  # what all are at boot (memmap_init_range)
    flags = seen.flags
    movable = flags & mask(KPF.LRU, KPF.ANON, KPF.SWAPBACKED) != 0
    slab = has(flags, KPF.SLAB)
    kernel = has(flags, KPF.PGTABLE) | ((flags == 0) & ((first.part == NEVER) | first.held))
    add(movable, MIGRATE_MOVABLE)
    add(slab | kernel, MIGRATE_UNMOVABLE)
    add(slab, MIGRATE_RECLAIMABLE)
    stolen = first_of_block(events, Event.MM_PAGE_ALLOC_EXTFRAG, nr_blocks)
    for event, weight in ((Event.MM_PAGE_ALLOC, 1), (Event.MM_PAGE_PCPU_DRAIN, DRAINED)):
        rows = rows_of(events, (event,), len(flags))
        blocks = events.pfn[rows] // PAGEBLOCK_PAGES
        rows, blocks = (column[rows < stolen[blocks]] for column in (rows, blocks))
        kind = events.migratetype[rows].clip(0, MIGRATE_TYPES - 1)
        np.add.at(found, (blocks, kind), weight << events.order[rows].astype(np.int64))
    there = np.flatnonzero(stolen != NEVER)
    of = events.b[stolen[there]].clip(0, MIGRATE_TYPES - 1)
    found[there, of] += SURE
    return found


def pageblock_types(seen: Seen, events: Events, first: Firsts) -> tuple[Array, int]:
    """Each pageblock's migratetype, and how many were told by what the trace took from them."""
    found = votes(seen, events, first)
    types = np.full(len(found), MIGRATE_MOVABLE, np.uint8)
    for zone in seen.zones:
        blocks = blocks_of(seen, zone)
        types[blocks] = share_out(found[blocks], None if seen.blocks is None else seen.blocks[zone.index])
    return types, int((found.max(axis=1) >= SURE).sum())


def blocks_of(seen: Seen, zone: ZoneState) -> Array:
    """The pageblocks of a zone that have memory."""
    pfns = np.arange(zone.start_pfn, zone.start_pfn + zone.spanned)
    return np.unique(pfns[~has(seen.flags[pfns], KPF.NOPAGE)] // PAGEBLOCK_PAGES)


def share_out(found: Array, counts: Array | None) -> Array:
    """The type with most votes; where pagetypeinfo counts them, as many of each as it says."""
    if counts is None:
        most = np.argmax(found[:, PCP_TYPES], axis=1)
        return np.where(found.any(axis=1), most, MIGRATE_MOVABLE).astype(np.uint8)
    types = np.full(len(found), MIGRATE_MOVABLE, np.uint8)
    unmovable, movable, reclaimable = (found[:, kind] for kind in PCP_TYPES)
    left = np.arange(len(found))
    left = take(types, left, MIGRATE_HIGHATOMIC, found[:, MIGRATE_HIGHATOMIC] - found.sum(axis=1), counts)
    kernel = int(counts[MIGRATE_UNMOVABLE] + counts[MIGRATE_RECLAIMABLE])
    mine = best(left, np.maximum(unmovable, reclaimable) - movable, kernel)
    left = take(types, mine, MIGRATE_RECLAIMABLE, reclaimable - unmovable, counts)
    types[left] = MIGRATE_UNMOVABLE
    return types


def take(types: Array, left: Array, migratetype: int, score: Array, counts: Array) -> Array:
    """Give a type to as many blocks as there are of it, to those with the highest score; the others."""
    mine = best(left, score, int(counts[migratetype]))
    types[mine] = migratetype
    return np.setdiff1d(left, mine)


def best(blocks: Array, score: Array, count: int) -> Array:
    """The `count` blocks with the highest scores, by number."""
    order = np.argsort(-score[blocks], kind="stable")
    return np.sort(blocks[order[:count]])
