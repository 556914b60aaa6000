"""Which pages recorded reclaim looked at and left: the LRU lists are followed through a trace, in their order.

A trace tells what joins a list, what is activated and freed, and of each batch of reclaim how much it took. Where a
page was in its list tells the rest: what a batch took from the tail and neither freed nor wrote was in use.
"""

from __future__ import annotations

from collections.abc import Sequence

import cython
import numpy as np

from recap.pages import Array, adopt
from recap.trace import Events, Snapshot
from recap.trace.memory import forget

if not cython.compiled:
    from recap.trace.event import Event

    RECLAIM_WB_ANON, RECLAIM_WB_FILE = 1, 2  # of a batch's flags
    NR_LISTS = 4
    NOWHERE = -1
    KEPT, ACTIVATED = 1, 2
    ANY_ZONE = 127
    MOST_PAGES = 1 << 16  # that one batch looks at
    SLICE = 500_000  # events between two looks at Ctrl-C


class LruLooks:
    """The lists of one node, and what was found out: the event, the frame, and whether it was kept or made active.

    Args:
        events: the trace from the snapshot on.
        who: the task number of each event.
        lists: the frames of each list at its start, head first.
        orders, zones: of each frame, the order of the block it is the head of, and the index of its zone.
    """

    def __init__(self, events: Events, who: Array, lists: Sequence[Array], orders: Array, zones: Array) -> None:
        frames = len(orders)
        self.event = adopt(events.event)
        self.pfn = adopt(events.pfn)
        self.order = adopt(events.order)
        self.migratetype = adopt(events.migratetype)
        self.flags = adopt(events.flags)
        self.a = adopt(events.a)
        self.b = adopt(events.b)
        self.who = adopt(who)
        self.frames = frames
        self.next = adopt(np.arange(frames + NR_LISTS, dtype=np.int32))
        self.prev = adopt(np.arange(frames + NR_LISTS, dtype=np.int32))
        self.where = adopt(np.full(frames, NOWHERE, np.int8))
        self.page_order = adopt(orders.copy())
        self.zone = adopt(zones)
        self.looked = adopt(np.zeros(frames, np.uint8))
        tasks = int(who.max(initial=0)) + 1
        self.task_wrote = adopt(np.zeros(tasks, np.int64))
        self.task_zone = adopt(np.full(tasks, ANY_ZONE, np.int8))
        room = int(events.a[events.event == SHRINK_INACTIVE].clip(0, MOST_PAGES).sum()) + 1
        self.columns: dict[str, Array] = {
            "found_row": np.zeros(room, np.int64),
            "found_pfn": np.zeros(room, np.uint32),
            "found": np.zeros(room, np.uint8),
        }
        self.found_row, self.found_pfn, self.found = (adopt(column) for column in self.columns.values())
        self.nr_found = 0
        for lru in range(NR_LISTS):
            for pfn in reversed(lists[lru].tolist()):
                self.add(pfn, lru)

    def result(self) -> tuple[Array, Array, Array]:
        """(event, frame, KEPT or ACTIVATED) of each page that was left."""
        row, pfn, found = (self.kept_column(name) for name in self.columns)
        return row, pfn, found

    def kept_column(self, name: str) -> Array:
        """A column as far as it is filled."""
        if not cython.compiled:
            return np.array(getattr(self, name)[: self.nr_found], self.columns[name].dtype)
        return self.columns[name][: self.nr_found]

    def follow(self, start: int, stop: int) -> None:
        """Read the events from `start` up to `stop`."""
        self.run(start, stop)

    def run(self, start: int, stop: int) -> None:
        """`follow` without the interpreter."""
        for i in range(start, stop):
            if self.event[i] == Event.MM_PAGE_ALLOC:
                if self.pfn[i] < self.frames:
                    self.page_order[self.pfn[i]] = self.order[i]
            elif self.event[i] == Event.MM_PAGE_FREE:
                self.remove(self.pfn[i])
            elif self.event[i] == Event.MM_LRU_INSERTION:
                self.add(self.pfn[i], self.a[i] & 3)
            elif self.event[i] == Event.MM_LRU_ACTIVATE:
                self.activate(self.pfn[i])
            else:
                self.reclaim(i)

    def reclaim(self, i: int) -> None:
        """An event of reclaim."""
        t = self.who[i]
        if self.event[i] == Event.MM_VMSCAN_WRITE_FOLIO:
            if self.pfn[i] < self.frames and self.where[self.pfn[i]] != NOWHERE:
                self.add(self.pfn[i], self.where[self.pfn[i]] & 2)
                self.task_wrote[t] += 1 << self.page_order[self.pfn[i]]
        elif self.event[i] == Event.MM_VMSCAN_LRU_SHRINK_INACTIVE:
            self.shrink_inactive(i, self.list_of(i))
        elif self.event[i] == Event.MM_VMSCAN_LRU_SHRINK_ACTIVE:
            self.shrink_active(i, self.list_of(i))
        elif self.event[i] == Event.MM_VMSCAN_KSWAPD_WAKE:
            self.task_zone[t] = self.a[i]

    def list_of(self, i: int) -> int:
        """The inactive list of the kind that a batch is of; NOWHERE: the trace does not say."""
        if self.order[i] & RECLAIM_WB_ANON:
            return 0
        return 2 if self.order[i] & RECLAIM_WB_FILE else NOWHERE

    def shrink_inactive(self, i: int, lru: int) -> None:
        """A batch from an inactive list: what was freed has left it, what is written went to its head."""
        t = self.who[i]
        left = self.a[i] - self.b[i] - self.task_wrote[t]
        self.task_wrote[t] = 0
        if lru == NOWHERE:
            return
        activated = self.flags[i] if lru == 0 else self.migratetype[i]
        before = self.nr_found
        while left > 0 and self.prev[self.frames + lru] < self.frames:
            pfn = self.prev[self.frames + lru]
            left -= 1 << self.page_order[pfn]
            self.add(pfn, lru)
            if self.zone[pfn] <= self.task_zone[t] and self.nr_found < len(self.found):
                self.note(i, pfn, KEPT)
        self.choose_active(before, activated)

    def note(self, i: int, pfn: int, found: int) -> None:
        """One page was left."""
        self.found_row[self.nr_found] = i
        self.found_pfn[self.nr_found] = pfn
        self.found[self.nr_found] = found
        self.nr_found += 1

    def choose_active(self, first: int, activated: int) -> None:
        """Which of a batch's pages became active: those that were looked at before, and as many others as it says."""
        for again in range(1, -1, -1):
            for k in range(first, self.nr_found):
                pfn = self.found_pfn[k]
                if activated > 0 and self.found[k] == KEPT and self.looked[pfn] == again:
                    activated -= 1 << self.page_order[pfn]
                    self.found[k] = ACTIVATED
                    self.activate(pfn)
        for k in range(first, self.nr_found):
            self.looked[self.found_pfn[k]] = self.found[k] == KEPT

    def shrink_active(self, i: int, lru: int) -> None:
        """A batch from an active list goes to the inactive one."""
        t = self.who[i]
        left = self.a[i]
        if lru == NOWHERE:
            return
        head = self.frames + lru + 1
        while left > 0 and self.prev[head] < self.frames:
            pfn = self.prev[head]
            if self.zone[pfn] > self.task_zone[t]:
                self.add(pfn, lru + 1)
                continue
            left -= 1 << self.page_order[pfn]
            self.add(pfn, lru)

    def activate(self, pfn: int) -> None:
        """A page moves to the head of its active list; one of no list known is a file's."""
        if pfn < self.frames:
            self.add(pfn, 3 if self.where[pfn] == NOWHERE else self.where[pfn] | 1)

    def add(self, pfn: int, lru: int) -> None:
        """To the head of a list, wherever it was."""
        if pfn >= self.frames:
            return
        if self.where[pfn] != NOWHERE:
            self.unlink(pfn)
        head = self.frames + lru
        self.where[pfn] = lru
        self.prev[pfn] = head
        self.next[pfn] = self.next[head]
        self.prev[self.next[head]] = pfn
        self.next[head] = pfn

    def unlink(self, pfn: int) -> None:
        """Off its list."""
        self.next[self.prev[pfn]] = self.next[pfn]
        self.prev[self.next[pfn]] = self.prev[pfn]

    def remove(self, pfn: int) -> None:
        """A frame is free."""
        if pfn >= self.frames:
            return
        self.looked[pfn] = 0
        if self.where[pfn] != NOWHERE:
            self.unlink(pfn)
            self.where[pfn] = NOWHERE

    def list(self, lru: int) -> list[int]:
        """The frames of a list, head first."""
        found = []
        pfn = int(self.next[self.frames + lru])
        while pfn < self.frames:
            found.append(pfn)
            pfn = int(self.next[pfn])
        return found


