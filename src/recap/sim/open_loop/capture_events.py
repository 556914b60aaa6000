"""The steps of page capture in a trace (kernel/), grouped into what was done at once: the model does the same at once.

A group is what a thread reports in a row. It begins with a page that its reclaimer frees (`mm_page_free`, then the
step), with the first block of a settlement, or in the middle of somebody's free with a block that joins (those have no
role: they are found as the free is done). `next_step` links all steps of a thread.
"""

from __future__ import annotations

import cython
import numpy as np
import numpy.typing as npt

from recap.pages import Memory, adopt
from recap.trace import NO_PFN, Events
from recap.trace.table import CAPTURE_STEPS

if not cython.compiled:
    from recap.sim.open_loop.operations import (
        CAPTURE,
        CAPTURE_CLOSE,
        CAPTURE_CLOSED,
        CAPTURE_OPEN,
        CAPTURE_OWNED,
        CAPTURE_SETTLE,
        CAPTURE_WRITE,
        NEVER,
        NO_ROLE,
        PREPARE,
        Operations,
    )
    from recap.trace.event import CaptureMode, CaptureStep, Event


def modes_of(events: Events) -> set[int]:
    """The modes of page capture (vm.page_capture) that direct reclaims of a trace began with; 0 is none."""
    opened = (events.event == np.uint8(Event.PAGE_CAPTURE)) & (events.a == CaptureStep.OPENED)
    return {int(mode) for mode in np.unique(events.order[opened])}


def sensible(events: Events, frames: int, orders: int) -> npt.NDArray[np.uint8]:
    """Which rows are steps of page capture that can be: known ones, on whole blocks that are there, for an order there
    is. A damaged trace may tell anything."""
    frame, order = events.pfn.astype(np.int64), events.order.astype(np.int64)
    pages = np.int64(1) << np.minimum(order, orders)
    block = (order < orders) & (frame % pages == 0) & (frame + pages <= frames)
    of_block = (events.a > CaptureStep.OPENED) & (events.a < CaptureStep.CLOSED) & block
    of_reclaim = (events.a == CaptureStep.OPENED) | (events.a == CaptureStep.CLOSED)
    known = (of_reclaim | of_block) & (events.flags < np.uint32(orders))
    return ((events.event == np.uint8(Event.PAGE_CAPTURE)) & known).astype(np.uint8)


def most_open(events: Events) -> int:
    """How many captures are open at a time at most."""
    steps = events.a[events.event == np.uint8(Event.PAGE_CAPTURE)]
    change = (steps == CaptureStep.OPENED).astype(np.int64) - (steps == CaptureStep.CLOSED)
    return max(0, int(np.cumsum(change).max(initial=0)))


