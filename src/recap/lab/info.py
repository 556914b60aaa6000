"""What is in a trace, told in figures: who asked for what, for how long, how memory fared, and what is missing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from recap.lab.digest import (
    Compaction,
    Failure,
    Fallback,
    Fragmentation,
    Info,
    Lifetime,
    LostSpan,
    Matching,
    OrderCount,
    Rates,
    Reclaim,
    Share,
    Stall,
)
from recap.lab.memory import counters, zones
from recap.trace import NO_PFN, Event, Events, Recording
from recap.trace.occupancy import NR_ORDERS, Frames, shortest
from recap.trace.recorder import read_record
from recap.trace.surroundings import KPF_BUDDY, KPF_NOPAGE, has, read_page_flags

SAMPLE = 1 << 14  # rows between two looks at fragmentation
MOST_BINS = 240  # of a series over time
MOST_NAMES = 12  # of a list of who and what
BLOCK_FRAMES = 512
MIGRATETYPES = ("Unmovable", "Movable", "Reclaimable", "HighAtomic", "CMA", "Isolate")
NANOSECONDS = 1e9
PERCENTILES = (50, 90, 99)
UNKNOWN = "unknown"

EPISODES = {
    Event.MM_VMSCAN_DIRECT_RECLAIM_BEGIN: Event.MM_VMSCAN_DIRECT_RECLAIM_END,
    Event.MM_VMSCAN_MEMCG_RECLAIM_BEGIN: Event.MM_VMSCAN_MEMCG_RECLAIM_END,
    Event.MM_VMSCAN_KSWAPD_WAKE: Event.MM_VMSCAN_KSWAPD_SLEEP,
    Event.MM_COMPACTION_BEGIN: Event.MM_COMPACTION_END,
}

Longs = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Start:
    """What is known of the page frames at the start, index = pfn, and where from."""

    source: str
    held: npt.NDArray[np.bool_] | None = None
    free: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class Episodes:
    """Spans between a beginning and its end on the same task: when, who, how long (ns)."""

    begin: Longs
    pid: Longs
    lasted: Longs


def info(path: str | os.PathLike[str], *, progress: Callable[[float], None] | None = None) -> Info:
    """What is in a recording.

    Args:
        path: a folder, or a trace of any kind that can be read.
        progress: called with the share done, 0 to 1.

    Errors:
        InputError: it cannot be read.

    Example:
        >>> found = recap.info("recordings/calm-1cpu")
        >>> found.cpus, found.failed
        (1, 0)
    """
    recording = Recording(Path(path))
    found = digest(recording.events, start_of(recording), str(path), progress)
    return msgspec.structs.replace(
        found,
        zones=list(zones(recording)),
        vmstat=counters(recording),
        notes=[*found.notes, *recorders_share(recording)],
    )


def recorders_share(recording: Recording) -> Iterator[str]:
    """How much of a recording is the recorder's own work."""
    record = read_record(recording.folder) if recording.folder else None
    if record is not None:
        events = recording.events
        own = np.isin(events.pid, record.recorder)
        requests = int((own & (events.event == Event.MM_PAGE_ALLOC)).sum())
        yield f"recap's own threads made {requests:,} of the requests and {int(own.sum()):,} of the events"


def start_of(recording: Recording) -> Start:
    """The state at the start: from an exact snapshot, else from the page flags, else unknown."""
    snapshot = recording.snapshot(0)
    if snapshot is not None:
        held = snapshot.in_use()
        free = ~held & ~snapshot.has("PG_reserved")
        zones = np.zeros(len(held), np.bool_)
        for zone in snapshot.zones:
            zones[zone.start_pfn : zone.start_pfn + zone.spanned] = True
        return Start("snapshot", held, free & zones)
    path = recording.beside("kpageflags.0.npz")
    if path is None:
        return Start(UNKNOWN)
    flags = read_page_flags(path)
    return Start("page flags", *held_and_free(flags))


