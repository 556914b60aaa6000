"""Dirty pages of files: a ring of them, oldest first, and who writes them: the flusher, their writers, or the recorded.

The memory manager hands pages that reclaim writes to the device by itself.
"""

from __future__ import annotations

import cython
import numpy as np

from recap.demand.demand import Demand
from recap.pages import Memory, adopt
from recap.sim.closed_loop.scheduler import Scheduler
from recap.sim.device import Device

if not cython.compiled:
    from recap.kernel import (
        LRU_ACTIVE_FILE,
        LRU_INACTIVE_FILE,
        PG_DIRTY,
        PG_HELD,
        PG_JOURNALLED,
        PG_LRU,
        PG_SWAPBACKED,
        PG_WRITEBACK,
        TENTH_NS,
    )
    from recap.mm.vmstat import NR_DIRTY, NR_WRITEBACK
    from recap.mm.writeback import set_page_dirty, start_writeback
    from recap.sim.closed_loop.costs import STEP_NS
    from recap.sim.closed_loop.scheduler import ASLEEP

    FLUSH_BATCH = 256
    WRITEBACK_INTERVAL_NS = 5_000_000_000


class Flusher:
    """The flusher thread and what it writes.

    Args:
        memory: whose pages are written.
        scheduler: runs the thread.
        device: where they are written to.
        background_ratio: vm.dirty_background_ratio, in percent.
        limits: a demand's dirty_ratio and dirty_expire_ns.
    """

    def __init__(
        self, memory: Memory, scheduler: Scheduler, device: Device, background_ratio: int, limits: Demand
    ) -> None:
        self.m = memory
        self.sched = scheduler
        self.device = device
        self.background_ratio = background_ratio
        self.dirty_ratio = limits.dirty_ratio
        self.expire_ns = limits.dirty_expire_ns
        self.dirty = adopt(np.zeros(4 * int(memory.nr_frames), np.uint32))
        self.since = adopt(np.zeros(4 * int(memory.nr_frames), np.int64))
        self.first = 0
        self.last = 0
        self.flush_all = False
        self.collect()
        self.resting = self.expire_ns > 0
        if self.resting:
            self.sched.begin(self.sched.flusher, WRITEBACK_INTERVAL_NS)

    def collect(self) -> None:
        """The pages that are dirty at the start, oldest first as far as the LRU lists tell."""
        for head in range(self.m.lru_heads, self.m.slab_heads):  # of generations too
            for pfn in reversed(self.m.walk(head)):
                flags = self.m.page[pfn].flags
                if flags & PG_DIRTY and not flags & PG_SWAPBACKED:
                    self.m.vmstat[NR_DIRTY] += 1 << self.m.page[pfn].order
                    if not self.m.page[pfn].flags & PG_JOURNALLED:
                        self.push(pfn)

    def push(self, pfn: int) -> None:
        """The newest dirty page."""
        self.dirty[self.last % len(self.dirty)] = pfn
        self.since[self.last % len(self.dirty)] = self.sched.clock
        self.last += 1

    def pop(self) -> int:
        """The oldest, which may be clean or gone by now."""
        self.first += 1
        return self.dirty[(self.first - 1) % len(self.dirty)]

    def make_dirty(self, pfn: int, now: int) -> None:
        """A file page is written to; past the background limit the flusher is called.

        Metadata becomes dirty by a commit, and is written as recorded.
        """
        self.m.page[pfn].flags &= ~PG_HELD
        if not self.m.page[pfn].flags & PG_LRU or self.m.page[pfn].flags & (PG_DIRTY | PG_SWAPBACKED):
            return
        set_page_dirty(self.m, pfn)
        if not self.m.page[pfn].flags & PG_JOURNALLED:
            self.push(pfn)
        if self.is_idle() and self.over_background():
            self.call(now)

    def is_idle(self) -> bool:
        """Is the thread waiting for work?"""
        return self.resting or self.sched.task[self.sched.flusher].state == ASLEEP

    def call(self, now: int) -> None:
        """There is something to write."""
        if self.is_idle():
            self.resting = False
            self.sched.call(self.sched.flusher, now)

    def write_page(self, pfn: int) -> bool:
        """Hand a page to the device if it is dirty and not on its way."""
        if not self.m.page[pfn].flags & PG_DIRTY or self.m.page[pfn].flags & (PG_WRITEBACK | PG_SWAPBACKED):
            return False
        start_writeback(self.m, pfn)
        return True

    def write_back(self, pages: int) -> None:
        """A task has its dirty pages written: the oldest dirty ones, as many as it asked the device to write."""
        while pages > 0 and self.first < self.last:
            if self.write_page(self.pop()):
                pages -= 1

    def over_background(self) -> bool:
        """More dirty than vm.dirty_background_ratio of what may be dirty (domain_dirty_limits)."""
        return self.m.vmstat[NR_DIRTY] * 100 > self.dirtyable() * self.background_ratio

    def over_limit(self) -> bool:
        """More dirty or under writeback than vm.dirty_ratio of what may be dirty (get_dirty_limits, rule 48)."""
        if self.dirty_ratio == 0:
            return False
        return (self.m.vmstat[NR_DIRTY] + self.m.vmstat[NR_WRITEBACK]) * 100 > self.dirtyable() * self.dirty_ratio

    def dirtyable(self) -> int:
        """Pages that may be dirty: free ones and those of files (global_dirtyable_memory)."""
        pages = 0
        for node in range(self.m.nr_nodes):
            pages += self.m.node[node].lru_size[LRU_INACTIVE_FILE]
            pages += self.m.node[node].lru_size[LRU_ACTIVE_FILE]
        for z in range(self.m.nr_zones):
            pages += self.m.zone[z].free_pages
        return pages

    def balance_dirty_pages(self, c: int, t: int) -> None:
        """A writer over the limit has the flusher write, and waits for the device (balance_dirty_pages)."""
        now = self.sched.cpu[c].now
        self.call(now)
        self.sched.sleep(t, self.device.congestion_end(now, TENTH_NS))

    def write_all(self, now: int) -> None:
        """Reclaim asks for everything to be written (wakeup_flusher_threads)."""
        self.flush_all = True
        self.call(now)

    def step(self, c: int) -> None:
        """Write the oldest dirty pages while there are too many, or all of them if reclaim asked (wb_workfn).

        Where the demand says so those of a certain age are written too, looked for every 5 s (wb_kupdate, rule 48).
        """
        written = 0
        self.resting = False
        while written < FLUSH_BATCH and self.first < self.last:
            if self.looks_again(written) and not self.flush_all and not self.over_background() and not self.old():
                break
            if self.write_page(self.pop()):
                written += 1
        self.sched.cpu[c].now += STEP_NS * (written + 1)
        if written < FLUSH_BATCH:
            self.flush_all = False
            self.rest(c)

    def rest(self, c: int) -> None:
        """Nothing to write for now."""
        if self.expire_ns:
            self.resting = True
            self.sched.sleep(self.sched.flusher, self.sched.cpu[c].now + WRITEBACK_INTERVAL_NS)
        else:
            self.sched.rest(c, ASLEEP)

    def old(self) -> bool:
        """Is the oldest dirty page so old that it is written in any case?"""
        return self.expire_ns > 0 and self.sched.clock - self.since[self.first % len(self.dirty)] >= self.expire_ns

    def looks_again(self, written: int) -> bool:
        """Does the flusher look at the limit now? pdflush did so only before each chunk (background_writeout)."""
        return written == 0 or not self.m.rules.pdflush

    def follow_moved(self) -> None:
        """Dirty pages that compaction moved are written from where they are now."""
        for i in range(self.m.nr_moved_dirty):
            self.push(self.m.moved_dirty[i])
        self.m.nr_moved_dirty = 0
