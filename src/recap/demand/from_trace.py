"""Demand from a recording: what its tasks asked for and gave back, without what the recorded kernel made of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from recap.demand.compaction_costs import compaction_costs
from recap.demand.demand import Demand
from recap.demand.hotplug import changes, memory_end
from recap.demand.kinds import Kind, Op, Role
from recap.demand.lru_looks import looks
from recap.demand.reclaim_costs import reclaim_costs
from recap.demand.starts import Origin, start_of
from recap.demand.streams import Streams
from recap.demand.ticks import tick_phases
from recap.demand.transactions import filesystem_device, holds
from recap.pages import Array
from recap.trace import Event, Events, Recording, Snapshot
from recap.trace.columns import zeros
from recap.trace.memory import forget
from recap.trace.snapshot import frames

ROLES = {"kswapd": Role.RECLAIMER, "kcompactd": Role.COMPACTOR, "kworker": Role.FLUSHER, "jbd2": Role.JOURNAL}
SLICE = 500_000
NAMING_PAGES = np.array(
    (Event.MM_FILEMAP_ADD_TO_PAGE_CACHE, Event.MM_FILEMAP_DELETE_FROM_PAGE_CACHE, Event.WRITEBACK_DIRTY_FOLIO), np.uint8
)
LARGEST_BLOCK = 1024


@dataclass(frozen=True, eq=False)
class Tasks:
    """Dense task numbers: every pid one task, the idle task of every CPU one of its own."""

    pid: Array
    comm: list[str]
    role: Array
    who: Array  # per event
    other: Array  # per event: the task switched to or forked


def from_trace(recording: Recording, origin: Origin | None = None) -> Demand:
    """The demand of a recording from its start on; from the best start it has, if none is given.

    Errors:
        InputError: it has none.
    """
    origin = origin or start_of(recording)
    snapshot, events = origin.snapshot, origin.events
    tasks = number_tasks(events)
    initial, kind = initial_frames(snapshot, memory_end(recording, snapshot))
    identity, pages = identities(events)
    streams = Streams(events, tasks.who, tasks.other, identity, tasks.role, initial, kind)
    pfns = snapshot.block_device_pages()
    device, blocks = filesystem_device(events), snapshot.index[pfns].astype(np.int64)
    streams.device_pages(device, blocks, pfns)
    named, number = blocks_named(pages, device, blocks)
    streams.files(files_of(pages, device), evicted_before(recording))
    by_journal = tasks.role[tasks.who] == Role.JOURNAL
    streams.metadata(holds(events, identity, by_journal, device), number, pfns[named])
    streams.left_alone(*looks(events, tasks.who, snapshot), snapshot.has("PG_dirty").astype(np.uint8))
    for start in range(0, len(events), SLICE):
        streams.advance(start, min(start + SLICE, len(events)))
        events.forget()
        forget(tasks.who, tasks.other, identity, *streams.columns.values())
        recording.progress(start / len(events), "following its tasks")
    demand = assemble(events, tasks, streams, restored_share(recording))
    return replace(
        demand, assumptions=[*changes(recording, events), *left_open(recording, events), *demand.assumptions]
    )


def number_tasks(events: Events) -> Tasks:
    """Give each pid a task number; pid 0 is another task on every CPU."""
    keys = np.unique(np.concatenate([np.unique(key) for piece in events.pieces() for key in task_keys(piece)]))
    pid = np.maximum(keys, 0).astype(np.int32)
    comm = [events.comms.get(int(p), "") if p else "swapper" for p in pid]
    role = np.array([task_role(int(k), name) for k, name in zip(keys, comm, strict=True)], np.uint8)
    who, other = (zeros(len(events), np.int32, len(events)) for _ in range(2))
    row = 0
    for piece in events.pieces():
        for column, key in zip((who, other), task_keys(piece), strict=True):
            column[row : row + len(piece)] = np.searchsorted(keys, key)
        row += len(piece)
    return Tasks(pid, comm, role, who, other)


def task_keys(events: Events) -> tuple[Array, Array]:
    """Each event's task, and the one it names: the pid, or for the idle tasks -1 - cpu."""
    switch = events.event == np.uint8(Event.SCHED_SWITCH)
    fork = events.event == np.uint8(Event.SCHED_PROCESS_FORK)
    pid, idle = events.pid.astype(np.int64), -1 - events.cpu.astype(np.int64)
    named = np.where(switch, events.b, np.where(fork, events.a, pid))
    return np.where(pid > 0, pid, idle), np.where(named > 0, named, idle)


