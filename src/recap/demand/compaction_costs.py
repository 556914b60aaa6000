"""What compaction costs in CPU time, measured in a trace: for each page scanned, and for each page moved.

A compaction that fails has often scanned all of its zone and moved little: the two are priced apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recap.demand.running import own_time
from recap.kernel import COMPACT_CONTENDED
from recap.pages import Array
from recap.trace import Event, Events

SCANS = np.array((Event.MM_COMPACTION_ISOLATE_MIGRATEPAGES, Event.MM_COMPACTION_ISOLATE_FREEPAGES), np.uint8)
MOVES = np.array((Event.MM_MIGRATE_PAGES,), np.uint8)
MARKS = np.concatenate((SCANS, MOVES, np.array((Event.MM_COMPACTION_BEGIN, Event.MM_MIGRATE_PAGES_START), np.uint8)))


@dataclass(frozen=True)
class CompactionCosts:
    """ns of CPU time for each page, and how likely a batch that must not wait meets a lock that another CPU holds."""

    scanned: int = 0
    moved: int = 2_000
    contended: float = 0.0
    batches: int = 0  # of which that is the share

    def drawn_contention(self, draw: np.random.Generator) -> float:
        """The chance that a batch meets a lock, drawn for one run: the recorded batches are only a sample."""
        met = self.contended * self.batches
        return float(draw.beta(met, self.batches - met)) if 0 < met < self.batches else self.contended


def compaction_costs(events: Events) -> CompactionCosts | None:
    """What a trace tells; None if nothing was moved in it."""
    moves = np.isin(events.event, MOVES)
    scans = np.isin(events.event, SCANS)
    moved, scanned = int(events.a[moves].sum()), int(events.flags[scans].sum())
    if not moved:
        return None
    times = [stage_times(events, int(pid)) for pid in np.unique(events.pid[moves | scans])]
    scanning, moving = (sum(column) for column in zip(*times, strict=True))
    met, batches = contention(events)
    return CompactionCosts(
        scanned=scanning // max(scanned, 1),
        moved=moving // moved,
        contended=min(1.0, met / batches) if batches else 0.0,
        batches=batches,
    )


def stage_times(events: Events, pid: int) -> tuple[int, int]:
    """ns that a task spent on scanning and on moving: each since the mark before it."""
    rows, ran = own_time(events, pid)
    event = events.event[rows]
    marks = np.flatnonzero(np.isin(event, MARKS))
    took = np.diff(ran[marks], prepend=ran[marks[:1]])
    return spent(event[marks], took, SCANS), spent(event[marks], took, MOVES)


def contention(events: Events) -> tuple[int, int]:
    """(those with which it ended as contended, all) of the batches of asynchronous compaction."""
    batch = (events.event == np.uint8(Event.MM_COMPACTION_ISOLATE_MIGRATEPAGES)) & (events.b > 0)
    end = events.event == np.uint8(Event.MM_COMPACTION_END)
    batches, contended = 0, 0
    for pid in np.unique(events.pid[end]):
        rows = np.flatnonzero((events.pid == pid) & (batch | end))
        ends = np.flatnonzero(end[rows])
        done = np.diff(np.cumsum(batch[rows])[ends], prepend=0)
        asynchronous = events.b[rows[ends]] == 0
        batches += int(done[asynchronous].sum())
        contended += int((asynchronous & (events.a[rows[ends]] == COMPACT_CONTENDED)).sum())
    return contended, batches


def spent(event: Array, took: Array, kinds: Array) -> int:
    """The time before marks of some kinds."""
    return int(took[np.isin(event, kinds)].sum())
