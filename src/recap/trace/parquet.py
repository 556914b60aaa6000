"""The table as Parquet, for any program that reads it, and back without loss, a group of rows at a time.

`event` is the name of the event and `time` is in ns. A group's rows are sorted by event, then by CPU, because such rows
compress best; `tie` is the order of those of one CPU at one time. A compact file has `since` instead of `time`: the
time since the last event of that kind on that CPU, the first counted from zero, so that the sums are the times. Facts
about the whole trace are JSON in the file's metadata.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from recap.errors import InputError
from recap.trace.ahead import ahead
from recap.trace.arrow import NAMES, arrow, named
from recap.trace.event import Event
from recap.trace.table import COLUMNS, PIECE, Events, Flow, Lost, joined

PARQUET = b"PAR1"
KEY = b"recap"
TIME, SINCE, TIE, EVENT = "time", "since", "tie", "event"
STORED: dict[str, type[np.generic]] = {**COLUMNS, TIE: np.int32}
DELTAS, BYTES = "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"
LEVEL = 9  # of zstd
ROWS_IN_GROUP = 1 << 20
LARGEST_PAGE = 1 << 26  # bytes: a group's column is one page, so that what repeats in it is seen
LARGEST_GROUP = 2 * sum(np.dtype(kind).itemsize for kind in STORED.values()) * ROWS_IN_GROUP  # bytes, unpacked
REMEDY = "convert the trace again"
MOST_CPUS = 1 << 16
LATEST = 1 << 62

Columns = dict[str, npt.NDArray[Any]]


class About(msgspec.Struct, frozen=True):
    """Facts about the whole trace."""

    comms: dict[int, str]
    marks: list[str]
    lost: list[tuple[int, int, int | None]]
    other: dict[str, int]
    clock: str
    cpus: int
    buffers: list[str]
    symbols: dict[str, dict[int, str]]
    events: list[str] = []  # in files of recap 0.1, the names behind the numbers of the column `event`


def write_parquet(
    flow: Flow, path: Path, progress: Callable[[], None] = lambda: None, *, compact: bool = False
) -> None:
    """Write a trace, calling `progress` after each group of rows; if that fails, there is no file."""
    pa = arrow()
    unfinished = path.with_name(path.name + ".part")
    last = Last() if compact else None
    schema = pa.table(stored(flow.table({name: np.empty(0, kind) for name, kind in COLUMNS.items()}), last)).schema
    encodings = {name: BYTES for name in schema.names if name != EVENT}
    if not compact:
        encodings[TIME] = DELTAS
    try:
        with pa.parquet.ParquetWriter(
            unfinished,
            schema,
            compression="zstd",
            compression_level=LEVEL,
            use_dictionary=[EVENT],
            column_encoding=encodings,
            data_page_size=LARGEST_PAGE,
            max_rows_per_page=ROWS_IN_GROUP,
            write_batch_size=ROWS_IN_GROUP,
        ) as writer:
            for group in groups(flow):
                writer.write_table(pa.table(stored(group, last), schema), ROWS_IN_GROUP)
                progress()
            writer.add_key_value_metadata({KEY: msgspec.json.encode(about_of(flow))})
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def about_of(flow: Flow) -> About:
    """Facts about the whole of a flow whose pieces have been read."""
    lost = sorted(flow.lost, key=lambda before: (before.time, before.cpu))
    return About(
        comms=flow.comms,
        marks=flow.marks,
        lost=[(before.cpu, before.time, before.count) for before in lost],
        other=flow.other,
        clock=flow.clock,
        cpus=flow.cpus,
        buffers=list(flow.buffers),
        symbols=flow.symbols,
    )


def groups(flow: Flow) -> Iterator[Events]:
    """The pieces, as many at a time as make a group of rows."""
    pieces: list[Events] = []
    for piece in ahead(flow.pieces):
        if len(piece):
            pieces.append(piece)
        if len(pieces) * PIECE >= ROWS_IN_GROUP:
            yield joined(pieces)
            pieces = []
    if pieces:
        yield joined(pieces)


class Last:
    """When each event was last seen on each CPU, from group to group."""

    def __init__(self) -> None:
        self.time: dict[int, int] = {}

    def before(self, kind: npt.NDArray[np.uint32], time: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """For rows sorted by kind, the time of the one before of the same kind."""
        starts = first_of(kind)
        before = np.empty_like(time)
        before[1:] = time[:-1]
        before[starts] = [self.time.get(one, 0) for one in kind[starts].tolist()]
        self.keep(kind, starts, time)
        return before

    def keep(self, kind: npt.NDArray[np.uint32], starts: npt.NDArray[np.intp], time: npt.NDArray[np.int64]) -> None:
        """Remember the last of each kind."""
        ends = np.append(starts[1:], len(kind))[: len(starts)] - 1  # none where there are no rows
        self.time.update(zip(kind[ends].tolist(), time[ends].tolist(), strict=True))


def kinds(event: npt.NDArray[np.uint8], cpu: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint32]:
    """Event and CPU as one number."""
    return event.astype(np.uint32) << np.uint32(16) | cpu


def first_of(kind: npt.NDArray[np.uint32]) -> npt.NDArray[np.intp]:
    """Where each kind begins."""
    return np.flatnonzero(np.concatenate([[True], kind[1:] != kind[:-1]])) if len(kind) else np.empty(0, np.intp)


def stored(group: Events, last: Last | None) -> dict[str, Any]:
    """A group's columns as they are in the file; a compact one keeps the `last` times."""
    kind = kinds(group.event, group.cpu)
    order = np.argsort(kind, kind="stable")
    columns: dict[str, Any] = {name: getattr(group, name)[order] for name in COLUMNS}
    columns[EVENT] = named(columns[EVENT])
    columns[TIE] = ties(group)[order]
    if last is None:
        return columns
    time = columns.pop(TIME)
    return {SINCE: time - last.before(kind[order], time), **columns}


