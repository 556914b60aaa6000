"""What happened when, as records: stalls, reclaim, compaction, stolen pages, OOM kills. Kept only if there is a reader.

The engine cannot grow a list: a journal has a fixed size, and the simulation pauses before it is full, so that its
reader can empty it. Without room nothing is noted, and nothing pauses.
"""

from __future__ import annotations

import cython
import numpy as np

from recap.pages import Array, adopt, table

if not cython.compiled:
    STEP_NOTES = 4096

NOTE = np.dtype(
    [(name, "i8") for name in ("time", "until")]
    + [("task", "i4"), ("pfn", "u4")]
    + [(name, "u1") for name in ("kind", "order", "served", "pad0")]
)
ROOM = 1 << 16


class Journal:
    """Room for `room` records; 0 to note nothing."""

    def __init__(self, room: int = 0) -> None:
        self.open(room)

    def open(self, room: int) -> None:
        """Start empty, with room for `room` records."""
        self.columns = np.zeros(room, NOTE)
        self.record = adopt(self.columns)
        self.room = room
        self.count = 0

    def note(self, kind: int, task: int, time: int, until: int) -> None:
        """Begin a record, if there is room."""
        if self.count < self.room:
            i = self.count
            self.record[i].kind = kind
            self.record[i].task = task
            self.record[i].time = time
            self.record[i].until = until
            self.record[i].pfn = 0
            self.record[i].order = 0
            self.record[i].served = 0
            self.count += 1

    def note_block(self, pfn: int, order: int, served: bool) -> None:
        """Add to the newest record which block it is about."""
        if self.count > 0:
            self.record[self.count - 1].pfn = pfn
            self.record[self.count - 1].order = order
            self.record[self.count - 1].served = served

    def nearly_full(self) -> bool:
        """Could one step of the simulation overflow it?"""
        return self.room > 0 and self.count > self.room - STEP_NOTES

    def empty(self) -> Array:
        """Take all records (NOTE)."""
        taken = self.columns[: self.count].copy() if cython.compiled else table(self.record[: self.count], NOTE)
        self.count = 0
        return taken
