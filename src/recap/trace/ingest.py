"""From a trace.dat to tables: its pages are merged into columns while the next ones are being unpacked."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recap.errors import InputError
from recap.trace import ringbuffer
from recap.trace.clock import nanoseconds
from recap.trace.columns import InMemory, OnDisk, Table, is_long
from recap.trace.cursor import CUT_SHORT
from recap.trace.event import Event
from recap.trace.layout import Layout, lay_out
from recap.trace.pagedata import Lane, PageData, page_data
from recap.trace.table import COLUMNS, PIECE, SYMBOLIC, Events, Flow, Lost
from recap.trace.tracedat import MAX_EVENT_ID, TraceDat, read_tracedat

SLICE = 1 << 18  # rows between two looks at Ctrl-C
USUAL_RECORD = 32  # bytes; most are longer, so one row for each is enough room
LEAST_RECORD = 12  # a header, and what all events have
MISSED = 0x80  # bit 31 of a page's commit word, in its last byte
MISSED_STORED = 0x40

Columns = dict[str, npt.NDArray[Any]]


def open_tracedat(path: Path, progress: Callable[[float], None] | None = None) -> Events:
    """The events of a trace.dat, those of all its CPUs and instances merged in time order."""
    return ingest(read_tracedat(path), progress)


def ingest(trace: TraceDat, progress: Callable[[float], None] | None = None) -> Events:
    """The events of all CPUs and instances as one table."""
    with page_data(trace) as pages:
        merger = Merger(trace, pages)
        room = pages.size // USUAL_RECORD + 1
        table: Table = OnDisk(pages.size // LEAST_RECORD + 1) if is_long(room) else InMemory(room)
        rows, ahead = 0, pages.pool.submit(table.have, 0, SLICE)
        while merger.live:
            ahead.result()
            if rows == table.rows:
                table.grow()
            limit = min(rows + SLICE, table.rows)
            ahead = pages.pool.submit(table.have, limit, limit + SLICE)
            rows = merger.fill(table.columns, rows, limit)
            if progress:
                progress(pages.share)
        ahead.result()
        merger.lost.sort(key=lambda before: (before.time, before.cpu))
        return merger.table(table.cut(rows))


def tracedat_flow(path: Path) -> Flow:
    """The events of a trace.dat piece by piece."""
    return flow(read_tracedat(path))


def flow(trace: TraceDat) -> Flow:
    """One trace piece by piece: it takes as much memory as a piece, however long the trace is."""
    found = Flow(
        comms=trace.comms,
        clock=clock_of(trace),
        cpus=trace.cpus,
        buffers=tuple(buffer.name for buffer in trace.buffers),
        symbols=symbols(trace, lay_out(trace)),
    )
    found.pieces = pieces(trace, found)
    return found


def pieces(trace: TraceDat, found: Flow) -> Iterator[Events]:
    """The tables of a flow."""
    with page_data(trace) as pages:
        merger = Merger(trace, pages)
        found.marks, found.lost = merger.marks, merger.lost
        while merger.live:
            columns = columns_in_one(PIECE)
            rows = merger.fill(columns, 0, PIECE)
            found.other = merger.other()
            found.share = pages.share
            if rows:
                yield merger.table({name: column[:rows] for name, column in columns.items()})


def columns_in_one(rows: int) -> Columns:
    """Columns in one block of memory: it is large enough to be given back and had again without new pages."""
    sizes = [rows * np.dtype(kind).itemsize for kind in COLUMNS.values()]
    starts = np.cumsum([0, *sizes]).tolist()
    block = np.empty(starts[-1], np.uint8)
    parts = zip(COLUMNS.items(), starts, sizes, strict=False)
    return {name: block[start : start + size].view(kind) for (name, kind), start, size in parts}


class Merger:
    """A trace on its way into columns: what was read so far, and what was lost and not understood."""

    def __init__(self, trace: TraceDat, pages: PageData) -> None:
        self.trace = trace
        self.pages = pages
        self.clock = clock_of(trace)
        self.layout = lay_out(trace)
        self.symbols = symbols(trace, self.layout)
        self.counts = np.zeros(MAX_EVENT_ID, np.int64)
        self.marks: list[str] = []
        self.lost: list[Lost] = []
        lanes, header = pages.lanes, trace.header
        self.walker = ringbuffer.Pages(
            pages.data,
            [lane.cpu for lane in lanes],
            [lane.page_size for lane in lanes],
            header.commit,
            header.payload,
        )
        for number, lane in enumerate(lanes):
            if lane.last:
                self.walker.feed(number, 0, 0, 1)

    @property
    def live(self) -> bool:
        """Whether there is more to read."""
        return self.walker.live > 0

    def fill(self, columns: Columns, rows: int, limit: int) -> int:
        """Read on, into the columns from row `rows` up to `limit`: how many rows there are now."""
        out = ringbuffer.Columns({name: column.data for name, column in columns.items()})
        while self.walker.live and rows < limit:
            before = rows
            rows = ringbuffer.fill(self.walker, self.layout.plan, out, self.counts.data, rows, limit)
            if self.walker.fault:
                raise self.fault()
            self.take_marks({name: column[before:rows] for name, column in columns.items()})
            if self.walker.hungry >= 0:
                self.feed(self.walker.hungry)
        for event_id, error in self.layout.unreadable.items():
            if self.counts[event_id]:
                raise error
        return rows

    def fault(self) -> InputError:
        """What is wrong with a page, and where."""
        at = self.walker.fault_at
        lane = next(lane for lane in self.pages.lanes if lane.begin <= at < lane.end)
        return InputError(self.trace.path, lane.origin(at), ringbuffer.FAULTS[self.walker.fault], CUT_SHORT)

    def feed(self, number: int) -> None:
        """Let a stream go on with its next share."""
        lane = self.pages.lanes[number]
        lane.turn()
        self.lost += self.lost_in(lane)
        self.walker.feed(number, lane.begin, lane.end, lane.last)

    def take_marks(self, columns: Columns) -> None:
        """The texts of the trace markers, while they are there; their rows count them instead of saying where."""
        for row in np.flatnonzero(columns["event"] == Event.TRACE_MARKER).tolist():
            text, _, _ = bytes(self.pages.data[columns["a"][row] : columns["b"][row]]).partition(b"\0")
            columns["a"][row], columns["b"][row] = len(self.marks), 0
            self.marks.append(text.decode(errors="replace").rstrip("\n"))

    def lost_in(self, lane: Lane) -> Iterator[Lost]:
        """Where the pages that now can be read say that events were lost before them."""
        header = self.trace.header
        stop = lane.end if lane.last else lane.end - (lane.end - lane.begin) % lane.page_size
        flags = np.frombuffer(self.pages.data, np.uint8)[lane.begin + header.commit + 3 : stop : lane.page_size]
        for page in np.flatnonzero(flags & MISSED).tolist():
            yield self.lost_before(lane, lane.begin + page * lane.page_size, stored=bool(flags[page] & MISSED_STORED))

    def lost_before(self, lane: Lane, page: int, *, stored: bool) -> Lost:
        """What one page says about the events before it: their number stands behind its last record."""
        header = self.trace.header

        def number(at: int, size: int) -> int:
            return int.from_bytes(self.pages.data[at : at + size], "little")

        tail = page + header.payload + (number(page + header.commit, 4) & ringbuffer.COMMIT)
        fits = stored and tail + header.word <= min(page + lane.page_size, lane.end)
        # A damaged page may say more than any clock; the walk tells where, when it comes there.
        time = np.array([number(page, 8) & ringbuffer.LATEST], np.int64)
        when = int(nanoseconds(self.trace, self.clock, time)[0])
        return Lost(lane.cpu, when, number(tail, header.word) if fits else None)

    def other(self) -> dict[str, int]:
        """How many events there were that are not in the table, by name."""
        found: dict[str, int] = {}
        for event_id in np.flatnonzero(self.counts).tolist():
            if event_id not in self.layout.known:
                described = self.trace.formats.get(event_id)
                name = described.name if described else f"event {event_id}"
                found[name] = found.get(name, 0) + int(self.counts[event_id])
        return found

    def table(self, columns: Columns) -> Events:
        """The rows read, with what is known so far of the whole."""
        columns["time"] = nanoseconds(self.trace, self.clock, columns["time"])
        for column in columns.values():
            column.flags.writeable = False
        rows: dict[str, Any] = columns
        return Events(
            **rows,
            comms=self.trace.comms,
            marks=self.marks,
            lost=self.lost,
            other=self.other(),
            clock=self.clock,
            cpus=self.trace.cpus,
            buffers=tuple(buffer.name for buffer in self.trace.buffers),
            symbols=self.symbols,
        )


def clock_of(trace: TraceDat) -> str:
    """The one clock of all instances."""
    clocks = {buffer.clock for buffer in trace.buffers}
    if len(clocks) > 1:
        raise InputError(trace.path, "", f"its instances use {len(clocks)} clocks", "record with one clock")
    return clocks.pop()


def symbols(trace: TraceDat, layout: Layout) -> dict[str, dict[int, str]]:
    """What this kernel calls the values of the fields in SYMBOLIC, by the field's name in the table's language."""
    found = {}
    for event_id, event in layout.known.items():
        name = SYMBOLIC.get(event)
        if name is not None:
            found[name] = trace.formats[event_id].symbols(name)
    if trace.functions:
        found["function"] = dict(trace.functions)
    return found
