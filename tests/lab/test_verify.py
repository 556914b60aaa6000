"""Verify on recordings of a real 6.1 kernel: every frame, every step, every list."""

import dataclasses
from pathlib import Path

import msgspec
import numpy as np
import pytest

from recap.demand.spot import end_spot, from_snapshot_on, mark
from recap.errors import InputError
from recap.lab.results import VerifyResult
from recap.lab.verify import TimedReplay, capture_policy, explain_deviation, verify
from recap.mm.buddyinfo import free_blocks
from recap.trace import START, Event, Recording
from recap.trace.event import CaptureStep

CALM, HUGETLB, KOSAKI = (Path("recordings", name) for name in ("calm-1cpu", "hugetlb-1cpu", "kosaki-1cpu"))
CAPTURE_WORKSHOP = Path("../shared/rig/page-capture/recordings")
WORKSHOP = Path("../shared/traces/linux-6.1")
LEAST = {  # of the allocations exact, of the free blocks
    "pressure-1cpu": (0.999, 0.97),
    "pressure-2cpu": (0.999, 0.97),
    "hugetlb-2cpu": (0.99, 0.97),
    "thp-2cpu": (0.99, 0.97),
}


@pytest.mark.compiled
def test_without_reclaim_everything_is_the_kernels() -> None:
    result = verify(CALM)
    assert (result.exact_ratio, result.mismatched, result.untraced) == (1.0, 0, 16)
    assert (result.refills_exact, result.drains_exact, result.free_lists_exact) == (1.0, 1.0, 1.0)
    assert result.refills > 1_000
    assert result.free_pages_model == result.free_pages_kernel
    assert {name for name, number in result.inferred.items() if number} == {"bulk_allocations"}
    assert (result.deviations, result.first_mismatch) == ({}, None)
    assert "<td>allocations</td><td>221,637</td>" in result._repr_html_()
    end = result.end
    assert end is not None
    assert (end.free_lists_in_place, end.pcp_lists_exact, end.pcp_lists_in_place, end.pageblocks_exact) == (1, 1, 1, 1)
    assert all(counter.model == counter.kernel for counter in end.counters)


@pytest.mark.compiled
def test_where_the_kernel_reclaimed_and_compacted_it_is_followed() -> None:
    result = verify(HUGETLB)
    assert result.exact_ratio >= 0.99
    assert result.mismatched + result.exact == result.allocations
    assert min(result.refills_exact, result.drains_exact) >= 0.95
    assert result.free_lists_exact is not None
    assert result.free_lists_exact >= 0.97
    assert result.first_mismatch is not None
    assert result.first_mismatch.number == 1
    assert result.inferred["searched_pages"] > 0
    assert msgspec.json.decode(msgspec.json.encode(result), type=VerifyResult) == result


@pytest.mark.compiled
def test_page_capture_is_followed_step_by_step() -> None:
    """Kosaki's rules on a real kernel that has them: what is captured, merged, handed over and returned."""
    result = verify(KOSAKI)
    assert (result.exact_ratio, result.captures_exact, result.refills_exact, result.drains_exact) == (1, 1, 1, 1)
    assert (result.free_lists_exact, result.deviations) == (1.0, {})
    assert (result.captured["opened"].kernel, result.captured["handed"].kernel) == (15, 12)
    assert result.captures == sum(steps.exact for steps in result.captured.values()) > 600


@pytest.mark.compiled
@pytest.mark.skipif(not CAPTURE_WORKSHOP.is_dir(), reason=f"the recordings in {CAPTURE_WORKSHOP} are not there")
def test_page_capture_is_followed_on_a_longer_recording() -> None:
    result = verify(CAPTURE_WORKSHOP / "race4-1cpu-c0-s1-m2")
    assert (result.exact_ratio, result.captures_exact) == (1.0, 1.0)
    assert result.captured["handed"].kernel == 617


@pytest.mark.compiled
@pytest.mark.parametrize(("modes", "problem"), [((2, 3), "kosaki and whitcroft"), ((7,), "recap knows 0 to 5")])
def test_a_kernel_that_captured_in_another_way_is_refused(modes: tuple[int, ...], problem: str) -> None:
    events = Recording(KOSAKI).events
    rows = np.flatnonzero((events.event == Event.PAGE_CAPTURE) & (events.a == CaptureStep.OPENED))
    order = events.order.copy()
    order[rows] = np.resize(np.array(modes, np.uint8), len(rows))
    with pytest.raises(InputError, match=problem):
        capture_policy(KOSAKI, dataclasses.replace(events, order=order))


