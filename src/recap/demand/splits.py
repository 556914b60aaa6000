"""Large folios that the recorded kernel split: the model, which does not split, has single pages from the start."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from recap.pages import Array
from recap.trace import NO_PFN, Event, Events, Snapshot
from recap.trace.snapshot import LRU, frames

ALLOC, FREE = np.uint8(Event.MM_PAGE_ALLOC), np.uint8(Event.MM_PAGE_FREE)


def split_later(snapshot: Snapshot, events: Events) -> tuple[Array, Array]:
    """First frame and order of the blocks in use at the start of which the trace frees a part before anything else."""
    heads, orders = snapshot.compound_blocks()
    seen, parted = np.zeros(len(heads), bool), np.zeros(len(heads), bool)
    for piece in events.pieces() if len(heads) else ():
        rows = np.flatnonzero(((piece.event == ALLOC) | (piece.event == FREE)) & (piece.pfn != NO_PFN))
        pfn = piece.pfn[rows].astype(np.int64)
        block = np.maximum(np.searchsorted(heads, pfn, side="right") - 1, 0)
        within = (pfn >= heads[block]) & (pfn < heads[block] + (1 << orders[block])) & ~seen[block]
        found, first = np.unique(block[within], return_index=True)
        row = rows[within][first]
        seen[found] = True
        parted[found] = (piece.event[row] == FREE) & (piece.order[row] < orders[found])
    return heads[parted], orders[parted]


def split(snapshot: Snapshot, heads: Array, orders: Array) -> Snapshot:
    """The snapshot with these blocks as single pages, each with its head's flags, and behind it on its LRU list."""
    if not len(heads):
        return snapshot
    head, frame = np.repeat(heads, 1 << orders), frames(heads, orders)
    copied = {}
    for name in ("flags", "mapping", "index", "private", "mapcount_refcount"):
        column = getattr(snapshot, name).copy()
        column[frame] = column[head]
        copied[name] = column
    copied["flags"][frame] &= ~(np.uint64(1) << np.uint64(snapshot.number("pageflags", "PG_head")))
    copied["index"][frame] += (frame - head).astype(np.uint64)
    return replace(snapshot, lists=lists_of_single_pages(snapshot.lists, heads, orders), **copied)


def lists_of_single_pages(lists: Array, heads: Array, orders: Array) -> Array:
    """The lists, with a row for each page of these blocks where the block's was."""
    block = np.minimum(np.searchsorted(heads, lists[:, 4]), len(heads) - 1)
    order = np.where((lists[:, 0] >= LRU) & (heads[block] == lists[:, 4]), orders[block], 0)
    rows = np.repeat(lists, 1 << order, axis=0)
    rows[:, 4] = frames(lists[:, 4], order)
    return rows
