"""Which page frames are held, followed through a trace: frees matched to allocations, lifetimes, whole free blocks.

What a frame was at the start is unknown, or told by a snapshot. A free of a frame that was held is matched; so is
the first free of a frame nobody has told of. Some frames are taken untold: compaction's targets, which are held
from the moment they go to an LRU list (those it does not use it frees again), and those allocated in bulk, which show
only when they are freed twice: kernel stacks (__vmalloc_area_node, __alloc_pages_bulk), of which one task frees all
frames in a row.
"""

from __future__ import annotations

from array import array
from typing import Any

import cython
import numpy as np
import numpy.typing as npt

if not cython.compiled:  # compiled, they are the constants of the header
    from recap.trace.event import NO_PFN, Event

    UNKNOWN, FREE, HELD_BEFORE, HELD, USED = 0, 1, 2, 3, 4
    MAX_ORDER = 13  # of 64 KiB pages; with those of 4 KiB it is 10
    PIDS = 1 << 22  # PID_MAX_LIMIT
    BLOCK_ORDER, BLOCK_FRAMES = 9, 512
    # Lifetimes are counted in eight buckets for each power of two of nanoseconds.
    STEPS, STEP_BITS, BUCKETS = 8, 3, 512
    NOWHERE = -1
    STACK_FRAMES = 4  # THREAD_SIZE

NR_ORDERS = int(MAX_ORDER) + 1
NR_BUCKETS = int(BUCKETS)
FRAMES_IN_STACK = int(STACK_FRAMES)
NR_BLOCKS = 1 << 23  # that 32-bit frame numbers make
FRAMES_IN_BLOCK = int(BLOCK_FRAMES)
MOST_BLOCKS = 1 << 18  # half a terabyte; what a trace names beyond is not followed


class Frames:
    """Every page frame of the pageblocks a trace touches; `place` says from 1 on where a block's are, 0 is nowhere."""

    def __init__(self) -> None:
        self.place = np.zeros(NR_BLOCKS, np.int32).data
        self.state: Any = array("B")
        self.order: Any = array("B")
        self.since: Any = array("q")
        self.free_in: Any = array("H")
        self.lifetimes = np.zeros((NR_ORDERS, NR_BUCKETS), np.int64).data
        self.free_frames = 0
        self.whole_blocks = 0
        self.allocations = 0
        self.frees = 0
        self.matched = 0
        self.from_before = 0
        self.compacting = np.zeros(PIDS, np.uint8).data
        self.by_use = 0
        self.untold = 0
        self.given_back = 0
        self.in_bulk = 0
        self.unmatched = 0
        self.row = np.zeros(PIDS, np.uint8).data  # for each task, how many unexplained frees it made in a row

    def advance(
        self,
        event: Any,
        pid: Any,
        pfn: Any,
        order: Any,
        time: Any,
        start: int,
        stop: int,
    ) -> None:
        """Follow the rows from `start` up to `stop` of these columns, given as memoryviews."""
        with cython.nogil:
            apply(self, event, pid, pfn, order, time, start, stop)

    def make_room_for(self, event: npt.NDArray[np.uint8], pfn: npt.NDArray[np.uint32]) -> None:
        """Have a place for all frames that these rows allocate or free."""
        new = first_new(self, event.data, pfn.data)
        if new < len(event):
            self.make_room(pfn[new:][event[new:] <= Event.MM_PAGE_FREE])

    def make_room(self, pfns: npt.NDArray[np.uint32]) -> None:
        """Have a place for every block that holds one of these frames, as long as there are not absurdly many."""
        blocks = pfns[pfns != NO_PFN] >> np.uint32(BLOCK_ORDER)
        place = np.asarray(self.place)
        new = np.unique(blocks[place[blocks] == 0])
        before = len(self.state) // FRAMES_IN_BLOCK
        new = new[: max(0, MOST_BLOCKS - before)]
        if len(new) == 0:
            return
        place[new] = np.arange(before + 1, before + len(new) + 1, dtype=np.int32)
        frames = len(new) * FRAMES_IN_BLOCK
        self.state = longer(self.state, frames, np.uint8)
        self.order = longer(self.order, frames, np.uint8)
        self.since = longer(self.since, frames, np.int64)
        self.free_in = longer(self.free_in, len(new), np.uint16)

    def begin(self, held: npt.NDArray[np.bool_], free: npt.NDArray[np.bool_]) -> None:
        """Say what the frames are now: held, free, or (neither) unknown; index = pfn. Of a frame that was allocated or
        freed already more is known."""
        frames = min(len(held), MOST_BLOCKS * FRAMES_IN_BLOCK)
        known = np.flatnonzero(held[:frames] | free[:frames]).astype(np.uint32)
        self.make_room(known)
        places = np.asarray(self.place)[known >> np.uint32(BLOCK_ORDER)].astype(np.int64) - 1
        index = (places << BLOCK_ORDER) + (known & np.uint32(FRAMES_IN_BLOCK - 1))
        state = np.asarray(self.state)
        new = state[index] == UNKNOWN
        state[index[new]] = np.where(free[known[new]], FREE, HELD_BEFORE)
        counts = (state == FREE).reshape(-1, FRAMES_IN_BLOCK).sum(axis=1)
        self.free_in = counts.astype(np.uint16)
        self.free_frames = int(counts.sum())
        self.whole_blocks = int((counts == FRAMES_IN_BLOCK).sum())

    def lifetime_counts(self) -> npt.NDArray[np.int64]:
        """How many blocks lived so long: a row for each order, a column for each bucket."""
        return np.array(self.lifetimes)


