"""Each recorded direct reclaim and compaction done by the model from the same state: a test of its own.

The open loop brings a machine to the state at the episode's first event: free lists, per-cpu lists and pageblocks as
the kernel had them, the LRU lists as they can be followed (demand/lru_looks). There the model does the same reclaim or
compaction alone, on a copy, and the result is compared with what the trace says. What is not known is in UNKNOWN.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from recap.demand.lru_looks import LruLooks, initial_orders, zones
from recap.errors import InputError
from recap.kernel import (
    COMPACT_SUCCESS,
    GFP_KERNEL,
    NONE,
    PG_ACTIVE,
    PG_LRU,
    PG_SWAPBACKED,
    PG_YOUNG,
    STATE_ALLOCATED,
)
from recap.lab.verify import TimedReplay
from recap.mm import boot
from recap.pages import Memory
from recap.sim.open_loop.trials import compact_once, reclaim_once, take_over
from recap.trace import Event, Events
from recap.trace.event import IN_INTERRUPT

NR_LISTS = 4
WORST = 20
RECLAIM, COMPACTION, KCOMPACTD = "direct reclaim", "direct compaction", "kcompactd"
UNKNOWN = (
    "the order of the LRU lists after the snapshot: it is followed, and 0 to 0.6 % of the pages end elsewhere",
    "accessed bits of pages that recorded reclaim did not look at in the same episode (`used` has those it did)",
    "which pages became dirty, or were being written, after the snapshot",
    "pages that cannot be moved, as somebody holds them: the model moves all that are on LRU lists",
    "what refaults have cost (anon_cost, file_cost), and what shrinkers free",
    "pageblocks' skip hints at the snapshot, and how often compaction was deferred",
    "what other CPUs and tasks did meanwhile: the model's episode runs alone",
)
Progress = Callable[[float], None]
Percentiles = tuple[float, float, float]


class Episode(msgspec.Struct, frozen=True):
    """One direct reclaim (pages reclaimed) or compaction (pages moved), the kernel's and the model's."""

    seconds: float  # when it began
    pid: int
    kind: str
    order: int
    kernel_pages: int
    model_pages: int
    model_pages_used: int  # where the accessed bits that recorded reclaim found are given
    kernel_scanned: int
    model_scanned: int
    kernel_block: bool  # it ended with the block
    model_block: bool

    @property
    def apart(self) -> int:
        """By how many pages they differ."""
        return abs(self.kernel_pages - self.model_pages)


class EpisodeGroup(msgspec.Struct, frozen=True):
    """All episodes of a kind and order; percentiles are the 50th, 90th and 99th."""

    kind: str
    order: int
    episodes: int
    same: int  # ended with the block in both, or in neither
    same_pages: int
    kernel_pages: Percentiles
    model_pages: Percentiles
    model_pages_used: Percentiles
    kernel_scanned: Percentiles
    model_scanned: Percentiles
    kernel_block: float  # share that ended with the block
    model_block: float


class EpisodeTests(msgspec.Struct, frozen=True):
    """The result of `verify --episodes`."""

    episodes: int
    same: int
    groups: list[EpisodeGroup]
    worst: list[Episode]
    unknown: list[str]


@dataclass(frozen=True)
class EpisodeSpan:
    """An episode of the trace: its first and last event, and the request it is for."""

    begin: int
    end: int
    request: int


def spans(events: Events) -> list[EpisodeSpan]:
    """All direct reclaims and compactions that the trace holds whole, in order."""
    pairs = {
        Event.MM_VMSCAN_DIRECT_RECLAIM_BEGIN: Event.MM_VMSCAN_DIRECT_RECLAIM_END,
        Event.MM_COMPACTION_BEGIN: Event.MM_COMPACTION_END,
    }
    found = []
    for begin, end in pairs.items():
        first = np.flatnonzero(events.event == np.uint8(begin))
        last = next_of_task(events, first, np.flatnonzero(events.event == np.uint8(end)))
        asked = (events.event == np.uint8(Event.MM_PAGE_ALLOC)) & (events.context & IN_INTERRUPT == 0)
        if begin is Event.MM_COMPACTION_BEGIN:
            asked &= events.order > 0
        requests = next_of_task(events, np.maximum(last, 0), np.flatnonzero(asked))
        found += [
            EpisodeSpan(*row)
            for row in zip(first.tolist(), last.tolist(), requests.tolist(), strict=True)
            if row[1] >= 0
        ]
    return sorted(found, key=lambda span: span.begin)


def next_of_task(events: Events, at: npt.NDArray[np.int64], wanted: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """For each of these events the next of its task among those wanted, or -1."""
    found = np.full(len(at), -1, np.int64)
    for pid in np.unique(events.pid[at]):
        mine, theirs = events.pid[at] == pid, wanted[events.pid[wanted] == pid]
        found[mine] = np.append(theirs, -1)[np.searchsorted(theirs, at[mine], side="right")]
    return found


class Trials:
    """A machine beside the replay, brought to its state again and again."""

    def __init__(self, run: TimedReplay) -> None:
        self.run = run
        self.events = run.events
        self.machine = boot.as_recorded(run.before, 1)
        self.machine.nr_swap_pages = run.recording.meminfo(0).get("SwapFree", 0) // 4
        lists = [run.before.lru_list(lru) for lru in range(NR_LISTS)]
        who = np.maximum(run.events.pid, 0).astype(np.int32)
        self.lru = LruLooks(run.events, who, lists, initial_orders(run.before), zones(run.before))
        self.looks = LruLooks(run.events, who, lists, initial_orders(run.before), zones(run.before))
        self.looks.follow(0, len(run.events))
        self.followed = 0

    def to(self, event: int) -> None:
        """Bring the replay and the LRU lists to an event."""
        self.run.to(event)
        self.lru.follow(self.followed, event)
        self.followed = event

    def state(self) -> Memory:
        """The machine, as the replay's is, with the LRU lists that were followed."""
        m = self.machine
        take_over(m, self.run.replay.m)
        page = m.array("page")
        for lru in range(NR_LISTS):
            pfns = np.array(self.lru.list(lru), np.int64)
            pfns = pfns[page["state"][pfns] == STATE_ALLOCATED] if len(pfns) else pfns
            page["flags"][pfns] |= PG_LRU | (PG_ACTIVE if lru & 1 else 0) | (0 if lru & 2 else PG_SWAPBACKED)
            m.fill(int(m.lru_heads) + lru, pfns)
            m.count_lru(lru, pfns)
        return m

    def found_in_use(self, span: EpisodeSpan) -> npt.NDArray[np.int64]:
        """The pages that recorded reclaim found in use in an episode."""
        rows, pfns, _ = self.looks.result()
        first, last = np.searchsorted(rows, (span.begin, span.end))
        mine = self.events.pid[rows[first:last]] == self.events.pid[span.begin]
        found: npt.NDArray[np.int64] = pfns[first:last][mine].astype(np.int64)
        return found

    def reclaim(self, span: EpisodeSpan) -> Episode:
        """One direct reclaim."""
        events, i = self.events, span.begin
        request = int(events.order[i]), int(events.flags[i]), int(events.cpu[i])
        pages, scanned, block = reclaim_once(self.state(), *request)
        used = self.state()
        used.array("page")["flags"][self.found_in_use(span)] |= PG_YOUNG
        batches = inside(events, span, Event.MM_VMSCAN_LRU_SHRINK_INACTIVE)
        return Episode(
            seconds=float(events.time[i] / 1e9),
            pid=int(events.pid[i]),
            kind=RECLAIM,
            order=request[0],
            kernel_pages=int(events.a[span.end]),
            model_pages=pages,
            model_pages_used=reclaim_once(used, *request)[0],
            kernel_scanned=int(events.a[batches].sum()),
            model_scanned=scanned,
            kernel_block=self.served(span),
            model_block=block,
        )

    def served(self, span: EpisodeSpan) -> bool:
        """Did the recorded request get its block right after the reclaim?"""
        events, request = self.events, span.request
        if request < 0 or events.order[request] != events.order[span.begin] or events.pfn[request] == NONE:
            return False
        after = EpisodeSpan(span.end, request, request)
        begins = (Event.MM_COMPACTION_BEGIN, Event.MM_VMSCAN_DIRECT_RECLAIM_BEGIN)
        return not any(len(inside(events, after, event)) for event in begins)

    def compaction(self, span: EpisodeSpan, kcompactd_order: int) -> Episode:
        """One compaction of a zone."""
        events, i = self.events, span.begin
        direct = kcompactd_order < 0
        order = int(events.order[span.request]) if direct else kcompactd_order
        gfp = int(events.flags[span.request]) if direct else GFP_KERNEL
        m = self.state()
        zone = next(z for z, record in enumerate(m.array("zone")) if record["start"] <= events.pfn[i] < record["end"])
        record = m.array("zone")
        record["compact_cached_migrate_pfn"][zone] = events.pfn[i]
        record["compact_cached_free_pfn"][zone] = events.a[i]
        result, moved = compact_once(m, zone, order, gfp, int(events.cpu[i]), direct, bool(events.b[i]))
        migrated = inside(events, span, Event.MM_MIGRATE_PAGES)
        scans = inside(events, span, Event.MM_COMPACTION_ISOLATE_MIGRATEPAGES)
        return Episode(
            seconds=float(events.time[i] / 1e9),
            pid=int(events.pid[i]),
            kind=COMPACTION if direct else KCOMPACTD,
            order=order,
            kernel_pages=int(events.a[migrated].sum()),
            model_pages=moved,
            model_pages_used=moved,
            kernel_scanned=int(events.flags[scans].sum()),
            model_scanned=int(m.array("cc")["total_migrate_scanned"][int(m.nr_nodes)]),
            kernel_block=int(events.a[span.end]) == COMPACT_SUCCESS,
            model_block=result == COMPACT_SUCCESS,
        )


