"""Requests for memory: served at once, or through the slow path, one step at a time, until served or given up.

Between two steps other tasks run, so whatever a reclaimer has released is up for grabs before its next batch.
"""

from __future__ import annotations

import cython
import numpy as np

from recap.demand.demand import Demand
from recap.pages import Memory, adopt
from recap.sim.closed_loop.costs import Costs
from recap.sim.closed_loop.objects import Objects
from recap.sim.closed_loop.scheduler import Scheduler
from recap.sim.closed_loop.script import Script
from recap.sim.device import Device
from recap.sim.episodes import Episodes
from recap.sim.journal import Journal

if not cython.compiled:
    from recap.demand.kinds import Kind, Op
    from recap.kernel import (
        GFP_DIRECT_RECLAIM,
        GFP_NORETRY,
        GFP_RETRY_MAYFAIL,
        GFP_THISNODE,
        IN_SWAP,
        NONE,
        PAGE_ALLOC_COSTLY_ORDER,
        TICK_NS,
    )
    from recap.mm.page_alloc import fast_alloc_flags, get_page_from_freelist
    from recap.mm.request_queue import leave_queue, must_wait
    from recap.mm.slowpath import (
        AT_WORK,
        FAILED,
        LRUVEC,
        NEEDS_OOM,
        RETRY,
        SERVED,
        oom_killed,
        slowpath_begin,
        slowpath_step,
    )
    from recap.mm.vmstat import ALLOC_FAIL, OOM_KILL
    from recap.sim.closed_loop.objects import REQUEST_MASK, SLOT_BITS
    from recap.sim.episodes import NO_EPISODE, episode_of
    from recap.sim.note import Note

    NO_SLOT_NS = 3_000_000


