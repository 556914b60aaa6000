"""A trace's events grouped into the operations they are steps of.

The kernel reports an allocation after it is made and a free before, and what it does under the zone lock in between:
blocks taken from the free lists come before the allocation they serve, drained ones after the free that caused them. On
one CPU this is one sequence; on several the steps of their operations are mixed. Each operation takes effect at its
first step under the zone lock, or where it has none at its own event. Steps belong together when they were reported in
a row by one thread of control: a task, or a CPU's soft or hard interrupts.
"""

from __future__ import annotations

import cython
import numpy as np

from recap.pages import adopt
from recap.trace import Events

if not cython.compiled:
    from recap.trace.event import IN_INTERRUPT, NO_PFN, TASK_INTERRUPTIBLE, TRACE_FLAG_HARDIRQ, CaptureStep, Event

    # What an event sets off; up to DRAIN it is the page allocator's doing.
    NO_ROLE, ALLOC, FREE, PREPARE, TAKE, DRAIN, INSERTION, KSWAPD_WAKE, KSWAPD_SLEEP, ISOLATE, SEARCH = range(11)
    DECAY = 11  # of per-cpu lists that are not used
    # Of page capture: a page is captured as it is freed, as the step behind it says; a capture begins, is settled,
    # is emptied at its end, and has ended. Beside it reclaim writes a page.
    CAPTURE, CAPTURE_OWNED, CAPTURE_OPEN, CAPTURE_SETTLE, CAPTURE_CLOSE, CAPTURE_CLOSED, CAPTURE_WRITE = range(12, 19)
    PASS_BY = 19  # a page of a list is prepared, and will find the per-cpu lists locked
    FOLLOW = 20  # a compaction goes on

    NEVER = -1
    MAYBE_LOCKED_OUT = -4
    LOCKED_OUT = -3  # the partner of an operation that interrupted one under a per-cpu lock
    SLOW = -2  # the partner of an allocation that went the slow path
    NO_RUN, TAKING, FREED, DRAINING, RECLAIMED, DECAYING = range(6)  # what a thread is doing

MOST_TASKS = 1 << 22  # pid_max cannot be more


def function_address(events: Events, name: str) -> int:
    """Where a function of the recorded kernel is, as the table has it; 0 if the trace does not tell."""
    functions = events.symbols.get("function", {})
    return next((address for address, named in functions.items() if named == name), 0)


