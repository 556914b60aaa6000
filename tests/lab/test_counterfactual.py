"""Changes of the mean: unpaired on the kernel's side, within a recording on the model's."""

from __future__ import annotations

from pathlib import Path

import pytest

from recap.errors import InputError
from recap.lab.counterfactual import METRICS, Change, Series, change, counterfactual, kernel_metrics
from recap.lab.results import Interval
from recap.lab.statistics import change_of_mean


def test_the_interval_of_a_change_is_welchs() -> None:
    """Against the textbook: variances 2.5 and 22.5 over 5 runs each, so 4.878 degrees of freedom, where t is 2.590."""
    found = change_of_mean([1, 2, 3, 4, 5], [3, 6, 9, 12, 15])
    assert found.mean == 6
    assert found.high - found.mean == pytest.approx(2.590 * (0.5 + 4.5) ** 0.5, rel=1e-4)
    assert change_of_mean([2, 2], [5, 5]) == Interval(3, 3, 3)


def test_runs_that_scatter_more_tell_less() -> None:
    sure, unsure = change_of_mean([1, 2, 3], [7, 8, 9]), change_of_mean([0, 2, 4], [6, 8, 10])
    assert sure.mean == unsure.mean
    assert unsure.low < sure.low


def made(before: list[float], after: list[float], plain: list[float], moved: list[float]) -> Change:
    predicted = {"": dict.fromkeys(METRICS, plain), "a=1": dict.fromkeys(METRICS, moved)}
    return change("a=1", "pgscan", dict.fromkeys(METRICS, before), dict.fromkeys(METRICS, after), predicted)


def test_the_models_change_is_taken_within_a_recording() -> None:
    found = made([0, 10], [5, 15], [100, 900], [105, 905])
    assert found.model_change == Interval(5, 5, 5)
    assert found.agrees
    assert not found.certain


def test_a_wrong_direction_does_not_agree() -> None:
    found = made([10, 11, 12], [20, 21, 22], [10, 11, 12], [5, 6, 8])
    assert found.certain
    assert not found.same_sign
    assert not found.agrees


def vmstat(folder: Path, served: int) -> None:
    folder.mkdir(parents=True)
    names = "pgscan_kswapd pgscan_direct pgsteal_kswapd pgsteal_direct pswpout allocstall_normal allocstall_movable"
    names += " compact_stall compact_success thp_fault_alloc thp_fault_fallback"
    for i in (0, 1):
        lines = [f"{name} {100 + i * (served if name == 'thp_fault_alloc' else 4)}" for name in names.split()]
        (folder / f"vmstat.{i}").write_text("\n".join(lines) + "\n")


def test_a_series_is_read_from_its_folders(tmp_path: Path) -> None:
    for setting, run, served in (("baseline", "1", 12), ("baseline", "10", 4), ("baseline", "2", 4), ("a.b=1", "1", 0)):
        vmstat(tmp_path / setting / run, served)
    (tmp_path / "baseline" / "3.unfinished").mkdir()
    series = Series(tmp_path)
    assert [path.name for path in series.runs("baseline")] == ["1", "2", "10"]
    assert series.settings() == []
    found = kernel_metrics(tmp_path / "baseline" / "1")
    assert found["success_percent"] == 75
    assert found["allocstall"] == 8
    with pytest.raises(InputError, match="lacks two runs"):
        counterfactual(tmp_path)
