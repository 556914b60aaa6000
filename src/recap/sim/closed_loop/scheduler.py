"""Who runs when: the completely fair scheduler of 6.1, as far as tasks that compute, sleep and wake need it.

Each CPU runs one task at a time, and has a clock of its own. Tasks are numbered as in the demand; behind them come
kswapd, the flusher and kcompactd.
"""

from __future__ import annotations

import cython
import numpy as np

from recap.demand.demand import Demand
from recap.pages import Array, adopt
from recap.sim.timers import Timers

if not cython.compiled:
    from recap.kernel import TICK_NS

    UNBORN, WAITING, READY, RUNNING, ASLEEP, DONE = range(6)
    SCHED_LATENCY_NS = 6_000_000
    SCHED_MIN_GRANULARITY_NS = 750_000
    SCHED_WAKEUP_GRANULARITY_NS = 1_000_000
    NEVER = 1 << 62
    SHORTEST_WAIT_NS = 5_000

KERNEL_THREADS = 3
ANY_CPU = -1
NEVER_PREEMPTED = 1 << 62

TASK = np.dtype(
    [(name, "i8") for name in ("op", "end", "run_left", "stalled_at", "anon_pages", "lag", "vruntime")]
    + [(name, "i8") for name in ("preempted_at", "preempted_ns", "owed_wait", "ahead", "stall_off")]
    + [(name, "i8") for name in ("until", "loop", "due", "read_ns", "asked", "served")]
    + [(name, "i4") for name in ("state", "cpu", "home", "slot", "next", "tries", "gave_up", "in_queue")]
)
CPU = np.dtype(
    [(name, "i8") for name in ("now", "look_at", "began", "min_vruntime", "tick")]
    + [(name, "i4") for name in ("current", "first", "last", "nr_running", "need_resched", "next_buddy")]
)


