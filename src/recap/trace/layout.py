"""Where a recording's kernel keeps the fields that the table wants: SCHEMA against its format files."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from recap.errors import InputError
from recap.trace import ringbuffer
from recap.trace.cursor import CUT_SHORT
from recap.trace.event import Event
from recap.trace.formats import EventFormat, Field
from recap.trace.table import SCHEMA, TRACEPOINTS
from recap.trace.tracedat import MAX_EVENT_ID, TraceDat

UNPLANNED = -1


@dataclass(frozen=True, slots=True)
class Load:
    """One field of an event on its way to a column."""

    slot: str
    offset: int
    width: int
    how: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The events of ours by id, the plan to load them, and what is wrong with those that cannot be loaded."""

    known: dict[int, Event]
    plan: ringbuffer.Plan
    unreadable: dict[int, InputError]


def lay_out(trace: TraceDat) -> Layout:
    """The layout of one recording."""
    events = {event_id: event_of(described) for event_id, described in trace.formats.items()}
    known = {event_id: event for event_id, event in events.items() if event is not None}
    row, need = array("h", [UNPLANNED]) * MAX_EVENT_ID, array("i", bytes(4 * len(known)))
    slots = len(ringbuffer.SLOTS)
    offset, width, how = (array("i", bytes(4 * slots * len(known))) for _ in range(3))
    unreadable = {}
    for number, (event_id, event) in enumerate(known.items()):
        try:
            loads = list(loads_of(trace, trace.formats[event_id], event))
        except InputError as error:
            unreadable[event_id] = error
            continue
        row[event_id] = number
        need[number] = max(load.offset + load.width for load in loads)
        for load in loads:
            k = slots * number + ringbuffer.SLOTS[load.slot]
            offset[k], width[k], how[k] = load.offset, load.width, load.how
    plan = ringbuffer.Plan(row, array("B", known.values()), need, offset, width, how)
    return Layout(known, plan, unreadable)


def event_of(described: EventFormat) -> Event | None:
    """The event of ours that a format describes; of ftrace's own it is the marker only."""
    event = TRACEPOINTS.get(described.name)
    return event if (event is Event.TRACE_MARKER) == (described.system == "ftrace") else None


def loads_of(trace: TraceDat, described: EventFormat, event: Event) -> Iterator[Load]:
    """How the columns of one event are loaded."""
    for slot, name in {"pid": "common_pid", "context": "common_flags", **SCHEMA[event]}.items():
        field = described.fields.get(name)
        if field is None:
            problem = f"event {described.name} has no such field"
            raise InputError(trace.path, f"field {name}", problem, "record on Linux 4.2 or newer")
        if name == "buf":
            # A text stays where it is; the row holds where it begins and ends until it is read from there.
            yield Load("a", field.offset, 0, ringbuffer.HOW["begins"])
            yield Load("b", field.offset, 0, ringbuffer.HOW["ends"])
        elif name == "rwbs":
            yield Load(slot, field.offset, field.size, ringbuffer.HOW["writes"])
        else:
            yield Load(slot, field.offset, field.size, number_of(trace, field))


def number_of(trace: TraceDat, field: Field) -> int:
    """How a number is loaded."""
    how = ringbuffer.NUMBERS.get((field.size, field.signed))
    if how is None:
        raise InputError(trace.path, f"field {field.name}", f"is a number of {field.size} bytes", CUT_SHORT)
    return how
