"""A kernel on tape: what a machine does, written down as the tracepoints of a real kernel would."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from recap.kernel import GFP_HIGHMEM, GFP_KERNEL, GFP_MOVABLE, LINUX_6_18
from recap.mm import boot
from recap.mm.machine import Machine
from recap.sim.open_loop import Replay, advance
from recap.trace import NO_PFN, Event, Events
from recap.trace.table import COLUMNS

TASK = 100
SOFTIRQ = 0x10
VMSTAT_UPDATE = -0x7FFFFFFF
USER = GFP_KERNEL | GFP_MOVABLE | GFP_HIGHMEM
EMPTY: dict[str, int] = {
    "cpu": 0,
    "context": 0,
    "pid": TASK,
    "pfn": NO_PFN,
    "order": 0,
    "migratetype": -1,
    "flags": 0,
    "a": 0,
    "b": 0,
}


def machine(mebibytes: int = 16, cpus: int = 1) -> Machine:
    """A machine whose memory is free; twice the same."""
    return Machine(boot.empty_machine(mebibytes, cpus))


def newer() -> Machine:
    """A machine with 6.18's rules, whose per-cpu lists may hold more or less."""
    return Machine(boot.empty_machine(64, profile=LINUX_6_18))


@dataclass
class Tape:
    """A machine that is recorded, and what has been recorded so far."""

    kernel: Machine = field(default_factory=machine)
    rows: list[dict[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.kernel.memory.trace(1 << 12)

    def report(self, event: Event, **fields: int) -> None:
        """Write an event down."""
        self.rows.append({**EMPTY, "event": int(event), **fields})

    def steps(self, **fields: int) -> None:
        """Write down what was done under the zone lock since the last time."""
        memory = self.kernel.memory
        for event, pfn, order, migratetype in memory.steps():
            self.report(Event(event), pfn=pfn, order=order, migratetype=migratetype, **fields)
        memory.nr_emitted = 0

    def take(self, order: int = 0, gfp: int = USER, **fields: int) -> int:
        """Allocate, and report the steps only."""
        pfn = self.kernel.alloc_pages(order, gfp, fields.get("cpu", 0))
        assert pfn is not None
        self.steps(**fields)
        return pfn

    def allocated(self, pfn: int, order: int = 0, gfp: int = USER, **fields: int) -> None:
        """Report an allocation."""
        self.report(Event.MM_PAGE_ALLOC, pfn=pfn, order=order, flags=gfp, migratetype=(gfp >> 3) & 3, **fields)

    def alloc(self, order: int = 0, gfp: int = USER, **fields: int) -> int:
        """Allocate and report."""
        pfn = self.take(order, gfp, **fields)
        self.allocated(pfn, order, gfp, **fields)
        return pfn

    def free(self, pfn: int, order: int = 0, **fields: int) -> None:
        """Report a free, and do it."""
        self.report(Event.MM_PAGE_FREE, pfn=pfn, order=order, **fields)
        self.kernel.free_pages(pfn, order, fields.get("cpu", 0))
        self.steps(**fields)

    def free_list(self, pfns: list[int], **fields: int) -> None:
        """Free a list of pages: all are prepared first."""
        for pfn in pfns:
            self.report(Event.MM_PAGE_FREE, pfn=pfn, **fields)
        for pfn in pfns:
            self.report(Event.MM_PAGE_FREE_BATCHED, pfn=pfn, **fields)
            self.kernel.free_pages(pfn, 0, fields.get("cpu", 0))
            self.steps(**fields)

    def drain_all(self, **fields: int) -> None:
        """Empty all per-cpu lists."""
        self.kernel.drain_all_pages()
        self.steps(**fields)

    def update_counters(self, cpu: int = 0) -> None:
        """A second passes on a CPU (vmstat_update)."""
        worker = {"cpu": cpu, "pid": TASK + 50}
        self.report(Event.WORKQUEUE_EXECUTE_START, a=VMSTAT_UPDATE, **worker)
        self.kernel.decay_pcp_high(cpu)
        self.steps(**worker)

    def events(self) -> Events:
        """The trace."""
        columns: dict[str, Any] = {
            name: np.array([row.get(name, 0) for row in self.rows], dtype) for name, dtype in COLUMNS.items()
        }
        columns["time"] = np.arange(len(self.rows), dtype=np.int64) * 1000
        cpus = int(self.kernel.memory.nr_cpus)
        told: dict[str, Any] = {"symbols": {"function": {VMSTAT_UPDATE: "vmstat_update"}}}
        return Events(**columns, comms={}, marks=[], lost=[], other={}, clock="mono", cpus=cpus, buffers=("",), **told)

    def replayed(self, model: Machine | None = None) -> Replay:
        """The whole tape put to another machine of the same kind."""
        frames = int(self.kernel.memory.nr_frames)
        model = model or machine(frames >> 8, int(self.kernel.memory.nr_cpus))
        events = self.events()
        replay = Replay(model.memory, events)
        advance(replay, 0, len(events))
        return replay