def inside(events: Events, span: EpisodeSpan, event: Event) -> npt.NDArray[np.int64]:
    """The events of a kind that the task of an episode reports in it."""
    within = slice(span.begin, span.end)
    mine = (events.event[within] == np.uint8(event)) & (events.pid[within] == events.pid[span.begin])
    return span.begin + np.flatnonzero(mine)


def kcompactd_orders(events: Events) -> dict[int, int]:
    """For each compaction of kcompactd the order it was woken for; 0 where it works unasked, as it slept before."""
    steps = np.flatnonzero(
        np.isin(events.event, (Event.MM_COMPACTION_KCOMPACTD_WAKE, Event.MM_COMPACTION_KCOMPACTD_SLEEP))
    )
    begins = np.flatnonzero(events.event == np.uint8(Event.MM_COMPACTION_BEGIN))
    found = {}
    for begin in begins.tolist():
        mine = steps[(steps < begin) & (events.pid[steps] == events.pid[begin])]
        if len(mine):
            found[begin] = int(events.order[mine[-1]])
    return found


def can_be_tried(events: Events, span: EpisodeSpan, asked: dict[int, int]) -> bool:
    """Is it known what a compaction is for? Of proactive compaction it is not."""
    if events.pfn[span.begin] == NONE:
        return False
    return asked[span.begin] > 0 if span.begin in asked else span.request >= 0 and events.order[span.request] > 0


