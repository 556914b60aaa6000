"""One pass over a trace: what each task did of its own accord, as a stream of operations on objects.

A frame's use comes from later events on it; what reclaim and compaction did is left out, for the model to decide. An
allocation or free inside them is a consequence, not demand.
"""

from __future__ import annotations

import cython
import numpy as np

from recap.demand.transactions import Holds
from recap.pages import Array, adopt
from recap.trace import Events
from recap.trace.columns import zeros

if not cython.compiled:
    from recap.demand.kinds import Kind, Op, Role
    from recap.kernel import GFP_WRITE, LRU_ACTIVE_FILE, PAGE_ALLOC_COSTLY_ORDER
    from recap.trace.event import NO_PFN, TASK_REPORT_MAX, TASK_STATES, TASK_UNINTERRUPTIBLE, Event

    GFP_METADATA = 0x100C48  # GFP_NOFS | __GFP_HARDWALL | __GFP_MOVABLE, as __getblk asks for a block of the device
    GFP_READ = 0x140CCA  # as a file asks for a page to read into
    LOOK_ACTIVATED, MOST_LOOKS = 2, 255
    NOBODY, DROPPED = -1, -2
    UNLISTED = -2  # of a list of evicted pages: in none
    SECTORS_PER_PAGE = 8
    ARRIVALS = 1024


def numbers(count: int, dtype: type[np.generic], value: int = 0) -> Array:
    """A column of equal numbers. Of zeros, only those that are changed take memory."""
    return np.full(count, value, dtype) if value else np.zeros(count, dtype)


def blocks_written(events: Events) -> int:
    """Pages in all write requests."""
    writes = (events.event == Event.BLOCK_RQ_ISSUE) & (events.order != 0)
    return int(events.b[writes].sum()) // SECTORS_PER_PAGE


