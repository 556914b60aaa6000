"""What is in a trace, told in figures: who asked for what, for how long, how memory fared, and what is missing.

A trace is gone through once, piece by piece, so that its length costs time and no memory.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from recap.lab.episodes import PERCENTILES, EpisodeTally
from recap.lab.finding import finding
from recap.lab.information import Info, Lifetime, Matching
from recap.lab.memory import vmstat_change, zones
from recap.lab.over_time import NANOSECONDS, FreeMemory, Gaps, OverTime
from recap.lab.requests import MOST_NAMES, Allocations, RequestTally, flag_names, migratetype
from recap.trace import START, Event, Events, Flow, Lost, Recording
from recap.trace.ahead import ahead
from recap.trace.kpageflags import KPF, has
from recap.trace.occupancy import FRAMES_IN_STACK, Frames, shortest
from recap.trace.record_file import read_record

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class KnownFrames:
    """What is known of the page frames at the start, index = pfn, and where from; or at the START mark, if they were
    read while the trace was on already."""

    source: str
    held: npt.NDArray[np.bool_] | None = None
    free: npt.NDArray[np.bool_] | None = None
    at_mark: bool = False


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
    record = read_record(recording.folder) if recording.folder else None
    recorder = record.recorder if record else ()
    found = examine(recording.flow(), known_frames(recording), str(path), progress, recorder)
    found = msgspec.structs.replace(found, zones=list(zones(recording)), vmstat=vmstat_change(recording))
    return msgspec.structs.replace(found, finding=finding(found, recording, record))


def known_frames(recording: Recording) -> KnownFrames:
    """The state at the start: from an exact snapshot, else from the page flags, else unknown."""
    snapshot = recording.snapshot(0)
    if snapshot is not None:
        held = snapshot.in_use()
        free = ~held & ~snapshot.has("PG_reserved")
        zones = np.zeros(len(held), np.bool_)
        for zone in snapshot.zones:
            zones[zone.start_pfn : zone.start_pfn + zone.spanned] = True
        return KnownFrames("snapshot", held, free & zones)
    flags = recording.page_flags()
    if flags is None:
        return KnownFrames(UNKNOWN)
    return KnownFrames("page flags", *held_and_free(flags), at_mark=True)


def held_and_free(flags: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Frames that are held, and frames that are free, by /proc/kpageflags.

    A frame without any flag is on a per-cpu list, or held by the kernel for itself: that stays unknown.
    """
    free = has(flags, KPF.BUDDY)
    held = (flags != 0) & ~free & ~has(flags, KPF.NOPAGE)
    return held, free


def examine(
    flow: Flow,
    start: KnownFrames,
    source: str,
    progress: Callable[[float], None] | None = None,
    recorder: Sequence[int] = (),
) -> Info:
    """The figures of a trace; `recorder` names the threads that recorded it."""
    tally = Tally(start, recorder)
    for piece in ahead(flow.pieces):
        if len(piece):
            tally.add(piece, flow.lost)
        if progress:
            progress(flow.share)
    return info_of(tally, flow, start, source)


class Tally:
    """All that is counted on the way through a trace."""

    def __init__(self, start: KnownFrames, recorder: Sequence[int]) -> None:
        self.frames = Frames()
        self.memory = FreeMemory(self.frames)
        self.start = start
        if not start.at_mark:
            self.begin()
        self.counts = np.zeros(len(Event), np.int64)
        self.requests = RequestTally()
        self.episodes = EpisodeTally()
        self.times = OverTime()
        self.gaps = Gaps()
        self.recorder = np.array(recorder, np.int32)
        self.own: npt.NDArray[np.int64] = np.zeros(len(Event), np.int64)

    def begin(self) -> None:
        """From here on it is known what the frames are."""
        if self.start.held is not None and self.start.free is not None:
            self.frames.begin(self.start.held, self.start.free)
            self.memory.known = True

    def follow(self, piece: Events) -> None:
        """Follow the page frames. What was freed while their flags were read shows as free there: of a frame that is in
        the trace by then, the trace tells what it was."""
        self.frames.make_room_for(piece.event, piece.pfn)
        mark = None if self.memory.known or not self.start.at_mark else start_mark(piece)
        if mark is None:
            self.memory.follow(piece)
            return
        self.memory.follow(piece.slice(0, mark))
        self.begin()
        self.memory.follow(piece.slice(mark, len(piece)))

    def add(self, piece: Events, lost: list[Lost]) -> None:
        """A piece, which has rows, and all losses known so far."""
        self.follow(piece)
        allocations = Allocations.of(piece)
        self.counts += np.bincount(piece.event, minlength=len(Event))
        self.requests.add(piece, allocations)
        self.episodes.add(piece)
        self.times.add(piece, allocations)
        self.gaps.add(piece, lost)
        if len(self.recorder):
            self.own += np.bincount(piece.event[np.isin(piece.pid, self.recorder)], minlength=len(Event))


