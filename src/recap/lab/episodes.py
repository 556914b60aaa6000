"""Reclaim and compaction: who worked or waited, how long, with what result, put together piece by piece."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from recap.lab.information import Compaction, Reclaim, Stall
from recap.trace import Event, Events

PERCENTILES = (50, 90, 99)
ENDS = {
    Event.MM_VMSCAN_DIRECT_RECLAIM_BEGIN: Event.MM_VMSCAN_DIRECT_RECLAIM_END,
    Event.MM_VMSCAN_MEMCG_RECLAIM_BEGIN: Event.MM_VMSCAN_MEMCG_RECLAIM_END,
    Event.MM_VMSCAN_KSWAPD_WAKE: Event.MM_VMSCAN_KSWAPD_SLEEP,
    Event.MM_COMPACTION_BEGIN: Event.MM_COMPACTION_END,
}

Name = Callable[[int], str]


class Spans:
    """The spans from a beginning to the end that follows it on the same task: who, how long (ns)."""

    def __init__(self, begin: Event, end: Event) -> None:
        self.begin = begin
        self.end = end
        self.open: dict[int, int] = {}
        self.found: list[tuple[int, int]] = []

    def add(self, events: Events) -> None:
        """A piece's."""
        rows = np.flatnonzero((events.event == self.begin) | (events.event == self.end))
        columns = events.event[rows] == self.begin, events.pid[rows], events.time[rows]
        for begun, pid, time in zip(*(column.tolist() for column in columns), strict=True):
            if begun:
                self.open[pid] = time
            elif pid in self.open:
                self.found.append((pid, time - self.open.pop(pid)))


class EpisodeTally:
    """What reclaim and compaction did so far."""

    def __init__(self) -> None:
        self.spans = {begin: Spans(begin, end) for begin, end in ENDS.items()}
        self.scanned: Counter[int] = Counter()  # by task
        self.stolen: Counter[int] = Counter()
        self.direct_reclaimed = 0
        self.written = 0
        self.ended: Counter[int] = Counter()
        self.migrated = 0
        self.stayed = 0

    def add(self, events: Events) -> None:
        """A piece's."""
        for spans in self.spans.values():
            spans.add(events)
        shrunk = np.flatnonzero(events.event == Event.MM_VMSCAN_LRU_SHRINK_INACTIVE)
        pids = events.pid[shrunk].tolist()
        for pid, scanned, stolen in zip(pids, events.a[shrunk].tolist(), events.b[shrunk].tolist(), strict=True):
            self.scanned[pid] += scanned
            self.stolen[pid] += stolen
        self.direct_reclaimed += int(events.a[events.event == Event.MM_VMSCAN_DIRECT_RECLAIM_END].sum())
        self.written += int((events.event == Event.MM_VMSCAN_WRITE_FOLIO).sum())
        self.ended.update(events.a[events.event == Event.MM_COMPACTION_END].tolist())
        moved = events.event == Event.MM_MIGRATE_PAGES
        self.migrated += int(events.a[moved].sum())
        self.stayed += int(events.b[moved].sum())

    def stalls(self, who: Name) -> Iterator[Stall]:
        """How long tasks waited for reclaim and compaction, and the kernel's threads worked at them."""

        def lasted(begin: Event, wanted: Callable[[int], bool] = lambda _pid: True) -> list[int]:
            return [ns for pid, ns in self.spans[begin].found if wanted(pid)]

        def background(pid: int) -> bool:
            return who(pid).startswith(("kcompactd", "kswapd"))

        compacting = Event.MM_COMPACTION_BEGIN
        yield stall("direct reclaim", lasted(Event.MM_VMSCAN_DIRECT_RECLAIM_BEGIN))
        yield stall("memory cgroup reclaim", lasted(Event.MM_VMSCAN_MEMCG_RECLAIM_BEGIN))
        yield stall("direct compaction", lasted(compacting, lambda pid: not background(pid)))
        yield stall("kcompactd compacting", lasted(compacting, background))
        yield stall("kswapd awake", lasted(Event.MM_VMSCAN_KSWAPD_WAKE))

    def reclaim(self, who: Name) -> Reclaim:
        """What reclaim did, directly and in the background."""
        kswapd = {pid for pid in self.scanned if who(pid).startswith("kswapd")}
        return Reclaim(
            direct=len(self.spans[Event.MM_VMSCAN_DIRECT_RECLAIM_BEGIN].found),
            direct_reclaimed=self.direct_reclaimed,
            kswapd_episodes=len(self.spans[Event.MM_VMSCAN_KSWAPD_WAKE].found),
            scanned_direct=sum(pages for pid, pages in self.scanned.items() if pid not in kswapd),
            stolen_direct=sum(pages for pid, pages in self.stolen.items() if pid not in kswapd),
            scanned_kswapd=sum(pages for pid, pages in self.scanned.items() if pid in kswapd),
            stolen_kswapd=sum(pages for pid, pages in self.stolen.items() if pid in kswapd),
            written=self.written,
        )

    def compaction(self, names: dict[int, str]) -> Compaction:
        """What compaction did, and how its runs ended."""
        return Compaction(
            runs=len(self.spans[Event.MM_COMPACTION_BEGIN].found),
            results={names.get(result, f"status {result}"): n for result, n in sorted(self.ended.items())},
            pages_migrated=self.migrated,
            pages_failed=self.stayed,
        )


def stall(name: str, lasted: list[int]) -> Stall:
    """Percentiles of how long something took."""
    took: npt.NDArray[np.int64] = np.array(lasted, np.int64)
    middle, ninety, worst = (np.percentile(took, PERCENTILES) if len(took) else np.zeros(3)).tolist()
    return Stall(name, len(took), int(took.sum()), int(middle), int(ninety), int(worst), int(took.max(initial=0)))