class CaptureEvents:
    """The groups of steps, and how far the replay is with those of each thread.

    `at` is a thread's first step that the replay has not come to, `slot` the number of its capture list while it has
    one, `handed` the block it is about to return. Of each list `block` is the one handed over, `gfp` the request's
    flags, `has_map` says that its kernel keeps a map of the pages that reclaim cannot free. A page that reclaim writes
    is off its LRU list up to the event `off_lru_until`. `counted` are the steps by kind, `exact` those that the model
    did as well, and `extra` are steps that only the model did.
    """

    def __init__(self, ops: Operations, events: Events, memory: Memory) -> None:
        self.ops = ops  # its attributes are seen by C only
        threads = len(self.ops.doing)
        lists = len(memory.array("capture"))
        frames = int(memory.array("zone")["end"].max())
        self.order = adopt(events.order)
        self.b = adopt(events.b)
        self.sensible = adopt(sensible(events, frames, int(memory.max_order)))
        self.next_step = self.ops.next_step
        self.last_step = adopt(np.full(threads, -1, np.int32))
        self.latest = adopt(np.full(threads, -1, np.int32))
        self.freed = adopt(np.full(threads, -1, np.int32))
        self.opened = adopt(np.full(threads, -1, np.int32))
        self.written = adopt(np.full(threads, -1, np.int32))
        self.released = adopt(np.full(threads, -1, np.int32))
        self.last_released = adopt(np.full(threads, -1, np.int32))
        self.own = adopt(np.zeros(threads, np.int32))
        self.off_lru_until = adopt(np.full(len(memory.array("frame")), -1, np.int32))
        self.reclaiming = adopt(np.zeros(threads, np.uint8))
        self.at = adopt(np.full(threads, -1, np.int32))
        self.slot = adopt(np.full(threads, -1, np.int32))
        self.handed = adopt(np.full(threads, NO_PFN, np.uint32))
        self.block = adopt(np.full(lists, NO_PFN, np.uint32))
        self.gfp = adopt(np.zeros(lists, np.uint32))
        self.has_map = adopt(np.zeros(lists, np.uint8))
        self.counted = adopt(np.zeros(len(CAPTURE_STEPS), np.int64))
        self.exact = adopt(np.zeros(len(CAPTURE_STEPS), np.int64))
        self.extra = adopt(np.zeros(len(CAPTURE_STEPS), np.int64))
        if np.asarray(self.sensible).any():
            with cython.nogil:
                self.group()

    def group(self) -> None:
        """Find the groups."""
        for i in range(len(self.ops.event)):
            t = self.ops.thread(i)
            if self.sensible[i]:
                self.capturing(i, t, self.ops.a[i])
            elif self.ops.event[i] != Event.PAGE_CAPTURE:
                self.note(i, t)

    def note(self, i: int, t: int) -> None:
        """What a thread does beside capture."""
        self.latest[t] = i
        if self.ops.event[i] == Event.MM_PAGE_FREE:
            self.freed[t] = i
        elif self.ops.event[i] == Event.MM_VMSCAN_DIRECT_RECLAIM_BEGIN:
            self.reclaiming[t] = 1
            if self.opened[t] != NEVER:
                self.ops.partner[self.opened[t]] = i
                self.opened[t] = NEVER
        elif self.ops.event[i] == Event.MM_VMSCAN_DIRECT_RECLAIM_END:
            self.reclaiming[t] = 0
        self.reclaim(i, t)

    def reclaim(self, i: int, t: int) -> None:
        """What a thread's batch of reclaim writes and releases, and where the batch ends."""
        if self.ops.event[i] == Event.MM_VMSCAN_WRITE_FOLIO and self.ops.pfn[i] < len(self.off_lru_until):
            self.ops.role[i] = CAPTURE_WRITE
            self.next_step[i] = self.written[t]
            self.written[t] = i
        elif self.ops.role[i] == PREPARE and self.reclaiming[t]:
            if self.released[t] == NEVER:
                self.released[t] = i
            else:
                self.next_step[self.last_released[t]] = i
            self.last_released[t] = i
        elif self.ops.event[i] == Event.MM_VMSCAN_LRU_SHRINK_INACTIVE:
            self.batch_ended(i, t, self.b[i])
        elif self.ops.event[i] == Event.MM_VMSCAN_LRU_SHRINK_ACTIVE:
            self.batch_ended(i, t, 0)

    def batch_ended(self, i: int, t: int, reclaimed: int) -> None:
        """Until here pages that were written are off their lists. Of the pages released as many as were reclaimed could
        have been captured, those captured among them; others, which came later, had lost their last user meanwhile.

        (shrink_inactive_list, move_folios_to_lru)
        """
        at = self.written[t]
        while at != NEVER:
            self.ops.partner[at] = i
            at = self.next_step[at]
        at = self.released[t]
        left = reclaimed - self.own[t]
        while at != NEVER and left > 0:
            self.ops.partner[at] = i
            at = self.next_step[at]
            left -= 1
        self.written[t] = NEVER
        self.released[t] = NEVER
        self.own[t] = 0

    def capturing(self, i: int, t: int, step: int) -> None:
        """A step of page capture."""
        if step == CaptureStep.OPENED:
            if self.order[i] != CaptureMode.NONE and self.order[i] != CaptureMode.PLACEBO:
                self.ops.role[i] = CAPTURE_OPEN
                self.opened[t] = i
        elif step == CaptureStep.CLOSED:
            self.ops.role[i] = CAPTURE_CLOSED
        else:
            self.ops.role[i] = self.group_of(i, t, step)
            self.link(i, t)

    def link(self, i: int, t: int) -> None:
        """Put a step behind the thread's others."""
        if self.last_step[t] == NEVER:
            self.at[t] = i
        else:
            self.next_step[self.last_step[t]] = i
        self.last_step[t] = i

    def group_of(self, i: int, t: int, step: int) -> int:
        """What begins with a step: a page of the reclaimer's own is captured, or its list is emptied."""
        if step == CaptureStep.OWN and self.freed[t] != NEVER and self.ops.pfn[self.freed[t]] == self.ops.pfn[i]:
            self.ops.role[self.freed[t]] = CAPTURE
            self.ops.partner[self.freed[t]] = i
            self.own[t] += 1
            return CAPTURE_OWNED
        if self.latest[t] > self.last_step[t] and CaptureStep.TRIMMED <= step <= CaptureStep.REFUSED:
            return CAPTURE_SETTLE if self.reclaiming[t] else CAPTURE_CLOSE
        return NO_ROLE
