"""The exactness claim, put to a test: replay a recording's allocator and name the frame of every allocation."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from recap.demand.hotplug import memory_end
from recap.demand.spot import end_spot, from_snapshot_on
from recap.errors import InputError
from recap.lab.deviation import deviation, explained
from recap.lab.end_state import end_state, free_pages
from recap.lab.results import EndState, ExplainedDeviation, Steps, VerifyResult
from recap.mm import boot
from recap.mm.machine import Machine
from recap.pages import COMPILED
from recap.policy.catalogue import KERNEL_MODES, load
from recap.policy.policy import Policy
from recap.sim.open_loop import Replay, advance, modes_of, most_compacting, most_open
from recap.trace import Events, Recording, Snapshot

SLICE = 1_000_000 if COMPILED else 1_000  # events between two looks at the progress bar and at Ctrl-C

Progress = Callable[[float], None]


class TimedReplay:
    """One replay of a recording: the trace from the first snapshot on, and the seconds it took."""

    def __init__(self, path: Path, progress: Progress | None = None) -> None:
        began = time.perf_counter()
        self.recording = Recording(path)
        beginning = from_snapshot_on(self.recording)
        self.before, self.events, self.assumptions = beginning.snapshot, beginning.events, beginning.assumptions
        if memory_end(self.recording, self.before) > len(self.before.flags):
            problem = "memory was added during the recording, so its frames are not in the snapshot"
            raise InputError(self.recording.path, "zoneinfo.1", problem, "verify a recording without memory hotplug")
        policy = capture_policy(self.recording.path, self.events)
        at_once = max(most_open(self.events), most_compacting(self.events))
        memory = boot.as_recorded(self.before, at_once, policy)
        decoded = time.perf_counter()
        self.replay = Replay(memory, self.events)
        self.decode_seconds = decoded - began
        self.seconds = time.perf_counter() - decoded
        self.progress = progress
        self.done = 0

    def to(self, stop: int) -> None:
        """Replay up to an event, in slices."""
        while self.done < stop:
            upto = min(self.done + SLICE, stop)
            began = time.perf_counter()
            advance(self.replay, self.done, upto)
            self.seconds += time.perf_counter() - began
            self.done = upto
            if self.progress:
                self.progress(upto / len(self.events))


def capture_policy(path: Path, events: Events) -> Policy:
    """The policy that a recorded kernel with page capture followed; of any other kernel that it has none.

    Errors:
        InputError: there was more than one, or one that recap does not know.
    """
    modes = modes_of(events)
    unknown = sorted(mode for mode in modes if mode >= len(KERNEL_MODES))
    if unknown:
        problem = f"vm.page_capture was {unknown[0]}: recap knows 0 to {len(KERNEL_MODES) - 1}"
        raise InputError(path, "event page_capture", problem, "record with one of these")
    names = {KERNEL_MODES[mode] for mode in modes} - {"none", "placebo"}
    if len(names) > 1:
        problem = f"page capture followed {' and '.join(sorted(names))}"
        raise InputError(path, "event page_capture", problem, "set vm.page_capture before the recording begins")
    return load(names.pop() if names else "none")


def verify(path: Path, *, progress: Progress | None = None) -> VerifyResult:
    """Replay a recording from its first snapshot and compare each allocation with the kernel's.

    Args:
        path: a folder with trace.dat and snap0.npz (snap1.npz to compare the end state).
        progress: called with the share done, 0 to 1.

    Errors:
        InputError: no snapshot, or files that cannot be read.
    """
    run = TimedReplay(path, progress)
    after = run.recording.snapshot(1)
    end = None
    free = None
    if after:
        run.to(end_spot(run.events, after))
        end = end_state(Machine(run.replay.m), after)
        free = free_now(run.replay)
    run.to(len(run.events))
    return result(run, after, end, free)


def explain_deviation(path: Path, number: int, *, progress: Progress | None = None) -> ExplainedDeviation:
    """The surroundings of the deviation with this number, from 1 on.

    Errors:
        InputError: as `verify`; or there are fewer deviations.
    """
    run = TimedReplay(path, progress)
    run.to(len(run.events))
    found = run.replay.deviations()
    if not 1 <= number <= len(found):
        problem = f"there is no deviation {number}: the replay found {run.replay.nr_deviations}"
        raise InputError(run.recording.path, "--explain", problem, f"take a number from 1 to {len(found)}")
    _, at, _, _ = found[number - 1]
    again = TimedReplay(path, progress)
    again.to(at)
    return explained(again.replay, again.events, number, found[number - 1])


def result(run: TimedReplay, after: Snapshot | None, end: EndState | None, free: int | None) -> VerifyResult:
    """The figures."""
    replay = run.replay
    found = replay.deviations()
    captured = {name: Steps(*numbers) for name, numbers in replay.captured().items() if any(numbers)}
    by_either = sum(steps.kernel + steps.only_model for steps in captured.values())
    return VerifyResult(
        events=len(run.events),
        allocations=replay.allocations,
        exact=replay.exact,
        mismatched=replay.mismatched,
        untraced=replay.inferences()["bulk_allocations"],
        exact_ratio=replay.exact / replay.allocations if replay.allocations else 1.0,
        free_pages_model=free_now(replay) if free is None else free,
        free_pages_kernel=free_pages(after) if after else None,
        free_lists_exact=end.free_lists_exact if end else None,
        seconds=run.seconds,
        events_per_second=len(run.events) / run.seconds if run.seconds else 0.0,
        notes=[*run.assumptions, *notes(replay, run.events)],
        first_mismatch=deviation(run.events, 1, found[0]) if found else None,
        refills=replay.taken,
        refills_exact=replay.taken_exact / replay.taken if replay.taken else 1.0,
        drains=replay.drained,
        drains_exact=replay.drained_exact / replay.drained if replay.drained else 1.0,
        inferred=replay.inferences(),
        deviations=dict(Counter(kind for kind, *_ in found)),
        decode_seconds=run.decode_seconds,
        end=end,
        captures=sum(steps.kernel for steps in captured.values()),
        captures_exact=sum(steps.exact for steps in captured.values()) / by_either if by_either else 1.0,
        captured=captured,
    )


def free_now(replay: Replay) -> int:
    """Pages on the model's free lists."""
    return int(replay.m.array("zone")["free_pages"].sum())


def notes(replay: Replay, events: Events) -> list[str]:
    """What a reader must know to read the figures."""
    told = [f"{note}: what follows cannot be exact" for note in events.unread.notes()]
    if replay.frees_unknown:
        told.append(f"{replay.frees_unknown} frees of frames that the model held free already were not applied")
    if replay.failed:
        told.append(f"{replay.failed} requests failed in the recording: there is no frame to predict")
    if events.lost:
        told.append(f"events were lost at {len(events.lost)} places: what follows cannot be exact")
    return told