def ties(events: Events) -> npt.NDArray[np.int32]:
    """For each row, how many came before it at the same time on the same CPU."""
    same = np.zeros(len(events), np.bool_)
    same[1:] = (events.time[1:] == events.time[:-1]) & (events.cpu[1:] == events.cpu[:-1])
    number = np.arange(len(events), dtype=np.int32)
    return number - np.maximum.accumulate(np.where(same, 0, number)) if len(events) else number


def read_parquet(path: Path) -> Events:
    """Read a trace that `write_parquet` wrote."""
    flow = parquet_flow(path)
    whole = flow.whole()
    marked = np.flatnonzero(whole.event == Event.TRACE_MARKER)
    if len(marked) != len(flow.marks) or (whole.a[marked] != np.arange(len(marked))).any():
        raise InputError(path, "", "has markers of another trace", REMEDY)
    return whole


def parquet_flow(path: Path) -> Flow:
    """The same piece by piece."""
    pa = arrow()
    with refused(path, pa):
        file = pa.parquet.ParquetFile(path)
        metadata = file.metadata.metadata or {}
    if KEY not in metadata:
        raise InputError(path, "", "is not a trace of recap's", "give what `recap convert` wrote")
    with refused(path, pa):
        about = msgspec.json.decode(metadata[KEY], type=About)
    if any(name != known.name.lower() for name, known in zip(about.events, Event, strict=False)):
        raise InputError(path, "column event", "has events this recap does not know", REMEDY)
    if not 0 < about.cpus <= MOST_CPUS:
        raise InputError(path, "", f"claims {about.cpus} CPUs", REMEDY)
    facts = {name: getattr(about, name) for name in ("comms", "marks", "other", "clock", "cpus", "symbols")}
    found = Flow(**facts, buffers=tuple(about.buffers), lost=[Lost(*lost) for lost in about.lost])
    found.pieces = pieces(path, file, found)
    return found