class Streams:
    """The state of the pass.

    Args:
        events: the trace from the snapshot on.
        who, other: task number of each event's task, and of the task it names (switched to, forked).
        identity: number of the file page an event names, -1 if none.
        role: of each task: USER, IDLE, RECLAIMER (kswapd), COMPACTOR (kcompactd), FLUSHER (kworkers, which write back
            for others) or JOURNAL (which writes its own).
        initial: 1 for the frames in use at the start; initial_kind: what they hold (Kind).
    """

    def __init__(
        self,
        events: Events,
        who: Array,
        other: Array,
        identity: Array,
        role: Array,
        initial: Array,
        initial_kind: Array,
    ) -> None:
        self.columns: dict[str, Array] = {}
        self.read(events)
        self.device = 0
        self.hold_time = adopt(numbers(0, np.int64))
        self.hold_identity = adopt(numbers(0, np.int32))
        self.next_hold = 0
        self.left_alone(numbers(0, np.int64), numbers(0, np.uint32), numbers(0, np.uint8), numbers(0, np.uint8))
        self.found_in_use = 0
        self.files(numbers(int(identity.max(initial=0)) + 1, np.int32, NOBODY), True)
        self.forgotten = 0
        self.came_back = 0
        self.device_object = adopt(numbers(0, np.int32))
        self.who, self.other, self.identity = adopt(who), adopt(other), adopt(identity)
        self.role, self.initial, self.initial_kind = adopt(role), adopt(initial), adopt(initial_kind)
        frames = len(initial)
        self.frame_object = adopt(numbers(frames, np.int32, NOBODY))
        self.frame_freed_by = adopt(numbers(frames, np.int32, NOBODY))
        self.frame_request = adopt(numbers(frames, np.int32))
        self.identity_object = adopt(numbers(int(identity.max(initial=0)) + 1, np.int32, NOBODY))
        objects = int(np.count_nonzero(events.event == Event.MM_PAGE_ALLOC)) + frames
        self.prepare_objects(objects)
        held = 2 * int(np.count_nonzero(events.event == Event.WRITEBACK_DIRTY_FOLIO))
        self.prepare_operations(len(events) + held + objects + blocks_written(events), len(events))
        self.prepare_tasks(len(role), events)
        self.objects = 0
        self.ops = 0
        self.lossy = bool(events.lost)
        self.unseen_frees = 0
        self.dropped_allocs = 0
        self.dropped_frees = 0
        self.reclaimed = 0
        self.migrated = 0
        self.reattached = 0
        self.freed_from_swap = 0
        self.slab_frees = 0
        self.attempts = 0
        self.successes = 0
        self.stolen = 0
        self.compaction_ns = 0
        self.completed = 0
        self.compaction_wait_ns = 0

    def read(self, events: Events) -> None:
        """The trace's columns."""
        self.time = adopt(events.time)
        self.event = adopt(events.event)
        self.cpu = adopt(events.cpu)
        self.pfn = adopt(events.pfn)
        self.order = adopt(events.order)
        self.flags = adopt(events.flags)
        self.a = adopt(events.a)
        self.b = adopt(events.b)

    def prepare_objects(self, count: int) -> None:
        """Room for objects; obj_next chains them in lists (swapped out, failed, moved away), each in one at a time.

        A trace that contradicts its start may tell the end of the same page twice.
        """
        self.obj_kind = adopt(self.column("obj_kind", count, np.uint8))
        self.obj_order = adopt(self.column("obj_order", count, np.uint8))
        self.obj_pfn = adopt(self.column("obj_pfn", count, np.uint32, 0xFFFFFFFF))
        self.obj_task = adopt(numbers(count, np.int32, NOBODY))
        self.obj_identity = adopt(numbers(count, np.int32, NOBODY))
        self.obj_next = adopt(numbers(count, np.int32, NOBODY))
        self.obj_chained = adopt(numbers(count, np.uint8))
        self.obj_fresh = adopt(numbers(count, np.uint8))
        self.obj_evicted = adopt(numbers(count, np.uint8))
        self.obj_next_evicted = adopt(numbers(count, np.int32, UNLISTED))
        self.obj_looks = adopt(self.column("obj_looks", count, np.uint8))
        self.obj_changed = adopt(numbers(count, np.uint8))
        self.obj_looked = adopt(numbers(count, np.uint8))
        self.obj_in_use_until = adopt(self.column("obj_in_use_until", count, np.int64, NOBODY))
        self.obj_shared = adopt(self.column("obj_shared", count, np.uint8))
        self.obj_op = adopt(numbers(count, np.int64, NOBODY))

    def prepare_operations(self, count: int, rows: int) -> None:
        """Room for operations; of a long trace, which has so many rows, on disk."""
        self.op_kind = adopt(self.operations("op_kind", count, np.uint8, rows))
        self.op_obj = adopt(self.operations("op_obj", count, np.int32, rows))
        self.op_gfp = adopt(self.operations("op_gfp", count, np.uint32, rows))
        self.op_cpu = adopt(self.operations("op_cpu", count, np.uint8, rows))
        self.op_run = adopt(self.operations("op_run", count, np.uint64, rows))
        self.op_wait = adopt(self.operations("op_wait", count, np.uint64, rows))
        self.op_due = adopt(self.operations("op_due", count, np.int64, rows))
        self.op_result = adopt(self.operations("op_result", count, np.uint8, rows))
        self.op_task = adopt(self.operations("op_task", count, np.int32, rows))

    def prepare_tasks(self, count: int, events: Events) -> None:
        """Every task is taken to sleep at the start until it is first seen."""
        start = int(events.time[0])
        self.cpu_task = adopt(numbers(events.cpus, np.int32, NOBODY))
        self.cpu_since = adopt(numbers(events.cpus, np.int64, start))
        self.cpu_moved = adopt(numbers(events.cpus, np.int32, NOBODY))
        self.cpu_moved_last = adopt(numbers(events.cpus, np.int32, NOBODY))
        self.cpu_arrived = adopt(numbers(events.cpus, np.int64))
        self.cpu_taken = adopt(numbers(events.cpus, np.int64))
        self.arrived = adopt(numbers(events.cpus * ARRIVALS, np.uint32))
        self.task_asleep = adopt(numbers(count, np.uint8, 1))
        self.task_forked = adopt(self.column("task_forked", count, np.uint8))
        self.task_stalled = adopt(numbers(count, np.uint8))
        self.task_compacting = adopt(numbers(count, np.uint8))
        self.task_burst = adopt(numbers(count, np.uint8))
        self.task_slept = adopt(numbers(count, np.int64, start))
        self.task_run = adopt(numbers(count, np.int64))
        self.task_wait = adopt(numbers(count, np.int64))
        self.task_off = adopt(numbers(count, np.int64))
        self.task_slow = adopt(numbers(count, np.uint8))
        self.task_lost = adopt(numbers(count, np.int64))
        self.task_began = adopt(numbers(count, np.int64))
        self.task_pending = adopt(numbers(count, np.int32, NOBODY))
        self.task_request = adopt(numbers(count, np.int32))
        self.task_swapped = adopt(numbers(count, np.int32, NOBODY))
        self.task_failed = adopt(numbers(count, np.int32, NOBODY))

    def column(self, name: str, count: int, dtype: type[np.generic], value: int = 0) -> Array:
        """A column of the result."""
        self.columns[name] = numbers(count, dtype, value)
        return self.columns[name]

    def operations(self, name: str, count: int, dtype: type[np.generic], rows: int) -> Array:
        """A column of the operations."""
        self.columns[name] = zeros(count, dtype, rows)
        return self.columns[name]

    def result(self, name: str, count: int) -> Array:
        """The first `count` numbers of a column of the result."""
        if not cython.compiled:
            return np.array(getattr(self, name)[:count], self.columns[name].dtype)
        return self.columns[name][:count]

    def advance(self, start: int, stop: int) -> None:
        """Read the events from `start` up to `stop`."""
        self.run(start, stop)

    def run(self, start: int, stop: int) -> None:
        """`advance` without the interpreter."""
        for i in range(start, stop):
            self.account(i)
            if self.role[self.who[i]] == Role.USER and not self.consequence(self.who[i]):
                self.hold_blocks(i)
            self.take_looks(i)
            self.dispatch(i)

    def account(self, i: int) -> None:
        """Add the time since the CPU's last event to the task that runs there, unless a request of its is in the slow
        path."""
        c = self.cpu[i]
        t = self.who[i]
        if self.cpu_task[c] == NOBODY:
            self.cpu_task[c] = t
        t = self.cpu_task[c]
        gone = self.time[i] - self.cpu_since[c]
        self.cpu_since[c] = self.time[i]
        if self.task_asleep[t]:
            self.task_asleep[t] = 0
        if self.task_compacting[t]:
            self.compaction_ns += gone
        if not self.on_its_own(t):
            return
        if self.role[t] == Role.IDLE:
            self.task_wait[t] += gone
        else:
            self.task_run[t] += gone

    def dispatch(self, i: int) -> None:
        """What an event means for demand: memory first, it is what a trace is mostly made of."""
        if self.event[i] == Event.MM_PAGE_ALLOC:
            self.allocated(i)
        elif self.event[i] == Event.MM_PAGE_FREE:
            self.freed(i)
        elif self.event[i] == Event.MM_LRU_INSERTION:
            self.inserted(i)
        elif self.event[i] == Event.MM_LRU_ACTIVATE:
            self.activated(i)
        elif self.event[i] == Event.MM_FILEMAP_ADD_TO_PAGE_CACHE:
            self.cached(i)
        elif self.event[i] == Event.MM_FILEMAP_DELETE_FROM_PAGE_CACHE:
            self.uncached(i)
        elif self.event[i] == Event.WRITEBACK_DIRTY_FOLIO:
            self.dirtied(i)
        else:
            self.task_event(i, self.who[i])

    def task_event(self, i: int, t: int) -> None:
        """What a task does: it is scheduled, forks, exits, reclaims or compacts."""
        if self.event[i] == Event.SCHED_SWITCH:
            self.switched(i)
        elif self.event[i] == Event.BLOCK_RQ_COMPLETE:
            self.completed = self.time[i]
        elif self.event[i] == Event.BLOCK_RQ_ISSUE and self.order[i]:
            self.written(i, t)
        elif self.event[i] == Event.SCHED_PROCESS_FORK:
            self.forked(i)
        elif self.event[i] == Event.SCHED_PROCESS_EXIT:
            self.free_swapped(i, t)
            self.emit(i, t, Op.EXIT, NOBODY)
        elif self.event[i] == Event.MM_VMSCAN_WAKEUP_KSWAPD:
            self.enter_slowpath(i, t)
        elif self.event[i] in (Event.MM_VMSCAN_DIRECT_RECLAIM_BEGIN, Event.MM_VMSCAN_DIRECT_RECLAIM_END):
            self.enter_slowpath(i, t)
            self.task_stalled[t] = self.event[i] == Event.MM_VMSCAN_DIRECT_RECLAIM_BEGIN
        elif self.event[i] in (Event.MM_COMPACTION_BEGIN, Event.MM_COMPACTION_END):
            self.enter_slowpath(i, t)
            self.cpu_taken[self.cpu[i]] = self.cpu_arrived[self.cpu[i]]
            self.task_compacting[t] = self.event[i] == Event.MM_COMPACTION_BEGIN

    def enter_slowpath(self, i: int, t: int) -> None:
        """What a task loses to a request's slow path is no think time: what comes later would have come sooner.

        It begins where kswapd is called, or with direct reclaim or compaction. Waits for a CPU are not part of it: what
        others did in them they have to do anyway.
        """
        if self.task_slow[t] or self.role[t] in (Role.RECLAIMER, Role.COMPACTOR):
            return
        self.task_slow[t] = 1
        self.task_began[t] = self.time[i]

    def leave_slowpath(self, i: int, t: int) -> None:
        """The request is served or given up, after its last look at the free lists."""
        if self.task_slow[t] and not self.consequence(t):
            self.task_slow[t] = 0
            self.task_lost[t] += self.time[i] - self.task_began[t]

    def on_its_own(self, t: int) -> bool:
        """Is what a task does, or that it sleeps, no part of a request's slow path?"""
        return not self.task_slow[t] and not self.consequence(t)

    def switched(self, i: int) -> None:
        """Another task runs; the last one sleeps unless it was only preempted."""
        c = self.cpu[i]
        t = self.who[i]
        then = self.other[i]
        if not self.a[i] & TASK_STATES or self.a[i] & TASK_REPORT_MAX:
            self.task_off[t] = self.time[i]
        if self.task_off[then] > 0:
            self.waited(then, self.time[i] - self.task_off[then])
            self.task_off[then] = 0
        if self.a[i] & TASK_STATES and not self.a[i] & TASK_REPORT_MAX:
            self.rests(i, t)
            self.task_asleep[t] = 2 if self.a[i] & TASK_UNINTERRUPTIBLE else 1
            self.task_slept[t] = self.time[i]
        if self.task_asleep[then]:
            if self.on_its_own(then):
                self.task_wait[then] += self.woken(i, then) - self.task_slept[then]
            self.task_asleep[then] = 0
        self.cpu_task[c] = then

    def rests(self, i: int, t: int) -> None:
        """A task goes to sleep of its own accord.

        A task that never asks for memory takes the CPU when it wakes, too (rcu_preempt, at every second tick), and when
        it sleeps again, the one that has run least is next.
        """
        if self.role[t] in (Role.USER, Role.FLUSHER, Role.JOURNAL) and self.on_its_own(t):
            self.emit(i, t, Op.REST, NOBODY)

    def waited(self, t: int, gone: int) -> None:
        """A task was preempted for a while: that of compaction is part of how long it takes."""
        if self.compacts(t):
            self.compaction_wait_ns += gone
        if self.task_slow[t]:
            self.task_began[t] += gone

    def written(self, i: int, t: int) -> None:
        """A write request: blocks of the filesystem's metadata are known by their place, the rest are data."""
        data = 0
        block = self.a[i] // SECTORS_PER_PAGE
        for k in range(block, block + self.b[i] // SECTORS_PER_PAGE):
            if self.flags[i] == self.device and k < len(self.device_object) and self.device_object[k] != NOBODY:
                self.emit(i, t, Op.WRITE_PAGE, self.device_object[k])
            else:
                data += 1
        if data and self.role[t] in (Role.USER, Role.FLUSHER) and not self.consequence(t):
            self.emit(i, t, Op.WRITEBACK, data)

    def hold_blocks(self, i: int) -> None:
        """Blocks of metadata that are changed about now, and read again where they are gone, by whoever runs then."""
        while self.next_hold < len(self.hold_time) and self.hold_time[self.next_hold] <= self.time[i]:
            obj = self.identity_object[self.hold_identity[self.next_hold]]
            if obj != NOBODY:
                self.op_gfp[self.ops] = GFP_METADATA
                self.emit(i, self.who[i], Op.TOUCH, obj)
                self.emit(i, self.who[i], Op.HOLD, obj)
                self.obj_changed[obj] = 1
            self.next_hold += 1

    def left_alone(self, row: Array, pfn: Array, found: Array, dirty: Array) -> None:
        """Say which frames recorded reclaim looked at and left, at which event (1: kept, 2: made active), and which
        frames are dirty at the start."""
        self.look_row, self.look_pfn, self.look_found = adopt(row), adopt(pfn), adopt(found)
        self.dirty = adopt(dirty)
        self.next_look = 0

    def take_looks(self, i: int) -> None:
        """What recorded reclaim left in a batch that ended here was in use; a dirty page was left for the flusher."""
        while self.next_look < len(self.look_row) and self.look_row[self.next_look] <= i:
            p = self.look_pfn[self.next_look]
            changed = self.initial[p] and self.dirty[p] and self.initial_kind[p] == Kind.FILE
            obj = self.occupant(p, 0)
            if obj >= 0 and not changed and not self.obj_changed[obj]:
                self.look_at(i, obj, self.look_found[self.next_look])
            self.next_look += 1

    def look_at(self, i: int, obj: int, found: int) -> None:
        """An object was found in use; of an anonymous page the first look says no more than that it was touched."""
        first = not self.obj_looked[obj]
        self.obj_looked[obj] = 1
        if first and found != LOOK_ACTIVATED and self.obj_kind[obj] == Kind.ANON and self.obj_op[obj] >= 0:
            return
        self.obj_in_use_until[obj] = self.time[i] - self.time[0]
        if first and found == LOOK_ACTIVATED:
            self.obj_shared[obj] = 1
        self.obj_looks[obj] += 1 if self.obj_looks[obj] < MOST_LOOKS else 0
        self.found_in_use += 1

    def files(self, file_of: Array, evicted_before: bool) -> None:
        """Say of which file each numbered page is (-1: of the block device itself, which is never truncated), and
        whether pages had been evicted before the recording."""
        self.evicted_before = evicted_before
        self.identity_file = adopt(file_of)
        self.file_evicted = adopt(numbers(int(file_of.max(initial=-1)) + 1, np.int32, NOBODY))

    def metadata(self, held: Holds, identity: Array, pfns: Array) -> None:
        """Say when blocks of metadata are held, and which frames hold which of these file pages at the start."""
        self.hold_time, self.hold_identity = adopt(held.time), adopt(held.identity)
        for number, pfn in zip(identity.tolist(), pfns.tolist(), strict=True):
            obj = self.occupant(pfn, 0)
            self.obj_identity[obj] = number
            self.identity_object[number] = obj

    def device_pages(self, device: int, blocks: Array, pfns: Array) -> None:
        """Say which frames hold which blocks of a device at the start."""
        self.device = device
        self.device_object = adopt(numbers(int(blocks.max(initial=-1)) + 1, np.int32, NOBODY))
        for block, pfn in zip(blocks.tolist(), pfns.tolist(), strict=True):
            self.device_object[block] = self.occupant(pfn, 0)

    def woken(self, i: int, t: int) -> int:
        """When a sleep ended that a switch to the task shows: one for I/O with the last completion, others now."""
        if self.task_asleep[t] == 2 and self.completed > self.task_slept[t]:
            return self.completed
        return self.time[i]

    def forked(self, i: int) -> None:
        """A child is born: its time counts from here."""
        self.task_forked[self.other[i]] = 1
        self.task_lost[self.other[i]] = self.task_lost[self.who[i]]
        self.task_asleep[self.other[i]] = 1
        self.task_slept[self.other[i]] = self.time[i]
        self.emit(i, self.who[i], Op.FORK, self.other[i])

    def emit(self, i: int, t: int, kind: int, obj: int) -> None:
        """Add an operation to a task's stream, with the time since its last one."""
        n = self.ops
        self.op_kind[n] = kind
        self.op_obj[n] = obj
        self.op_cpu[n] = self.cpu[i]
        self.op_run[n] = self.task_run[t]
        self.op_wait[n] = self.task_wait[t]
        self.op_due[n] = self.time[i] - self.time[0] - self.task_lost[t]
        if self.task_slow[t]:
            self.op_due[n] -= self.time[i] - self.task_began[t]
        self.op_task[n] = t
        self.task_run[t] = 0
        self.task_wait[t] = 0
        self.ops += 1

    def new_object(self, kind: int, order: int, t: int) -> int:
        """One more thing that memory is asked for."""
        obj = self.objects
        self.objects += 1
        self.obj_kind[obj] = kind
        self.obj_order[obj] = order
        self.obj_task[obj] = t
        return obj

    def compacts(self, t: int) -> bool:
        """Is the task inside compaction?"""
        return self.role[t] == Role.COMPACTOR or self.task_compacting[t] != 0

    def consequence(self, t: int) -> bool:
        """Is the task inside reclaim or compaction, so that what it does is not demand?"""
        return (
            self.role[t] in (Role.RECLAIMER, Role.COMPACTOR)
            or self.task_stalled[t] != 0
            or self.task_compacting[t] != 0
        )

    def allocated(self, i: int) -> None:
        """A request, served or not; one that repeats a failed one is for the same object."""
        t = self.who[i]
        p = self.pfn[i]
        self.leave_slowpath(i, t)
        if self.task_burst[t]:
            self.free_swapped(i, t)
        self.task_request[t] += 1
        if p != NO_PFN:
            self.count_stolen(p, self.order[i], t)
            if self.lossy:
                self.free_unseen(i, t, p)
        if self.consequence(t):
            self.dropped_allocs += 1
            if p != NO_PFN:
                self.frame_object[p] = DROPPED
            return
        obj = self.asked_again(i, t)
        if obj == NOBODY:
            obj = self.new_object(Kind.KERNEL, self.order[i], t)
            if self.order[i] > PAGE_ALLOC_COSTLY_ORDER:
                self.attempts += 1
        self.obj_op[obj] = self.ops
        self.op_gfp[self.ops] = self.flags[i]
        self.op_result[self.ops] = p != NO_PFN
        self.emit(i, t, Op.ALLOC, obj)
        if p == NO_PFN:
            self.task_pending[t] = obj
            return
        if self.order[i] > PAGE_ALLOC_COSTLY_ORDER:
            self.successes += 1
        self.frame_object[p] = obj

    def free_unseen(self, i: int, t: int, p: int) -> None:
        """A frame is allocated that was in use: its free is among the lost events, and happens here at the latest.

        A page of a file may have been reclaimed, so it is the model's to decide.
        """
        for j in range(p, p + (1 << self.order[i])):
            obj = self.occupant(j, 0)
            self.frame_object[j] = NOBODY
            if obj >= 0 and self.obj_kind[obj] != Kind.FILE:
                self.emit(i, t, Op.FREE, obj)
                self.unseen_frees += 1

    def asked_again(self, i: int, t: int) -> int:
        """The object of the task's last request, if that failed and is repeated at once with other flags.

        One given up waits for a kindred free.
        """
        obj = self.task_pending[t]
        self.task_pending[t] = NOBODY
        if obj == NOBODY:
            return NOBODY
        if self.obj_order[obj] == self.order[i] and self.op_gfp[self.obj_op[obj]] != self.flags[i]:
            return obj
        self.give_up(t, obj)
        return NOBODY

    def give_up(self, t: int, obj: int) -> None:
        """A request that failed for good waits for the task to free its like."""
        if self.obj_chained[obj]:
            return
        self.obj_chained[obj] = 1
        self.obj_next[obj] = self.task_failed[t]
        self.task_failed[t] = obj

    def count_stolen(self, p: int, order: int, t: int) -> None:
        """Pages that a direct reclaimer freed and another task gets before the reclaimer is served."""
        for j in range(p, p + (1 << order)):
            by = self.frame_freed_by[j]
            if by != NOBODY and by != t and self.frame_request[j] == self.task_request[by]:
                self.stolen += 1
            self.frame_freed_by[j] = NOBODY

    def occupant(self, p: int, order: int) -> int:
        """The object in a frame; one in use since before the trace is known from here on. NOBODY: the trace never
        said."""
        if self.frame_object[p] != NOBODY or not self.initial[p]:
            return self.frame_object[p]
        order = max(order, self.initial[p] - 1)
        if not self.was_one_block(p, order):
            return NOBODY
        obj = self.new_object(self.initial_kind[p], order, NOBODY)
        self.obj_pfn[obj] = p
        self.frame_object[p] = obj
        for j in range(p, p + (1 << order)):
            self.initial[j] = 0
        return obj

    def was_one_block(self, p: int, order: int) -> bool:
        """Can these frames have been a block since before the trace? A large folio that compaction moved in was not.

        A block that need not be freed whole is of the kernel's own pages, each in use since then.
        """
        at, end = p, p + (1 << order)
        while at < end:
            if not self.initial[at] or (self.initial[at] <= order and self.initial_kind[at] != Kind.KERNEL):
                return False
            at += 1 << (self.initial[at] - 1)
        return at == end

    def moved_in(self, c: int, p: int) -> None:
        """Compaction on a CPU put a page on the LRU that nobody asked for: it is what the CPU moved away longest ago.

        Pages join the LRU in the order in which the frames they leave are freed, but in batches of their own.
        """
        obj = self.cpu_moved[c]
        if obj == NOBODY:
            self.arrived[c * ARRIVALS + self.cpu_arrived[c] % ARRIVALS] = p
            self.cpu_arrived[c] += 1
            return
        self.cpu_moved[c] = self.obj_next[obj]
        self.obj_chained[obj] = 0
        self.settle(obj, p)

    def settle(self, obj: int, p: int) -> None:
        """An object is in this frame now."""
        self.reattached += 1
        self.frame_object[p] = obj

    def moved_away(self, c: int, obj: int) -> None:
        """Compaction on a CPU emptied a frame; where its content went is told by the LRU, sooner or later."""
        self.migrated += 1
        if self.cpu_arrived[c] > self.cpu_taken[c]:
            self.settle(obj, self.arrived[c * ARRIVALS + self.cpu_taken[c] % ARRIVALS])
            self.cpu_taken[c] += 1
            return
        if self.obj_chained[obj]:
            return
        self.obj_chained[obj] = 1
        self.obj_next[obj] = NOBODY
        if self.cpu_moved[c] == NOBODY:
            self.cpu_moved[c] = obj
        else:
            self.obj_next[self.cpu_moved_last[c]] = obj
        self.cpu_moved_last[c] = obj

    def freed(self, i: int) -> None:
        """A free by the owner is demand; one by reclaim is the model's to decide; by compaction, the content moved
        on."""
        t = self.who[i]
        p = self.pfn[i]
        obj = self.occupant(p, self.order[i])
        self.frame_object[p] = NOBODY
        if obj == DROPPED:
            return
        if obj == NOBODY:
            self.dropped_frees += 1
        elif self.obj_kind[obj] != Kind.KERNEL and self.compacts(t):
            self.moved_away(self.cpu[i], obj)
        elif self.obj_kind[obj] != Kind.KERNEL and self.consequence(t):
            self.evicted(t, obj, p)
        else:
            if self.consequence(t):
                self.slab_frees += 1
            elif self.task_pending[t] != NOBODY:
                self.give_up(t, self.task_pending[t])
                self.task_pending[t] = NOBODY
            self.released(i, t, obj)

    def evicted(self, t: int, obj: int, p: int) -> None:
        """Reclaim took the page; an anonymous one lives on in swap until its owner unmaps it."""
        self.reclaimed += 1
        if self.task_stalled[t]:
            self.frame_freed_by[p] = t
            self.frame_request[p] = self.task_request[t]
        if self.obj_kind[obj] == Kind.ANON and self.obj_task[obj] != NOBODY and not self.obj_chained[obj]:
            self.obj_chained[obj] = 1
            self.obj_next[obj] = self.task_swapped[self.obj_task[obj]]
            self.task_swapped[self.obj_task[obj]] = obj
        elif self.obj_identity[obj] != NOBODY and self.identity_file[self.obj_identity[obj]] != NOBODY:
            self.obj_evicted[obj] = 1
            self.list_evicted(obj, self.identity_file[self.obj_identity[obj]])

    def list_evicted(self, obj: int, file: int) -> None:
        """A page of a file was evicted: it may come back, as long as the file is not truncated."""
        if self.obj_next_evicted[obj] == UNLISTED:
            self.obj_next_evicted[obj] = self.file_evicted[file]
            self.file_evicted[file] = obj

    def truncated(self, i: int, t: int, file: int) -> None:
        """A file gives up its pages, and with them what was known of those evicted before (clear_shadow_entry,
        6.1): what is written there next is no page that comes back."""
        while self.file_evicted[file] != NOBODY:
            obj = self.file_evicted[file]
            self.file_evicted[file] = self.obj_next_evicted[obj]
            self.obj_next_evicted[obj] = UNLISTED
            if self.obj_evicted[obj]:
                self.obj_evicted[obj] = 0
                self.emit(i, t, Op.FREE, obj)
                self.identity_object[self.obj_identity[obj]] = NOBODY
                self.forgotten += 1

    def released(self, i: int, t: int, obj: int) -> None:
        """An owner's free; a burst of anonymous ones is an unmapping, which gives up what is in swap as well."""
        self.emit(i, t, Op.FREE, obj)
        if self.obj_identity[obj] != NOBODY:
            self.identity_object[self.obj_identity[obj]] = NOBODY
            if self.identity_file[self.obj_identity[obj]] != NOBODY:
                self.truncated(i, t, self.identity_file[self.obj_identity[obj]])
        if self.obj_kind[obj] == Kind.ANON and self.obj_task[obj] == t:
            self.task_burst[t] = 1
        if self.obj_order[obj] > 0:
            self.free_failed(i, t, self.obj_order[obj])

    def free_swapped(self, i: int, t: int) -> None:
        """A burst of frees is over, or the task exits: what it had in swap is given up too."""
        self.task_burst[t] = 0
        while self.task_swapped[t] != NOBODY:
            obj = self.task_swapped[t]
            self.task_swapped[t] = self.obj_next[obj]
            self.obj_chained[obj] = 0
            self.emit(i, t, Op.FREE, obj)
            self.freed_from_swap += 1

    def free_failed(self, i: int, t: int, order: int) -> None:
        """What failed in the recording and may succeed in the model is freed with the next of its order."""
        last = NOBODY
        obj = self.task_failed[t]
        while obj != NOBODY:
            then = self.obj_next[obj]
            if self.obj_order[obj] != order:
                last = obj
            else:
                self.obj_chained[obj] = 0
                self.emit(i, t, Op.FREE, obj)
                if last == NOBODY:
                    self.task_failed[t] = then
                else:
                    self.obj_next[last] = then
            obj = then

    def inserted(self, i: int) -> None:
        """A page joins an LRU list: 0 and 1 are anonymous, 2 and 3 file."""
        obj = self.frame_object[self.pfn[i]]
        if obj < 0 and not self.initial[self.pfn[i]]:
            if self.cpu_moved[self.cpu[i]] != NOBODY or self.compacts(self.who[i]):
                self.moved_in(self.cpu[i], self.pfn[i])
            return
        if obj < 0:
            return
        if self.obj_kind[obj] == Kind.KERNEL:
            self.obj_kind[obj] = Kind.ANON if self.a[i] < 2 else Kind.FILE
        if self.a[i] == LRU_ACTIVE_FILE and self.obj_fresh[obj]:
            self.joins_active(i, obj)
        self.obj_fresh[obj] = 0

    def joins_active(self, i: int, obj: int) -> None:
        """A page is active when it joins the LRU: it had been evicted before the recording (workingset_refault), or it
        was used again on its way there (__lru_cache_activate_folio).

        Of blocks of the device it is the latter, whenever they are read: on a machine that never reclaimed 12,237 of
        them joined so. What else was evicted in the recording the model knows by itself.
        """
        if self.evicted_before and self.identity_file[self.obj_identity[obj]] != NOBODY:
            self.emit(i, self.who[i], Op.REFAULT, obj)
            self.came_back += 1
        else:
            self.emit(i, self.who[i], Op.JOIN_ACTIVE, obj)

    def cached(self, i: int) -> None:
        """A page joins a file; if that page of the file was known before, the request was for the same object."""
        obj = self.frame_object[self.pfn[i]]
        old = self.identity_object[self.identity[i]]
        if obj < 0:
            return
        if old != NOBODY and old != obj and self.obj_op[obj] >= 0:
            self.op_obj[self.obj_op[obj]] = old
            self.obj_op[old] = self.obj_op[obj]
            self.frame_object[self.pfn[i]] = old
            self.obj_evicted[old] = 0
            self.obj_fresh[old] = self.identity_file[self.identity[i]] == NOBODY
            self.read_into(i, old)
            return
        self.obj_kind[obj] = Kind.FILE
        self.obj_identity[obj] = self.identity[i]
        self.identity_object[self.identity[i]] = obj
        self.obj_fresh[obj] = self.obj_op[obj] >= 0
        self.read_into(i, obj)

    def read_into(self, i: int, obj: int) -> None:
        """What is read is used once (filemap_read, touch_buffer); what is written is not marked (FGP_WRITEBEGIN)."""
        if self.obj_op[obj] >= 0 and not self.op_gfp[self.obj_op[obj]] & GFP_WRITE:
            self.op_gfp[self.ops] = self.op_gfp[self.obj_op[obj]]
            self.emit(i, self.who[i], Op.TOUCH, obj)

    def uncached(self, i: int) -> None:
        """A page leaves its file, to be freed next: its frame and its place are named together."""
        obj = self.occupant(self.pfn[i], 0)
        if obj == NOBODY:
            obj = self.identity_object[self.identity[i]]
            if obj != NOBODY:
                self.reattached += 1
                self.frame_object[self.pfn[i]] = obj
        if obj >= 0 and self.obj_identity[obj] == NOBODY:
            self.obj_kind[obj] = Kind.FILE
            self.obj_identity[obj] = self.identity[i]
            self.identity_object[self.identity[i]] = obj

    def dirtied(self, i: int) -> None:
        """A page of a file is written to."""
        obj = self.identity_object[self.identity[i]]
        if obj != NOBODY:
            self.obj_changed[obj] = 1
            self.emit(i, self.who[i], Op.DIRTY, obj)

    def activated(self, i: int) -> None:
        """A page was used again and becomes active."""
        obj = self.occupant(self.pfn[i], 0)
        if obj >= 0:
            self.op_gfp[self.ops] = self.op_gfp[self.obj_op[obj]] if self.obj_op[obj] >= 0 else GFP_READ
            self.emit(i, self.who[i], Op.ACTIVATE, obj)
