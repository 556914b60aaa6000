"""Columns from rows that come one by one: what the reader of texts fills."""

from array import array

import numpy as np

from recap.trace.blocks import Columns
from recap.trace.event import NO_PFN, Event
from recap.trace.table import COLUMNS

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

    def __init__(self) -> None:
        self.arrays = {name: array(CODES[kind]) for name, kind in COLUMNS.items()}

    def __len__(self) -> int:
        return len(self.arrays["time"])

    def add(self, time: int, event: Event, cpu: int, values: dict[str, int]) -> None:
        """One row; ValueError where a number fits its column in no way."""
        row = {**EMPTY, **values, "time": time, "event": event, "cpu": cpu}
        rows = len(self)
        try:
            for name, column in self.arrays.items():
                column.append(row[name])
        except (OverflowError, TypeError) as error:
            for column in self.arrays.values():
                del column[rows:]
            raise ValueError(str(error)) from None

    def columns(self) -> Columns:
        """All rows."""
        return {
            name: np.frombuffer(self.arrays[name], kind) if self.arrays[name] else np.empty(0, kind)
            for name, kind in COLUMNS.items()
        }
