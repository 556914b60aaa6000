"""A kernel with page capture (kernel/) on tape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from recap.mm import boot
from recap.mm.machine import Machine
from recap.policy import load
from recap.policy.catalogue import KERNEL_MODES
from recap.sim.open_loop import Replay, advance
from recap.trace import Event
from recap.trace.table import CAPTURE_STEPS
from tests.sim.open_loop.tape import TASK, USER, Tape

OPENED, CLOSED = CAPTURE_STEPS.index("opened"), CAPTURE_STEPS.index("closed")
RECLAIMERS = 2


def capture_machine(policy: str, mebibytes: int = 16, cpus: int = 1) -> Machine:
    """A machine whose memory is free and whose reclaimers capture."""
    return Machine(boot.empty_machine(mebibytes, cpus, RECLAIMERS, load(policy)))


@dataclass
class CaptureTape(Tape):
    """A machine with page capture that is recorded."""

    mode: int = 2
    wanted: int = 4

    def steps(self, **fields: int) -> None:
        """What was done under the zone lock: the steps of capture are reported first."""
        memory = self.kernel.memory
        for step, pfn, order in memory.captured():
            self.report(Event.PAGE_CAPTURE, a=step, pfn=pfn, order=order, flags=self.wanted, **fields)
        memory.nr_capture_steps = 0
        super().steps(**fields)

    def fill(self, gfp: int = USER) -> list[int]:
        """Use all memory by single pages that reclaim could free."""
        got = []
        while self.kernel.watermark_ok(0, 0, gfp):
            got.append(self.alloc(gfp=gfp))
            self.report(Event.MM_LRU_INSERTION, pfn=got[-1])
            self.kernel.mark_lru(got[-1])
        return got

    def opens(self, number: int) -> None:
        """A task enters direct reclaim; its number is that of its list."""
        who = reclaimer(number)
        self.report(Event.PAGE_CAPTURE, a=OPENED, pfn=0, order=self.mode, flags=self.wanted, **who)
        self.kernel.open_capture(number, self.wanted)
        self.report(Event.MM_VMSCAN_DIRECT_RECLAIM_BEGIN, order=self.wanted, flags=USER, **who)

    def reclaims(self, number: int, pfns: list[int]) -> None:
        """A batch of reclaim releases these pages: those that are not captured go to the per-cpu lists."""
        who = reclaimer(number)
        left = []
        for pfn in pfns:
            self.report(Event.MM_PAGE_FREE, pfn=pfn, **who)
            if self.kernel.keep_page(pfn, number):
                self.steps(**who)
            else:
                self.rows.pop()
                left.append(pfn)
        self.free_list(left, **who)
        self.report(Event.MM_VMSCAN_LRU_SHRINK_INACTIVE, a=len(pfns), b=len(pfns), **who)

    def settles(self, number: int) -> int | None:
        """The batch is over."""
        pfn = self.kernel.settle(number, USER, self.wanted)
        self.steps(**reclaimer(number))
        return pfn

    def closes(self, number: int, handed: int | None) -> None:
        """Direct reclaim returns, and its request is served if a block was handed over."""
        who = reclaimer(number)
        self.report(Event.MM_VMSCAN_DIRECT_RECLAIM_END, a=0, **who)
        self.kernel.close_capture(number)
        self.steps(**who)
        self.report(Event.PAGE_CAPTURE, a=CLOSED, pfn=handed or 0, order=self.mode, flags=self.wanted, **who)
        if handed is not None:
            self.allocated(handed, self.wanted, USER, **who)

    def replayed(self, model: Machine | None = None) -> Replay:
        """The whole tape put to another machine of the same kind, whose policy is the recorded mode's."""
        memory = self.kernel.memory
        frames, cpus = int(memory.nr_frames), int(memory.nr_cpus)
        model = model or capture_machine(KERNEL_MODES[self.mode], frames >> 8, cpus)
        events = self.events()
        replay = Replay(model.memory, events)
        advance(replay, 0, len(events))
        return replay


def reclaimer(number: int) -> dict[str, int]:
    """Who a reclaimer is, in the trace."""
    return {"pid": TASK + 10 + number, "cpu": 0}


def tapes() -> Iterator[CaptureTape]:
    """A tape for each mode that captures."""
    for mode in (1, 2, 3):
        yield CaptureTape(capture_machine(KERNEL_MODES[mode]), mode=mode)