class Scheduler:
    """The tasks of a demand and the kernel's threads, on so many CPUs.

    Args:
        demand: whose tasks; none has begun.
        nr_cpus: how many CPUs there are.
        seed: of what another run would not repeat: when the ticks come, and with them whom a timer wakes. Those of a
            synthetic load begin at 0.
    """

    def __init__(self, demand: Demand, nr_cpus: int, seed: int = 0) -> None:
        tasks = len(demand.task_pid)
        self.kswapd = tasks
        self.flusher = tasks + 1
        self.kcompactd = tasks + 2
        task = task_records(demand)
        self.timers = Timers(tasks + KERNEL_THREADS)
        cpu = np.zeros(nr_cpus, CPU)
        cpu["current"] = -1
        cpu["first"] = -1
        cpu["last"] = -1
        cpu["next_buddy"] = -1
        if demand.recorded:
            cpu["tick"] = drawn_ticks(demand, task, nr_cpus, np.random.default_rng([seed, 3]))
        self.task = adopt(task)  # not before: what is adopted without compilation is a copy
        self.cpu = adopt(cpu)
        self.nr_cpus = nr_cpus
        self.scale = nr_cpus.bit_length()
        self.clock = 0

    def earliest_cpu(self) -> int:
        """The busy CPU whose clock is furthest behind; -1 if all are idle."""
        best = -1
        for c in range(self.nr_cpus):
            if self.cpu[c].current >= 0 and (best < 0 or self.cpu[c].now < self.cpu[best].now):
                best = c
        return best

    def next_wakeup(self) -> int:
        """When the next sleeper's time comes."""
        return self.timers.time[0] if self.timers.count > 0 else NEVER

    def sleep(self, t: int, until: int) -> None:
        """Take the running task off its CPU until a time."""
        self.task[t].state = WAITING
        self.timers.push(until, t)
        self.pick_next(self.task[t].cpu)

    def await_time(self, t: int, until: int) -> None:
        """Take the running task off its CPU until its time has come: the recorded one was in the run queue so long."""
        c = self.task[t].cpu
        self.update_min_vruntime(c)
        self.task[t].in_queue = 1
        self.task[t].ahead = self.task[t].vruntime - self.cpu[c].min_vruntime
        self.sleep(t, until)

    def rest(self, c: int, state: int) -> None:
        """Take the running task off its CPU until somebody calls it (ASLEEP), or for good (DONE)."""
        self.task[self.cpu[c].current].state = state
        self.pick_next(c)

    def call(self, t: int, now: int) -> None:
        """Wake a kernel thread from its sleep, or early from its nap."""
        if self.task[t].state == WAITING:
            self.timers.cancel(t)
            self.wake(t, now)
        elif self.task[t].state == ASLEEP:
            self.wake(t, now)

    def begin(self, t: int, at: int) -> None:
        """A task becomes ready for the first time."""
        self.task[t].state = WAITING
        self.timers.push(at, t)

    def place(self, t: int) -> int:
        """The CPU a woken task runs on: the recorded one of its next operation, or one that is idle."""
        wanted = self.task[t].home if self.task[t].home >= 0 else self.task[t].cpu
        if self.cpu[wanted].current < 0:
            return wanted
        for c in range(self.nr_cpus):
            if self.cpu[c].current < 0:
                return c
        return wanted

    def pull(self, c: int) -> None:
        """A CPU without work takes the first that waits for another one (newidle_balance)."""
        for k in range(self.nr_cpus):
            t = self.cpu[k].first
            if k != c and t >= 0:
                self.dequeue(k, t)
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
        """A task is ready. If it has slept it gets a bonus, and it preempts a task that has run much longer.

        If it has only waited for its recorded time, as the recorded task waited for a CPU, it rejoins the queue at the
        same distance from the others as it left it.

        (The completely fair scheduler of 6.1: place_entity, check_preempt_wakeup.)
        """
        c = self.place(t)
        self.update_min_vruntime(c)
        self.move_to(t, c)
        slept = not self.task[t].in_queue
        self.task[t].in_queue = 0
        if slept:
            least = self.cpu[c].min_vruntime - SCHED_LATENCY_NS * self.scale // 2
            self.task[t].vruntime = max(self.task[t].vruntime, least)
        else:
            self.task[t].vruntime = self.cpu[c].min_vruntime + self.task[t].ahead
        self.task[t].state = READY
        self.enqueue(c, t)
        current = self.cpu[c].current
        if current < 0:
            self.cpu[c].now = max(self.cpu[c].now, now)
            self.pick_next(c)
        elif slept and not self.cpu[c].need_resched and self.far_behind(t, current):
            self.cpu[c].need_resched = 1
            self.cpu[c].next_buddy = t
            self.cpu[c].look_at = self.cpu[c].now

    def enqueue(self, c: int, t: int) -> None:
        """Last in a CPU's run queue."""
        self.task[t].next = -1
        self.cpu[c].nr_running += 1
        if self.cpu[c].first < 0:
            self.cpu[c].first = t
        else:
            self.task[self.cpu[c].last].next = t
        self.cpu[c].last = t

    def dequeue(self, c: int, t: int) -> None:
        """Take a task out of the run queue."""
        self.cpu[c].nr_running -= 1
        if self.cpu[c].next_buddy == t:
            self.cpu[c].next_buddy = -1
        before = -1
        k = self.cpu[c].first
        while k != t:
            before = k
            k = self.task[k].next
        if before < 0:
            self.cpu[c].first = self.task[t].next
        else:
            self.task[before].next = self.task[t].next
        if self.cpu[c].last == t:
            self.cpu[c].last = before

    def leftmost(self, c: int) -> int:
        """Who in the run queue has run least; -1: nobody waits."""
        t = self.cpu[c].first
        k = t
        while k >= 0:
            if self.task[k].vruntime < self.task[t].vruntime:
                t = k
            k = self.task[k].next
        return t

    def far_behind(self, t: int, other: int) -> bool:
        """Has a task run so much less than another one that it should run at once? (wakeup_preempt_entity)"""
        return self.task[other].vruntime - self.task[t].vruntime > SCHED_WAKEUP_GRANULARITY_NS * self.scale

    def pick_next(self, c: int) -> None:
        """Run the task that has run least, or one that has just preempted if that is fair (pick_next_entity)."""
        if self.cpu[c].first < 0:
            self.pull(c)
        t = self.leftmost(c)
        self.cpu[c].current = t
        if t < 0:
            return
        if self.cpu[c].next_buddy >= 0 and not self.far_behind(t, self.cpu[c].next_buddy):
            t = self.cpu[c].next_buddy
        self.dequeue(c, t)
        self.cpu[c].current = t
        self.task[t].state = RUNNING
        if self.task[t].preempted_at != NEVER:
            self.task[t].preempted_ns += max(0, self.cpu[c].now - self.task[t].preempted_at)
            self.task[t].stall_off += max(0, self.cpu[c].now - self.task[t].preempted_at)
            self.task[t].preempted_at = NEVER
        self.cpu[c].need_resched = 0
        self.cpu[c].began = self.cpu[c].now
        self.cpu[c].look_at = self.last_tick(c) + TICK_NS

    def last_tick(self, c: int) -> int:
        """When the CPU's last tick was."""
        return (self.cpu[c].now - self.cpu[c].tick) // TICK_NS * TICK_NS + self.cpu[c].tick

    def slice_of(self, nr_running: int) -> int:
        """How long each of this many runnable tasks runs at a time (sched_slice)."""
        return max(SCHED_LATENCY_NS // nr_running, SCHED_MIN_GRANULARITY_NS) * self.scale

    def tick_preempts(self, c: int) -> bool:
        """At a tick: has the running task used up its slice, or got that far ahead of a waiting one?

        (check_preempt_tick)
        """
        if self.cpu[c].first < 0:
            return False
        share = self.slice_of(self.cpu[c].nr_running + 1)
        ran = self.last_tick(c) - self.cpu[c].began
        if ran > share:
            return True
        if ran < SCHED_MIN_GRANULARITY_NS * self.scale:
            return False
        ahead = self.task[self.cpu[c].current].vruntime - self.task[self.leftmost(c)].vruntime
        return ahead > share

    def reschedule(self, c: int) -> None:
        """After a step: let another one run if a tick or a woken task says so."""
        t = self.cpu[c].current
        if t < 0 or self.cpu[c].now < self.cpu[c].look_at:
            return
        if self.cpu[c].need_resched or self.tick_preempts(c):
            self.task[t].state = READY
            self.task[t].preempted_at = self.cpu[c].now
            self.enqueue(c, t)
            self.pick_next(c)
        else:
            self.cpu[c].look_at = self.last_tick(c) + TICK_NS

    def owed(self, t: int, wanted: int) -> int:
        """How long a task is still to wait for a CPU: `wanted` more, less what it was preempted since the last time.

        Recorded waits are waits of this kind: those that the scheduler makes by itself are not added to them.
        """
        self.task[t].owed_wait += wanted - self.task[t].preempted_ns
        self.task[t].preempted_ns = 0
        if self.task[t].owed_wait < SHORTEST_WAIT_NS:
            return 0
        wait = self.task[t].owed_wait
        self.task[t].owed_wait = 0
        return wait

    def owe_nothing(self, t: int) -> None:
        """What a task waits from now on counts anew."""
        self.task[t].owed_wait = 0
        self.task[t].preempted_ns = 0


def drawn_ticks(demand: Demand, task: Array, nr_cpus: int, draw: np.random.Generator) -> Array:
    """When each CPU's ticks come: all later by the same time than they were recorded, and those a timer wakes too."""
    if demand.tick_ns is None or len(demand.tick_ns) != nr_cpus:
        return draw.integers(TICK_NS, size=nr_cpus)
    later = int(draw.integers(TICK_NS))
    task["lag"][:-KERNEL_THREADS] = np.where(demand.quiet_tasks(), later, 0)
    return (demand.tick_ns + later) % TICK_NS


def task_records(demand: Demand) -> Array:
    """TASK records of the demand's tasks, then of the kernel's threads, who stay on the CPU they last ran on."""
    task = np.zeros(len(demand.task_pid) + KERNEL_THREADS, TASK)
    of_demand = task[:-KERNEL_THREADS]
    of_demand["op"] = demand.task_first
    of_demand["end"] = demand.task_first + demand.task_count
    if demand.task_until is not None and demand.task_loop is not None:
        of_demand["until"] = demand.task_until
        of_demand["loop"] = demand.task_loop
    task["preempted_at"] = NEVER_PREEMPTED
    task["slot"] = -1
    task["next"] = -1
    task["home"] = ANY_CPU
    task["state"][-KERNEL_THREADS:] = 4
    return task