@pytest.mark.compiled
@pytest.mark.skipif(not WORKSHOP.is_dir(), reason=f"the recordings in {WORKSHOP} are not there")
@pytest.mark.parametrize("name", LEAST)
def test_other_recordings_are_followed_as_well(name: str) -> None:
    result = verify(WORKSHOP / name)
    exact, lists = LEAST[name]
    assert result.exact_ratio >= exact
    assert result.free_lists_exact is not None
    assert result.free_lists_exact >= lists


@pytest.mark.compiled
@pytest.mark.parametrize(("n", "first", "step", "steps"), [(0, 0, 50, 24), (1, 1_779_000, 200, 20)])
def test_the_files_in_proc_are_the_recorded_ones_letter_by_letter(n: int, first: int, step: int, steps: int) -> None:
    """The recorder read them some hundred events after the first mark, and before the last."""
    run = TimedReplay(HUGETLB)
    seen: set[str] = set()
    for event in range(first, first + step * steps, step):
        run.to(event)
        counts = free_blocks(run.replay.m)
        seen |= {counts.buddyinfo(), counts.pagetypeinfo()}
    assert (HUGETLB / f"buddyinfo.{n}").read_text() in seen
    assert (HUGETLB / f"pagetypeinfo.{n}").read_text() in seen


@pytest.mark.compiled
def test_a_rule_broken_on_purpose_is_found() -> None:
    run = TimedReplay(CALM)
    run.replay.m.set_pcp_batch(1, 0, 30)
    run.to(len(run.events))
    assert run.replay.mismatched > 0
    assert run.replay.taken_exact < run.replay.taken


@pytest.mark.compiled
def test_a_deviation_is_explained_by_what_surrounds_it() -> None:
    told = explain_deviation(HUGETLB, 1)
    assert msgspec.json.encode(told)
    assert told.deviation == verify(HUGETLB).first_mismatch
    assert told.kernel_frame != told.model_frame
    assert any(line.startswith(">") for line in told.events)
    assert any(f"{told.kernel_frame:#x}" in line for line in told.where)
    assert told.model_lists
    assert told.kernel_takes


@pytest.mark.compiled
def test_there_is_no_explanation_where_nothing_deviated() -> None:
    with pytest.raises(InputError, match="the replay found 0"):
        explain_deviation(CALM, 1)


@pytest.mark.compiled
def test_the_spots_of_the_snapshots_contradict_no_frame() -> None:
    recording = Recording(HUGETLB)
    beginning = from_snapshot_on(recording)
    snapshot, events = beginning.snapshot, beginning.events
    start = mark(events, START)
    assert start is not None
    before = events.pfn[:start][events.event[:start] == np.uint8(Event.MM_PAGE_ALLOC)]
    assert not snapshot.in_use()[before[:1]].any()
    after = recording.snapshot(1)
    assert after is not None
    assert start < end_spot(events, after) <= len(events)


def test_without_a_snapshot_there_is_nothing_to_predict_from(tmp_path: Path) -> None:
    (tmp_path / "trace.dat").symlink_to((CALM / "trace.dat").resolve())
    with pytest.raises(InputError, match=r"snap0\.npz"):
        verify(tmp_path)


@pytest.mark.compiled
def test_a_trace_of_another_machine_is_refused(tmp_path: Path) -> None:
    (tmp_path / "trace.dat").symlink_to((CALM / "trace.dat").resolve())
    arrays = dict(np.load(CALM / "snap0.npz"))
    keep = 0x8000
    for name in ("flags", "mapping", "index", "private", "mapcount_refcount"):
        arrays[name] = arrays[name][:keep]
    arrays["pageblock"] = arrays["pageblock"][: keep // 512]
    arrays["lists"] = arrays["lists"][arrays["lists"][:, 4] < keep]
    np.savez(tmp_path / "snap0.npz", **arrays)
    with pytest.raises(InputError):
        verify(tmp_path)


@pytest.mark.compiled
def test_a_snapshot_of_another_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "trace.dat").symlink_to((CALM / "trace.dat").resolve())
    (tmp_path / "snap0.npz").symlink_to((HUGETLB / "snap0.npz").resolve())
    with pytest.raises(InputError, match="of the same run"):
        verify(tmp_path)
