"""From a trace.dat to the table: count every event, plan which field goes to which column, then merge."""

import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recap.errors import InputError
from recap.trace import ringbuffer
from recap.trace.cursor import CUT_SHORT
from recap.trace.formats import EventFormat, Field
from recap.trace.pagedata import PageData, Run, page_data
from recap.trace.table import COLUMNS, SCHEMA, TRACEPOINTS, Event, Events, Lost
from recap.trace.tracedat import MAX_EVENT_ID, TraceDat, read_tracedat

SLICE = 1 << 20  # events between two looks at Ctrl-C
MISSED = 0x80  # bit 31 of a page's commit word, in its last byte
MISSED_STORED = 0x40
UNNAMED = -1

Columns = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Load:
    """One field of an event on its way to a column."""

    slot: str
    offset: int
    width: int
    how: int


def open_trace(path: str | os.PathLike[str]) -> Events:
    """The events of a trace.dat, those of all its CPUs and instances merged in time order."""
    trace = read_tracedat(Path(path))
    with page_data(trace) as pages:
        return Ingest(trace, pages).events()


def views_of(columns: Columns) -> Any:
    """The columns as the walker writes them."""
    return ringbuffer.Columns(*(memoryview(column) for column in columns.values()))


def resize(columns: Columns, rows: int) -> None:
    """Make all columns longer or shorter, in place where the memory allows."""
    for column in columns.values():
        column.resize(rows, refcheck=False)


