"""A trace over time, put together piece by piece: rates, free memory, and the spans in which events were lost."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from recap.lab.information import Fragmentation, LostSpan, Rates
from recap.lab.requests import Allocations
from recap.trace import Event, Events, Lost
from recap.trace.occupancy import NR_ORDERS, Frames

SAMPLE = 1 << 14  # rows between two looks at fragmentation
MOST_BINS = 240  # of a series over time
FINE_BINS = 16 * MOST_BINS  # while the length of the trace is not known
BLOCK_FRAMES = 512
NANOSECONDS = 1e9
SERIES = ("events", "pages_allocated", "pages_freed", "stalls", "pages_scanned", "pages_reclaimed", "compactions")

Longs = npt.NDArray[np.int64]


class OverTime:
    """What happened when, in bins of a power of two of nanoseconds, doubled whenever the trace outgrows them."""

    def __init__(self) -> None:
        self.first = self.last = 0
        self.empty = True
        self.shift = 0
        self.sums = {name: np.zeros(FINE_BINS, np.int64) for name in SERIES}

    @property
    def nanoseconds(self) -> int:
        """From the first event to the last."""
        return self.last - self.first

    def add(self, events: Events, allocations: Allocations) -> None:
        """A piece, which has rows."""
        if self.empty:
            self.first, self.empty = int(events.time[0]), False
        self.last = int(events.time[-1])
        while self.nanoseconds >> self.shift >= FINE_BINS:
            self.shift += 1
            for sums in self.sums.values():
                sums[: FINE_BINS // 2] = sums[::2] + sums[1::2]
                sums[FINE_BINS // 2 :] = 0
        freed = np.flatnonzero(events.event == Event.MM_PAGE_FREE)
        pages = np.int64(1) << np.minimum(events.order[freed], NR_ORDERS).astype(np.int64)
        self.count("events", events.time)
        self.count("pages_allocated", events.time[allocations.row], allocations.pages)
        self.count("pages_freed", events.time[freed], pages)
        self.count("stalls", events.time[events.event == Event.MM_VMSCAN_DIRECT_RECLAIM_BEGIN])
        shrunk = np.flatnonzero(events.event == Event.MM_VMSCAN_LRU_SHRINK_INACTIVE)
        self.count("pages_scanned", events.time[shrunk], events.a[shrunk])
        self.count("pages_reclaimed", events.time[shrunk], events.b[shrunk])
        self.count("compactions", events.time[events.event == Event.MM_COMPACTION_BEGIN])

    def count(self, name: str, times: Longs, weights: Longs | None = None) -> None:
        """Some more for one series, in order of time."""
        if len(times) == 0:
            return
        begin, end = ((int(time) - self.first) >> self.shift for time in (times[0], times[-1]))
        edges = self.first + (np.arange(begin + 1, end + 1) << self.shift)
        cuts = np.concatenate([[0], np.searchsorted(times, edges), [len(times)]])
        so_far = cuts if weights is None else np.concatenate([[0], np.cumsum(weights)])[cuts]
        self.sums[name][begin : end + 1] += np.diff(so_far)

    def rates(self) -> Rates:
        """Each series per second; none where all happened at one time, or the text has no times."""
        if self.empty or not self.nanoseconds:
            return Rates(0.0, **{name: [] for name in SERIES})
        used = (self.nanoseconds >> self.shift) + 1
        together = -(-used // MOST_BINS)
        width = (together << self.shift) / NANOSECONDS
        starts = np.arange(0, used, together)
        series = {name: (np.add.reduceat(sums, starts) / width).tolist() for name, sums in self.sums.items()}
        return Rates(width, **series)


class FreeMemory:
    """How much memory was free, and how much of it in whole blocks, now and then."""

    def __init__(self, frames: Frames) -> None:
        self.frames = frames
        self.known = False  # what was free at the start
        self.looks: list[tuple[int, int, int]] = []
        self.step = 1
        self.number = 0

    def follow(self, events: Events) -> None:
        """Follow all page frames through a piece."""
        event, pid, pfn, order, time = (
            column.data for column in (events.event, events.pid, events.pfn, events.order, events.time)
        )
        for begin in range(0, len(events), SAMPLE):
            stop = min(begin + SAMPLE, len(events))
            self.frames.advance(event, pid, pfn, order, time, begin, stop)
            if self.known:
                self.look(time[stop - 1])

    def look(self, time: int) -> None:
        """Note how it is, if it is time to; half the notes go when there are too many."""
        if self.number % self.step == 0:
            self.looks.append((time, self.frames.free_frames, self.frames.whole_blocks))
        self.number += 1
        if len(self.looks) > MOST_BINS:
            self.looks = self.looks[::2]
            self.step *= 2

    def fragmentation(self, first: int) -> Fragmentation:
        """The looks, in seconds from the first event."""
        return Fragmentation(
            seconds=[(when - first) / NANOSECONDS for when, _, _ in self.looks],
            free_pages=[free for _, free, _ in self.looks],
            in_whole_blocks=[BLOCK_FRAMES * whole / free if free else 0.0 for _, free, whole in self.looks],
        )


class Gaps:
    """Where events were lost: from the CPU's last event before to its first one after."""

    def __init__(self) -> None:
        self.seen: dict[int, int] = {}  # each CPU's last event so far
        self.taken = 0
        self.waiting: list[Lost] = []
        self.found: list[tuple[Lost, int | None]] = []

    def add(self, events: Events, lost: list[Lost]) -> None:
        """A piece, and all losses known so far; those behind the piece wait for the next one."""
        new = lost[self.taken :]  # a longer list by now, if the trace is read ahead
        self.waiting += new
        self.taken += len(new)
        last = int(events.time[-1])
        self.found += [(before, self.begin(before, events)) for before in self.waiting if before.time <= last]
        self.waiting = [before for before in self.waiting if before.time > last]
        for cpu in np.flatnonzero(np.bincount(events.cpu)).tolist():
            row = len(events) - 1 - int(np.argmax(events.cpu[::-1] == cpu))
            self.seen[cpu] = int(events.time[row])

    def begin(self, lost: Lost, events: Events) -> int | None:
        """When the CPU was last heard of before."""
        stop = int(np.searchsorted(events.time, lost.time))
        rows = np.flatnonzero(events.cpu[:stop] == lost.cpu)
        return int(events.time[rows[-1]]) if len(rows) else self.seen.get(lost.cpu)

    def spans(self, first: int) -> Iterator[LostSpan]:
        """All of them, in seconds from the first event."""
        late = [(lost, self.seen.get(lost.cpu)) for lost in self.waiting]
        for lost, begin in sorted(self.found + late, key=lambda gap: (gap[0].time, gap[0].cpu)):
            since = first if begin is None else begin
            yield LostSpan(lost.cpu, (since - first) / NANOSECONDS, (lost.time - first) / NANOSECONDS, lost.count)
