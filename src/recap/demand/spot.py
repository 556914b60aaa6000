"""The part of a trace that follows the first snapshot, and whether the two are of the same machine."""

from __future__ import annotations

import numpy as np

from recap.errors import InputError
from recap.trace import NO_PFN, Event, Events, Recording, Snapshot

LARGEST_ORDER = 10


def snapshot_spot(events: Events) -> int:
    """The first event after the snapshot: the guest stood still for it, so the widest silence before START marks it.

    Errors:
        InputError: there is no START mark, or nothing was traced before it.
    """
    marks = np.flatnonzero(events.event == np.uint8(Event.TRACE_MARKER))
    starts = [int(i) for i in marks if events.marks[int(events.a[i])] == "START"]
    if not starts or starts[0] < 2:
        mend = "write START to trace_marker after the snapshot, before the load"
        raise InputError("trace.dat", "trace markers", "nothing marks the spot of the snapshot", mend)
    return int(np.diff(events.time[: starts[0] + 1]).argmax()) + 1


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
    events = events.slice(snapshot_spot(events), len(events))
    check_same_machine(recording, events, snapshot)
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
