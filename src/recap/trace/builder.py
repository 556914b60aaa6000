"""The table from rows that come one by one: what the readers of texts and records fill."""

from array import array
from pathlib import Path
from typing import Any

import numpy as np

from recap.errors import InputError
from recap.trace.table import COLUMNS, NO_PFN, Event, Events, Lost

CODES = {
    np.int64: "q",
    np.uint8: "B",
    np.uint16: "H",
    np.int32: "i",
    np.uint32: "I",
    np.int8: "b",
}
EMPTY = {"context": 0, "pid": 0, "pfn": NO_PFN, "order": 0, "migratetype": -1, "flags": 0, "a": 0, "b": 0}


class Builder:
    """Columns that grow; what a row does not say is 0, or 'none'."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.columns = {name: array(CODES[kind]) for name, kind in COLUMNS.items()}
        self.comms: dict[int, str] = {}
        self.marks: list[str] = []
        self.lost: list[Lost] = []
        self.other: dict[str, int] = {}
        self.clock = "unknown"

    def add(self, time: int, event: Event, cpu: int, values: dict[str, int]) -> None:
        """One row; ValueError where a number fits its column in no way."""
        row = {**EMPTY, **values, "time": time, "event": event, "cpu": cpu}
        try:
            for name, column in self.columns.items():
                column.append(row[name])
        except (OverflowError, TypeError) as error:
            shortest = min(map(len, self.columns.values()))
            for column in self.columns.values():
                del column[shortest:]
            raise ValueError(str(error)) from None

    def count_other(self, name: str) -> None:
        """An event that is not in the table."""
        self.other[name] = self.other.get(name, 0) + 1

    def events(self, symbols: dict[str, dict[int, str]] | None = None, *, empty: bool = False) -> Events:
        """The table, in time order; where it may not be empty, that is an InputError."""
        columns: dict[str, Any] = {
            name: np.frombuffer(self.columns[name], kind) if len(self.columns[name]) else np.empty(0, kind)
            for name, kind in COLUMNS.items()
        }
        if not (len(columns["time"]) or self.other or empty):
            raise InputError(self.path, "", "there is no event in it", "give a trace, or record again")
        return in_time_order(columns, self, symbols or {})


def in_time_order(columns: dict[str, Any], builder: Builder, symbols: dict[str, dict[int, str]]) -> Events:
    """Sorted rows (ties: by CPU, then as they came), and the marks in the order of theirs."""
    order = np.lexsort((columns["cpu"], columns["time"]))
    columns = {name: column[order] for name, column in columns.items()}
    marked = np.flatnonzero(columns["event"] == Event.TRACE_MARKER)
    marks = [builder.marks[number] for number in columns["a"][marked].tolist()]
    columns["a"][marked] = np.arange(len(marked))
    for column in columns.values():
        column.flags.writeable = False
    return Events(
        **columns,
        comms=builder.comms,
        marks=marks,
        lost=sorted(builder.lost, key=lambda before: (before.time, before.cpu)),
        other=builder.other,
        clock=builder.clock,
        cpus=int(columns["cpu"].max(initial=0)) + 1,
        buffers=("",),
        symbols=symbols,
    )