class Operations:
    """What each event sets off (`role`), which event completes or began it (`partner`), and the run it is a step of.

    `asked` is the last event of the same thread that cannot lie between an allocation and its report. A thread that is
    put aside meanwhile frees what another left behind when it comes back (finish_task_switch). `following` is the next
    event about the same frame, `upcoming` the first about each frame, `since` the event before
    it of the same thread, -1 where there is none. `sleeps` are the events at which kswapd has finished; its last work
    before it is their partner.
    """

    def __init__(self, events: Events, frames: int) -> None:
        n = len(events)
        self.tasks = 1 + min(MOST_TASKS, int(events.pid.max(initial=0)))
        threads = self.tasks + 4 * (events.cpus + 1)
        self.event = adopt(events.event)
        self.cpu = adopt(events.cpu)
        self.context = adopt(events.context)
        self.pid = adopt(events.pid)
        self.pfn = adopt(events.pfn)
        self.flags = adopt(events.flags)
        self.order = adopt(events.order)
        self.a = adopt(events.a)
        self.cpus = events.cpus
        self.role = adopt(np.zeros(n, np.uint8))
        self.partner = adopt(np.full(n, -1, np.int32))
        self.next_step = adopt(np.full(n, -1, np.int32))
        self.since = adopt(np.full(n, -1, np.int32))
        self.asked = adopt(np.full(n, -1, np.int32))
        self.following = adopt(np.full(n, -1, np.int32))
        self.upcoming = adopt(np.full(frames, -1, np.int32))
        self.doing = adopt(np.zeros(threads, np.uint8))
        self.slow = adopt(np.zeros(threads, np.uint8))
        self.first = adopt(np.zeros(threads, np.int32))
        self.took = adopt(np.full(threads, -1, np.int32))
        self.last = adopt(np.zeros(threads, np.int32))
        self.latest = adopt(np.full(threads, -1, np.int32))
        self.active = adopt(np.full(threads, -1, np.int32))
        self.returned = adopt(np.zeros(threads, np.uint8))
        self.reclaim = adopt(np.zeros(threads, np.int32))
        self.sleeps = adopt(np.zeros(1 + np.count_nonzero(events.event == np.uint8(Event.SCHED_SWITCH)), np.int32))
        self.nr_sleeps = 0
        self.kswapd = -1
        self.kswapd_work = -1
        self.vmstat_update = function_address(events, "vmstat_update")
        self.find()

    def find(self) -> None:
        """Group all events."""
        with cython.nogil:
            self.chain()
            self.group()

    def chain(self) -> None:
        """Link the events about each frame."""
        for i in range(len(self.event) - 1, -1, -1):
            pfn = self.pfn[i]
            if (
                self.event[i] <= Event.MM_LRU_INSERTION
                and pfn != NO_PFN
                and self.event[i] != Event.MM_PAGE_ALLOC_EXTFRAG
            ):
                self.following[i] = self.upcoming[pfn]
                self.upcoming[pfn] = i

    def group(self) -> None:
        """Find what each event sets off."""
        for i in range(len(self.event)):
            t = self.thread(i)
            if self.event[i] == Event.PAGE_CAPTURE:  # in the middle of other operations
                if self.a[i] == CaptureStep.OWN:  # the free before it was under the zone lock, and no per-cpu list's
                    self.doing[t] = NO_RUN
                continue
            self.since[i] = self.latest[t]
            self.latest[t] = i
            self.asked[i] = self.active[t]
            self.note_activity(i, t)
            if self.event[i] <= Event.MM_PAGE_ALLOC_EXTFRAG:
                self.allocating(i, t)
            elif self.event[i] == Event.MM_LRU_INSERTION:
                self.role[i] = INSERTION
            elif self.event[i] == Event.SCHED_SWITCH:
                self.switch(i, t)
            elif Event.MM_VMSCAN_DIRECT_RECLAIM_BEGIN <= self.event[i] <= Event.MM_VMSCAN_WAKEUP_KSWAPD:
                self.reclaiming(i, t)
            elif self.event[i] == Event.WORKQUEUE_EXECUTE_START:
                self.working(i, t)
            else:
                self.compacting(i, t)
            if (
                t == self.kswapd
                and self.event[i] != Event.SCHED_SWITCH
                and self.event[i] != Event.MM_COMPACTION_WAKEUP_KCOMPACTD
            ):
                self.kswapd_work = i

    def allocating(self, i: int, t: int) -> None:
        """The page allocator's own events."""
        if self.event[i] == Event.MM_PAGE_ALLOC:
            self.allocation(i, t)
        elif self.event[i] <= Event.MM_PAGE_FREE_BATCHED:
            self.freeing(i, t)
        elif self.event[i] == Event.MM_PAGE_PCPU_DRAIN:
            self.step(i, t, DRAIN, DRAINING)
        else:
            self.step(i, t, TAKE, TAKING)

    def note_activity(self, i: int, t: int) -> None:
        """What a thread does, but for being put aside and freeing what it then finds."""
        if self.event[i] == Event.SCHED_SWITCH:
            self.returned[t] = 1
        elif not self.returned[t] or not Event.MM_PAGE_FREE <= self.event[i] <= Event.MM_PAGE_PCPU_DRAIN:
            self.returned[t] = 0
            self.active[t] = i

    def thread(self, i: int) -> int:
        """The number of the thread of control that reported an event."""
        if self.context[i] & IN_INTERRUPT:
            return self.tasks + self.cpu[i] * 4 + (2 if self.context[i] & TRACE_FLAG_HARDIRQ else 1)
        return self.task(i)

    def task(self, i: int) -> int:
        """The number of the task that was running."""
        if self.pid[i] <= 0:
            return self.tasks + self.cpu[i] * 4
        return self.pid[i] % self.tasks

    def switch(self, i: int, t: int) -> None:
        """kswapd goes to sleep by its own will once it is done; it waits for devices in another way."""
        if t == self.kswapd and self.a[i] == TASK_INTERRUPTIBLE:
            self.role[i] = KSWAPD_SLEEP
            self.partner[i] = self.kswapd_work
            self.sleeps[self.nr_sleeps] = i
            self.nr_sleeps += 1

    def reclaiming(self, i: int, t: int) -> None:
        """Reclaim: an allocation that follows is the slow path's.

        A direct reclaimer that made progress tries again; if that fails, it empties all per-cpu lists.
        """
        if self.event[i] == Event.MM_VMSCAN_KSWAPD_WAKE:
            self.kswapd = t
            self.role[i] = KSWAPD_WAKE
        elif self.event[i] == Event.MM_VMSCAN_WAKEUP_KSWAPD:
            self.slow[t] |= self.flags[i] != 0  # 0: a boosted watermark woke it, not a request
        elif self.event[i] == Event.MM_VMSCAN_DIRECT_RECLAIM_BEGIN:
            self.reclaim[t] = i
        elif self.event[i] == Event.MM_VMSCAN_DIRECT_RECLAIM_END:
            self.slow[t] = 1
            if self.a[i] > 0:
                self.doing[t] = RECLAIMED

    def compacting(self, i: int, t: int) -> None:
        """Compaction: where it may have searched the free lists, and what it took."""
        if self.event[i] == Event.MM_COMPACTION_ISOLATE_FREEPAGES:
            self.role[i] = ISOLATE
        elif self.event[i] == Event.MM_COMPACTION_ISOLATE_MIGRATEPAGES or self.event[i] == Event.MM_MIGRATE_PAGES:
            self.role[i] = SEARCH
        elif self.event[i] == Event.MM_COMPACTION_END:
            self.slow[t] = 1
            self.role[i] = SEARCH
        elif (
            self.event[i] == Event.MM_MIGRATE_PAGES_START
            or Event.MM_COMPACTION_BEGIN <= self.event[i] <= Event.MM_COMPACTION_KCOMPACTD_SLEEP
        ):
            self.role[i] = FOLLOW

    def working(self, i: int, t: int) -> None:
        """A CPU's counters are brought up to date; what its lists may hold decays then (refresh_cpu_vm_stats)."""
        if self.a[i] == self.vmstat_update:
            self.role[i] = DECAY
            self.doing[t] = DECAYING
            self.last[t] = i

    def adjacent(self, i: int, t: int) -> bool:
        """Did the thread report nothing between its last operation and this event, and stay on its CPU?"""
        return self.since[i] == self.last[t] and self.cpu[self.last[t]] == self.cpu[i]

    def step(self, i: int, t: int, role: int, doing: int) -> None:
        """A step under the zone lock: it goes on with the thread's run of such steps, or begins one."""
        if self.doing[t] == doing and self.adjacent(i, t):
            self.next_step[self.last[t]] = i
        else:
            self.first[t] = i
            self.role[i] = role
            if doing == TAKING:
                self.took[t] = i
            if doing == DRAINING and self.doing[t] in (FREED, DECAYING) and self.adjacent(i, t):
                self.partner[i] = self.last[t]
                self.role[self.last[t]] = NO_ROLE
            elif doing == DRAINING and self.doing[t] == RECLAIMED:
                self.partner[i] = self.reclaim[t]
        self.doing[t] = doing
        self.last[t] = i

    def allocation(self, i: int, t: int) -> None:
        """An allocation was made: at the run of steps before it, if they are its own.

        While the block is cleared the task may be interrupted, free what another left behind, and go to another CPU.
        """
        self.role[i] = ALLOC
        if self.slow[t]:
            self.partner[i] = SLOW
            self.slow[t] = 0
        if self.doing[t] == TAKING and self.pfn[i] != NO_PFN and self.cpu[self.last[t]] == self.cpu[i]:
            self.partner[self.first[t]] = i
        elif self.took[t] != NEVER and self.pfn[self.head(self.took[t])] == self.pfn[i]:
            self.partner[self.took[t]] = i
        self.took[t] = NEVER
        self.doing[t] = NO_RUN

    def head(self, i: int) -> int:
        """The step of a run that takes the first block."""
        while self.event[i] != Event.MM_PAGE_ALLOC_ZONE_LOCKED and self.next_step[i] != NEVER:
            i = self.next_step[i]
        return i

    def freeing(self, i: int, t: int) -> None:
        """A free is about to be made: here, or with the drain that it causes."""
        if self.event[i] == Event.MM_PAGE_FREE and self.deferred(i):
            self.prepared(i)
            self.doing[t] = NO_RUN
            return
        self.role[i] = FREE
        self.partner[i] = self.interrupted(i)
        if self.event[i] == Event.MM_PAGE_FREE_BATCHED and self.doing[t] == FREED:
            self.list_goes_on(i, t)
        self.doing[t] = FREED
        self.last[t] = i

    def prepared(self, i: int) -> None:
        """A page of a list is prepared. Was the one before it of the same list, though nothing tells that it was put on
        a per-cpu list? Then it found the lists locked (free_unref_page_list).

        It is sure where it lies between two others, or is taken from the free lists next.
        """
        self.role[i] = PREPARE
        before = self.since[i]
        if self.cpus == 1 or before == NEVER or self.order[before] > 0:
            return
        if self.event[before] != Event.MM_PAGE_FREE or self.role[before] != FREE:
            return
        k = self.following[before]
        between = self.since[before] != NEVER and self.role[self.since[before]] in (PREPARE, PASS_BY)
        passed = between if k == NEVER else self.event[k] == Event.MM_PAGE_ALLOC_ZONE_LOCKED
        if passed and not self.context[before] & IN_INTERRUPT and self.cpu[before] == self.cpu[i]:
            self.role[before] = PASS_BY

    def list_goes_on(self, i: int, t: int) -> None:
        """Between two pages of one list the per-cpu lists' lock was held: what interrupted it was locked out."""
        k = self.last[t]
        if self.event[k] != Event.MM_PAGE_FREE_BATCHED or self.cpu[k] != self.cpu[i]:
            return
        for j in range(k + 1, i):
            if self.cpu[j] == self.cpu[i] and self.partner[j] == MAYBE_LOCKED_OUT:
                self.partner[j] = LOCKED_OUT

    def interrupted(self, i: int) -> int:
        """Did this interrupt come when the task may have held its per-cpu lists' lock?

        It does for sure (LOCKED_OUT) when it just let go of the zone lock, and with it of what had kept interrupts off.
        """
        if not self.context[i] & IN_INTERRUPT:
            return NEVER
        t = self.task(i)
        if self.cpu[self.last[t]] != self.cpu[i]:
            return NEVER
        if self.doing[t] == TAKING or self.doing[t] == DRAINING:
            return LOCKED_OUT
        return MAYBE_LOCKED_OUT if self.doing[t] == FREED else NEVER

    def deferred(self, i: int) -> bool:
        """Is this page of a list that is prepared first and put on the per-cpu list later? (free_unref_page_list)"""
        return self.following[i] != NEVER and self.event[self.following[i]] == Event.MM_PAGE_FREE_BATCHED