def longer(values: Any, more: int, kind: type[np.generic]) -> npt.NDArray[Any]:
    """The values, and so many zeros behind them."""
    return np.concatenate([np.asarray(values, kind), np.zeros(more, kind)])


def shortest(number: int) -> int:
    """The shortest lifetime of a bucket, in nanoseconds."""
    if number < STEPS:
        return number
    shift = number // STEPS - 1
    return (number % STEPS + STEPS) << shift


def at(f: Frames, pfn: int) -> int:
    """Where a frame is in the arrays, or -1."""
    block = f.place[pfn >> BLOCK_ORDER] - 1
    return NOWHERE if block < 0 else (block << BLOCK_ORDER) + (pfn & (BLOCK_FRAMES - 1))


def first_new(f: Frames, event: memoryview, pfn: memoryview) -> int:
    """The first row that allocates or frees a frame without a place; behind the last if there is none."""
    for n in range(len(event)):
        if event[n] <= Event.MM_PAGE_FREE and pfn[n] != NO_PFN and f.place[pfn[n] >> BLOCK_ORDER] == 0:
            return n
    return len(event)


def bucket(lifetime: int) -> int:
    """The bucket of a lifetime: `shortest` turned round."""
    shift = 0
    value = lifetime
    while value >= 2 * STEPS:
        value >>= 1
        shift += 1
    return lifetime if lifetime < STEPS else shift * STEPS + value


def set_state(f: Frames, i: int, state: int) -> None:
    """Change what a frame is, and the counts with it."""
    block = i >> BLOCK_ORDER
    if f.state[i] == FREE:
        if f.free_in[block] == BLOCK_FRAMES:
            f.whole_blocks -= 1
        f.free_in[block] -= 1
        f.free_frames -= 1
    if state == FREE:
        f.free_in[block] += 1
        f.free_frames += 1
        if f.free_in[block] == BLOCK_FRAMES:
            f.whole_blocks += 1
    f.state[i] = state


def allocate(f: Frames, pfn: int, order: int, time: int) -> None:
    """A block is allocated: from now on all its frames are held."""
    f.allocations += 1
    for k in range(1 << order):
        if pfn + k >= NO_PFN:
            return
        i = at(f, pfn + k)
        if i >= 0:
            set_state(f, i, HELD)
            f.order[i] = order
            f.since[i] = time


def count_free(f: Frames, pid: int, i: int, time: int) -> int:
    """Note by what a frame that is freed was held; whether that is known."""
    if f.state[i] == HELD:
        f.matched += 1
        if time >= f.since[i]:
            f.lifetimes[f.order[i], bucket(time - f.since[i])] += 1
    elif f.state[i] == HELD_BEFORE:
        f.from_before += 1
    elif f.state[i] == USED:
        f.by_use += 1
    elif f.state[i] == UNKNOWN:
        f.untold += 1
    elif 0 <= pid < PIDS and f.compacting[pid]:  # release_freepages
        f.given_back += 1
    else:
        f.unmatched += 1
        return 0
    return 1


def count_row(f: Frames, pid: int, explained: int) -> None:
    """A task that frees as many consecutive unexplained frames as a kernel stack has frees a stack."""
    if not 0 <= pid < PIDS:
        return
    f.row[pid] = 0 if explained else f.row[pid] + 1
    if f.row[pid] == STACK_FRAMES:
        f.row[pid] = 0
        f.in_bulk += STACK_FRAMES
        f.unmatched -= STACK_FRAMES


def release(f: Frames, pid: int, pfn: int, order: int, time: int) -> None:
    """A block is freed: matched if its first frame was held, and its lifetime counted if we saw it begin."""
    f.frees += 1
    i = at(f, pfn)
    if i < 0:
        return
    count_row(f, pid, count_free(f, pid, i, time) or order > 0)
    for k in range(1 << order):
        if pfn + k >= NO_PFN:
            return
        i = at(f, pfn + k)
        if i >= 0:
            set_state(f, i, FREE)


def use(f: Frames, pfn: int) -> None:
    """A frame goes to an LRU list: if it was free, somebody took it untold."""
    i = at(f, pfn)
    if i >= 0 and f.state[i] == FREE:
        set_state(f, i, USED)


def compact(f: Frames, pid: int, begins: int) -> None:
    """A task begins to compact, or ends."""
    if 0 <= pid < PIDS:
        f.compacting[pid] = begins


def apply(  # noqa: PLR0913 (the columns of the table)
    f: Frames,
    event: memoryview,
    pid: memoryview,
    pfn: memoryview,
    order: memoryview,
    time: memoryview,
    start: int,
    stop: int,
) -> None:
    """What `advance` does, without the interpreter; a request that failed has no frame."""
    for n in range(start, stop):
        if event[n] == Event.MM_COMPACTION_BEGIN or event[n] == Event.MM_COMPACTION_END:
            compact(f, pid[n], 1 if event[n] == Event.MM_COMPACTION_BEGIN else 0)
        if pfn[n] == NO_PFN or order[n] > MAX_ORDER:
            continue
        if event[n] == Event.MM_PAGE_ALLOC:
            allocate(f, pfn[n], order[n], time[n])
        elif event[n] == Event.MM_PAGE_FREE:
            release(f, pid[n], pfn[n], order[n], time[n])
        elif event[n] == Event.MM_LRU_INSERTION:
            use(f, pfn[n])
