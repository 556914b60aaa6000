"""What is demanded, in page frames: an object moves in when its request is served, is used, and is given back.

Reclaim takes pages of objects away behind their owners' backs; `Memory.resident` says where each object is.
"""

from __future__ import annotations

import cython
import numpy as np

from recap.demand.demand import Demand
from recap.pages import Memory, adopt
from recap.sim.closed_loop.scheduler import Scheduler
from recap.sim.journal import Journal

if not cython.compiled:
    from recap.demand.kinds import Kind
    from recap.kernel import (
        IN_SWAP,
        NONE,
        PAGE_ALLOC_COSTLY_ORDER,
        PG_ACTIVE,
        PG_LRU,
        PG_SWAPBACKED,
        PG_YOUNG,
    )
    from recap.mm.kswapd import wakeup_kswapd
    from recap.mm.lru import activate_page, lruvec_add, lruvec_del, mark_page_accessed
    from recap.mm.page_alloc import free_pages
    from recap.mm.slab import add_slab_page, del_slab_page
    from recap.mm.vmstat import HIGH_ORDER_ATTEMPTS, HIGH_ORDER_SUCCESSES, PSWPIN, STOLEN_PAGES
    from recap.mm.workingset import workingset_activate, workingset_age_nonresident, workingset_refault
    from recap.mm.writeback import forget_page
    from recap.pages import page_node
    from recap.sim.note import Note

    SLOT_BITS = 13
    SLOT_MASK = 0x1FFF
    REQUEST_MASK = 0x7FFFF
    ASKED, SERVED = 1, 2
    GIVEN_UP = -2  # in place of an object's shadow: its owner has freed it


