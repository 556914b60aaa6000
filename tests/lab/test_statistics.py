"""Figures from independent runs, held against scipy.stats and against what chance does."""

from __future__ import annotations

import runpy

import numpy as np
import pytest

from recap.lab.figures import beside_model, corrected, figures, place
from recap.lab.results import Column, Difference, Figure, Range
from recap.lab.statistics import difference, holm, interval, move_together, percentile, prediction

stats = pytest.importorskip("scipy.stats")
ONE = [71.0, 75.5, 60.25, 81.0, 77.0, 70.0]
OTHER = [73.0, 76.0, 64.25, 84.0, 78.5, 72.0]
UNLIKE = [80.0, 61.0, 79.0, 72.0, 90.0, 66.0]


def test_an_interval_widens_with_the_spread_and_one_run_has_none() -> None:
    assert interval([3.0]) == interval([3.0, 3.0])
    narrow, wide = interval([1.0, 2.0, 3.0]), interval([0.0, 2.0, 4.0])
    assert narrow.mean == wide.mean == 2.0
    assert wide.low < narrow.low < 2.0 < narrow.high < wide.high
    assert narrow.high == pytest.approx(2.0 + 4.303 / 3**0.5, abs=1e-3)


@pytest.mark.parametrize("runs", [40, 1000])
def test_an_interval_of_many_runs_is_students_too(runs: int) -> None:
    values = np.random.default_rng(1).normal(size=runs).tolist()
    low, high = stats.t.interval(0.95, runs - 1, np.mean(values), stats.sem(values))
    assert (interval(values).low, interval(values).high) == pytest.approx((low, high))


def test_one_more_run_is_expected_within_the_prediction_interval() -> None:
    found = prediction([1.0, 2.0, 3.0, 4.0])
    assert (round(found.low, 2), round(found.high, 2)) == (-2.09, 7.09)
    assert 7.08 in found
    assert 7.1 not in found
    assert prediction([2.0, 2.0]) == Range(2.0, 2.0)


def test_equal_runs_count_half_in_a_percentile() -> None:
    assert [percentile(x, [1, 2, 2, 3]) for x in (0, 1, 2, 2.5, 4)] == [0, 12.5, 50, 75, 100]


def test_runs_that_seeds_move_alike_are_paired() -> None:
    found = difference(ONE, OTHER, same_seeds=True)
    assert found.paired
    known = stats.ttest_rel(OTHER, ONE)
    limits = known.confidence_interval()
    assert (found.p, found.low, found.high) == pytest.approx((known.pvalue, limits.low, limits.high))


@pytest.mark.parametrize(("after", "same_seeds"), [(OTHER, False), (UNLIKE, True), (UNLIKE[:4], False)])
def test_other_runs_are_compared_by_welch(after: list[float], same_seeds: bool) -> None:
    found = difference(ONE, after, same_seeds=same_seeds)
    assert not found.paired
    known = stats.ttest_ind(after, ONE, equal_var=False)
    limits = known.confidence_interval()
    assert (found.p, found.low, found.high) == pytest.approx((known.pvalue, limits.low, limits.high))


def test_figures_that_never_move_differ_or_do_not() -> None:
    assert difference([3, 3], [3, 3], same_seeds=True).p == 1
    assert difference([3, 3], [4, 4], same_seeds=True).p == 0
    assert difference([3, 3], [3, 4], same_seeds=True).p > 0.05
    assert difference([0.1] * 3, [0.1] * 3, same_seeds=False).p == 1


def test_seeds_move_both_sides_alike_or_not() -> None:
    assert move_together(ONE, OTHER)
    assert move_together(ONE, ONE)
    assert not move_together(ONE, [-x for x in ONE])
    assert not move_together(ONE, UNLIKE)
    assert not move_together([1, 2], [1, 2])  # two seeds always lie on a line
    assert not move_together(ONE, [5.0] * 6)


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([]) == []


def test_listed_metrics_are_not_corrected_for_the_other_counters_and_constants_not_at_all() -> None:
    def change(mean: float, p: float) -> Difference:
        return Difference(mean, mean - 1, mean + 1, p=p, adjusted=p, paired=False)

    still = Difference(0, 0, 0, p=1.0, adjusted=1.0, paired=False)
    changes = {"success_percent": change(5, 0.02), "stolen_pages": change(5, 0.5), "oom_kills": still}
    found = corrected(changes | {f"counter {i}": change(1, 0.02) for i in range(8)})
    assert found["success_percent"].adjusted == pytest.approx(0.04)
    assert found["success_percent"].certain
    assert found["counter 0"].adjusted == pytest.approx(0.2)
    assert found["oom_kills"].adjusted == 1


def test_there_is_no_difference_with_one_seed() -> None:
    one = figures([{"a": 1.0}], [{"a": 2.0}])
    assert one == {"a": Figure(1, 1, 1)}
    two = figures([{"a": 1.0, "b": 1}, {"a": 1.5, "b": 1}], [{"a": 2.0}, {"a": 2.5}])
    assert two["a"].difference is not None
    assert two["a"].difference.mean == -1
    assert two["b"].difference is None


def test_the_recorded_kernel_stands_among_the_runs_of_its_model() -> None:
    kernel = Column("kernel", "kernel", 1, {"a": Figure(9, 9, 9), "only_recorded": Figure(1, 1, 1)})
    found = beside_model(kernel, [{"a": 1.0}, {"a": 2.0}, {"a": 3.0}])
    assert found.metrics["a"].percentile == 100
    assert found.metrics["a"].unlike_model
    assert found.metrics["only_recorded"] == Figure(1, 1, 1)
    assert beside_model(kernel, [{"a": 1.0}]) == kernel


def test_no_run_is_expected_below_nothing_or_above_all() -> None:
    runs = [{"success_percent": 2.0, "x": 1.0}, {"success_percent": 99.0, "x": 500.0}]
    assert place(Figure(1, 1, 1), "success_percent", runs).prediction == Range(0, 100)
    wide = place(Figure(1, 1, 1), "x", runs).prediction
    assert wide is not None
    assert wide.low == 0
    assert wide.high > 500


@pytest.mark.parametrize("alike", [0.0, 0.9])
@pytest.mark.parametrize("seeds", [5, 10])
def test_intervals_hold_what_they_promise(alike: float, seeds: int) -> None:
    """As bench/intervals.py measures it on recordings: 95 % of further runs, and one false alarm in twenty."""
    rng = np.random.default_rng(3)
    shared, *own = rng.normal(size=(3, 400))
    none, other = ((alike * shared + (1 - alike**2) ** 0.5 * one).tolist() for one in own)
    bench = runpy.run_path("bench/intervals.py")
    found = {name: bench["share"](draw, none, other, 1000, seeds) for name, draw in bench["QUESTIONS"].items()}
    assert 93 < found["prediction"] < 97
    assert 3 < found["alarms, other seeds"] < 7
    assert 3 < found["alarms, same seeds"] < 7
