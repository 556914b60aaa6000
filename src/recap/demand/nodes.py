"""Machines with more than one node: the model has one, the load's, with what the trace says of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recap.pages import Array
from recap.trace import NO_PFN, Event, Events, Recording
from recap.trace.columns import zeros
from recap.trace.table import COLUMNS

THREADS = ("kswapd", "kcompactd")  # of a node, whose number follows
SCHEDULER = (Event.SCHED_SWITCH, Event.SCHED_PROCESS_FORK, Event.SCHED_PROCESS_EXIT, Event.SCHED_PROCESS_EXEC)

Ranges = list[tuple[int, int]]  # of page frames


@dataclass(frozen=True)
class LoadsNode:
    """The node that most of what a trace allocates comes from.

    Args:
        number: its number.
        pages: that were allocated from each node with memory.
    """

    number: int
    pages: dict[int, int]

    def told(self, number: int | None = None) -> str:
        """What the reader of a model of it, or of another node, must know."""
        number = self.number if number is None else number
        share = 100 * self.pages.get(number, 0) / max(1, sum(self.pages.values()))
        return (
            f"of {len(self.pages)} nodes only node {number} is modelled, from which {share:.0f} % of the pages were "
            "allocated; what the recorded kernel counted is of all nodes"
        )


def frames_by_node(recording: Recording) -> dict[int, Ranges]:
    """The frames of each node with memory, as zoneinfo has them; nothing where it was not saved."""
    found: dict[int, Ranges] = {}
    for zone in recording.zoneinfo(0):
        count = zone.counters
        if count.get("present") and "start_pfn" in count:
            ranges = found.setdefault(zone.node, [])
            ranges.append((count["start_pfn"], count["start_pfn"] + count.get("spanned", 0)))
    return found


def loads_node(recording: Recording) -> LoadsNode | None:
    """The load's node; None where there is only one, or zoneinfo does not tell."""
    nodes = frames_by_node(recording)
    if len(nodes) < 2:
        return None
    pages = dict.fromkeys(nodes, 0)
    for piece in recording.events.pieces():
        rows = np.flatnonzero((piece.event == np.uint8(Event.MM_PAGE_ALLOC)) & (piece.pfn != NO_PFN))
        size = np.left_shift(1, piece.order[rows].astype(np.int64))
        for number, ranges in nodes.items():
            pages[number] += int(size[inside(piece.pfn[rows], ranges)].sum())
    number = max(sorted(pages), key=lambda one: pages[one])
    return LoadsNode(number, pages)


def inside(pfns: Array, ranges: Ranges) -> Array:
    """Which frames are in one of these ranges."""
    found: Array = np.zeros(len(pfns), np.bool_)
    for start, end in ranges:
        found |= (pfns >= start) & (pfns < end)
    return found


def of_node(recording: Recording, node: int) -> Events:
    """The trace without what happens to frames of other nodes, and what their threads do to memory."""
    events, ranges = recording.events, frames_by_node(recording)[node]
    threads = [f"{name}{other}" for name in THREADS for other in frames_by_node(recording) if other != node]
    others = np.array([pid for pid, comm in events.comms.items() if comm in threads], np.int32)
    scheduler = np.array(SCHEDULER, np.uint8)
    kept = []
    for piece in events.pieces():
        here = (piece.pfn == NO_PFN) | inside(piece.pfn, ranges)
        kept.append(here & (~np.isin(piece.pid, others) | np.isin(piece.event, scheduler)))
    keep = np.concatenate(kept) if kept else np.zeros(0, np.bool_)
    return only(events, keep)


def only(events: Events, keep: Array) -> Events:
    """Some rows of a trace."""
    rows = int(np.count_nonzero(keep))
    columns = {name: zeros(rows, kind, len(events)) for name, kind in COLUMNS.items()}
    at = row = 0
    for piece in events.pieces():
        mine = keep[row : row + len(piece)]
        count = int(np.count_nonzero(mine))
        for name, column in columns.items():
            column[at : at + count] = getattr(piece, name)[mine]
        at, row = at + count, row + len(piece)
    return events.with_columns(columns)