def task_role(key: int, comm: str) -> int:
    """Whether what a task does is demand."""
    if key < 0:
        return Role.IDLE
    return next((role for name, role in ROLES.items() if comm.startswith(name)), Role.USER)


def identities(events: Events) -> tuple[Array, Array]:
    """Number the file pages that events name: each event's number, -1 where it names none, and (inode, index) of each
    number, sorted."""
    found = zeros(len(events), np.int32, len(events))
    found[:] = -1
    rows = np.flatnonzero(np.isin(events.event, NAMING_PAGES))
    inodes, inode = np.unique(events.a[rows], return_inverse=True)
    indices, index = np.unique(events.b[rows], return_inverse=True)
    events.forget()
    stride = max(1, len(indices))  # a pair of ranks is a number below 2 ** 63, as there are fewer rows than 2 ** 31
    pages, number = np.unique(inode * stride + index, return_inverse=True)
    found[rows] = number
    return found, np.stack((inodes[pages // stride], indices[pages % stride]), axis=1)


def files_of(pages: Array, device: int) -> Array:
    """A number for the file of each of these pages; -1 for the block device's own."""
    inode = pages[:, 0]
    number = np.cumsum(np.diff(inode, prepend=inode[:1]) != 0)
    return np.asarray(np.where(inode == device, -1, number).astype(np.int32))


def blocks_named(pages: Array, device: int, blocks: Array) -> tuple[Array, Array]:
    """Which blocks of a device events name as file pages (its inode has the device's number), and their numbers."""
    first, last = np.searchsorted(pages[:, 0], [device, device + 1])
    place = np.searchsorted(pages[first:last, 1], blocks)
    found = np.flatnonzero(np.isin(blocks, pages[first:last, 1]))
    return found, first + place[found]


def initial_frames(snapshot: Snapshot, end: int) -> tuple[Array, Array]:
    """Which frames below `end` are in use at the start, and what reclaim takes them for; with room for a block more.

    The first frame of a block that is only freed whole has 1 and the block's order, its others have 0.
    """
    room = end + LARGEST_BLOCK
    used, kind = np.zeros(room, np.uint8), np.full(room, Kind.KERNEL, np.uint8)
    used[: len(snapshot.flags)] = snapshot.in_use()
    heads, orders = snapshot.compound_blocks()
    used[frames(heads, orders)] = 0
    used[heads] = 1 + orders
    for lru, what in enumerate((Kind.ANON, Kind.ANON, Kind.FILE, Kind.FILE)):
        kind[snapshot.lru_list(lru)] = what
    return used, kind


def restored_share(recording: Recording) -> float:
    """How many of the file pages that came back active had been active before they were evicted; none if not saved."""
    before, after = recording.vmstat(0), recording.vmstat(1)
    restored, activated = (
        after.get(name, 0) - before.get(name, 0) for name in ("workingset_restore_file", "workingset_activate_file")
    )
    return restored / activated if activated > 0 else 0.0


def evicted_before(recording: Recording) -> bool:
    """Could pages have been evicted before the recording? Not if nothing had been reclaimed since boot."""
    before = recording.vmstat(0)
    return any(before.get(name, 1) for name in ("pgsteal_kswapd", "pgsteal_direct"))


def mark_restored(kind: Array, gfp: Array, share: float) -> None:
    """Say of so many of the pages evicted before the recording, evenly, that they were active then."""
    rows = np.flatnonzero(kind == Op.REFAULT)
    steps = np.floor(np.arange(len(rows) + 1) * share)
    gfp[rows] = np.diff(steps) > 0


def assemble(events: Events, tasks: Tasks, streams: Streams, restored: float) -> Demand:
    """Group the operations by task."""
    task = streams.result("op_task", streams.ops)
    order = np.argsort(task, kind="stable")
    count = np.bincount(task, minlength=len(tasks.pid)).astype(np.int64)
    ops: dict[str, Any] = {}
    for name in ("op_kind", "op_obj", "op_gfp", "op_cpu", "op_run", "op_wait", "op_due", "op_result"):
        made = streams.result(name, streams.ops)
        ops[name] = zeros(len(made), made.dtype.type, len(events))
        np.take(made, order, out=ops[name])
        forget(made, ops[name])
    mark_restored(ops["op_kind"], ops["op_gfp"], restored)
    objects: dict[str, Any] = {
        name: streams.result(name, streams.objects)
        for name in ("obj_kind", "obj_order", "obj_pfn", "obj_looks", "obj_in_use_until", "obj_shared")
    }
    read, write = latencies(events)
    return Demand(
        **ops,
        **objects,
        task_pid=tasks.pid,
        task_first=np.cumsum(count) - count,
        task_count=count,
        task_forked=streams.result("task_forked", len(tasks.pid)),
        task_comm=tasks.comm,
        cpus=events.cpus,
        duration_ns=int(events.time[-1] - events.time[0]),
        read_ns=read,
        write_ns=write,
        reclaim_costs=reclaim_costs(events),
        compaction_costs=compaction_costs(events),
        compaction_wait=streams.compaction_wait_ns / max(1, streams.compaction_ns),
        kcompactd_ns=first_look(events),
        tick_ns=tick_phases(events),
        recorded={
            "high_order_attempts": float(streams.attempts),
            "high_order_successes": float(streams.successes),
            "stolen_pages": float(streams.stolen),
        },
        assumptions=assumptions(streams),
    )


def left_open(recording: Recording, events: Events) -> list[str]:
    """What of a trace is not there, or not modelled, and what was made of it."""
    told = []
    if events.lost:
        known = sum(lost.count or 0 for lost in events.lost)
        places = len(events.lost)
        told.append(
            f"at least {known} events are lost, at {places} places: what was asked for or freed then is missing"
        )
    at_limit = int(np.count_nonzero(events.event == np.uint8(Event.MM_VMSCAN_MEMCG_RECLAIM_BEGIN)))
    if at_limit:
        told.append(
            f"{at_limit} times a memory cgroup reclaimed at its limit: the model frees the same at the same time"
        )
    packed = [name for name in recording.swaps(0) if "zram" in name]
    if packed:
        told.append(f"swap is on {', '.join(packed)}, in memory: what the model swaps out takes none")
    return told


def first_look(events: Events) -> int:
    """ns from the start to kcompactd's first look at memory, after which it sleeps again; 0 if that was not traced."""
    rows = np.flatnonzero(events.event == np.uint8(Event.MM_COMPACTION_KCOMPACTD_SLEEP))
    return int(events.time[rows[0]] - events.time[0]) if len(rows) else 0


def latencies(events: Events) -> tuple[Array, Array]:
    """ns from issue to completion of the recorded (read, write) requests, matched by device and sector, sorted."""
    issued: dict[tuple[int, int], int] = {}
    found: tuple[list[int], list[int]] = ([], [])
    kinds = np.array((Event.BLOCK_RQ_ISSUE, Event.BLOCK_RQ_COMPLETE), np.uint8)
    rows = np.flatnonzero(np.isin(events.event, kinds))
    columns = (events.event[rows], events.flags[rows], events.a[rows], events.order[rows], events.time[rows])
    for event, device, sector, write, time in zip(*(column.tolist() for column in columns), strict=True):
        if event == Event.BLOCK_RQ_ISSUE:
            issued[device, sector] = time
        elif (device, sector) in issued:
            found[1 if write else 0].append(time - issued.pop((device, sector)))
    read, write_ns = (np.sort(np.array(times, np.int64)) for times in found)
    return read, write_ns


def assumptions(streams: Streams) -> list[str]:
    """What the trace does not tell, and what was made of it, with counts."""
    told = {
        f"{streams.reclaimed} frees inside reclaim are left for the model to decide": streams.reclaimed,
        f"{streams.dropped_allocs} allocations inside reclaim or compaction are taken for its consequences": (
            streams.dropped_allocs
        ),
        f"{streams.slab_frees} kernel pages freed inside reclaim are freed when the recorded kernel did": (
            streams.slab_frees
        ),
        f"{streams.migrated} pages were moved by compaction; {streams.reattached} were found again on the LRU": (
            streams.migrated
        ),
        f"{streams.freed_from_swap} swapped-out pages are freed with their task's next unmapping": (
            streams.freed_from_swap
        ),
        f"{streams.next_hold} changed blocks of metadata are held from a moment drawn before the commit that tells": (
            streams.next_hold
        ),
        f"{streams.came_back} pages of files, evicted before the recording, come back active as they did then": (
            streams.came_back
        ),
        f"{streams.forgotten} evicted pages of files are forgotten where the file is truncated": streams.forgotten,
        f"{streams.found_in_use} times recorded reclaim left a page that was in use: it is in use until then": (
            streams.found_in_use
        ),
        f"{streams.unseen_frees} pages whose free was lost are freed when their frame is allocated again": (
            streams.unseen_frees
        ),
        f"{streams.dropped_frees} frees of pages no event allocated (bulk allocations) are left out": (
            streams.dropped_frees
        ),
    }
    return [text for text, count in told.items() if count] + [
        "a page the recorded kernel still had cached is not read again when the model has dropped it",
    ]
