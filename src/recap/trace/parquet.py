"""The table as Parquet, for any program that reads it, and back without loss, a group of rows at a time.

A group's rows are sorted by event, then by CPU, as such rows pack best. `since` is the time since the event of that
kind on that CPU before it; the first of all counts from zero, so the sums are the times. `tie` tells apart those of
one CPU at one time. What is told of the whole trace is JSON in the file's metadata.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from recap.errors import InputError, MissingExtraError
from recap.trace.ahead import ahead
from recap.trace.event import Event
from recap.trace.memory import refuse
from recap.trace.table import COLUMNS, PIECE, Events, Flow, Lost, joined

PARQUET = b"PAR1"
KEY = b"recap"
SINCE, TIE = "since", "tie"
STORED: dict[str, type[np.generic]] = {
    SINCE: np.int64,
    **{name: kind for name, kind in COLUMNS.items() if name != "time"},
    TIE: np.int32,
}
LEVEL = 9  # of zstd
ROWS_IN_GROUP = 1 << 20
LARGEST_PAGE = 1 << 26  # bytes: a group's column is one page, so that what repeats in it is seen
LARGEST_GROUP = 2 * sum(np.dtype(kind).itemsize for kind in STORED.values()) * ROWS_IN_GROUP  # bytes, unpacked
MEND = "convert the trace again"
MOST_CPUS = 1 << 16
LATEST = 1 << 62

Columns = dict[str, npt.NDArray[Any]]


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
        raise MissingExtraError("pyarrow", "parquet") from None
    return pyarrow


def write_parquet(flow: Flow, path: Path, progress: Callable[[], None] = lambda: None) -> None:
    """Write a trace, and tell after each group of rows; where that fails, there is no file."""
    pa = arrow()
    unfinished = path.with_name(path.name + ".part")
    schema = pa.schema([(name, pa.from_numpy_dtype(kind)) for name, kind in STORED.items()])
    last = Last()
    try:
        with pa.parquet.ParquetWriter(
            unfinished,
            schema,
            compression="zstd",
            compression_level=LEVEL,
            use_dictionary=False,
            use_byte_stream_split=True,
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
    """What a flow, gone through, tells of the whole."""
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
        events=[event.name.lower() for event in Event],
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


def stored(group: Events, last: Last) -> Columns:
    """A group's columns as they are in the file."""
    kind = kinds(group.event, group.cpu)
    order = np.argsort(kind, kind="stable")
    columns = {name: getattr(group, name)[order] for name in COLUMNS}
    time = columns.pop("time")
    return {SINCE: time - last.before(kind[order], time), **columns, TIE: ties(group)[order]}


def ties(events: Events) -> npt.NDArray[np.int32]:
    """For each row, how many came before it at the same time on the same CPU."""
    same = np.zeros(len(events), np.bool_)
    same[1:] = (events.time[1:] == events.time[:-1]) & (events.cpu[1:] == events.cpu[:-1])
    number = np.arange(len(events), dtype=np.int32)
    return number - np.maximum.accumulate(np.where(same, 0, number)) if len(events) else number


def read_parquet(path: Path) -> Events:
    """Read a trace that `write_parquet` wrote."""
    flow = parquet_flow(path)
    with refused(path, arrow()):
        rows = arrow().parquet.read_metadata(path).num_rows
    refuse(path, rows)
    whole = flow.whole()
    marked = np.flatnonzero(whole.event == Event.TRACE_MARKER)
    if len(marked) != len(flow.marks) or (whole.a[marked] != np.arange(len(marked))).any():
        raise InputError(path, "", "has marks that are not its own", MEND)
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
        raise InputError(path, "column event", "has events this recap does not know", MEND)
    if not 0 < about.cpus <= MOST_CPUS:
        raise InputError(path, "", f"tells of {about.cpus} CPUs", MEND)
    told = {name: getattr(about, name) for name in ("comms", "marks", "other", "clock", "cpus", "symbols")}
    found = Flow(**told, buffers=tuple(about.buffers), lost=[Lost(*lost) for lost in about.lost])
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
            columns = {name: column(group, name, kind) for name, kind in STORED.items()}
        columns = in_time_order(path, columns, last, found.cpus)
        found.share = (number + 1) / file.num_row_groups
        if len(columns["time"]) and columns["time"][0] < so_far:
            raise InputError(path, f"row group {number}", "goes back in time", MEND)
        so_far = int(columns["time"][-1]) if len(columns["time"]) else so_far
        for start in range(0, len(columns["time"]), PIECE):
            yield found.table({name: values[start : start + PIECE] for name, values in columns.items()})


def in_time_order(path: Path, columns: Columns, last: Last, cpus: int) -> Columns:
    """A group's rows with their times, after a look at what the engine relies on."""
    event, cpu, since, tie = columns["event"], columns["cpu"], columns.pop(SINCE), columns.pop(TIE)
    kind = kinds(event, cpu)
    if event.max(initial=0) >= len(Event) or cpu.max(initial=0) >= cpus or (kind[1:] < kind[:-1]).any():
        raise InputError(path, "column event or cpu", "has numbers no trace has", MEND)
    if since.min(initial=0) < 0 or since.astype(np.float64).sum() + max(last.time.values(), default=0) >= LATEST:
        raise InputError(path, f"column {SINCE}", "has times no trace has", MEND)
    time, starts = np.cumsum(since), first_of(kind)
    begun = np.array([last.time.get(one, 0) for one in kind[starts].tolist()], np.int64)
    shift = begun - (time[starts] - since[starts])
    time += np.repeat(shift, np.diff(np.append(starts, len(kind))))
    last.keep(kind, starts, time)
    order = np.lexsort((tie, cpu, time))
    found = {"time": time[order], **{name: values[order] for name, values in columns.items()}}
    return {name: found[name] for name in COLUMNS}


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
        raise InputError(path, "", f"is damaged: {error}"[:200], MEND) from None


def column(group: Any, name: str, kind: type[np.generic]) -> npt.NDArray[Any]:
    """One column, of the very type it was written with; ValueError where it is another, or has holes."""
    found = group.column(name)
    if found.null_count or found.type.to_pandas_dtype() != kind:
        raise ValueError(f"column {name} is {found.type}, with {found.null_count} holes")
    return np.ascontiguousarray(found.to_numpy())
