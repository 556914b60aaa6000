"""Closed loop: tasks replay their demand in virtual time, and the model decides what memory they get, and when.

Each CPU runs one task at a time and round-robins among those ready; reclaim goes in steps of one batch, so whatever a
reclaimer has released is up for grabs before its next batch. The CPU whose clock is furthest behind acts next, and
wake-ups and the block device's completions come in between: the same input and seed give the same run.
"""

from __future__ import annotations

import cython
import numpy as np

from recap.demand.demand import Demand
from recap.kernel import NR_LRU_LISTS, PG_JOURNALLED
from recap.pages import Array, Memory, adopt
from recap.sim.device import Device
from recap.sim.episodes import Episodes
from recap.sim.journal import Journal
from recap.sim.timers import Timers

if not cython.compiled:
    from recap.kernel import (
        GFP_DIRECT_RECLAIM,
        IN_SWAP,
        NONE,
        PAGE_ALLOC_COSTLY_ORDER,
        PF_ACTIVE,
        PF_DIRTY,
        PF_LRU,
        PF_SWAPBACKED,
        PF_WRITEBACK,
        PF_YOUNG,
        SWAP_CLUSTER_MAX,
        TENTH_NS,
        TICK_NS,
    )
    from recap.mm.kcompactd import kcompactd_step
    from recap.mm.kswapd import NAP, kswapd_step, wakeup_kswapd
    from recap.mm.lru import activate_page, lruvec_add, mark_page_accessed
    from recap.mm.page_alloc import fast_alloc_flags, free_pages, get_page_from_freelist
    from recap.mm.slowpath import (
        AT_WORK,
        FAILED,
        NEEDS_OOM,
        SERVED,
        oom_killed,
        slowpath_begin,
        slowpath_step,
    )
    from recap.mm.vmstat import (
        ALLOC_FAIL,
        HIGH_ORDER_ATTEMPTS,
        HIGH_ORDER_SUCCESSES,
        NR_DIRTY,
        NR_WRITEBACK,
        OOM_KILL,
        STOLEN_PAGES,
    )
    from recap.mm.workingset import workingset_age_nonresident, workingset_refault
    from recap.mm.writeback import forget_page, set_page_dirty, start_writeback
    from recap.sim.episodes import NO_EPISODE, episode_of

    OP_ALLOC, OP_FREE, OP_DIRTY, OP_ACTIVATE, OP_FORK, OP_EXIT, OP_WRITEBACK, OP_WRITE_PAGE, OP_TOUCH, OP_PACE = range(
        10
    )
    KIND_KERNEL, KIND_ANON, KIND_FILE = range(3)
    UNBORN, WAITING, READY, RUNNING, ASLEEP, DONE = range(6)
    SLICE_NS = 3_000_000
    SCHED_LATENCY_NS = 6_000_000
    SCHED_MIN_GRANULARITY_NS = 750_000
    SCHED_WAKEUP_GRANULARITY_NS = 1_000_000
    STEP_NS = 500
    SHORTEST_WAIT_NS = 5_000
    FLUSH_BATCH = 256
    SLOT_BITS = 13
    SLOT_MASK = 0x1FFF
    REQUEST_MASK = 0x7FFFF
    READ_BATCH_NS = 8_000_000
    NEVER = 1 << 62
    NOTE_STALL, NOTE_KSWAPD, NOTE_STOLEN, NOTE_OOM_KILL = range(4)
    NOTE_KCOMPACTD = 6

DEFAULT_MIGRATE_NS = 2_000

TASK = np.dtype(
    [(name, "i8") for name in ("op", "end", "run_left", "stalled_at", "anon_pages", "lag", "vruntime")]
    + [(name, "i8") for name in ("until", "loop", "due", "read_ns", "asked", "served")]
    + [(name, "i4") for name in ("state", "cpu", "slot", "next")]
)
CPU = np.dtype(
    [(name, "i8") for name in ("now", "slice_start", "slice_end", "min_vruntime")]
    + [(name, "i4") for name in ("current", "first", "last", "nr_running")]
)