SHRINK_INACTIVE = np.uint8(Event.MM_VMSCAN_LRU_SHRINK_INACTIVE)


def looks(events: Events, who: Array, snapshot: Snapshot) -> tuple[Array, Array, Array]:
    """(event, frame, KEPT or ACTIVATED) of each page that recorded reclaim looked at and left."""
    if snapshot.multi_gen:  # which lists are scanned, and from where, is not known of generations
        nothing = np.zeros(0, np.int64)
        return nothing, nothing.astype(np.uint32), nothing.astype(np.uint8)
    lists = [snapshot.lru_list(lru) for lru in range(NR_LISTS)]
    found = LruLooks(events, who, lists, initial_orders(snapshot), zones(snapshot))
    for start in range(0, len(events), SLICE):
        found.follow(start, min(start + SLICE, len(events)))
        events.forget()
        forget(who)
    return found.result()


def initial_orders(snapshot: Snapshot) -> Array:
    """The order of the block that each frame is the head of."""
    orders = np.zeros(len(snapshot.flags), np.uint8)
    heads, order = snapshot.compound_blocks()
    orders[heads] = order
    return orders


def zones(snapshot: Snapshot) -> Array:
    """The index of each frame's zone."""
    found = np.zeros(len(snapshot.flags), np.int8)
    for zone in snapshot.zones:
        found[zone.start_pfn : zone.start_pfn + zone.spanned] = zone.index
    return found
