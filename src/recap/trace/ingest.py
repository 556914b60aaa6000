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
    return Ingest(trace, page_data(trace)).events()


class Ingest:
    """One trace.dat on its way to a table."""

    def __init__(self, trace: TraceDat, pages: PageData) -> None:
        self.trace = trace
        self.pages = pages
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
        counts = self.count()
        columns = self.merge(counts)
        marks = self.take_marks(columns)
        for column in columns.values():
            column.flags.writeable = False
        return Events(
            **columns,
            comms=self.trace.comms,
            marks=marks,
            lost=sorted(self.lost(), key=lambda lost: (lost.time, lost.cpu)),
            other=self.others(counts),
            clock=clocks.pop(),
            cpus=self.trace.cpus,
            buffers=tuple(buffer.name for buffer in self.trace.buffers),
        )

    def count(self) -> npt.NDArray[np.int64]:
        """How many events there are of each id; every record is known to be sound after this."""
        counts = np.zeros(MAX_EVENT_ID, np.int64)
        for stream in range(len(self.pages.runs)):
            more = 1
            while more > 0:
                more = ringbuffer.survey(self.walker, stream, memoryview(counts), SLICE)
            if more < 0:
                raise self.fault()
        self.walker.rewind()
        return counts

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

    def others(self, counts: npt.NDArray[np.int64]) -> dict[str, int]:
        """The events that are not in the table, by name."""
        found: dict[str, int] = {}
        for event_id in np.flatnonzero(counts).tolist():
            if self.event_of(event_id) is None:
                described = self.trace.formats.get(event_id)
                name = described.name if described else f"event {event_id}"
                found[name] = found.get(name, 0) + int(counts[event_id])
        return found

    def merge(self, counts: npt.NDArray[np.int64]) -> Columns:
        """Fill the columns."""
        known = {i: event for i in np.flatnonzero(counts).tolist() if (event := self.event_of(i)) is not None}
        size = sum(int(counts[event_id]) for event_id in known)
        columns: Columns = {name: np.empty(size, dtype) for name, dtype in COLUMNS.items()}
        views = ringbuffer.Columns(*(memoryview(column) for column in columns.values()))
        plan, done = self.plan(known), 0
        while done < size:
            upto = min(done + SLICE, size)
            done = ringbuffer.fill(self.walker, plan, views, done, upto)
            if done < upto:
                raise self.fault()
        return columns

    def plan(self, known: dict[int, Event]) -> Any:
        """The compiled form of SCHEMA for this kernel's formats."""
        row = array("h", [UNNAMED]) * MAX_EVENT_ID
        slots = len(ringbuffer.SLOTS)
        offset, width, how = (array("i", bytes(4 * slots * len(known))) for _ in range(3))
        need = array("i", bytes(4 * len(known)))
        for number, (event_id, event) in enumerate(known.items()):
            row[event_id] = number
            for load in self.loads(self.trace.formats[event_id], event):
                k = slots * number + ringbuffer.SLOTS[load.slot]
                offset[k], width[k], how[k] = load.offset, load.width, load.how
                need[number] = max(need[number], load.offset + load.width)
        return ringbuffer.Plan(row, array("B", known.values()), need, offset, width, how)

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
