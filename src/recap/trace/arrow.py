"""Tables for other programs by the Arrow PyCapsule interface, which polars, pandas and DuckDB read without a copy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from recap.errors import MissingExtraError
from recap.trace.event import Event
from recap.trace.table import COLUMNS, Events

NAMES = [event.name.lower() for event in Event]
UNKNOWN = "<...>"  # as ftrace prints a task whose name it does not know


def arrow() -> Any:
    """The library, or a line that says how to get it."""
    try:
        import pyarrow.parquet  # noqa: PLC0415 (an extra)
    except ImportError:
        raise MissingExtraError("pyarrow", "parquet") from None
    return pyarrow


def named(event: Any) -> Any:
    """Event numbers as an Arrow column of names."""
    pa = arrow()
    return pa.DictionaryArray.from_arrays(pa.array(event), pa.array(NAMES))


def rows(piece: Events) -> Any:
    """A piece of a trace as a record batch: its columns, events by name, and the name of the task."""
    pa = arrow()
    columns = {name: named(piece.event) if name == "event" else pa.array(getattr(piece, name)) for name in COLUMNS}
    pids, place = np.unique(piece.pid, return_inverse=True)
    comms = pa.array([piece.comms.get(pid, UNKNOWN) for pid in pids.tolist()], pa.string())
    columns["comm"] = pa.DictionaryArray.from_arrays(pa.array(place.astype(np.int32)), comms)
    return pa.record_batch(columns)


def stream_of_events(events: Events, requested_schema: object) -> object:
    """A trace as a stream of record batches, made one by one."""

    def batches() -> Iterator[Any]:
        yield from map(rows, events.pieces())

    schema = rows(events.slice(0, 0)).schema
    return arrow().RecordBatchReader.from_batches(schema, batches()).__arrow_c_stream__(requested_schema)


def stream_of_table(table: Mapping[str, Any], requested_schema: object) -> object:
    """Columns of equal length as a stream."""
    return arrow().table(dict(table)).__arrow_c_stream__(requested_schema)