class Simulation:
    """A machine and the tasks that want memory of it.

    Args:
        memory: the state at the start, with room for capture lists (`captures` is the number of reclaimers at a time).
        demand: what the tasks ask for.
        seed: for what the demand leaves open: the device's latencies.
        scan_ns: CPU time of reclaim for each page scanned.
        background_ratio: vm.dirty_background_ratio, in percent.
    """

    def __init__(self, memory: Memory, demand: Demand, seed: int, scan_ns: int, background_ratio: int = 10) -> None:
        tasks = len(demand.task_pid)
        self.m = memory
        self.device = Device(memory, demand.write_ns, seed, demand.request_pages)
        self.timers = Timers(tasks + 3)
        self.obj_kind = adopt(demand.obj_kind)
        self.obj_order = adopt(demand.obj_order)
        self.obj_owner = adopt(np.full(len(demand.obj_kind), -1, np.int32))
        self.obj_asked = adopt(np.zeros(len(demand.obj_kind), np.uint8))
        self.op_kind = adopt(demand.op_kind)
        self.op_obj = adopt(demand.op_obj)
        self.op_gfp = adopt(demand.op_gfp)
        self.op_cpu = adopt(demand.op_cpu)
        self.op_run = adopt(demand.op_run)
        self.op_wait = adopt(demand.op_wait)
        self.op_due = adopt(demand.op_due)
        self.names = list(demand.task_comm)
        self.ends_at = 0 if demand.task_until is None else int(demand.task_until.max())
        self.span_ns = demand.duration_ns or self.ends_at
        self.kswapd = tasks
        self.flusher = tasks + 1
        self.kcompactd = tasks + 2
        self.sched_scale = int(memory.nr_cpus).bit_length()
        self.reclaim_wait = round(1000 * demand.reclaim_wait)
        self.compaction_wait = round(1000 * demand.compaction_wait)
        self.migrate_ns = demand.migrate_ns or DEFAULT_MIGRATE_NS
        self.task = adopt(task_records(demand))
        cpu = np.zeros(memory.nr_cpus, CPU)
        cpu["current"] = -1
        cpu["first"] = -1
        cpu["last"] = -1
        self.cpu = adopt(cpu)
        slots = len(memory.array("sc")) - 1
        self.free_slots = adopt(np.arange(slots, 0, -1, dtype=np.int32))
        self.nr_free_slots = slots
        self.requests = 0
        self.dirty = adopt(np.zeros(4 * int(memory.nr_frames), np.uint32))
        self.dirty_first = 0
        self.dirty_last = 0
        self.flush_all = False
        self.unfinished = int(np.count_nonzero(demand.task_count))
        self.ops_done = 0
        self.clock = 0
        self.scan_ns = scan_ns
        self.background_ratio = background_ratio
        self.throttled_written = 0
        self.read_page_ns = demand.read_page_ns
        self.dirty_ratio = demand.dirty_ratio
        self.count_from_zero()
        self.watch_from_start()
        self.settle_in(demand)

    def count_from_zero(self) -> None:
        """What a run is judged by."""
        self.stalls = 0
        self.stall_ns = 0
        self.longest_stall_ns = 0
        self.withheld_page_ns = 0
        self.order0_requests = 0
        self.order0_stalls = 0
        self.order0_stall_ns = 0
        self.order0_longest_ns = 0
        self.queue_waits = 0

    def watch_from_start(self) -> None:
        """Nobody looks, until an observer says so."""
        self.watched = False
        self.journal = Journal()
        self.episodes = Episodes(len(self.m.array("sc")))
        self.kswapd_since = 0
        self.kcompactd_since = 0
        self.pause_at = 1 << 62
        self.pause_withheld = 1 << 62

    def settle_in(self, demand: Demand) -> None:
        """Put objects where they are at the start, collect dirty pages, and start the tasks that are alive."""
        there = demand.residents()
        self.m.track(demand.obj_pfn.astype(np.uint32))
        for obj, pfn in zip(there.tolist(), demand.obj_pfn[there].tolist(), strict=True):
            self.m.frame[pfn].object = obj
        for i in range(NR_LRU_LISTS):
            for pfn in reversed(self.m.walk(int(self.m.lru_heads) + i)):
                flags = self.m.page[pfn].flags
                if flags & PF_DIRTY and not flags & PF_SWAPBACKED:
                    self.m.vmstat[NR_DIRTY] += 1
                    if not self.m.page[pfn].owner & PG_JOURNALLED:
                        self.dirty[self.dirty_last] = pfn
                        self.dirty_last += 1
        if self.m.compaction:
            self.task[self.kcompactd].state = WAITING
            self.timers.push(0, self.kcompactd)
        for t in np.flatnonzero((demand.task_forked == 0) & (demand.task_count > 0)).tolist():
            self.begin_task(t)

    def begin_task(self, t: int) -> None:
        """A task that is alive at the start waits for its first operation."""
        self.task[t].state = WAITING
        self.task[t].run_left = self.op_run[self.task[t].op]
        self.timers.push(self.ready(t, 0), t)

    def share_done(self) -> float:
        """How far the run is, from 0 to 1."""
        if self.ends_at:
            return min(1.0, self.clock / self.ends_at)
        return min(1.0, self.ops_done / len(self.op_kind))

    def high_order_by_task(self) -> dict[str, tuple[int, int]]:
        """(asked, served) requests of high orders, of each task that had some, by its name."""
        tasks = [(self.names[t], int(self.task[t].asked), int(self.task[t].served)) for t in range(len(self.names))]
        return {name: (asked, served) for name, asked, served in tasks if asked}

    def freed_after(self, requests: int) -> Array:
        """Which frames were freed by direct reclaim for a request that came after the first so many, (frames,) bool."""
        number = self.m.array("frame")["freed_by"] >> SLOT_BITS
        return np.asarray(number > (requests & REQUEST_MASK))

    def advance(self, steps: int) -> bool:
        """Run for so many steps; False when all tasks are through."""
        return self.run(steps)

    def run(self, steps: int) -> bool:
        """`advance` without the interpreter."""
        while steps > 0 and self.unfinished > 0 and not (self.watched and self.pauses()):
            steps -= 1
            c = self.earliest_cpu()
            due = self.next_event()
            if c < 0 or due <= self.cpu[c].now:
                if due == NEVER:
                    return False
                self.external_event(due)
            else:
                self.execute(c, due)
        return self.unfinished > 0

    def pauses(self) -> bool:
        """Is it time for an observer to look: at the clock, at what is withheld, or at a full journal?"""
        return self.clock >= self.pause_at or self.m.withheld > self.pause_withheld or self.journal.nearly_full()

    def earliest_cpu(self) -> int:
        """The busy CPU whose clock is furthest behind; -1 if all are idle."""
        best = -1
        for c in range(self.m.nr_cpus):
            if self.cpu[c].current >= 0 and (best < 0 or self.cpu[c].now < self.cpu[best].now):
                best = c
        return best

    def next_event(self) -> int:
        """When the next sleeper wakes or the device completes a page."""
        due = NEVER
        if self.timers.count > 0:
            due = self.timers.time[0]
        if not self.device.idle():
            due = min(due, self.device.next_completion())
        return due

    def advance_clock(self, now: int) -> None:
        """Global time, which never goes back, and what was withheld meanwhile."""
        if now > self.clock:
            self.withheld_page_ns += self.m.withheld * (now - self.clock)
            self.clock = now

    def external_event(self, due: int) -> None:
        """A page is written, or a sleeper's time has come."""
        self.advance_clock(due)
        if not self.device.idle() and self.device.next_completion() == due:
            self.device.complete()
            self.end_throttle(due)
            return
        self.wake(self.timers.pop(), due)

    def end_throttle(self, now: int) -> None:
        """kswapd waits for writeback no longer than until a batch of pages is written (__acct_reclaim_writeback)."""
        self.throttled_written += 1
        throttled = self.task[self.kswapd].state == WAITING and self.m.sc[0].phase != NAP
        if throttled and self.throttled_written > SWAP_CLUSTER_MAX:
            self.wake_thread(self.kswapd, now)

    def sleep(self, t: int, until: int) -> None:
        """Take the running task off its CPU until a time."""
        self.task[t].state = WAITING
        self.timers.push(until, t)
        self.pick_next(self.task[t].cpu)

    def place(self, t: int) -> int:
        """The CPU a woken task runs on: the recorded one of its next operation, or one that is idle."""
        wanted = self.task[t].cpu
        if t < self.kswapd:
            wanted = self.op_cpu[self.task[t].op]
        if self.cpu[wanted].current < 0:
            return wanted
        for c in range(self.m.nr_cpus):
            if self.cpu[c].current < 0:
                return c
        return wanted

    def pull(self, c: int) -> None:
        """A CPU without work takes the first that waits for another one (newidle_balance)."""
        for k in range(self.m.nr_cpus):
            t = self.cpu[k].first
            if k != c and t >= 0:
                self.dequeue(k, t, -1)
                self.cpu[c].now = max(self.cpu[c].now, self.clock)
                self.move_to(t, c)
                self.enqueue(c, t)
                return

    def update_min_vruntime(self, c: int) -> None:
        """The least that anybody on a CPU has run; it never goes back (update_min_vruntime)."""
        t = self.cpu[c].first
        lowest = self.task[self.cpu[c].current].vruntime if self.cpu[c].current >= 0 else NEVER
        while t >= 0:
            lowest = min(lowest, self.task[t].vruntime)
            t = self.task[t].next
        if lowest < NEVER:
            self.cpu[c].min_vruntime = max(self.cpu[c].min_vruntime, lowest)

    def move_to(self, t: int, c: int) -> None:
        """Take a task to a CPU, keeping what it is ahead or behind of others (migrate_task_rq_fair)."""
        if self.task[t].cpu != c:
            self.task[t].vruntime += self.cpu[c].min_vruntime - self.cpu[self.task[t].cpu].min_vruntime
            self.task[t].cpu = c

    def wake(self, t: int, now: int) -> None:
        """A task is ready; who has slept gets a bonus, and takes the CPU at once if far enough behind in running time.

        (The completely fair scheduler of 6.1: place_entity, check_preempt_wakeup.)
        """
        c = self.place(t)
        self.update_min_vruntime(c)
        self.move_to(t, c)
        bonus = self.cpu[c].min_vruntime - SCHED_LATENCY_NS * self.sched_scale // 2
        self.task[t].vruntime = max(self.task[t].vruntime, bonus)
        self.task[t].state = READY
        self.enqueue(c, t)
        current = self.cpu[c].current
        if current < 0:
            self.cpu[c].now = max(self.cpu[c].now, now)
            self.pick_next(c)
        elif self.task[current].vruntime - self.task[t].vruntime > SCHED_WAKEUP_GRANULARITY_NS * self.sched_scale:
            self.cpu[c].slice_end = min(self.cpu[c].slice_end, self.cpu[c].now)

    def enqueue(self, c: int, t: int) -> None:
        """Last in a CPU's run queue."""
        self.task[t].next = -1
        self.cpu[c].nr_running += 1
        if self.cpu[c].first < 0:
            self.cpu[c].first = t
        else:
            self.task[self.cpu[c].last].next = t
        self.cpu[c].last = t

    def dequeue(self, c: int, t: int, before: int) -> None:
        """Take a task out of the run queue, from behind `before` (-1: it is the first)."""
        self.cpu[c].nr_running -= 1
        if before < 0:
            self.cpu[c].first = self.task[t].next
        else:
            self.task[before].next = self.task[t].next
        if self.cpu[c].last == t:
            self.cpu[c].last = before

    def pick_next(self, c: int) -> None:
        """Run who has run least, until the first tick after its share of the scheduling period (pick_next_entity)."""
        if self.cpu[c].first < 0:
            self.pull(c)
        t = self.cpu[c].first
        self.cpu[c].current = t
        if t < 0:
            return
        before = -1
        last = t
        k = self.task[t].next
        while k >= 0:
            if self.task[k].vruntime < self.task[t].vruntime:
                t = k
                before = last
            last = k
            k = self.task[k].next
        self.dequeue(c, t, before)
        self.cpu[c].current = t
        self.task[t].state = RUNNING
        self.cpu[c].slice_start = self.cpu[c].now
        share = max(SCHED_LATENCY_NS // (self.cpu[c].nr_running + 1), SCHED_MIN_GRANULARITY_NS) * self.sched_scale
        self.cpu[c].slice_end = ((self.cpu[c].now + share) // TICK_NS + 1) * TICK_NS

    def reschedule(self, c: int) -> None:
        """When the slice is over let the next one run, or the same again if nobody waits."""
        t = self.cpu[c].current
        if t >= 0 and self.cpu[c].now >= self.cpu[c].slice_end:
            self.task[t].state = READY
            self.enqueue(c, t)
            self.pick_next(c)

    def execute(self, c: int, due: int) -> None:
        """One step of the task a CPU runs, up to the next event from outside."""
        self.advance_clock(self.cpu[c].now)
        t = self.cpu[c].current
        began = self.cpu[c].now
        if t == self.kswapd:
            self.kswapd_turn(c)
        elif t == self.flusher:
            self.flusher_step(c)
        elif t == self.kcompactd:
            self.kcompactd_turn(c)
        elif self.task[t].slot >= 0:
            self.stall_step(c, t)
        elif self.task[t].run_left > 0:
            self.run_task(c, t, due)
        else:
            self.perform(c, t)
        self.task[t].vruntime += self.cpu[c].now - began
        self.follow_up(self.cpu[c].now)
        self.reschedule(c)

    def follow_up(self, now: int) -> None:
        """What a step asked for: pages to be written, and the kernel's threads."""
        if self.m.nr_moved_dirty > 0:
            self.follow_dirty()
        if self.m.nr_submitted > 0:
            self.device.collect(now)
        if self.m.kswapd_wanted and self.m.kswapd_asleep:
            self.wake_thread(self.kswapd, now)
        if self.m.kcompactd_wanted and self.m.kcompactd_asleep:
            self.m.kcompactd_wanted = False
            self.wake_thread(self.kcompactd, now)
        if self.m.flusher_wanted:
            self.m.flusher_wanted = False
            self.flush_all = True
            if self.task[self.flusher].state == ASLEEP:
                self.wake(self.flusher, now)

    def wake_thread(self, t: int, now: int) -> None:
        """Wake a kernel thread from its sleep, or early from its nap."""
        if self.task[t].state == WAITING:
            self.timers.cancel(t)
            self.wake(t, now)
        elif self.task[t].state == ASLEEP:
            self.wake(t, now)

    def run_task(self, c: int, t: int, due: int) -> None:
        """Compute until the next operation, the end of the slice or the next event."""
        run = min(self.task[t].run_left, max(1, self.cpu[c].slice_end - self.cpu[c].now))
        run = min(run, due - self.cpu[c].now)
        self.cpu[c].now += run
        self.task[t].run_left -= run

    def perform(self, c: int, t: int) -> None:
        """The operation a task has come to."""
        i = self.task[t].op
        obj = self.op_obj[i]
        if self.task[t].until and self.cpu[c].now >= self.task[t].until:
            self.kill(c, t)
            self.finish(c, t)
            return
        if self.op_kind[i] == OP_TOUCH and self.m.resident[obj] < IN_SWAP:
            self.touch(self.m.resident[obj])
        elif self.op_kind[i] in (OP_ALLOC, OP_TOUCH):
            self.request(c, t, obj)
            return
        if self.op_kind[i] == OP_DIRTY and self.over_dirty_limit():
            self.balance_dirty_pages(c, t)
            return
        if self.op_kind[i] == OP_FREE:
            self.give_back(c, obj)
        elif self.op_kind[i] == OP_WRITEBACK:
            self.write_back(obj)
        elif self.op_kind[i] == OP_FORK:
            self.task[obj].lag = self.task[t].lag
            self.task[obj].cpu = c
            self.task[obj].vruntime = self.task[t].vruntime
            self.begin_child(obj, self.cpu[c].now)
        elif self.op_kind[i] in (OP_DIRTY, OP_ACTIVATE, OP_WRITE_PAGE) and self.m.resident[obj] < IN_SWAP:
            self.use_page(c, self.op_kind[i], self.m.resident[obj])
        self.next_op(c, t)

    def use_page(self, c: int, kind: int, pfn: int) -> None:
        """What a task does with a page in memory."""
        if kind == OP_WRITE_PAGE:
            self.write_page(pfn)
        elif kind == OP_DIRTY:
            self.make_dirty(pfn, self.cpu[c].now)
        else:
            self.activate(pfn)

    def activate(self, pfn: int) -> None:
        """A page was used twice (folio_mark_accessed)."""
        if self.m.page[pfn].flags & PF_LRU and not self.m.page[pfn].flags & PF_ACTIVE:
            workingset_age_nonresident(self.m, 1 << self.m.page[pfn].order)
        activate_page(self.m, pfn)

    def write_page(self, pfn: int) -> None:
        """One certain page is written, as the recorded kernel did."""
        if self.m.page[pfn].flags & PF_DIRTY and not self.m.page[pfn].flags & (PF_WRITEBACK | PF_SWAPBACKED):
            start_writeback(self.m, pfn)

    def write_back(self, pages: int) -> None:
        """A task has its dirty pages written: the oldest dirty ones, as many as it asked the device to write."""
        while pages > 0 and self.dirty_first < self.dirty_last:
            pfn = self.dirty[self.dirty_first % len(self.dirty)]
            self.dirty_first += 1
            if self.m.page[pfn].flags & PF_DIRTY and not self.m.page[pfn].flags & (PF_WRITEBACK | PF_SWAPBACKED):
                start_writeback(self.m, pfn)
                pages -= 1

    def ready(self, t: int, now: int) -> int:
        """When a task begins to compute for its next operation.

        It sleeps as long as the recorded task did, and is not ahead of it but for what that one lost in stalls: waiting
        for a CPU is not repeated where the task is late.
        """
        i = self.task[t].op
        sleep = self.op_wait[i]
        run = self.op_run[i]
        return max(now + sleep, self.op_due[i] + self.task[t].lag - run)

    def touch(self, pfn: int) -> None:
        """A page in memory is used: a mapped one is young from now on, one of a file referenced."""
        if self.m.page[pfn].flags & PF_SWAPBACKED:
            self.m.page[pfn].flags |= PF_YOUNG
        else:
            mark_page_accessed(self.m, pfn)

    def over_dirty_limit(self) -> bool:
        """More dirty or under writeback than vm.dirty_ratio of what may be dirty (get_dirty_limits, rule 48)."""
        if self.dirty_ratio == 0:
            return False
        return (self.m.vmstat[NR_DIRTY] + self.m.vmstat[NR_WRITEBACK]) * 100 > self.dirtyable() * self.dirty_ratio

    def balance_dirty_pages(self, c: int, t: int) -> None:
        """A writer over the limit has the flusher write, and waits for the device (balance_dirty_pages)."""
        if self.task[self.flusher].state == ASLEEP:
            self.wake(self.flusher, self.cpu[c].now)
        self.sleep(t, self.congestion_end(self.cpu[c].now, TENTH_NS))

    def congestion_end(self, now: int, longest: int) -> int:
        """When somebody who waits for the device goes on: at its next completion, or after so long (rule 49)."""
        if self.device.idle() or self.m.write_congested:
            return now + longest
        return min(now + longest, max(now + STEP_NS, self.device.next_completion()))

    def begin_child(self, t: int, now: int) -> None:
        """A fork: the child waits for its first operation."""
        if self.task[t].state == UNBORN and self.task[t].op < self.task[t].end:
            self.task[t].state = WAITING
            self.task[t].run_left = self.op_run[self.task[t].op]
            self.timers.push(self.ready(t, now), t)

    def next_op(self, c: int, t: int) -> None:
        """Go to the next operation: sleep as long as the recorded task did, then compute as long."""
        self.ops_done += 1
        self.task[t].op += 1
        if self.task[t].op >= self.task[t].end:
            if self.task[t].until == 0:
                self.finish(c, t)
                return
            self.task[t].op = self.task[t].loop
        self.task[t].run_left = self.op_run[self.task[t].op]
        if self.op_kind[self.task[t].op] == OP_PACE:
            self.keep_pace(c, t)
        elif self.task[t].read_ns >= READ_BATCH_NS:
            until = self.cpu[c].now + self.task[t].read_ns
            self.task[t].read_ns = 0
            self.sleep(t, until)
        else:
            due = self.ready(t, self.cpu[c].now)
            if due > self.cpu[c].now:
                self.sleep(t, due)

    def finish(self, c: int, t: int) -> None:
        """A task is through."""
        self.task[t].state = DONE
        self.unfinished -= 1
        self.pick_next(c)

    def kill(self, c: int, t: int) -> None:
        """Free what a task holds; what it read and wrote stays in the page cache."""
        for obj in range(len(self.obj_owner)):
            if self.obj_owner[obj] == t and self.obj_kind[obj] != KIND_FILE:
                self.give_back(c, obj)

    def keep_pace(self, c: int, t: int) -> None:
        """Wait for the task's next slot; the one after it is reckoned from when this one begins."""
        now = self.cpu[c].now
        begin = max(self.task[t].due, now)
        self.task[t].due = begin + self.op_wait[self.task[t].op]
        if begin > now:
            self.sleep(t, begin)

    def must_queue(self, c: int, t: int, order: int, gfp: int) -> bool:
        """Does the policy make a request wait for one that came before it? It sleeps a tick, then asks again."""
        if self.m.queue_order < 0 or not gfp & GFP_DIRECT_RECLAIM:
            return False
        if not self.m.policy.waits(order, self.m.queue_order, self.m.queue_skipped):
            self.m.queue_skipped += 1 << order
            return False
        self.queue_waits += 1
        self.sleep(t, self.cpu[c].now + TICK_NS)
        return True

    def leave_queue(self, s: int) -> None:
        """The request at the head of the queue is done; the next one steps up when it enters reclaim."""
        if self.m.queue_order >= 0 and self.m.queue_slot == s:
            self.m.queue_order = -1

    def request(self, c: int, t: int, obj: int) -> None:
        """Ask for memory, unless the object is still there: the fast path, then the slow one."""
        if self.m.resident[obj] < IN_SWAP:
            self.next_op(c, t)
            return
        order = self.obj_order[obj]
        gfp = self.op_gfp[self.task[t].op]
        if self.must_queue(c, t, order, gfp):
            return
        self.order0_requests += 1 if order == 0 else 0
        if order > PAGE_ALLOC_COSTLY_ORDER and not self.obj_asked[obj]:
            self.obj_asked[obj] = 1
            self.task[t].asked += 1
            self.m.vmstat[HIGH_ORDER_ATTEMPTS] += 1
        pfn = get_page_from_freelist(self.m, c, order, gfp, fast_alloc_flags(self.m, gfp))
        if pfn != NONE:
            self.occupy(t, obj, pfn, 0)
            self.next_op(c, t)
            return
        if self.nr_free_slots == 0:
            self.task[t].run_left = SLICE_NS
            return
        self.nr_free_slots -= 1
        s = self.free_slots[self.nr_free_slots]
        self.requests += 1
        self.m.sc[s].request = ((self.requests & REQUEST_MASK) << SLOT_BITS) | s
        self.task[t].slot = s
        self.task[t].stalled_at = self.cpu[c].now
        status = slowpath_begin(self.m, s, c, order, gfp)
        self.follow_episode(c, t, status)
        if status != AT_WORK:
            self.end_request(c, t, status)

    def stall_step(self, c: int, t: int) -> None:
        """One step of the slow path a task is in."""
        s = self.task[t].slot
        status = slowpath_step(self.m, s, c)
        wait = self.charge(c, s) + self.m.sc[s].sleep_ns
        self.follow_episode(c, t, status)
        if status == NEEDS_OOM:
            if self.out_of_memory(c, t):
                oom_killed(self.m, s)
                return
            status = FAILED
        if status != AT_WORK:
            self.end_request(c, t, status)
        elif self.m.sc[s].congestion_wait:
            self.sleep(t, self.sleep_end(c, s))
        elif wait >= SHORTEST_WAIT_NS:
            self.sleep(t, self.cpu[c].now + wait)

    def follow_episode(self, c: int, t: int, status: int) -> None:
        """Tell the journal whether a stalled task reclaims or compacts."""
        s = self.task[t].slot
        kind = episode_of(self.m.sc[s].phase) if status == AT_WORK else NO_EPISODE
        self.episodes.follow(self.journal, s, t, kind, self.cpu[c].now)

    def sleep_end(self, c: int, s: int) -> int:
        """Until when a reclaimer sleeps."""
        if self.m.sc[s].congestion_wait:
            return self.congestion_end(self.cpu[c].now, self.m.sc[s].sleep_ns)
        return self.cpu[c].now + self.m.sc[s].sleep_ns

    def charge(self, c: int, s: int) -> int:
        """Reclaim costs CPU time by the pages it scanned, compaction by those it moved; how long they then wait.

        They wait for a CPU as long, for each ns they ran, as the recorded ones did.
        """
        reclaim = STEP_NS + self.m.sc[s].scanned_now * self.scan_ns
        compaction = self.m.cc[s].migrated_now * self.migrate_ns
        self.cpu[c].now += reclaim + compaction
        self.m.sc[s].scanned_now = 0
        self.m.cc[s].scanned_now = 0
        self.m.cc[s].migrated_now = 0
        return (reclaim * self.reclaim_wait + compaction * self.compaction_wait) // 1000

    def end_request(self, c: int, t: int, status: int) -> None:
        """The slow path is over, well or not."""
        s = self.task[t].slot
        pfn = self.m.sc[s].page
        waited = self.cpu[c].now - self.task[t].stalled_at
        self.stalls += 1
        self.stall_ns += waited
        self.task[t].lag += waited
        self.longest_stall_ns = max(self.longest_stall_ns, waited)
        self.journal.note(NOTE_STALL, t, self.task[t].stalled_at, self.cpu[c].now)
        self.journal.note_block(pfn, self.m.sc[s].order, status == SERVED)
        if self.m.sc[s].order == 0:
            self.order0_stalls += 1
            self.order0_stall_ns += waited
            self.order0_longest_ns = max(self.order0_longest_ns, waited)
        self.leave_queue(s)
        if status == SERVED:
            self.occupy(t, self.op_obj[self.task[t].op], pfn, s)
        else:
            self.m.vmstat[ALLOC_FAIL] += 1
        self.m.sc[s].request = 0
        self.free_slots[self.nr_free_slots] = s
        self.nr_free_slots += 1
        self.task[t].slot = -1
        self.next_op(c, t)

    def occupy(self, t: int, obj: int, pfn: int, s: int) -> None:
        """An object moves into its page: anonymous and file pages go on the LRU."""
        order = self.obj_order[obj]
        self.note_stolen(t, pfn, order, s)
        if self.m.resident[obj] == IN_SWAP:
            self.m.nr_swap_pages += 1
            self.task[t].read_ns += self.read_page_ns
        elif self.obj_kind[obj] == KIND_FILE and self.op_kind[self.task[t].op] == OP_TOUCH:
            self.task[t].read_ns += self.read_page_ns
        self.m.resident[obj] = pfn
        self.m.frame[pfn].object = obj
        self.obj_owner[obj] = t
        self.m.page[pfn].owner = 0
        if order > PAGE_ALLOC_COSTLY_ORDER:
            self.m.vmstat[HIGH_ORDER_SUCCESSES] += 1
            self.task[t].served += 1
        if self.obj_kind[obj] == KIND_ANON:
            self.task[t].anon_pages += 1 << order
            self.m.page[pfn].flags = PF_SWAPBACKED | PF_YOUNG | (PF_ACTIVE if self.m.lumpy_reclaim else 0)
            self.join_lru(obj, pfn)
        elif self.obj_kind[obj] == KIND_FILE:
            self.m.page[pfn].flags = 0
            self.join_lru(obj, pfn)
        for z in range(self.m.nr_zones):
            if self.m.zone[z].boosted:
                self.m.zone[z].boosted = 0
                wakeup_kswapd(self.m, 0, self.m.zone[z].index, False)

    def join_lru(self, obj: int, pfn: int) -> None:
        """A page begins inactive, unless its content was evicted a short while ago."""
        if self.m.shadow[obj] >= 0:
            workingset_refault(self.m, pfn)
        lruvec_add(self.m, pfn, False)

    def note_stolen(self, t: int, pfn: int, order: int, s: int) -> None:
        """Count pages that a direct reclaimer freed and that somebody else gets while it still waits to be served."""
        for i in range(pfn, pfn + (1 << order)):
            by = self.m.frame[i].freed_by
            if by:
                self.m.frame[i].freed_by = 0
                if by & SLOT_MASK != s and self.m.sc[by & SLOT_MASK].request == by:
                    self.m.vmstat[STOLEN_PAGES] += 1
                    self.journal.note(NOTE_STOLEN, t, self.clock, self.clock)
                    self.journal.note_block(i, order, True)

    def give_back(self, c: int, obj: int) -> None:
        """An owner frees an object, wherever it is."""
        pfn = self.m.resident[obj]
        if pfn == NONE:
            return
        if self.obj_kind[obj] == KIND_ANON and self.obj_owner[obj] >= 0:
            self.task[self.obj_owner[obj]].anon_pages -= 1 << self.obj_order[obj]
        self.obj_owner[obj] = -1
        self.obj_asked[obj] = 0
        if pfn == IN_SWAP:
            self.m.nr_swap_pages += 1
            self.m.resident[obj] = NONE
            return
        forget_page(self.m, pfn)
        self.m.frame[pfn].freed_by = 0
        self.m.shadow[obj] = -1
        free_pages(self.m, c, pfn, self.obj_order[obj])

    def make_dirty(self, pfn: int, now: int) -> None:
        """A file page is written to; past the background limit the flusher is called."""
        if not self.m.page[pfn].flags & PF_LRU or self.m.page[pfn].flags & (PF_DIRTY | PF_SWAPBACKED):
            return
        set_page_dirty(self.m, pfn)
        self.dirty[self.dirty_last % len(self.dirty)] = pfn
        self.dirty_last += 1
        if self.task[self.flusher].state == ASLEEP and self.over_background():
            self.wake(self.flusher, now)

    def over_background(self) -> bool:
        """More dirty than vm.dirty_background_ratio of what may be dirty (domain_dirty_limits)."""
        return self.m.vmstat[NR_DIRTY] * 100 > self.dirtyable() * self.background_ratio

    def dirtyable(self) -> int:
        """Pages that may be dirty: free ones and those of files (global_dirtyable_memory)."""
        pages = self.m.lru_size[2] + self.m.lru_size[3]
        for z in range(self.m.nr_zones):
            pages += self.m.zone[z].free_pages
        return pages

    def flusher_step(self, c: int) -> None:
        """Write the oldest dirty pages while there are too many, or all of them if reclaim asked (wb_workfn)."""
        written = 0
        while written < FLUSH_BATCH and self.dirty_first < self.dirty_last:
            if self.looks_again(written) and not self.flush_all and not self.over_background():
                break
            pfn = self.dirty[self.dirty_first % len(self.dirty)]
            self.dirty_first += 1
            if self.m.page[pfn].flags & PF_DIRTY and not self.m.page[pfn].flags & (PF_WRITEBACK | PF_SWAPBACKED):
                start_writeback(self.m, pfn)
                written += 1
        self.cpu[c].now += STEP_NS * (written + 1)
        if written < FLUSH_BATCH:
            self.flush_all = False
            self.task[self.flusher].state = ASLEEP
            self.pick_next(c)

    def looks_again(self, written: int) -> bool:
        """Does the flusher look at the limit now? pdflush did so only before each chunk (background_writeout)."""
        return written == 0 or not self.m.writes_in_reclaim

    def follow_dirty(self) -> None:
        """Dirty pages that compaction moved are written from where they are now."""
        for i in range(self.m.nr_moved_dirty):
            self.dirty[self.dirty_last % len(self.dirty)] = self.m.moved_dirty[i]
            self.dirty_last += 1
        self.m.nr_moved_dirty = 0

    def kcompactd_turn(self, c: int) -> None:
        """One step of kcompactd, and its sleep until it is called or wants to look by itself."""
        asleep = self.m.kcompactd_asleep
        kcompactd_step(self.m, c)
        wait = self.charge(c, 0)
        if asleep and not self.m.kcompactd_asleep:
            self.kcompactd_since = self.cpu[c].now
        elif self.m.kcompactd_asleep and not asleep:
            self.journal.note(NOTE_KCOMPACTD, self.kcompactd, self.kcompactd_since, self.cpu[c].now)
        if self.m.kcompactd_asleep:
            self.sleep(self.kcompactd, self.cpu[c].now + self.m.kcompactd_timeout_ns)
        elif wait >= SHORTEST_WAIT_NS:
            self.sleep(self.kcompactd, self.cpu[c].now + wait)

    def kswapd_turn(self, c: int) -> None:
        """One step of kswapd, and its sleep if it takes one."""
        asleep = self.m.kswapd_asleep
        kswapd_step(self.m, c)
        self.charge(c, 0)
        if asleep and not self.m.kswapd_asleep:
            self.kswapd_since = self.cpu[c].now
        elif self.m.kswapd_asleep and not asleep:
            self.journal.note(NOTE_KSWAPD, self.kswapd, self.kswapd_since, self.cpu[c].now)
        if self.m.sc[0].sleep_ns > 0:
            self.throttled_written = 0
            self.sleep(self.kswapd, self.sleep_end(c, 0))
        elif self.m.kswapd_asleep and self.m.sc[0].phase == 0:
            self.task[self.kswapd].state = ASLEEP
            self.pick_next(c)

    def out_of_memory(self, c: int, t: int) -> bool:
        """Kill the task with most anonymous memory and free what it holds; False if there is nobody (out_of_memory)."""
        victim = -1
        for k in range(self.kswapd):
            if self.task[k].anon_pages > 0 and (victim < 0 or self.task[k].anon_pages > self.task[victim].anon_pages):
                victim = k
        if victim < 0:
            return False
        self.m.vmstat[OOM_KILL] += 1
        self.journal.note(NOTE_OOM_KILL, victim, self.cpu[c].now, self.cpu[c].now)
        self.kill(c, victim)
        if victim != t:
            self.task[victim].end = self.task[victim].op + 1
            self.task[victim].until = 0
        return True


def task_records(demand: Demand) -> Array:
    """TASK records of the demand's tasks, then kswapd, the flusher and kcompactd."""
    task = np.zeros(len(demand.task_pid) + 3, TASK)
    task["op"][:-3] = demand.task_first
    task["end"][:-3] = demand.task_first + demand.task_count
    if demand.task_until is not None and demand.task_loop is not None:
        task["until"][:-3] = demand.task_until
        task["loop"][:-3] = demand.task_loop
    task["slot"] = -1
    task["next"] = -1
    task["state"][-3:] = 4
    return task
