"""The exactness claim, put to a test: replay a recording's allocator and name the frame of every allocation."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from recap.demand.spot import from_snapshot_on
from recap.lab.results import VerifyResult
from recap.mm import boot
from recap.mm.machine import Machine
from recap.pages import COMPILED
from recap.sim.open_loop import Replay, advance
from recap.trace import Events, Recording, Snapshot

SLICE = 1_000_000 if COMPILED else 1_000  # events between two looks at the progress bar and at Ctrl-C
FREE_LIST = 0


def verify(path: Path, *, progress: Callable[[float], None] | None = None) -> VerifyResult:
    """Replay a recording from its first snapshot and compare each allocation with the kernel's.

    Args:
        path: a folder with trace.dat and snap0.npz (snap1.npz to compare the end state).
        progress: called with the share done, 0 to 1.

    Errors:
        InputError: no snapshot, or files that cannot be read.
    """
    recording = Recording(path)
    before, events = from_snapshot_on(recording)
    memory = boot.from_snapshot(before)
    replay = Replay(memory, events.event, events.cpu, events.pfn, events.order, events.flags)
    seconds = run(replay, len(events), progress)
    return result(replay, events, seconds, recording.snapshot(1))


def run(replay: Replay, events: int, progress: Callable[[float], None] | None) -> float:
    """Replay all events in slices; seconds in the engine."""
    seconds = 0.0
    for start in range(0, events, SLICE):
        stop = min(start + SLICE, events)
        began = time.perf_counter()
        advance(replay, start, stop)
        seconds += time.perf_counter() - began
        if progress:
            progress(stop / events)
    return seconds


def result(replay: Replay, events: Events, seconds: float, after: Snapshot | None) -> VerifyResult:
    """The figures, and the end state against the second snapshot where there is one."""
    zone = replay.m.array("zone")
    return VerifyResult(
        events=len(events),
        allocations=replay.allocations,
        exact=replay.exact,
        mismatched=replay.mismatched,
        untraced=replay.untraced,
        exact_ratio=replay.exact / replay.allocations if replay.allocations else 1.0,
        free_pages_model=int(zone["free_pages"].sum()),
        free_pages_kernel=free_pages(after) if after else None,
        free_lists_exact=free_lists_exact(Machine(replay.m), after) if after else None,
        seconds=seconds,
        events_per_second=len(events) / seconds if seconds else 0.0,
        notes=notes(replay, events),
        first_mismatch=first_mismatch(replay, events),
    )


def free_pages(snapshot: Snapshot) -> int:
    """Pages on the free lists of a snapshot."""
    free = snapshot.lists[snapshot.lists[:, 0] == FREE_LIST]
    return int((np.int64(1) << free[:, 2]).sum())


def free_lists_exact(machine: Machine, snapshot: Snapshot) -> float:
    """Share of the kernel's free blocks that the model has too: same frame, order and type."""
    zones = [zone.index for zone in snapshot.zones]
    model = {(zones[zone], order, mt, pfn) for (zone, order, mt), pfns in machine.free_lists().items() for pfn in pfns}
    rows = snapshot.lists[snapshot.lists[:, 0] == FREE_LIST][:, 1:]
    kernel = {tuple(row) for row in rows.tolist()}
    return len(kernel & model) / len(kernel) if kernel else 1.0


def notes(replay: Replay, events: Events) -> list[str]:
    """What a reader must know to read the figures."""
    told = [f"untraced: {replay.untraced} frames taken for bulk allocations, which no tracepoint reports"]
    if replay.frees_unknown:
        told.append(f"{replay.frees_unknown} frees of frames that the model held free already were not applied")
    if replay.failed:
        told.append(f"{replay.failed} requests failed in the recording: there is no frame to predict")
    if events.lost:
        told.append(f"events were lost at {len(events.lost)} places: what follows cannot be exact")
    return told


def first_mismatch(replay: Replay, events: Events) -> str | None:
    """Where the model first went another way."""
    i = replay.first_mismatch
    if i < 0:
        return None
    model = "none" if replay.first_predicted == 0xFFFFFFFF else f"{replay.first_predicted:#x}"
    return (
        f"event {i}, {events.time[i] / 1e9:.6f} s, cpu {events.cpu[i]}, {events.comms.get(int(events.pid[i]), '?')}: "
        f"order {events.order[i]}, the kernel took frame {events.pfn[i]:#x}, the model {model}"
    )
