"""The compactions of a trace: who compacts at a time, and for which request."""

from __future__ import annotations

import cython
import numpy as np
import numpy.typing as npt

from recap.kernel import NR_ORDERS
from recap.pages import COMPACT_CONTROL, Memory, adopt
from recap.sim.open_loop.operations import Operations
from recap.trace import NO_PFN, Events

if not cython.compiled:
    from recap.trace.event import Event

    NO_SLOT = -1

MOST_COMPACTORS = 64


def most_compacting(events: Events) -> int:
    """How many threads compact at a time at most."""
    steps = events.event[np.isin(events.event, (Event.MM_COMPACTION_BEGIN, Event.MM_COMPACTION_END))]
    change = np.where(steps == np.uint8(Event.MM_COMPACTION_BEGIN), 1, -1)
    return min(MOST_COMPACTORS, max(0, int(np.cumsum(change).max(initial=0))))


def next_of_task(events: Events, began: npt.NDArray[np.int64], wanted: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """For each of these events the next of its task that is wanted, or -1."""
    found = np.full(len(began), -1, np.int64)
    rows = np.flatnonzero(wanted)
    for pid in np.unique(events.pid[began]):
        mine = events.pid[began] == pid
        of_task = rows[events.pid[rows] == pid]
        found[mine] = np.append(of_task, -1)[np.searchsorted(of_task, began[mine])]
    return found


class Compactors:
    """The compactors of a trace: what each compaction is for, and how far those under way are.

    `slot` is the number of a thread's CompactControl while it compacts. Of each slot `moving` says that pages are being
    moved and `moved` how many were, `around` in which pageblock it goes on to look after a quick search, `until` when
    it ends, `left` how many free pages it has: those whose `owner` is its number and one. `kcompactd_order` is the
    order that kcompactd works for, -1 if nobody asked it to. `kept` is what a search that is undone began with.
    """

    def __init__(self, ops: Operations, events: Events, memory: Memory) -> None:
        self.ops = ops  # its attributes are seen by C only
        slots = len(memory.array("cc"))
        self.first_slot = int(memory.nr_nodes)
        began = np.flatnonzero(events.event == np.uint8(Event.MM_COMPACTION_BEGIN))
        blocks = (events.event == np.uint8(Event.MM_PAGE_ALLOC)) & (events.order > 0)
        requests = next_of_task(events, began, blocks)
        ends = next_of_task(events, began, events.event == np.uint8(Event.MM_COMPACTION_END))
        for i, request, end in zip(began, requests, ends, strict=True):
            self.ops.partner[i] = request
            self.ops.next_step[i] = end
        self.slot = adopt(np.full(len(self.ops.doing), -1, np.int32))
        self.busy = adopt(np.zeros(slots, np.uint8))
        self.moving = adopt(np.zeros(slots, np.uint8))
        self.moved = adopt(np.zeros(slots, np.int64))
        self.around = adopt(np.full(slots, NO_PFN, np.uint32))
        self.batch_start = adopt(np.zeros(slots, np.uint32))
        self.until = adopt(np.zeros(slots, np.int64))
        self.left = adopt(np.zeros(slots, np.int64))
        self.owner = adopt(np.zeros(int(memory.nr_frames), np.uint8))
        self.kept = adopt(np.zeros(1, COMPACT_CONTROL))
        self.kept_first = adopt(np.zeros(NR_ORDERS, np.uint32))
        self.nr_busy = 0
        self.kcompactd = -1
        self.kcompactd_order = -1
