"""From a trace.dat to the table: its pages are merged into columns while the next ones are being unpacked."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recap.errors import InputError
from recap.trace import ringbuffer
from recap.trace.clock import nanoseconds
from recap.trace.cursor import CUT_SHORT
from recap.trace.layout import Layout, lay_out
from recap.trace.pagedata import PageData, Run, page_data
from recap.trace.table import COLUMNS, SYMBOLIC, Event, Events, Lost
from recap.trace.tracedat import MAX_EVENT_ID, TraceDat, read_tracedat

SLICE = 1 << 20  # rows between two looks at Ctrl-C
USUAL_RECORD = 32  # bytes; most are longer, so that a row for each so many is room enough
MISSED = 0x80  # bit 31 of a page's commit word, in its last byte
MISSED_STORED = 0x40

Columns = dict[str, npt.NDArray[Any]]


def open_tracedat(path: Path) -> Events:
    """The events of a trace.dat, those of all its CPUs and instances merged in time order."""
    return ingest(read_tracedat(path))


def ingest(trace: TraceDat) -> Events:
    """The table of one trace."""
    try:
        return merged(trace)
    except MemoryError:
        problem = "holds more than there is memory for"
        raise InputError(trace.path, "", problem, "record for a shorter time") from None


def merged(trace: TraceDat) -> Events:
    """The events of all CPUs and instances as one table."""
    clocks = {buffer.clock for buffer in trace.buffers}
    if len(clocks) > 1:
        raise InputError(trace.path, "", f"its instances use {len(clocks)} clocks", "record with one clock")
    with page_data(trace) as pages:
        counts = np.zeros(MAX_EVENT_ID, np.int64)
        layout = lay_out(trace)
        columns = merge(trace, layout, pages, counts)
        marks = take_marks(pages, columns)
        lost = list(lost_events(trace, pages))
    clock = clocks.pop()
    columns["time"] = nanoseconds(trace, clock, columns["time"])
    lost_at = nanoseconds(trace, clock, np.array([before.time for before in lost], np.int64)).tolist()
    lost = [replace(before, time=time) for before, time in zip(lost, lost_at, strict=True)]
    for column in columns.values():
        column.flags.writeable = False
    return Events(
        **columns,
        comms=trace.comms,
        marks=marks,
        lost=sorted(lost, key=lambda before: (before.time, before.cpu)),
        other=others(trace, layout, counts),
        clock=clock,
        cpus=trace.cpus,
        buffers=tuple(buffer.name for buffer in trace.buffers),
        symbols=symbols(trace, layout),
    )


def merge(trace: TraceDat, layout: Layout, pages: PageData, counts: npt.NDArray[np.int64]) -> Columns:
    """The columns; `counts` counts all events by id."""
    walker = walk(trace, pages)
    room = sum(run.stop - run.start for run in pages.runs) // USUAL_RECORD + 1
    columns: Columns = {name: np.empty(room, dtype) for name, dtype in COLUMNS.items()}
    rows = 0
    while walker.live:
        rows = ringbuffer.fill(walker, layout.plan, views(columns), counts.data, rows, min(rows + SLICE, room))
        if walker.fault:
            where = pages.origin(walker.fault_at)
            raise InputError(trace.path, where, ringbuffer.FAULTS[walker.fault], CUT_SHORT)
        if walker.hungry >= 0:
            walker.feed(walker.hungry, pages.await_more(walker.hungry))
        elif rows == room:
            room *= 2
            resize(columns, room)
    for event_id, error in layout.unreadable.items():
        if counts[event_id]:
            raise error
    resize(columns, rows)
    return columns


def walk(trace: TraceDat, pages: PageData) -> ringbuffer.Pages:
    """A walker before the first page of every run."""
    return ringbuffer.Pages(
        pages.data,
        [run.cpu for run in pages.runs],
        [run.start for run in pages.runs],
        [run.stop for run in pages.runs],
        [run.page_size for run in pages.runs],
        trace.header.commit,
        trace.header.payload,
    )


def views(columns: Columns) -> ringbuffer.Columns:
    """The columns as the walker writes them."""
    return ringbuffer.Columns({name: column.data for name, column in columns.items()})


def resize(columns: Columns, rows: int) -> None:
    """Make all columns longer or shorter, in place where the memory allows."""
    for column in columns.values():
        column.resize(rows, refcheck=False)


def take_marks(pages: PageData, columns: Columns) -> list[str]:
    """The texts of the trace markers, whose rows count them instead of saying where they are."""
    rows = np.flatnonzero(columns["event"] == Event.TRACE_MARKER)
    marks = []
    for begin, end in zip(columns["a"][rows].tolist(), columns["b"][rows].tolist(), strict=True):
        text, _, _ = bytes(pages.data[begin:end]).partition(b"\0")
        marks.append(text.decode(errors="replace").rstrip("\n"))
    columns["a"][rows] = np.arange(len(rows))
    columns["b"][rows] = 0
    return marks


def symbols(trace: TraceDat, layout: Layout) -> dict[str, dict[int, str]]:
    """What this kernel calls the values of the fields in SYMBOLIC, by the field's name in the table's language."""
    found = {}
    for event_id, event in layout.known.items():
        name = SYMBOLIC.get(event)
        if name is not None:
            found[name] = trace.formats[event_id].symbols(name)
    return found


def others(trace: TraceDat, layout: Layout, counts: npt.NDArray[np.int64]) -> dict[str, int]:
    """How many events there are that are not in the table, by name."""
    found: dict[str, int] = {}
    for event_id in np.flatnonzero(counts).tolist():
        if event_id not in layout.known:
            described = trace.formats.get(event_id)
            name = described.name if described else f"event {event_id}"
            found[name] = found.get(name, 0) + int(counts[event_id])
    return found


def lost_events(trace: TraceDat, pages: PageData) -> Iterator[Lost]:
    """Where the pages say that events were lost before them."""
    data = np.frombuffer(pages.data, np.uint8)
    for run in pages.runs:
        flags = data[run.start + trace.header.commit + 3 : run.stop : run.page_size]
        for page in np.flatnonzero(flags & MISSED).tolist():
            stored = bool(flags[page] & MISSED_STORED)
            yield lost_before(trace, pages, run, run.start + page * run.page_size, stored)


def lost_before(trace: TraceDat, pages: PageData, run: Run, page: int, stored: bool) -> Lost:
    """What one page says about the events before it: their number stands behind its last record."""
    header = trace.header

    def number(at: int, size: int) -> int:
        return int.from_bytes(pages.data[at : at + size], "little")

    tail = page + header.payload + (number(page + header.commit, 4) & ringbuffer.COMMIT)
    fits = stored and tail + header.word <= min(page + run.page_size, run.stop)
    return Lost(run.cpu, number(page, 8), number(tail, header.word) if fits else None)
