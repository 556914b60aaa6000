"""The table as Parquet, for any program that reads it, and back without loss.

Rows are sorted by event, then by time, as equal events pack best; `tie` tells apart those of one CPU at one time.
What is told of the whole trace is JSON in the file's metadata.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from recap.errors import InputError, RecapError
from recap.trace.table import COLUMNS, Event, Events, Lost

PARQUET = b"PAR1"
KEY = b"recap"
TIE = "tie"
DELTA = "DELTA_BINARY_PACKED"
DELTAS = ("time", "pid", "pfn", "flags", "a", "b", TIE)
LEVEL = 9  # of zstd
ROWS_IN_GROUP = 1 << 20
MEND = "convert the trace again"
MOST_CPUS = 1 << 16


class About(msgspec.Struct, frozen=True):
    """What is told of the whole trace."""

    comms: dict[int, str]
    marks: list[str]
    lost: list[tuple[int, int, int | None]]
    other: dict[str, int]
    clock: str
    cpus: int
    buffers: list[str]
    symbols: dict[str, dict[int, str]]
    events: list[str]  # the names behind the numbers of the column `event`


def arrow() -> Any:
    """The library, or a line that says how to get it."""
    try:
        import pyarrow.parquet  # noqa: PLC0415 (an extra)
    except ImportError:
        raise RecapError("Parquet needs pyarrow; pip install 'recap[parquet]'") from None
    return pyarrow


def write_parquet(events: Events, path: Path) -> None:
    """Write a trace; where that fails, there is no file."""
    pa = arrow()
    about = About(
        comms=events.comms,
        marks=events.marks,
        lost=[(lost.cpu, lost.time, lost.count) for lost in events.lost],
        other=events.other,
        clock=events.clock,
        cpus=events.cpus,
        buffers=list(events.buffers),
        symbols=events.symbols,
        events=[event.name.lower() for event in Event],
    )
    order = np.argsort(events.event, kind="stable")
    columns = {name: getattr(events, name)[order] for name in COLUMNS}
    columns[TIE] = ties(events)[order]
    table = pa.table(columns).replace_schema_metadata({KEY: msgspec.json.encode(about)})
    unfinished = path.with_name(path.name + ".part")
    try:
        pa.parquet.write_table(
            table,
            unfinished,
            compression="zstd",
            compression_level=LEVEL,
            use_dictionary=False,
            column_encoding=dict.fromkeys(DELTAS, DELTA),
            row_group_size=ROWS_IN_GROUP,
        )
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def ties(events: Events) -> npt.NDArray[np.int32]:
    """For each row, how many came before it at the same time on the same CPU."""
    same = np.zeros(len(events), np.bool_)
    same[1:] = (events.time[1:] == events.time[:-1]) & (events.cpu[1:] == events.cpu[:-1])
    number = np.arange(len(events), dtype=np.int32)
    return number - np.maximum.accumulate(np.where(same, 0, number)) if len(events) else number


def read_parquet(path: Path) -> Events:
    """Read a trace that `write_parquet` wrote."""
    pa = arrow()
    try:
        table = pa.parquet.ParquetFile(path, memory_map=True).read()
        about = msgspec.json.decode((table.schema.metadata or {})[KEY], type=About)
        columns = {name: column(table, name, kind) for name, kind in {**COLUMNS, TIE: np.int32}.items()}
    except InputError:
        raise
    except KeyError:
        raise InputError(path, "", "is not a trace of recap's", "give what `recap convert` wrote") from None
    except (
        pa.ArrowException,
        OSError,
        ValueError,
        TypeError,
        MemoryError,
        OverflowError,
        msgspec.MsgspecError,
    ) as error:
        raise InputError(path, "", f"is damaged: {error}"[:200], MEND) from None
    return checked(path, columns, about)


def column(table: Any, name: str, kind: type[np.generic]) -> npt.NDArray[Any]:
    """One column, of the very type it was written with; ValueError where it is another, or has holes."""
    found = table.column(name)
    if found.null_count or found.type.to_pandas_dtype() != kind:
        raise ValueError(f"column {name} is {found.type}, with {found.null_count} holes")
    return np.ascontiguousarray(found.to_numpy())


def checked(path: Path, columns: dict[str, npt.NDArray[Any]], about: About) -> Events:
    """The table, after a look at what the engine relies on."""
    event, cpu, time, tie = columns["event"], columns["cpu"], columns["time"], columns.pop(TIE)
    if event.max(initial=0) >= len(Event) or about.events[: len(Event)] != [known.name.lower() for known in Event]:
        raise InputError(path, "column event", "has events this recap does not know", MEND)
    if not cpu.max(initial=0) < about.cpus <= MOST_CPUS or time.min(initial=0) < 0:
        raise InputError(path, "column cpu or time", "has numbers no trace has", MEND)
    order = np.lexsort((tie, cpu, time))
    columns = {name: values[order] for name, values in columns.items()}
    marked = np.flatnonzero(columns["event"] == Event.TRACE_MARKER)
    if len(marked) != len(about.marks) or (columns["a"][marked] != np.arange(len(marked))).any():
        raise InputError(path, "", "has marks that are not its own", MEND)
    for values in columns.values():
        values.flags.writeable = False
    return Events(
        **columns,
        comms=about.comms,
        marks=about.marks,
        lost=[Lost(*lost) for lost in about.lost],
        other=about.other,
        clock=about.clock,
        cpus=about.cpus,
        buffers=tuple(about.buffers),
        symbols=about.symbols,
    )
