"""What a stalled request is doing, step by step, told to the journal as episodes of direct reclaim and compaction."""

from __future__ import annotations

import cython
import numpy as np

from recap.pages import adopt
from recap.sim.journal import Journal

if not cython.compiled:
    from recap.mm.slowpath import AFTER_RECLAIM, COMPACT_FIRST, COMPACT_LAST, LRUVEC, PRIORITY
    from recap.sim.note import Note

    NO_EPISODE = -1


class Episodes:
    """For each slot of the slow path: the kind of its present episode (recap.sim.note.Note), and since when."""

    def __init__(self, slots: int) -> None:
        self.kind = adopt(np.full(slots, -1, np.int32))
        self.since = adopt(np.zeros(slots, np.int64))

    def follow(self, journal: Journal, slot: int, task: int, kind: int, now: int) -> None:
        """A request is in this kind of episode from now on; note the one that ends with it."""
        if kind == self.kind[slot]:
            return
        if self.kind[slot] != NO_EPISODE:
            journal.note(self.kind[slot], task, self.since[slot], now)
        self.kind[slot] = kind
        self.since[slot] = now


def episode_of(phase: int) -> int:
    """The kind of episode a phase of the slow path belongs to."""
    if phase in (PRIORITY, LRUVEC, AFTER_RECLAIM):
        return Note.RECLAIM
    if phase in (COMPACT_FIRST, COMPACT_LAST):
        return Note.COMPACT
    return NO_EPISODE
