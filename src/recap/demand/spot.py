"""The part of a trace that follows the first snapshot, and whether the two are of the same machine."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recap.demand.hotplug import memory_end, with_all_cpus
from recap.errors import InputError
from recap.kernel import MIGRATE_TYPES
from recap.trace import END, NO_PFN, START, Event, Events, Recording, Snapshot

LARGEST_ORDER = 10


def mark(events: Events, text: str) -> int | None:
    """The first event with this trace marker, if there is one."""
    rows = np.flatnonzero(events.event == np.uint8(Event.TRACE_MARKER))
    return next((int(i) for i in rows if events.marks[int(events.a[i])] == text), None)


def start_spot(events: Events, snapshot: Snapshot) -> int:
    """The first event after the first snapshot, which was taken before START.

    Errors:
        InputError: there is no START mark, or no spot fits.
    """
    start = mark(events, START)
    if start is None:
        mend = "write START to trace_marker after the snapshot, before the load"
        raise InputError("trace.dat", "trace markers", "nothing marks the spot of the snapshot", mend)
    spot, contradictions, frames = snapshot_spot(events, snapshot, 0, start)
    if contradictions * 10 > max(10, frames):
        problem = f"{contradictions} page frames are in another state than the trace says, wherever it is put"
        raise InputError(snapshot.path, "", problem, "take trace.dat and snap0.npz of the same run")
    return spot


def end_spot(events: Events, snapshot: Snapshot) -> int:
    """The first event after the second snapshot, which was taken after END; the end of the trace without that mark."""
    end = mark(events, END)
    return len(events) if end is None else snapshot_spot(events, snapshot, end, len(events))[0]


def snapshot_spot(events: Events, snapshot: Snapshot, low: int, high: int) -> tuple[int, int, int]:
    """Where a snapshot belongs between two events: where the frames in use by the trace are those of the snapshot, and
    of such spots where the frames that per-cpu lists gave back are off them.

    Returns:
        (spot, contradictions, frames): the first event after the snapshot, where the fewest frames contradict; how many
        do; how many the trace names at all.
    """
    event, named = events.event[low:high], events.pfn[low:high]
    known = named < len(snapshot.flags)
    used = np.flatnonzero((event <= np.uint8(Event.MM_PAGE_FREE)) & known)
    fits = snapshot.in_use()[named[used]] == (event[used] == np.uint8(Event.MM_PAGE_ALLOC))
    contradictions = contradicting(named, used, fits, high - low)
    drained = np.flatnonzero((event == np.uint8(Event.MM_PAGE_PCPU_DRAIN)) & known)
    held = contradicting(named, drained, ~snapshot.on_pcp()[named[drained]], high - low)
    best = contradictions == contradictions.min()
    spot = int(np.where(best, held, held.max() + 1).argmin())
    return low + spot, int(contradictions[spot]), len(np.unique(named[used]))


def contradicting(
    named: npt.NDArray[np.uint32], rows: npt.NDArray[np.int64], fits: npt.NDArray[np.bool_], length: int
) -> npt.NDArray[np.int64]:
    """How many frames contradict a snapshot put before each event, and behind all.

    Every event of `rows` changes its frame's state, so that the snapshot's state of the frame fits one side of it only:
    `fits` says whether it fits the side after it.
    """
    order = np.argsort(named[rows], kind="stable")
    rows, fits = rows[order], fits[order]
    pfn = named[rows]
    first = np.concatenate(([True], pfn[1:] != pfn[:-1])) if len(rows) else np.zeros(0, np.bool_)
    until = np.where(np.roll(first, -1), length, np.roll(rows, -1))
    change = np.zeros(length + 2, np.int64)  # contradictions that begin or end with a spot
    np.add.at(change, rows[~fits] + 1, 1)
    np.add.at(change, until[~fits] + 1, -1)
    change[0] += np.count_nonzero(first & fits)
    np.add.at(change, rows[first & fits] + 1, -1)
    return np.cumsum(change)[:-1]


def from_snapshot_on(recording: Recording) -> tuple[Snapshot, Events]:
    """The state at the start and all that was traced from there on.

    Errors:
        InputError: there is no snapshot, nothing marks its spot, or the trace is of another machine.
    """
    snapshot = recording.snapshot(0)
    if snapshot is None:
        mend = "record one beside the trace: without the state at the start there is nothing to begin from"
        raise InputError(recording.path.parent / "snap0.npz", "", "there is no memory snapshot", mend)
    events = recording.events
    check_same_machine(recording, events, snapshot)
    events = events.slice(start_spot(events, snapshot), len(events))
    return with_all_cpus(snapshot, events.cpus), events


def check_same_machine(recording: Recording, events: Events, snapshot: Snapshot) -> None:
    """A trace that names frames the machine did not have belongs to another machine, or is damaged."""
    end = memory_end(recording, snapshot)
    for piece in events.pieces():
        problem = mismatch(piece, end)
        if problem:
            raise InputError(recording.path, "", problem, "take trace.dat and snap0.npz of the same run")


def mismatch(events: Events, end: int) -> str:
    """What a piece of a trace says that cannot be of a machine with so many frames; nothing if it can."""
    named = events.pfn != NO_PFN
    blocks = named & (events.event <= np.uint8(Event.MM_PAGE_ALLOC_EXTFRAG))
    order = events.order[blocks]
    mt = events.migratetype[blocks & (events.event >= np.uint8(Event.MM_PAGE_PCPU_DRAIN))].view(np.uint8)
    last = events.pfn[named].astype(np.int64)
    if len(order) and int(order.max()) > LARGEST_ORDER:
        return f"field order: a block of order {int(order.max())}"
    if len(mt) and int(mt.max()) >= MIGRATE_TYPES:
        return f"field migratetype: {int(mt.max())}"
    if len(last) and int(last.max()) >= end:
        return f"field pfn: frame {int(last.max()):#x}, and the snapshot ends at {end:#x}"
    if len(order) and bool((events.pfn[blocks] & ((np.uint32(1) << order) - np.uint32(1))).any()):
        return "field pfn: a block that does not begin at a multiple of its size"
    return ""