class Ingest:
    """One trace.dat on its way to a table."""

    def __init__(self, trace: TraceDat, pages: PageData) -> None:
        self.trace = trace
        self.pages = pages
        self.counts = np.zeros(MAX_EVENT_ID, np.int64)
        self.known = {i: event for i in trace.formats if (event := self.event_of(i)) is not None}
        self.unreadable: dict[int, InputError] = {}
        self.plan = self.make_plan()
        runs = pages.runs
        self.walker = ringbuffer.Pages(
            pages.data,
            [run.cpu for run in runs],
            [run.start for run in runs],
            [run.stop for run in runs],
            [run.page_size for run in runs],
            trace.header.commit,
            trace.header.payload,
        )

    def events(self) -> Events:
        """The table."""
        clocks = {buffer.clock for buffer in self.trace.buffers}
        if len(clocks) > 1:
            raise InputError(self.trace.path, "", f"its instances use the clocks {clocks}", "record with one clock")
        columns = self.merge()
        marks = self.take_marks(columns)
        for column in columns.values():
            column.flags.writeable = False
        return Events(
            **columns,
            comms=self.trace.comms,
            marks=marks,
            lost=sorted(self.lost(), key=lambda lost: (lost.time, lost.cpu)),
            other=self.others(),
            clock=clocks.pop(),
            cpus=self.trace.cpus,
            buffers=tuple(buffer.name for buffer in self.trace.buffers),
        )

    def merge(self) -> Columns:
        """Fill the columns."""
        # Most records are longer, so that this is room enough; where it is not, there is a copy.
        room = sum(run.stop - run.start for run in self.pages.runs) // 32 + 1
        columns: Columns = {name: np.empty(room, dtype) for name, dtype in COLUMNS.items()}
        views, rows = views_of(columns), 0
        while self.walker.live:
            rows = ringbuffer.fill(self.walker, self.plan, views, memoryview(self.counts), rows, min(rows + SLICE, room))
            if self.walker.fault:
                raise self.fault()
            if self.walker.hungry >= 0:
                self.walker.feed(self.walker.hungry, self.pages.await_more(self.walker.hungry))
            elif rows == room:
                room = 2 * room
                del views
                resize(columns, room)
                views = views_of(columns)
        del views
        resize(columns, rows)
        for event_id in self.unreadable.keys() & set(np.flatnonzero(self.counts).tolist()):
            raise self.unreadable[event_id]
        return columns

    def fault(self) -> InputError:
        """What the walker stumbled over."""
        where = self.pages.origin(self.walker.fault_at)
        return InputError(self.trace.path, where, ringbuffer.FAULTS[self.walker.fault], CUT_SHORT)

    def event_of(self, event_id: int) -> Event | None:
        """The event of ours that an id of this recording stands for."""
        described = self.trace.formats.get(event_id)
        if described is None:
            return None
        event = TRACEPOINTS.get(described.name)
        return event if (event is Event.TRACE_MARKER) == (described.system == "ftrace") else None

    def others(self) -> dict[str, int]:
        """The events that are not in the table, by name."""
        found: dict[str, int] = {}
        for event_id in np.flatnonzero(self.counts).tolist():
            if event_id not in self.known:
                described = self.trace.formats.get(event_id)
                name = described.name if described else f"event {event_id}"
                found[name] = found.get(name, 0) + int(self.counts[event_id])
        return found

    def make_plan(self) -> Any:
        """The compiled form of SCHEMA for this kernel's formats; what it cannot read is only told if it occurs."""
        row = array("h", [UNNAMED]) * MAX_EVENT_ID
        slots = len(ringbuffer.SLOTS)
        offset, width, how = (array("i", bytes(4 * slots * len(self.known))) for _ in range(3))
        need = array("i", bytes(4 * len(self.known)))
        for number, (event_id, event) in enumerate(self.known.items()):
            try:
                loads = list(self.loads(self.trace.formats[event_id], event))
            except InputError as error:
                self.unreadable[event_id] = error
                continue
            row[event_id] = number
            for load in loads:
                k = slots * number + ringbuffer.SLOTS[load.slot]
                offset[k], width[k], how[k] = load.offset, load.width, load.how
                need[number] = max(need[number], load.offset + load.width)
        return ringbuffer.Plan(row, array("B", self.known.values()), need, offset, width, how)

    def loads(self, described: EventFormat, event: Event) -> Iterator[Load]:
        """How the columns of one event are loaded."""
        for slot, name in {"pid": "common_pid", **SCHEMA[event]}.items():
            if name not in described.fields:
                problem = f"event {described.name} has no such field"
                raise InputError(self.trace.path, f"field {name}", problem, "record on Linux 4.2 or newer")
            field = described.fields[name]
            if event is Event.TRACE_MARKER and name == "buf":
                yield Load("a", field.offset, 0, ringbuffer.HOW["begins"])
                yield Load("b", field.offset, 0, ringbuffer.HOW["ends"])
            else:
                yield self.load(slot, field)

    def load(self, slot: str, field: Field) -> Load:
        """How a number, or a request's flag text, is loaded."""
        if field.name == "rwbs":
            return Load(slot, field.offset, field.size, ringbuffer.HOW["writes"])
        how = ringbuffer.NUMBERS.get((field.size, field.signed))
        if how is None:
            problem = f"is a number of {field.size} bytes"
            raise InputError(self.trace.path, f"field {field.name}", problem, CUT_SHORT)
        return Load(slot, field.offset, field.size, how)

    def take_marks(self, columns: Columns) -> list[str]:
        """The texts of the trace markers, whose rows then count them."""
        rows = np.flatnonzero(columns["event"] == Event.TRACE_MARKER)
        marks = []
        for begin, end in zip(columns["a"][rows].tolist(), columns["b"][rows].tolist(), strict=True):
            text, _, _ = bytes(self.pages.data[begin:end]).partition(b"\0")
            marks.append(text.decode(errors="replace").rstrip("\n"))
        columns["a"][rows] = np.arange(len(rows))
        columns["b"][rows] = 0
        return marks

    def lost(self) -> Iterator[Lost]:
        """Where the pages say that events were lost before them."""
        data = np.frombuffer(self.pages.data, np.uint8)
        for run in self.pages.runs:
            flags = data[run.start + self.trace.header.commit + 3 : run.stop : run.page_size]
            for page in np.flatnonzero(flags & MISSED).tolist():
                stored = bool(flags[page] & MISSED_STORED)
                yield self.lost_before(run, run.start + page * run.page_size, stored)

    def lost_before(self, run: Run, page: int, stored: bool) -> Lost:
        """What one page says about the events before it."""
        header = self.trace.header

        def number(at: int, size: int) -> int:
            return int.from_bytes(self.pages.data[at : at + size], "little")

        tail = page + header.payload + (number(page + header.commit, 4) & ringbuffer.COMMIT)
        fits = stored and tail + header.word <= min(page + run.page_size, run.stop)
        return Lost(run.cpu, number(page, 8), number(tail, header.word) if fits else None)
