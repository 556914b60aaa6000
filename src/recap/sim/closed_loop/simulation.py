"""A run: each task goes through its recorded operations, and the CPU whose clock is furthest behind acts next.

Wake-ups and the block device's completions come in between: the same input and seed give the same run.
"""

from __future__ import annotations

import cython
import numpy as np

from recap.demand.demand import Demand
from recap.pages import Array, Memory
from recap.sim.closed_loop.costs import Costs
from recap.sim.closed_loop.flusher import Flusher
from recap.sim.closed_loop.kernel_threads import KernelThreads
from recap.sim.closed_loop.objects import Objects
from recap.sim.closed_loop.requests import Requests
from recap.sim.closed_loop.scheduler import Scheduler
from recap.sim.closed_loop.script import Script
from recap.sim.device import Device
from recap.sim.disk import Disk
from recap.sim.journal import Journal

if not cython.compiled:
    from recap.demand.kinds import Kind, Op
    from recap.kernel import IN_SWAP, NONE
    from recap.mm.min_free import set_min_free_pages
    from recap.mm.writeback import hold_page
    from recap.sim.closed_loop.objects import GIVEN_UP, REQUEST_MASK, SLOT_BITS
    from recap.sim.closed_loop.scheduler import DONE, NEVER, UNBORN

    READ_BATCH_NS = 8_000_000


