"""Why the model went another way: one deviation with what surrounds it, so that a rule can be found at fault."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np

from recap.kernel import NONE, NR_PCP_LISTS, STATE_ALLOCATED, STATE_BUDDY, STATE_CAPTURED, STATE_PCP, STATE_RESERVED
from recap.lab.results import Deviation, ExplainedDeviation
from recap.mm.machine import Machine
from recap.sim.open_loop import Replay
from recap.trace import NO_PFN, Event, Events
from recap.trace.table import CAPTURE_STEPS

BEFORE, AFTER = 12, 6  # events shown around the operation
SHOWN = 8  # blocks of a list
LATER = 3  # events about a frame
TYPES = ("unmovable", "movable", "reclaimable", "highatomic", "isolate")
STATES = {
    STATE_RESERVED: "reserved at boot",
    STATE_BUDDY: "the head of a free block",
    STATE_PCP: "on a per-cpu list",
    STATE_ALLOCATED: "in use",
    STATE_CAPTURED: "captured",
}
WORDS = {
    "allocation": "another frame was handed out",
    "refill": "another block was taken from the free lists",
    "drain": "another block was given back to the free lists",
    "stray": "a per-cpu list that the kernel fills holds a frame",
    "free": "a frame was freed that the model holds free",
    "isolation": "compaction took more pages of a range than the model holds free",
    "capture": "page capture did something else with a block",
}

Found = tuple[str, int, int, int]


def deviation(events: Events, number: int, found: Found) -> Deviation:
    """One deviation in words."""
    kind, at, event, frame = found
    i = event if event >= 0 else at
    kernel = hexadecimal(int(events.pfn[i])) if event >= 0 else "nothing"
    model = hexadecimal(frame) if frame != NONE else "nothing"
    return Deviation(
        number=number,
        kind=kind,
        event=i,
        seconds=float(events.time[i]) / 1e9,
        cpu=int(events.cpu[i]),
        task=events.comms.get(int(events.pid[i]), "?"),
        what=f"{WORDS[kind]}: order {events.order[i]}, the kernel's is {kernel}, the model's {model}",
    )


def explained(replay: Replay, events: Events, number: int, found: Found) -> ExplainedDeviation:
    """The surroundings; the replay stands just before the operation."""
    _, at, event, frame = found
    i = event if event >= 0 else at
    kernel = int(events.pfn[i]) if event >= 0 and events.pfn[i] != NO_PFN else None
    model = frame if frame != NONE else None
    machine = Machine(replay.m)
    return ExplainedDeviation(
        deviation=deviation(events, number, found),
        kernel_frame=kernel,
        model_frame=model,
        where=[
            line
            for pfn in dict.fromkeys((kernel, model))
            if pfn is not None
            for line in where(machine, events, at, pfn)
        ],
        events=[event_line(events, k, k == i) for k in range(max(0, at - BEFORE), min(len(events), i + AFTER))],
        model_lists=lists_of(machine, events, i),
        kernel_takes=takes(events, at, i),
    )


def hexadecimal(pfn: int) -> str:
    """A page frame number as the kernel prints it."""
    return f"{pfn:#x}"


def where(machine: Machine, events: Events, at: int, pfn: int) -> list[str]:
    """Where the model has a frame, and what the trace tells of it next."""
    page = machine.memory.array("page")
    lines = [f"{pfn:#x}: {state(page, pfn)}{place(machine, pfn)}"]
    rows = np.flatnonzero(events.pfn[at:] == pfn)[:LATER] + at
    lines += [f"  next: {event_line(events, int(k), False)}" for k in rows]
    return lines


def state(page: Any, pfn: int) -> str:
    """What a frame is, in words."""
    if int(page["state"][pfn]) in STATES:
        return f"{STATES[int(page['state'][pfn])]}, order {page['order'][pfn]}"
    for order in range(1, 11):
        head = pfn & -(1 << order)
        if page["state"][head] in (STATE_BUDDY, STATE_PCP) and page["order"][head] >= order:
            return f"inside the free block {head:#x} of order {page['order'][head]}"
    return "inside a block in use"


def place(machine: Machine, pfn: int) -> str:
    """On which per-cpu list a frame is, and how far from its head."""
    for (zone, cpu, pindex), pfns in machine.pcp_lists().items():
        if pfn in pfns:
            return f": zone {zone}, cpu {cpu}, list {list_name(pindex)}, place {pfns.index(pfn)} of {len(pfns)}"
    return ""


def list_name(pindex: int) -> str:
    """A per-cpu list by its order and type (order_to_pindex)."""
    if pindex >= NR_PCP_LISTS - 2:
        return "huge, movable" if pindex == NR_PCP_LISTS - 1 else "huge"
    return f"order {pindex // 3} {TYPES[pindex % 3]}"


def event_line(events: Events, i: int, marked: bool) -> str:
    """One event of the trace."""
    event = Event(int(events.event[i]))
    context = int(events.context[i])
    level = "irq " if context & 0x08 else "softirq " if context & 0x10 else ""
    words = [
        ">" if marked else " ",
        f"{i}",
        f"{events.time[i] / 1e9:.6f}",
        f"cpu {events.cpu[i]}",
        f"{level}{events.comms.get(int(events.pid[i]), '?')}-{events.pid[i]}",
        event.name.lower(),
    ]
    if event is Event.PAGE_CAPTURE and 0 <= events.a[i] < len(CAPTURE_STEPS):
        words.append(CAPTURE_STEPS[int(events.a[i])])
    if events.pfn[i] != NO_PFN:
        words.append(f"{int(events.pfn[i]):#x} order {events.order[i]}")
    if events.migratetype[i] >= 0:
        words.append(TYPES[int(events.migratetype[i])])
    if events.flags[i]:
        words.append(f"flags {int(events.flags[i]):#x}")
    return " ".join(words)


def lists_of(machine: Machine, events: Events, i: int) -> list[str]:
    """The model's lists that an event is about: the per-cpu list of its order and type, the free lists of its type."""
    wanted = int(events.order[i])
    types = {int(events.migratetype[i])} if events.migratetype[i] >= 0 else {0, 1, 2}
    lines = []
    for (zone, cpu, pindex), pfns in machine.pcp_lists().items():
        if cpu == events.cpu[i] and (pindex >= NR_PCP_LISTS - 2 or pindex % 3 in types) and pindex // 3 == wanted:
            lines.append(f"per-cpu zone {zone} cpu {cpu} {list_name(pindex)}: {shown(pfns)}")
    for number, blocks in machine.capture_lists().items():
        lines.append(f"capture {number}: {' '.join(f'{pfn:#x} order {order}' for pfn, order in blocks)}")
    for (zone, order, mt), pfns in machine.free_lists().items():
        if mt in types:
            lines.append(f"free zone {zone} order {order} {TYPES[mt]}: {shown(pfns)}")
    return lines


def shown(pfns: list[int]) -> str:
    """The first blocks of a list."""
    more = f" and {len(pfns) - SHOWN} more" if len(pfns) > SHOWN else ""
    return " ".join(f"{pfn:#x}" for pfn in islice(pfns, SHOWN)) + more


def takes(events: Events, at: int, i: int) -> list[str]:
    """What the kernel takes from its free lists from there on, of the same order and type."""
    rows = np.flatnonzero(
        (events.event[at:] == np.uint8(Event.MM_PAGE_ALLOC_ZONE_LOCKED))
        & (events.order[at:] == events.order[i])
        & ((events.migratetype[at:] == events.migratetype[i]) | (events.migratetype[i] < 0))
    )
    return [f"{int(events.pfn[at + k]):#x} at event {at + k}" for k in rows[: 2 * SHOWN].tolist()]