class Requests:
    """Every request of a run.

    Args:
        memory: what is asked, with a scan control (a slot) for each request that is reclaiming.
        demand: the operations that ask.
        scheduler: puts those who wait to sleep.
        objects: move in when served.
        device: whom reclaimers wait for.
        costs: of their steps.
        journal: notes stalls.
    """

    def __init__(
        self,
        memory: Memory,
        demand: Demand,
        scheduler: Scheduler,
        objects: Objects,
        device: Device,
        costs: Costs,
        journal: Journal,
    ) -> None:
        self.m = memory
        self.sched = scheduler
        self.objects = objects
        self.device = device
        self.costs = costs
        self.journal = journal
        self.task = self.sched.task
        self.cpu = self.sched.cpu
        self.ops = Script(demand)
        self.read_page_ns = demand.read_page_ns
        self.swap_in_ns = demand.swap_in_ns
        controls = len(memory.array("sc"))  # kswapd's come first, one for each node
        self.free_slots = adopt(np.arange(controls - 1, memory.nr_nodes - 1, -1, dtype=np.int32))
        self.nr_free_slots = controls - memory.nr_nodes
        self.paid = adopt(np.zeros(controls, np.int64))  # of the next batch, ns: its pages go when it ends
        self.episodes = Episodes(controls)
        self.issued = 0
        self.stalls = 0
        self.stall_ns = 0
        self.longest_stall_ns = 0
        self.order0 = 0
        self.order0_stalls = 0
        self.order0_stall_ns = 0
        self.order0_longest_ns = 0

    def ask(self, c: int, t: int) -> bool:
        """Ask for what the task's operation wants: the fast path, then the slow one. True when that is over."""
        i = self.task[t].op
        obj = self.ops.object[i]
        order = self.objects.order[obj]
        gfp = self.ops.gfp(t, i) & ~(GFP_THISNODE | GFP_NORETRY) if self.task[t].tries else self.ops.gfp(t, i)
        if self.must_queue(c, t, order, gfp):
            return False
        self.order0 += 1 if order == 0 else 0
        self.objects.count_attempt(t, obj)
        pfn = get_page_from_freelist(self.m, c, order, gfp, fast_alloc_flags(self.m, gfp))
        if pfn != NONE:
            self.serve(t, pfn, 0)
            self.task[t].tries = 0
            return True
        if self.nr_free_slots == 0:
            self.task[t].run_left = NO_SLOT_NS
            return False
        return self.begin(c, t, order, gfp)

    def begin(self, c: int, t: int, order: int, gfp: int) -> bool:
        """Enter the slow path. True when it is over at once.

        kswapd, which it wakes, runs when direct reclaim has begun and not before: on the way there nothing reschedules
        (a kernel that is preempted voluntarily; the first cond_resched is __perform_reclaim's).
        """
        self.nr_free_slots -= 1
        s = self.free_slots[self.nr_free_slots]
        self.issued += 1
        self.m.sc[s].request = ((self.issued & REQUEST_MASK) << SLOT_BITS) | s
        self.task[t].slot = s
        self.task[t].stalled_at = self.cpu[c].now
        self.task[t].stall_off = 0
        status = slowpath_begin(self.m, s, c, order, gfp)
        if status == AT_WORK and self.m.sc[s].phase == RETRY and not self.m.rules.persistent_slowpath:
            status = slowpath_step(self.m, s, c)
        self.follow_episode(c, t, status)
        return status != AT_WORK and self.end(c, t, status)

    def step(self, c: int, t: int) -> bool:
        """One step of the slow path a task is in. True when that is over."""
        s = self.task[t].slot
        status = slowpath_step(self.m, s, c)
        cost = self.costs.charge(s)
        spent = min(self.paid[s], self.costs.reclaim)
        self.paid[s] -= spent
        self.cpu[c].now += cost - spent
        wait = self.m.sc[s].sleep_ns
        if self.costs.wait > 0:
            owed = self.sched.owed(t, self.costs.wait)
            self.task[t].stall_off += owed
            wait += owed
        else:
            self.sched.owe_nothing(t)
        self.follow_episode(c, t, status)
        if status == NEEDS_OOM:
            if self.out_of_memory(c, t):
                oom_killed(self.m, s)
                return False
            status = FAILED
        if status == AT_WORK:
            ahead = self.costs.next_batch(s) if self.m.sc[s].phase == LRUVEC else 0
            self.task[t].run_left = max(self.costs.delay, 0) + max(ahead - self.paid[s], 0)
            self.paid[s] = max(ahead, self.paid[s])
        if status != AT_WORK:
            return self.end(c, t, status)
        if self.m.sc[s].congestion_wait:
            self.sched.sleep(t, self.device.sleep_end(s, self.cpu[c].now))
        elif wait > 0:
            self.sched.sleep(t, self.cpu[c].now + wait)
        return False

    def follow_episode(self, c: int, t: int, status: int) -> None:
        """Tell the journal whether a stalled task reclaims or compacts."""
        s = self.task[t].slot
        kind = episode_of(self.m.sc[s].phase) if status == AT_WORK else NO_EPISODE
        self.episodes.follow(self.journal, s, t, kind, self.cpu[c].now)

    def end(self, c: int, t: int, status: int) -> bool:
        """The slow path is over, well or not. False if the task tries once more."""
        s = self.task[t].slot
        pfn = self.m.sc[s].page
        self.count_stall(c, t, s)
        self.journal.note(Note.STALL, t, self.task[t].stalled_at, self.cpu[c].now)
        self.journal.note_block(pfn, self.m.sc[s].order, status == SERVED)
        leave_queue(self.m, s)
        if status == SERVED:
            self.serve(t, pfn, s)
        else:
            self.m.vmstat[ALLOC_FAIL] += 1
        self.m.sc[s].request = 0
        self.paid[s] = 0
        self.free_slots[self.nr_free_slots] = s
        self.nr_free_slots += 1
        self.task[t].slot = -1
        self.task[t].tries = 1 if status != SERVED and self.tries_harder(t) else 0
        if status != SERVED and self.fills_pool(t):
            self.task[t].gave_up = 1
        return self.task[t].tries == 0

    def fills_pool(self, t: int) -> bool:
        """Is the task's operation a request of a write to nr_hugepages? (alloc_buddy_huge_page, by its flags)"""
        i = self.task[t].op
        pool = self.ops.gfp(t, i) & (GFP_THISNODE | GFP_RETRY_MAYFAIL) == GFP_THISNODE | GFP_RETRY_MAYFAIL
        return pool and self.objects.order[self.ops.object[i]] > PAGE_ALLOC_COSTLY_ORDER

    def tries_harder(self, t: int) -> bool:
        """A huge page fault that failed on its node at low cost asks again without these limits (vma_alloc_folio).

        Where the recorded one failed too, its second request is the next operation.
        """
        i = self.task[t].op
        if self.task[t].tries or self.ops.gfp(t, i) & (GFP_THISNODE | GFP_NORETRY) != GFP_THISNODE | GFP_NORETRY:
            return False
        recorded = i + 1 < self.task[t].end and self.ops.kind(t, i + 1) == Op.ALLOC
        again = recorded and self.ops.object[i + 1] == self.ops.object[i]
        return self.ops.gfp(t, i) & GFP_DIRECT_RECLAIM != 0 and not again

    def count_stall(self, c: int, t: int, s: int) -> None:
        """How long the task waited. It is late from now on by what of that it did not wait for a CPU: while others ran
        they did what they have to do anyway."""
        waited = self.cpu[c].now - self.task[t].stalled_at
        self.task[t].lag += waited - self.task[t].stall_off
        self.stalls += 1
        self.stall_ns += waited
        self.longest_stall_ns = max(self.longest_stall_ns, waited)
        if self.m.sc[s].order == 0:
            self.order0_stalls += 1
            self.order0_stall_ns += waited
            self.order0_longest_ns = max(self.order0_longest_ns, waited)

    def serve(self, t: int, pfn: int, s: int) -> None:
        """The object moves in; its content may have to be read."""
        obj = self.ops.object[self.task[t].op]
        if self.m.resident[obj] == IN_SWAP:
            self.task[t].read_ns += self.swap_in_ns
        elif self.objects.kind[obj] in (Kind.FILE, Kind.SLAB) and self.ops.kind(t, self.task[t].op) == Op.TOUCH:
            self.task[t].read_ns += self.read_page_ns
        self.objects.occupy(t, obj, pfn, s)
        if self.ops.kind(t, self.task[t].op) == Op.ACTIVATE:
            self.objects.touch(pfn)

    def must_queue(self, c: int, t: int, order: int, gfp: int) -> bool:
        """Does the policy make a request wait for one that came before it? It sleeps a tick, then asks again."""
        if self.m.queue_length == 0 or not gfp & GFP_DIRECT_RECLAIM or not must_wait(self.m, 0, order):
            return False
        self.sched.sleep(t, self.cpu[c].now + TICK_NS)
        return True

    def out_of_memory(self, c: int, t: int) -> bool:
        """Kill the task with most anonymous memory and free what it holds; False if there is nobody (out_of_memory)."""
        victim = -1
        for k in range(self.sched.kswapd):
            if self.task[k].anon_pages > 0 and (victim < 0 or self.task[k].anon_pages > self.task[victim].anon_pages):
                victim = k
        if victim < 0:
            return False
        self.m.vmstat[OOM_KILL] += 1
        self.journal.note(Note.OOM_KILL, victim, self.cpu[c].now, self.cpu[c].now)
        self.objects.kill(c, victim)
        if victim != t:
            self.task[victim].end = self.task[victim].op + 1
            self.task[victim].until = 0
        return True
