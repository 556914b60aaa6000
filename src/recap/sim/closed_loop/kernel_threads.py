"""kswapd and kcompactd in virtual time: their steps, what they cost, and their sleeps."""

from __future__ import annotations

import cython

from recap.pages import Memory
from recap.sim.closed_loop.costs import Costs
from recap.sim.closed_loop.scheduler import Scheduler
from recap.sim.device import Device
from recap.sim.journal import Journal

if not cython.compiled:
    from recap.kernel import SWAP_CLUSTER_MAX
    from recap.mm.kcompactd import kcompactd_step
    from recap.mm.kswapd import LRUVEC, NAP, PRIORITY, kswapd_step
    from recap.sim.closed_loop.scheduler import ASLEEP, WAITING
    from recap.sim.note import Note

    NODE = 0  # the one whose threads these are


class KernelThreads:
    """The two threads of one memory.

    Args:
        memory: whose pages they reclaim and move.
        scheduler: runs them.
        device: whom kswapd waits for.
        costs: of their steps.
        journal: notes when they were awake.
        first_look: ns at which kcompactd looks for work of its own accord for the first time.
    """

    def __init__(
        self,
        memory: Memory,
        scheduler: Scheduler,
        device: Device,
        costs: Costs,
        journal: Journal,
        first_look: int,
    ) -> None:
        self.m = memory
        self.sched = scheduler
        self.device = device
        self.costs = costs
        self.journal = journal
        self.kswapd = scheduler.kswapd
        self.kcompactd = scheduler.kcompactd
        self.kswapd_since = 0
        self.kcompactd_since = 0
        self.throttled_written = 0
        if self.m.rules.compaction:
            self.sched.begin(self.kcompactd, first_look)

    def answer_calls(self, now: int) -> None:
        """Wake those that were called."""
        if self.m.node[NODE].kswapd_wanted and self.m.node[NODE].kswapd_asleep:
            self.sched.call(self.kswapd, now)
        if self.m.node[NODE].kcompactd_wanted and self.m.node[NODE].kcompactd_asleep:
            self.m.node[NODE].kcompactd_wanted = False
            self.sched.call(self.kcompactd, now)

    def kcompactd_turn(self, c: int) -> None:
        """One step of kcompactd, and its sleep until it is called or wants to look by itself."""
        asleep = self.m.node[NODE].kcompactd_asleep
        kcompactd_step(self.m, NODE, c)
        self.sched.cpu[c].now += self.costs.charge(0)
        wait = self.sched.owed(self.kcompactd, self.costs.wait)
        if asleep and not self.m.node[NODE].kcompactd_asleep:
            self.kcompactd_since = self.sched.cpu[c].now
        elif self.m.node[NODE].kcompactd_asleep and not asleep:
            self.journal.note(Note.KCOMPACTD, self.kcompactd, self.kcompactd_since, self.sched.cpu[c].now)
        if self.m.node[NODE].kcompactd_asleep:
            self.sched.sleep(self.kcompactd, self.sched.cpu[c].now + self.m.node[NODE].kcompactd_timeout_ns)
        elif wait > 0:
            self.sched.sleep(self.kcompactd, self.sched.cpu[c].now + wait)

    def kswapd_turn(self, c: int) -> None:
        """One step of kswapd, and its sleep if it takes one."""
        asleep = self.m.node[NODE].kswapd_asleep
        balances = self.balances()
        kswapd_step(self.m, NODE, c)
        if self.balances() and not balances:
            self.costs.begin_round()
        self.sched.cpu[c].now += self.costs.charge(0)
        self.sched.task[self.kswapd].run_left = max(self.costs.delay, 0)
        if self.m.sc[NODE].phase != LRUVEC:
            self.sched.task[self.kswapd].run_left += self.costs.shrink_slab()
        if asleep and not self.m.node[NODE].kswapd_asleep:
            self.kswapd_since = self.sched.cpu[c].now
        elif self.m.node[NODE].kswapd_asleep and not asleep:
            self.journal.note(Note.KSWAPD, self.kswapd, self.kswapd_since, self.sched.cpu[c].now)
        if self.m.sc[NODE].sleep_ns > 0:
            self.throttled_written = 0
            self.sched.sleep(self.kswapd, self.device.sleep_end(0, self.sched.cpu[c].now))
        elif self.m.node[NODE].kswapd_asleep and self.m.sc[NODE].phase == 0:
            self.sched.rest(c, ASLEEP)

    def balances(self) -> bool:
        """Is kswapd in a round of balancing?"""
        return self.m.sc[NODE].phase == PRIORITY or self.m.sc[NODE].phase == LRUVEC

    def page_written(self, now: int) -> None:
        """kswapd waits no longer than until a batch of pages is written (__acct_reclaim_writeback, 5.16)."""
        if self.m.rules.waits_for_congestion:
            return
        self.throttled_written += 1
        throttled = self.sched.task[self.kswapd].state == WAITING and self.m.sc[NODE].phase != NAP
        if throttled and self.throttled_written > SWAP_CLUSTER_MAX:
            self.sched.call(self.kswapd, now)