def try_episodes(path: Path, *, progress: Progress | None = None) -> EpisodeTests:
    """Do each direct reclaim and compaction of a recording by the model, from the recorded kernel's state.

    Args:
        path: a folder with trace.dat and snap0.npz.
        progress: called with the share done, 0 to 1.

    Errors:
        InputError: as `verify`; or the recording has no such episode.
    """
    run = TimedReplay(path)
    todo = spans(run.events)
    if not todo:
        problem = "nothing was reclaimed directly or compacted while it was recorded"
        raise InputError(run.recording.path, "--episodes", problem, "take a recording under memory pressure")
    trials = Trials(run)
    asked = kcompactd_orders(run.events)
    found = []
    for number, span in enumerate(todo):
        trials.to(span.begin)
        if run.events.event[span.begin] == Event.MM_VMSCAN_DIRECT_RECLAIM_BEGIN:
            found.append(trials.reclaim(span))
        elif can_be_tried(run.events, span, asked):
            found.append(trials.compaction(span, asked.get(span.begin, -1)))
        if progress:
            progress((number + 1) / len(todo))
    return summary(found)


def summary(episodes: list[Episode]) -> EpisodeTests:
    """The episodes by kind and order, and those that differ most."""
    grouped: dict[tuple[str, int], list[Episode]] = defaultdict(list)
    for episode in episodes:
        grouped[episode.kind, episode.order].append(episode)
    groups = [group(kind, order, grouped[kind, order]) for kind, order in sorted(grouped)]
    worst = sorted(episodes, key=lambda episode: (-episode.apart, episode.seconds))[:WORST]
    return EpisodeTests(len(episodes), sum(g.same for g in groups), groups, worst, list(UNKNOWN))


def group(kind: str, order: int, episodes: list[Episode]) -> EpisodeGroup:
    """The figures of one kind and order."""

    def percentiles(name: str) -> Percentiles:
        low, high, most = np.percentile([getattr(episode, name) for episode in episodes], (50, 90, 99)).tolist()
        return low, high, most

    return EpisodeGroup(
        kind=kind,
        order=order,
        episodes=len(episodes),
        same=sum(e.kernel_block == e.model_block for e in episodes),
        same_pages=sum(e.apart == 0 for e in episodes),
        kernel_pages=percentiles("kernel_pages"),
        model_pages=percentiles("model_pages"),
        model_pages_used=percentiles("model_pages_used"),
        kernel_scanned=percentiles("kernel_scanned"),
        model_scanned=percentiles("model_scanned"),
        kernel_block=sum(e.kernel_block for e in episodes) / len(episodes),
        model_block=sum(e.model_block for e in episodes) / len(episodes),
    )