def pieces(path: Path, file: Any, found: Flow) -> Iterator[Events]:
    """The tables of a flow, from one group of rows after the other."""
    pa, last, so_far = arrow(), Last(), 0
    for number in range(file.num_row_groups):
        with refused(path, pa):
            described = file.metadata.row_group(number)
            if described.num_rows > ROWS_IN_GROUP or described.total_byte_size > LARGEST_GROUP:
                raise ValueError(f"row group {number} is larger than any that recap writes")
            group = file.read_row_group(number)
            columns = columns_of(group)
        columns = in_time_order(path, columns, last, found.cpus)
        found.share = (number + 1) / file.num_row_groups
        if len(columns["time"]) and columns["time"][0] < so_far:
            raise InputError(path, f"row group {number}", "goes back in time", REMEDY)
        so_far = int(columns["time"][-1]) if len(columns["time"]) else so_far
        for start in range(0, len(columns["time"]), PIECE):
            yield found.table({name: values[start : start + PIECE] for name, values in columns.items()})


def in_time_order(path: Path, columns: Columns, last: Last, cpus: int) -> Columns:
    """A group's rows in the order of the trace, after a look at what the engine relies on."""
    event, cpu = columns[EVENT], columns["cpu"]
    if event.max(initial=0) >= len(Event) or cpu.max(initial=0) >= cpus:
        raise InputError(path, "column event or cpu", "has values out of range", REMEDY)
    if SINCE in columns:
        columns[TIME] = summed(path, columns.pop(SINCE), kinds(event, cpu), last)
    time = columns[TIME]
    if time.min(initial=0) < 0 or time.max(initial=0) >= LATEST:
        raise InputError(path, f"column {TIME}", "has times out of range", REMEDY)
    order = np.lexsort((columns[TIE], cpu, time))
    return {name: columns[name][order] for name in COLUMNS}


def summed(path: Path, since: npt.NDArray[np.int64], kind: npt.NDArray[np.uint32], last: Last) -> npt.NDArray[np.int64]:
    """The times of a compact group."""
    if (kind[1:] < kind[:-1]).any():
        raise InputError(path, "column event or cpu", "is not sorted", REMEDY)
    if since.min(initial=0) < 0 or since.astype(np.float64).sum() + max(last.time.values(), default=0) >= LATEST:
        raise InputError(path, f"column {SINCE}", "has times out of range", REMEDY)
    time, starts = np.cumsum(since), first_of(kind)
    begun = np.array([last.time.get(one, 0) for one in kind[starts].tolist()], np.int64)
    shift = begun - (time[starts] - since[starts])
    time += np.repeat(shift, np.diff(np.append(starts, len(kind))))
    last.keep(kind, starts, time)
    return time


@contextmanager
def refused(path: Path, pa: Any) -> Iterator[None]:
    """What pyarrow and the decoder raise on a damaged file, as one line."""
    try:
        yield
    except (
        pa.ArrowException,
        OSError,
        ValueError,
        TypeError,
        KeyError,
        MemoryError,
        OverflowError,
        msgspec.MsgspecError,
    ) as error:
        raise InputError(path, "", f"is damaged: {error}"[:200], REMEDY) from None


def columns_of(group: Any) -> Columns:
    """A group's columns, events as numbers."""
    time = SINCE if SINCE in group.column_names else TIME
    kinds = {time if name == TIME else name: kind for name, kind in STORED.items() if name != EVENT}
    return {EVENT: events_of(group), **{name: column(group, name, kind) for name, kind in kinds.items()}}


def events_of(group: Any) -> npt.NDArray[np.uint8]:
    """The column of events; files of recap 0.1 have numbers there."""
    pa, found = arrow(), group.column(EVENT)
    if pa.types.is_integer(found.type):
        return column(group, EVENT, STORED[EVENT])
    coded = found.combine_chunks() if pa.types.is_dictionary(found.type) else found.combine_chunks().dictionary_encode()
    names = coded.dictionary.to_pylist()
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise ValueError(f"column event has {str(unknown[0])[:40]}, which this recap does not know")
    if found.null_count:
        raise ValueError("column event has holes")
    numbers = np.array([NAMES.index(name) for name in names], np.uint8)
    return np.asarray(numbers[coded.indices.to_numpy()], np.uint8)


def column(group: Any, name: str, kind: type[np.generic]) -> npt.NDArray[Any]:
    """One column, of the very type it was written with; ValueError where it is another, or has holes."""
    found = group.column(name)
    if found.null_count or found.type.to_pandas_dtype() != kind:
        raise ValueError(f"column {name} is {found.type}, with {found.null_count} holes")
    return np.ascontiguousarray(found.to_numpy())
