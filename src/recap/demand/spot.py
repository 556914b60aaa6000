"""The part of a trace that follows the first snapshot, and whether the two are of the same machine."""

from __future__ import annotations

import numpy as np

from recap.errors import InputError
from recap.trace import NO_PFN, Event, Events, Recording, Snapshot

LARGEST_ORDER = 10


def start_mark(events: Events) -> int:
    """The event that marks the start of the load.

    Errors:
        InputError: there is no such mark.
    """
    marks = np.flatnonzero(events.event == np.uint8(Event.TRACE_MARKER))
    starts = [int(i) for i in marks if events.marks[int(events.a[i])] == "START"]
    if not starts:
        mend = "write START to trace_marker after the snapshot, before the load"
        raise InputError("trace.dat", "trace markers", "nothing marks the spot of the snapshot", mend)
    return starts[0]


def snapshot_spot(events: Events, snapshot: Snapshot) -> int:
    """The first event after the snapshot: where the frames that the trace says are in use are those of the snapshot.

    Every allocation and free before START splits the time line in two, and the snapshot's state of the frame fits one
    side only. The spot is where the fewest contradict; more than one in ten means that the two do not belong together.

    Errors:
        InputError: there is no START mark, or no spot fits.
    """
    start = start_mark(events)
    rows = np.flatnonzero((events.event[:start] <= np.uint8(Event.MM_PAGE_FREE)) & (events.pfn[:start] != NO_PFN))
    rows = rows[events.pfn[rows] < len(snapshot.flags)]
    rows = rows[np.argsort(events.pfn[rows], kind="stable")]
    pfn, taken = events.pfn[rows], events.event[rows] == np.uint8(Event.MM_PAGE_ALLOC)
    fits_after = snapshot.in_use()[pfn] == taken
    first = np.concatenate(([True], pfn[1:] != pfn[:-1])) if len(rows) else np.zeros(0, np.bool_)
    until = np.where(np.roll(first, -1), start, np.roll(rows, -1))
    change = np.zeros(start + 2, np.int64)  # contradictions that begin or end with a spot
    np.add.at(change, rows[~fits_after] + 1, 1)
    np.add.at(change, until[~fits_after] + 1, -1)
    change[0] += np.count_nonzero(first & fits_after)
    np.add.at(change, rows[first & fits_after] + 1, -1)
    contradictions = np.cumsum(change)[: start + 1]
    spot = int(contradictions.argmin())
    if contradictions[spot] * 10 > max(10, np.count_nonzero(first)):
        problem = f"{contradictions[spot]} page frames are in another state than the trace says, wherever it is put"
        raise InputError(snapshot.path, "", problem, "take trace.dat and snap0.npz of the same run")
    return spot


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
    events = events.slice(snapshot_spot(events, snapshot), len(events))
    return snapshot, events


def check_same_machine(recording: Recording, events: Events, snapshot: Snapshot) -> None:
    """A trace that names frames or CPUs the snapshot does not have belongs to another machine, or is damaged."""
    named = events.pfn != NO_PFN
    order = events.order[named & (events.event <= np.uint8(Event.MM_PAGE_FREE))]
    last = events.pfn[named].astype(np.int64)
    problem = ""
    if len(order) and int(order.max()) > LARGEST_ORDER:
        problem = f"field order: a block of order {int(order.max())}"
    elif len(last) and int(last.max()) >= len(snapshot.flags):
        problem = f"field pfn: frame {int(last.max()):#x}, and the snapshot ends at {len(snapshot.flags):#x}"
    elif len(events) and int(events.cpu.max()) > max(pcp.cpu for pcp in snapshot.pcps):
        problem = f"cpu {int(events.cpu.max())}, which the snapshot does not have"
    if problem:
        raise InputError(recording.path, "", problem, "take trace.dat and snap0.npz of the same run")