def held_and_free(flags: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Frames that are held, and frames that are free, by /proc/kpageflags.

    A frame without any flag is on a per-cpu list, or held by the kernel for itself: that stays unknown.
    """
    free = has(flags, KPF_BUDDY)
    held = (flags != 0) & ~free & ~has(flags, KPF_NOPAGE)
    return held, free


def digest(events: Events, start: Start, source: str, progress: Callable[[float], None] | None = None) -> Info:
    """The figures of a trace."""
    frames = Frames()
    if start.held is not None and start.free is not None:
        frames.begin(start.held, start.free)
    frames.make_room(events.pfn[events.event <= Event.MM_PAGE_FREE])
    fragmentation = follow(events, frames, known=start.free is not None, progress=progress)
    allocations = Allocations.of(events)
    episodes = {event: spans(events, event, end) for event, end in EPISODES.items()}
    seconds = float(events.time[-1] - events.time[0]) / NANOSECONDS if len(events) else 0.0
    total = len(events) + sum(events.other.values())
    return Info(
        source=source,
        clock=events.clock,
        cpus=events.cpus,
        seconds=seconds,
        events=total,
        events_per_second=total / seconds if seconds else 0.0,
        counts={event.name.lower(): count for event, count in events.counts().items()} | events.other,
        marks=events.marks[:MOST_NAMES],
        lost=list(lost_spans(events)),
        rates=rates(events, allocations),
        allocations=len(allocations.order),
        pages_allocated=int(allocations.pages.sum()),
        failed=int(allocations.failed.sum()),
        orders=list(by_order(allocations)),
        gfp_flags=by_flags(events, allocations),
        migratetypes=by_migratetype(allocations),
        comms=by_comm(events, allocations),
        matching=matching(frames, start),
        lifetimes=list(lifetimes(frames)),
        stalls=list(stalls(events, episodes)),
        reclaim=reclaim(events, episodes),
        compaction=compaction(events, episodes),
        failures=failures(events, allocations),
        fallbacks=fallbacks(events),
        fragmentation=fragmentation,
        notes=notes(events, start),
    )


@dataclass(frozen=True, slots=True)
class Allocations:
    """The requests of a trace: row in the table, order, pages, flags, whether it failed."""

    row: Longs
    order: npt.NDArray[np.uint8]
    pages: Longs
    flags: npt.NDArray[np.uint32]
    migratetype: npt.NDArray[np.int8]
    pid: npt.NDArray[np.int32]
    failed: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, events: Events) -> Allocations:
        """Those of a table."""
        row = np.flatnonzero(events.event == Event.MM_PAGE_ALLOC)
        failed = events.pfn[row] == NO_PFN
        order = events.order[row]
        pages = np.where(failed | (order >= NR_ORDERS), 0, np.int64(1) << np.minimum(order, NR_ORDERS).astype(np.int64))
        return cls(row, order, pages, events.flags[row], events.migratetype[row], events.pid[row], failed)


def follow(
    events: Events, frames: Frames, *, known: bool, progress: Callable[[float], None] | None
) -> Fragmentation | None:
    """Follow all page frames; free memory over time, where it was known to begin with."""
    event, pid, pfn, order, time = (
        column.data for column in (events.event, events.pid, events.pfn, events.order, events.time)
    )
    looks = []
    for begin in range(0, len(events), SAMPLE):
        stop = min(begin + SAMPLE, len(events))
        frames.advance(event, pid, pfn, order, time, begin, stop)
        looks.append((time[stop - 1], frames.free_frames, frames.whole_blocks))
        if progress and begin % (64 * SAMPLE) == 0:
            progress(stop / len(events))
    if not known or not looks:
        return None
    step = -(-len(looks) // MOST_BINS)
    kept = looks[::step]
    return Fragmentation(
        seconds=[(when - time[0]) / NANOSECONDS for when, _, _ in kept],
        free_pages=[free for _, free, _ in kept],
        in_whole_blocks=[BLOCK_FRAMES * whole / free if free else 0.0 for _, free, whole in kept],
    )


def rates(events: Events, allocations: Allocations) -> Rates:
    """Events and pages over time."""
    if len(events) == 0:
        return Rates(0.0, [], [], [], [])
    first = int(events.time[0])
    width = max(1, -(-(int(events.time[-1]) - first + 1) // MOST_BINS))
    bins = (int(events.time[-1]) - first) // width + 1

    def series(rows: Longs | slice, weights: Longs | None = None) -> list[float]:
        places = (events.time[rows] - first) // width
        found = np.bincount(places, weights, minlength=bins)
        return [float(value) for value in found / (width / NANOSECONDS)]

    freed = np.flatnonzero(events.event == Event.MM_PAGE_FREE)
    pages = np.int64(1) << np.minimum(events.order[freed], NR_ORDERS).astype(np.int64)
    begun = np.flatnonzero(events.event == Event.MM_VMSCAN_DIRECT_RECLAIM_BEGIN)
    return Rates(
        bin_seconds=width / NANOSECONDS,
        events=series(slice(None)),
        pages_allocated=series(allocations.row, allocations.pages),
        pages_freed=series(freed, pages),
        stalls=series(begun),
    )


def by_order(allocations: Allocations) -> Iterator[OrderCount]:
    """Requests of each order."""
    requests = np.bincount(allocations.order, minlength=1)
    failed = np.bincount(allocations.order, allocations.failed, minlength=1)
    for order in np.flatnonzero(requests).tolist():
        yield OrderCount(order, int(requests[order]), int(failed[order]))


def largest(keys: npt.NDArray[Any], name: Callable[[int], str], weights: Longs | None = None) -> list[Share]:
    """The names that occur most, and what all others come to."""
    values, which = np.unique(keys, return_inverse=True)
    requests = np.bincount(which, minlength=len(values))
    pages = requests if weights is None else np.bincount(which, weights, minlength=len(values)).astype(np.int64)
    found: dict[str, tuple[int, int]] = {}
    for value, count, amount in zip(values.tolist(), requests.tolist(), pages.tolist(), strict=True):
        before = found.get(name(value), (0, 0))
        found[name(value)] = before[0] + count, before[1] + amount
    ranked = sorted(found.items(), key=lambda item: (-item[1][1], item[0]))
    shares = [Share(called, count, amount) for called, (count, amount) in ranked[:MOST_NAMES]]
    rest = [amounts for _, amounts in ranked[MOST_NAMES:]]
    if rest:
        shares.append(Share(f"{len(rest)} others", sum(r for r, _ in rest), sum(p for _, p in rest)))
    return shares


def by_flags(events: Events, allocations: Allocations) -> list[Share]:
    """Pages by gfp flags."""
    names = events.symbols.get("gfp_flags", {})
    return largest(allocations.flags, lambda value: flag_names(value, names), allocations.pages)


def flag_names(value: int, names: dict[int, str]) -> str:
    """The bits of a flag word by name, the way the kernel prints them: the longest names first."""
    parts = []
    for bits, name in names.items():
        if bits and value & bits == bits:
            parts.append(name)
            value &= ~bits
    if value or not parts:
        parts.append(f"{value:#x}")
    return "|".join(parts)


def by_migratetype(allocations: Allocations) -> list[Share]:
    """Pages by the migratetype asked for."""
    return largest(allocations.migratetype, migratetype, allocations.pages)


def migratetype(number: int) -> str:
    """A migratetype's name."""
    return MIGRATETYPES[number] if 0 <= number < 4 else f"type {number}"


def by_comm(events: Events, allocations: Allocations) -> list[Share]:
    """Pages by the name of the task that asked."""
    return largest(allocations.pid, lambda pid: comm(events, pid), allocations.pages)


def comm(events: Events, pid: int) -> str:
    """A task's name."""
    return "swapper" if pid == 0 else events.comms.get(pid, f"pid {pid}")


def spans(events: Events, begin: Event, end: Event) -> Episodes:
    """The spans from a beginning to the end that follows it on the same task."""
    rows = np.flatnonzero((events.event == begin) | (events.event == end))
    rows = rows[np.argsort(events.pid[rows], kind="stable")]
    pid, kind, time = events.pid[rows], events.event[rows], events.time[rows]
    pair = np.flatnonzero((kind[:-1] == begin) & (kind[1:] == end) & (pid[:-1] == pid[1:]))
    order = np.argsort(time[pair], kind="stable")
    pair = pair[order]
    return Episodes(time[pair], pid[pair].astype(np.int64), time[pair + 1] - time[pair])


def stall(name: str, lasted: Longs) -> Stall:
    """Percentiles of how long something took."""
    middle, ninety, worst = (np.percentile(lasted, PERCENTILES) if len(lasted) else np.zeros(3)).tolist()
    return Stall(name, len(lasted), int(lasted.sum()), int(middle), int(ninety), int(worst), int(lasted.max(initial=0)))


def stalls(events: Events, episodes: dict[Event, Episodes]) -> Iterator[Stall]:
    """How long tasks waited for reclaim and compaction, and the kernel's threads worked at them."""
    yield stall("direct reclaim", episodes[Event.MM_VMSCAN_DIRECT_RECLAIM_BEGIN].lasted)
    yield stall("memory cgroup reclaim", episodes[Event.MM_VMSCAN_MEMCG_RECLAIM_BEGIN].lasted)
    runs = episodes[Event.MM_COMPACTION_BEGIN]
    background = np.array(
        [comm(events, pid).startswith(("kcompactd", "kswapd")) for pid in runs.pid.tolist()], np.bool_
    )
    yield stall("direct compaction", runs.lasted[~background])
    yield stall("kcompactd compacting", runs.lasted[background])
    yield stall("kswapd awake", episodes[Event.MM_VMSCAN_KSWAPD_WAKE].lasted)


def reclaim(events: Events, episodes: dict[Event, Episodes]) -> Reclaim:
    """What reclaim did, directly and in the background."""
    rows = np.flatnonzero(events.event == Event.MM_VMSCAN_LRU_SHRINK_INACTIVE)
    pids, which = np.unique(events.pid[rows], return_inverse=True)
    kswapd = np.array([comm(events, pid).startswith("kswapd") for pid in pids.tolist()], np.bool_)[which]
    scanned, reclaimed = events.a[rows], events.b[rows]
    direct = events.a[events.event == Event.MM_VMSCAN_DIRECT_RECLAIM_END]
    return Reclaim(
        direct=len(episodes[Event.MM_VMSCAN_DIRECT_RECLAIM_BEGIN].begin),
        direct_reclaimed=int(direct.sum()),
        kswapd_episodes=len(episodes[Event.MM_VMSCAN_KSWAPD_WAKE].begin),
        scanned_direct=int(scanned[~kswapd].sum()),
        stolen_direct=int(reclaimed[~kswapd].sum()),
        scanned_kswapd=int(scanned[kswapd].sum()),
        stolen_kswapd=int(reclaimed[kswapd].sum()),
        written=int((events.event == Event.MM_VMSCAN_WRITE_FOLIO).sum()),
    )


def compaction(events: Events, episodes: dict[Event, Episodes]) -> Compaction:
    """What compaction did, and how its runs ended."""
    names = events.symbols.get("status", {})
    ended = events.a[events.event == Event.MM_COMPACTION_END]
    results, counts = np.unique(ended, return_counts=True)
    moved = events.event == Event.MM_MIGRATE_PAGES
    return Compaction(
        runs=len(episodes[Event.MM_COMPACTION_BEGIN].begin),
        results={
            names.get(result, f"status {result}"): n
            for result, n in zip(results.tolist(), counts.tolist(), strict=True)
        },
        pages_migrated=int(events.a[moved].sum()),
        pages_failed=int(events.b[moved].sum()),
    )


def failures(events: Events, allocations: Allocations) -> list[Failure]:
    """Requests that got nothing, by order, flags and task."""
    names = events.symbols.get("gfp_flags", {})
    rows = np.flatnonzero(allocations.failed)
    found: dict[tuple[int, str, str], int] = {}
    for row in rows.tolist():
        who = comm(events, int(allocations.pid[row]))
        key = int(allocations.order[row]), flag_names(int(allocations.flags[row]), names), who
        found[key] = found.get(key, 0) + 1
    ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return [Failure(*key, count) for key, count in ranked[:MOST_NAMES]]


def fallbacks(events: Events) -> list[Fallback]:
    """Blocks taken from another migratetype's free lists."""
    rows = events.event == Event.MM_PAGE_ALLOC_EXTFRAG
    pairs, counts = np.unique(np.stack([events.migratetype[rows], events.b[rows]]), axis=1, return_counts=True)
    found = [
        Fallback(migratetype(wanted), migratetype(taken), count)
        for wanted, taken, count in zip(*pairs.tolist(), counts.tolist(), strict=True)
    ]
    return sorted(found, key=lambda fallback: -fallback.count)


def matching(frames: Frames, start: Start) -> Matching:
    """How many frees have their allocation."""
    told = frames.frees - frames.unmatched
    return Matching(
        frees=frames.frees,
        matched=frames.matched,
        held_at_start=frames.from_before,
        told_by_use=frames.by_use,
        never_told=frames.untold,
        given_back=frames.given_back,
        unmatched=frames.unmatched,
        matched_ratio=told / frames.frees if frames.frees else 1.0,
        start=start.source,
    )


def lifetimes(frames: Frames) -> Iterator[Lifetime]:
    """How long blocks lived whose allocation and free are both in the trace, by order."""
    edges = [shortest(number) for number in range(frames.lifetime_counts().shape[1])]
    for order, counts in enumerate(frames.lifetime_counts()):
        total = int(counts.sum())
        if total:
            so_far = np.cumsum(counts)
            found = [edges[int(np.searchsorted(so_far, total * share / 100))] for share in PERCENTILES]
            yield Lifetime(order, total, *found)


def lost_spans(events: Events) -> Iterator[LostSpan]:
    """Where events were lost: from the CPU's last event before to its first one after."""
    first = int(events.time[0]) if len(events) else 0
    for lost in events.lost:
        stop = int(np.searchsorted(events.time, lost.time))
        before = np.flatnonzero(events.cpu[:stop] == lost.cpu)
        begin = int(events.time[before[-1]]) if len(before) else first
        yield LostSpan(lost.cpu, (begin - first) / NANOSECONDS, (lost.time - first) / NANOSECONDS, lost.count)


def notes(events: Events, start: Start) -> list[str]:
    """What a reader must know to read the figures."""
    told = []
    if start.source == UNKNOWN:
        told.append("the state at the start is unknown: no figures on fragmentation, and first frees count as matched")
    if start.source == "page flags":
        told.append("the state at the start is from page flags, read while the machine ran: list order is unknown")
    if events.lost:
        told.append(f"events were lost at {len(events.lost)} places: every figure is a lower bound")
    absent = [event for event in (Event.MM_PAGE_ALLOC, Event.MM_PAGE_FREE) if not (events.event == event).any()]
    told += [f"there is no {event.name.lower()} in the trace" for event in absent]
    return told