class Objects:
    """The objects of a demand.

    Args:
        memory: where they live.
        demand: what they are.
        scheduler: whose tasks own them.
        journal: notes what is stolen.
    """

    def __init__(self, memory: Memory, demand: Demand, scheduler: Scheduler, journal: Journal) -> None:
        self.m = memory
        self.sched = scheduler
        self.journal = journal
        self.task = self.sched.task
        self.kind = adopt(demand.obj_kind)
        self.order = adopt(demand.obj_order)
        self.owner = adopt(np.full(len(demand.obj_kind), -1, np.int32))
        self.asked = adopt(np.zeros(len(demand.obj_kind), np.uint8))
        self.m.track(demand.obj_pfn.astype(np.uint32))
        if demand.obj_looks is not None and demand.obj_in_use_until is not None and demand.obj_shared is not None:
            self.m.use(demand.obj_looks.copy(), demand.obj_in_use_until, demand.obj_shared)
        there = demand.residents()
        for obj, pfn in zip(there.tolist(), demand.obj_pfn[there].tolist(), strict=True):
            self.m.frame[pfn].object = obj

    def count_attempt(self, t: int, obj: int) -> None:
        """A request for a large block counts once, however often it is repeated."""
        if self.order[obj] > PAGE_ALLOC_COSTLY_ORDER and self.asked[obj] != ASKED:
            self.asked[obj] = ASKED
            self.task[t].asked += 1
            self.m.vmstat[HIGH_ORDER_ATTEMPTS] += 1

    def occupy(self, t: int, obj: int, pfn: int, s: int) -> None:
        """An object moves into its page: anonymous and file pages go on the LRU."""
        order = self.order[obj]
        self.note_stolen(t, pfn, order, s)
        if self.m.resident[obj] == IN_SWAP:
            self.m.nr_swap_pages += 1
            self.m.vmstat[PSWPIN] += 1
        self.m.resident[obj] = pfn
        self.m.frame[pfn].object = obj
        self.owner[obj] = t
        if order > PAGE_ALLOC_COSTLY_ORDER and self.asked[obj] == ASKED:  # not of a file's folio that is read again
            self.asked[obj] = SERVED
            self.m.vmstat[HIGH_ORDER_SUCCESSES] += 1
            self.task[t].served += 1
        if self.kind[obj] == Kind.ANON:
            self.task[t].anon_pages += 1 << order
            self.m.page[pfn].flags = PG_SWAPBACKED | PG_YOUNG | (PG_ACTIVE if self.m.rules.anon_starts_active else 0)
            self.join_lru(obj, pfn)
        elif self.kind[obj] == Kind.FILE:
            self.m.page[pfn].flags = 0
            self.join_lru(obj, pfn)
        elif self.kind[obj] == Kind.SLAB:
            add_slab_page(self.m, pfn)
        for z in range(self.m.nr_zones):
            if self.m.zone[z].boosted:
                self.m.zone[z].boosted = 0
                wakeup_kswapd(self.m, self.m.zone[z].node, 0, self.m.zone[z].index, False)

    def join_lru(self, obj: int, pfn: int) -> None:
        """A page begins inactive, unless its content was evicted a short while ago."""
        if self.m.shadow[obj] >= 0:
            workingset_refault(self.m, pfn)
        lruvec_add(self.m, pfn, False)

    def come_back(self, pfn: int, used: bool) -> None:
        """A page that was just read had been evicted before the recording, and the recorded kernel made it active."""
        if self.m.page[pfn].flags & PG_LRU and not self.m.page[pfn].flags & PG_ACTIVE:
            lruvec_del(self.m, pfn)
            workingset_activate(self.m, pfn, used)
            lruvec_add(self.m, pfn, False)

    def join_active(self, pfn: int) -> None:
        """A page was used twice before it joined the LRU: it begins active, and no activation is counted."""
        if self.m.page[pfn].flags & PG_LRU and not self.m.page[pfn].flags & PG_ACTIVE:
            lruvec_del(self.m, pfn)
            self.m.page[pfn].flags |= PG_ACTIVE
            lruvec_add(self.m, pfn, False)

    def note_stolen(self, t: int, pfn: int, order: int, s: int) -> None:
        """Count pages that a direct reclaimer freed and that somebody else gets while it still waits to be served."""
        for i in range(pfn, pfn + (1 << order)):
            by = self.m.frame[i].freed_by
            if by:
                self.m.frame[i].freed_by = 0
                if by & SLOT_MASK != s and self.m.sc[by & SLOT_MASK].request == by:
                    self.m.vmstat[STOLEN_PAGES] += 1
                    self.journal.note(Note.STOLEN, t, self.sched.clock, self.sched.clock)
                    self.journal.note_block(i, order, True)

    def touch(self, pfn: int) -> None:
        """A page in memory is used: a mapped one is young from now on, one of a file referenced."""
        if self.m.page[pfn].flags & PG_SWAPBACKED:
            self.m.page[pfn].flags |= PG_YOUNG
        else:
            mark_page_accessed(self.m, pfn)

    def activate(self, pfn: int) -> None:
        """A page was used twice (folio_mark_accessed)."""
        if self.m.page[pfn].flags & PG_LRU and not self.m.page[pfn].flags & PG_ACTIVE:
            workingset_age_nonresident(self.m, page_node(self.m, pfn), 1 << self.m.page[pfn].order)
        activate_page(self.m, pfn)

    def give_back(self, c: int, obj: int) -> None:
        """An owner frees an object, wherever it is."""
        pfn = self.m.resident[obj]
        self.asked[obj] = 0
        self.m.shadow[obj] = GIVEN_UP
        if pfn == NONE:
            return
        if self.kind[obj] == Kind.ANON and self.owner[obj] >= 0:
            self.task[self.owner[obj]].anon_pages -= 1 << self.order[obj]
        self.owner[obj] = -1
        if pfn == IN_SWAP:
            self.m.nr_swap_pages += 1
            self.m.resident[obj] = NONE
            return
        if self.kind[obj] == Kind.SLAB:
            del_slab_page(self.m, pfn)
        forget_page(self.m, pfn)
        self.m.frame[pfn].freed_by = 0
        free_pages(self.m, c, pfn, self.order[obj])

    def kill(self, c: int, t: int) -> None:
        """Free what a task holds; what it read and wrote stays in the caches."""
        for obj in range(len(self.owner)):
            if self.owner[obj] == t and self.kind[obj] in (Kind.KERNEL, Kind.ANON):
                self.give_back(c, obj)
