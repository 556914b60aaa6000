"""Verify on a recording of a real 6.1 kernel that did not reclaim: every frame."""

from pathlib import Path

import numpy as np
import pytest

from recap.demand.spot import from_snapshot_on
from recap.errors import InputError
from recap.lab.verify import verify
from recap.mm import boot
from recap.sim.open_loop import Replay
from recap.trace import Recording

CALM = Path("recordings/calm-1cpu")


def replayed(batch: int | None = None) -> Replay:
    """The recording on a model whose per-cpu batch may be wrong on purpose."""
    snapshot, events = from_snapshot_on(Recording(CALM))
    memory = boot.from_snapshot(snapshot)
    if batch is not None:
        memory.set_pcp_batch(1, 0, batch)
    replay = Replay(memory, events.event, events.cpu, events.pfn, events.order, events.flags)
    replay.advance(0, len(events))
    return replay


@pytest.mark.compiled
def test_every_traced_allocation_is_predicted_frame_by_frame() -> None:
    replay = replayed()
    assert replay.mismatched == 0
    assert replay.exact == replay.allocations > 5_000


@pytest.mark.compiled
def test_a_rule_broken_on_purpose_is_found() -> None:
    replay = replayed(batch=30)
    assert replay.mismatched > 0
    assert replay.exact < replay.allocations


@pytest.mark.compiled
def test_the_end_state_is_the_kernels_too() -> None:
    result = verify(CALM)
    assert (result.exact_ratio, result.mismatched, result.untraced) == (1.0, 0, 16)
    assert result.free_pages_model == result.free_pages_kernel
    assert result.free_lists_exact == 1.0
    assert result.first_mismatch is None


@pytest.mark.compiled
def test_where_the_kernel_reclaimed_the_first_mismatch_is_named() -> None:
    result = verify(Path("recordings/hugetlb-1cpu"))
    assert result.mismatched + result.exact == result.allocations
    assert result.first_mismatch is not None
    assert "the kernel took frame" in result.first_mismatch


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
