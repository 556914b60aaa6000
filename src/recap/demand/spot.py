"""The part of a trace that follows the first snapshot, and whether the two are of the same machine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recap.demand.contradictions import snapshot_spot
from recap.demand.hotplug import memory_end, with_all_cpus
from recap.demand.nodes import frames_by_node, of_node
from recap.demand.settle import of_taking, settle
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
        remedy = "write START to trace_marker after the snapshot, before the load"
        raise InputError("trace.dat", "trace markers", "no marker says when the snapshot was taken", remedy)
    spot, contradictions, frames = snapshot_spot(events, snapshot, 0, start)
    if contradictions * 10 > max(10, frames):
        problem = f"{contradictions} page frames are in another state than the trace says, wherever it is put"
        raise InputError(snapshot.path, "", problem, "take trace.dat and snap0.npz of the same run")
    return spot


def end_spot(events: Events, snapshot: Snapshot) -> int:
    """The first event after the second snapshot, which was taken after END; the end of the trace without that mark."""
    end = mark(events, END)
    return len(events) if end is None else snapshot_spot(events, snapshot, end, len(events))[0]


@dataclass(frozen=True, eq=False)
class Beginning:
    """The state at the start as a snapshot has it, all that was traced from there on, and what is assumed of it."""

    snapshot: Snapshot
    events: Events
    assumptions: list[str]


def from_snapshot_on(recording: Recording) -> Beginning:
    """The state at the start, brought to one event where it was read live, and all that was traced from there on.

    Errors:
        InputError: there is no snapshot, nothing marks its spot, or the trace is of another machine.
    """
    snapshot = recording.snapshot(0)
    if snapshot is None:
        remedy = "record one beside the trace: without the state at the start there is nothing to begin from"
        raise InputError(recording.path.parent / "snap0.npz", "", "there is no memory snapshot", remedy)
    several = len(frames_by_node(recording)) > 1
    events = of_node(recording, snapshot.taken.node) if several else recording.events
    check_same_machine(recording, events, snapshot)
    told = of_taking(snapshot.taken)
    settled = settle(snapshot, events) if snapshot.start == "live" else None
    if settled is None:
        spot = start_spot(events, snapshot)
    else:
        snapshot, spot = settled.snapshot, settled.spot
        told += settled.assumptions
    events = events.slice(spot, len(events))
    return Beginning(with_all_cpus(snapshot, events.cpus), events, told)


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