def start_mark(piece: Events) -> int | None:
    """The row of the START mark, if the piece has it."""
    rows = np.flatnonzero(piece.event == Event.TRACE_MARKER).tolist()
    return next((row for row in rows if piece.marks[int(piece.a[row])] == START), None)


def info_of(tally: Tally, flow: Flow, start: KnownFrames, source: str) -> Info:
    """What was counted, with the names of things."""
    flag_bits = flow.symbols.get("gfp_flags", {})

    def who(pid: int) -> str:
        return "swapper" if pid == 0 else flow.comms.get(pid, f"pid {pid}")

    def flags(value: int) -> str:
        return flag_names(value, flag_bits)

    counts = {event.name.lower(): int(tally.counts[event]) for event in Event if tally.counts[event]} | flow.other
    begin, end = flow.span or (0, tally.times.nanoseconds)
    seconds, total = (end - begin) / NANOSECONDS, sum(counts.values())
    requests, episodes, first = tally.requests, tally.episodes, tally.times.first
    return Info(
        source=source,
        clock=flow.clock,
        cpus=flow.cpus,
        seconds=seconds,
        events=total,
        events_per_second=total / seconds if seconds else 0.0,
        counts=counts,
        marks=flow.marks[:MOST_NAMES],
        lost=list(tally.gaps.spans(first)),
        rates=tally.times.rates(),
        allocations=requests.count,
        pages_allocated=requests.pages,
        failed=requests.failed,
        orders=list(requests.orders()),
        gfp_flags=requests.flags.largest(flags),
        migratetypes=requests.migratetypes.largest(migratetype),
        comms=requests.pids.largest(who),
        matching=matching(tally.frames, start, int(tally.counts[Event.SCHED_PROCESS_FORK])),
        lifetimes=list(lifetimes(tally.frames)),
        stalls=list(episodes.stalls(who)),
        reclaim=episodes.reclaim(who),
        compaction=episodes.compaction(flow.symbols.get("status", {})),
        failures=requests.failures_by(flags, who),
        fallbacks=requests.fallbacks(),
        fragmentation=tally.memory.fragmentation(first) if tally.memory.looks else None,
        notes=list(notes(tally, flow, start)),
    )


def matching(frames: Frames, start: KnownFrames, forks: int) -> Matching:
    """How many frees have their allocation."""
    stacks = min(frames.in_bulk, forks * FRAMES_IN_STACK)
    unmatched = frames.unmatched + frames.in_bulk - stacks
    return Matching(
        frees=frames.frees,
        matched=frames.matched,
        held_at_start=frames.from_before,
        told_by_use=frames.by_use,
        never_told=frames.untold,
        given_back=frames.given_back,
        kernel_stacks=stacks,
        unmatched=unmatched,
        matched_ratio=1 - unmatched / frames.frees if frames.frees else 1.0,
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


def notes(tally: Tally, flow: Flow, start: KnownFrames) -> Iterator[str]:
    """What a reader must know to read the figures."""
    if not tally.counts.any() and not flow.other:
        yield "there is no event in it, only what /proc told"
        return
    yield from flow.unread.notes()
    if start.source == UNKNOWN:
        yield "the state at the start is unknown: no figures on fragmentation, and first frees count as explained"
    if start.source == "page flags":
        yield "the state at the start is from page flags, read while the machine ran: list order is unknown"
        if not tally.memory.known:
            yield "no START mark says when the page flags were read: they are not used"
    if flow.lost:
        yield f"events were lost at {len(flow.lost)} places: every figure is a lower bound"
    for event in (Event.MM_PAGE_ALLOC, Event.MM_PAGE_FREE):
        if not tally.counts[event]:
            yield f"there is no {event.name.lower()} in the trace"
    if len(tally.recorder):
        own = int(tally.own[Event.MM_PAGE_ALLOC]), int(tally.own.sum())
        yield f"recap's own threads made {own[0]:,} of the requests and {own[1]:,} of the events"
