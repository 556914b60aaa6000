"""Which pages hold a filesystem's metadata: kpageflags names no file, and such pages behave in another way.

Metadata is read and changed through buffers, and looked at again and again: of the file pages with buffers those that
are active. Where the trace shows a page leaving the cache, it names its block; the others are drawn. Blocks that are
close on the disk are read one after the other, and are together in memory. It matters: a transaction holds such pages,
which compaction then cannot move, and scattered over memory they spoil many more pageblocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recap.demand.from_flags.evidence import NEVER, Firsts, earliest, rows_of
from recap.demand.from_flags.seen import Seen
from recap.demand.transactions import filesystem_device
from recap.pages import Array
from recap.trace import Event, Events
from recap.trace.kpageflags import KPF, has, mask

CLOSE = 32  # blocks: as many as ext4 reads ahead of inodes (inode_readahead_blks)
COMES_OR_GOES = (Event.MM_FILEMAP_ADD_TO_PAGE_CACHE, Event.MM_FILEMAP_DELETE_FROM_PAGE_CACHE)


@dataclass(frozen=True, eq=False)
class Metadata:
    """Frames with metadata, the block of each, and how many of the blocks that the trace names were drawn."""

    pfns: Array
    blocks: Array
    drawn: int


def metadata(seen: Seen, events: Events, first: Firsts, draw: np.random.Generator) -> Metadata:
    """Find them."""
    device = filesystem_device(events)
    gone = leaving(events, first, len(seen.flags))
    named = np.flatnonzero((gone != NEVER) & of_files(seen))  # others came to their frames by compaction, untold
    mine = named[events.a[gone[named]] == device]
    likely = np.setdiff1d(with_buffers(seen), named)
    known = events.b[gone[mine]]
    wanted = np.setdiff1d(cached_before(events, device), known)
    beyond = 1 + max(int(known.max(initial=0)), int(wanted.max(initial=0)))  # blocks that no event names
    blocks = in_runs(wanted, beyond + np.arange(max(0, len(likely) - len(wanted))), draw)[: len(likely)]
    return Metadata(np.concatenate((mine, likely)), np.concatenate((known, blocks)), min(len(wanted), len(likely)))


def in_runs(wanted: Array, others: Array, draw: np.random.Generator) -> Array:
    """Blocks in the order of the frames that hold them, in which those that are close on the disk stand together."""
    runs = [
        *np.split(wanted, np.flatnonzero(np.diff(wanted) > CLOSE) + 1),
        *np.split(others, len(others) or 1),
    ]
    return np.concatenate([runs[number] for number in draw.permutation(len(runs))])


def with_buffers(seen: Seen) -> Array:
    """File pages with buffers that are active; on a multi-generational LRU, that were referenced."""
    looked_at = has(seen.flags, KPF.ACTIVE)
    if not looked_at.any():
        looked_at = has(seen.flags, KPF.REFERENCED)
    return np.flatnonzero(of_files(seen) & looked_at & has(seen.flags, KPF.PRIVATE))


def of_files(seen: Seen) -> Array:
    """Which frames hold pages of files, on an LRU list."""
    bits = mask(KPF.LRU, KPF.ANON, KPF.SWAPBACKED, KPF.COMPOUND_TAIL, KPF.UNEVICTABLE)
    found: Array = seen.flags & bits == mask(KPF.LRU)
    return found


def leaving(events: Events, first: Firsts, nr_frames: int) -> Array:
    """The row where a file page of the start leaves the page cache, for each frame; NEVER where none does."""
    rows = rows_of(events, (Event.MM_FILEMAP_DELETE_FROM_PAGE_CACHE,), nr_frames)
    return earliest(events, rows[rows <= first.row[events.pfn[rows]]], nr_frames)


def cached_before(events: Events, device: int) -> Array:
    """The blocks of a device that are in the cache all the time: the trace changes them, and neither adds nor drops
    them. A block that leaves the cache from another frame than it began in is not looked for: which one that was, only
    compaction knows."""
    mine = events.a == device
    changed = mine & (events.event == np.uint8(Event.WRITEBACK_DIRTY_FOLIO))
    comes_or_goes = mine & np.isin(events.event, np.array(COMES_OR_GOES, np.uint8))
    return np.setdiff1d(events.b[changed], events.b[comes_or_goes])