class Simulation:
    """A machine and the tasks that want memory of it.

    Args:
        memory: the state at the start, with room for capture lists (`captures` is the number of reclaimers at a time).
        demand: what the tasks ask for.
        seed: for what the demand leaves open: the device's latencies.
        background_ratio: vm.dirty_background_ratio, in percent.
    """

    def __init__(self, memory: Memory, demand: Demand, seed: int, background_ratio: int = 10) -> None:
        self.m = memory
        self.names = list(demand.task_comm)
        self.ends_at = 0 if demand.task_until is None else int(demand.task_until.max())
        self.span_ns = demand.duration_ns or self.ends_at
        self.ops = Script(demand)
        self.journal = Journal()
        self.device = block_device(memory, demand, seed)
        self.sched = Scheduler(demand, int(memory.nr_cpus), seed)
        self.task = self.sched.task
        self.cpu = self.sched.cpu
        costs = Costs(memory, demand, seed)
        self.objects = Objects(memory, demand, self.sched, self.journal)
        self.flusher = Flusher(memory, self.sched, self.device, background_ratio, demand)
        self.threads = KernelThreads(memory, self.sched, self.device, costs, self.journal, demand.kcompactd_ns)
        self.requests = Requests(memory, demand, self.sched, self.objects, self.device, costs, self.journal)
        self.unfinished = int(np.count_nonzero(demand.task_count))
        self.ops_done = 0
        self.withheld_page_ns = 0
        self.watched = False
        self.pause_at = 1 << 62
        self.pause_withheld = 1 << 62
        for t in np.flatnonzero((demand.task_forked == 0) & (demand.task_count > 0)).tolist():
            self.begin_task(t, 0)

    @property
    def clock(self) -> int:
        """Virtual time, ns since the start."""
        return self.sched.clock

    def share_done(self) -> float:
        """How far the run is, from 0 to 1."""
        if self.ends_at:
            return min(1.0, float(self.clock) / self.ends_at)
        return min(1.0, float(self.ops_done) / len(self.ops.object))

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
        with cython.nogil:
            return self.run(steps)

    def run(self, steps: int) -> bool:
        """`advance` without the interpreter."""
        while steps > 0 and self.unfinished > 0 and not (self.watched and self.pauses()):
            steps -= 1
            c = self.sched.earliest_cpu()
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
        return self.sched.clock >= self.pause_at or self.m.withheld > self.pause_withheld or self.journal.nearly_full()

    def next_event(self) -> int:
        """When the next sleeper wakes or the device completes a page."""
        due = self.sched.next_wakeup()
        if not self.device.idle():
            due = min(due, self.device.next_completion())
        return due

    def advance_clock(self, now: int) -> None:
        """Global time, which never goes back, and what was withheld meanwhile."""
        if now > self.sched.clock:
            self.withheld_page_ns += self.m.withheld * (now - self.sched.clock)
            self.sched.clock = now
            self.m.now = now

    def external_event(self, due: int) -> None:
        """A page is written, or a sleeper's time has come."""
        self.advance_clock(due)
        if not self.device.idle() and self.device.next_completion() == due:
            self.device.complete()
            self.threads.page_written(due)
            return
        self.sched.wake(self.sched.timers.pop(), due)

    def execute(self, c: int, due: int) -> None:
        """One step of the task a CPU runs, up to the next event from outside."""
        self.advance_clock(self.cpu[c].now)
        t = self.cpu[c].current
        began = self.cpu[c].now
        if self.task[t].run_left > 0:
            self.run_task(c, t, due)
        elif t == self.sched.kswapd:
            self.threads.kswapd_turn(c)
        elif t == self.sched.flusher:
            self.flusher.step(c)
        elif t == self.sched.kcompactd:
            self.threads.kcompactd_turn(c)
        elif self.task[t].slot >= 0:
            if self.requests.step(c, t):
                self.next_op(c, t)
        else:
            self.perform(c, t)
        self.task[t].vruntime += self.cpu[c].now - began
        self.follow_up(c, t)
        self.sched.reschedule(c)

    def follow_up(self, c: int, t: int) -> None:
        """What a step asked for: pages to be written, and the kernel's threads."""
        now = self.cpu[c].now
        if self.m.nr_moved_dirty > 0:
            self.flusher.follow_moved()
        if self.m.nr_submitted > 0:
            self.device.collect(now)
            if self.device.full() and self.cpu[c].current == t:
                self.sched.sleep(t, self.device.next_completion())
        self.threads.answer_calls(now)
        if self.m.flusher_wanted:
            self.m.flusher_wanted = False
            self.flusher.write_all(now)

    def run_task(self, c: int, t: int, due: int) -> None:
        """Compute until the next operation, the next tick or the next event."""
        run = min(self.task[t].run_left, max(1, self.cpu[c].look_at - self.cpu[c].now))
        run = min(run, due - self.cpu[c].now)
        self.cpu[c].now += run
        self.task[t].run_left -= run

    def perform(self, c: int, t: int) -> None:
        """The operation a task has come to."""
        i = self.task[t].op
        if self.task[t].until and self.cpu[c].now >= self.task[t].until:
            self.objects.kill(c, t)
            self.finish(c)
        elif self.ops.kind(t, i) == Op.DIRTY and self.flusher.over_limit():
            self.flusher.balance_dirty_pages(c, t)
        elif self.asks(self.ops.kind(t, i), self.ops.object[i]):
            if self.requests.ask(c, t):
                self.next_op(c, t)
        else:
            self.do_at_once(c, t, self.ops.kind(t, i), self.ops.object[i])
            self.next_op(c, t)

    def asks(self, kind: int, obj: int) -> bool:
        """Does an operation need memory? So does the use of a page of a file that was evicted, or that another task
        would have read by now: it is read here."""
        if kind == Op.ACTIVATE:
            gone = self.m.resident[obj] == NONE and self.m.shadow[obj] != GIVEN_UP
            return gone and self.objects.kind[obj] == Kind.FILE
        return kind in (Op.ALLOC, Op.TOUCH) and self.m.resident[obj] >= IN_SWAP

    def do_at_once(self, c: int, t: int, kind: int, obj: int) -> None:
        """An operation that needs no memory."""
        if kind == Op.FREE:
            self.objects.give_back(c, obj)
        elif kind == Op.WRITEBACK:
            self.flusher.write_back(obj)
        elif kind == Op.FORK:
            self.fork(c, t, obj)
        elif kind == Op.FALLBACK and self.m.resident[obj] < IN_SWAP:
            self.task[t].op += self.ops.gfp(t, self.task[t].op)
        elif kind == Op.MIN_FREE:
            set_min_free_pages(self.m, obj)
        elif kind == Op.REFAULT and self.m.resident[obj] < IN_SWAP:
            self.objects.come_back(self.m.resident[obj], self.ops.gfp(t, self.task[t].op) != 0)
        elif (
            kind in (Op.DIRTY, Op.ACTIVATE, Op.WRITE_PAGE, Op.TOUCH, Op.HOLD, Op.JOIN_ACTIVE)
            and self.m.resident[obj] < IN_SWAP
        ):
            self.use_page(c, kind, self.m.resident[obj])

    def use_page(self, c: int, kind: int, pfn: int) -> None:
        """What a task does with a page in memory."""
        if kind == Op.WRITE_PAGE:
            self.flusher.write_page(pfn)
        elif kind == Op.DIRTY:
            self.flusher.make_dirty(pfn, self.cpu[c].now)
        elif kind == Op.TOUCH:
            self.objects.touch(pfn)
        elif kind == Op.HOLD:
            hold_page(self.m, pfn)
        elif kind == Op.JOIN_ACTIVE:
            self.objects.join_active(pfn)
        else:
            self.objects.activate(pfn)

    def fork(self, c: int, parent: int, child: int) -> None:
        """The child is as late as its parent, and waits for its first operation."""
        self.task[child].lag = self.task[parent].lag
        self.task[child].cpu = c
        self.task[child].vruntime = self.task[parent].vruntime
        if self.task[child].state == UNBORN and self.task[child].op < self.task[child].end:
            self.begin_task(child, self.cpu[c].now)

    def begin_task(self, t: int, now: int) -> None:
        """A task sets out for its first operation."""
        self.come_to(t)
        self.sched.begin(t, self.ready(t, now))

    def come_to(self, t: int) -> None:
        """The task's operation is a new one."""
        self.task[t].run_left = self.ops.run(t, self.task[t].op)
        self.task[t].home = self.ops.cpu(t, self.task[t].op)

    def ready(self, t: int, now: int) -> int:
        """When a task begins to compute for its next operation.

        It sleeps as long as the recorded task did, and is not ahead of it but for what that one lost in stalls: waiting
        for a CPU is not repeated where the task is late.
        """
        i = self.task[t].op
        sleep = self.ops.wait(t, i)
        run = self.ops.run(t, i)
        if self.task[t].gave_up and (sleep > 0 or self.requests.fills_pool(t)):
            sleep = self.next_sleep(t)
            self.task[t].gave_up = 0
        return max(now + sleep, self.ops.due(t, i) + self.task[t].lag - run)

    def next_sleep(self, t: int) -> int:
        """How long a task sleeps the next time.

        A write to nr_hugepages ends with the first page that cannot be had (set_max_huge_pages). What was recorded as
        had with the same write is asked for with another, as soon after it as the task's next one was.
        """
        i = self.task[t].op
        while i < self.task[t].end and self.ops.wait(t, i) == 0:
            i += 1
        return self.ops.wait(t, i) if i < self.task[t].end else 0

    def next_op(self, c: int, t: int) -> None:
        """Go to the next operation: sleep as long as the recorded task did, then compute as long."""
        self.ops_done += 1
        self.task[t].op += 1
        if self.task[t].op >= self.task[t].end:
            if self.task[t].until == 0:
                self.finish(c)
                return
            self.task[t].op = self.task[t].loop
        self.come_to(t)
        if self.ops.kind(t, self.task[t].op) == Op.PACE:
            self.keep_pace(c, t)
        elif self.task[t].read_ns >= READ_BATCH_NS:
            until = self.device.read_end(self.cpu[c].now, self.task[t].read_ns)
            self.task[t].read_ns = 0
            self.sched.sleep(t, until)
        else:
            due = self.ready(t, self.cpu[c].now)
            if due > self.cpu[c].now and self.ops.wait(t, self.task[t].op) == 0:
                self.sched.await_time(t, due)
            elif due > self.cpu[c].now:
                self.sched.sleep(t, due)

    def keep_pace(self, c: int, t: int) -> None:
        """Wait for the task's next slot; the one after it is reckoned from when this one begins."""
        now = self.cpu[c].now
        begin = max(self.task[t].due, now)
        self.task[t].due = begin + self.ops.wait(t, self.task[t].op)
        if begin > now:
            self.sched.sleep(t, begin)

    def finish(self, c: int) -> None:
        """A task is through."""
        self.unfinished -= 1
        self.sched.rest(c, DONE)


def block_device(memory: Memory, demand: Demand, seed: int) -> Device:
    """The recorded device, or the disk of a synthetic workload."""
    if demand.request_pages:
        return Disk(memory, demand.write_ns, seed, demand.request_pages)
    return Device(memory, demand.write_ns, seed)
