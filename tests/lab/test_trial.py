"""Seeds are added until they are enough, and several sources make one comparison. No engine runs here."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from recap.errors import InputError
from recap.lab.compare import folders_of, recorded_policy
from recap.lab.kept import Run
from recap.lab.results import Column, Figure, Interval
from recap.lab.runs import Progress, Results
from recap.lab.trial import Case, Trial, mean_of
from recap.lab.until import MOST_SEEDS, Until
from recap.policy import candidate

SETUP: Any = SimpleNamespace(on=lambda _profile: None)
NONE, KOSAKI = candidate("none"), candidate("kosaki")


def case(source: str, **options: Any) -> Case:
    return Case(source, SETUP, "", {}, ["assumed"], ["missing"], **options)


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What was run: a run's success is drawn by its seed, kosaki serves five points more."""
    done: list[tuple[str, int]] = []

    def run_all(todo: list[Run], progress: Progress | None, _store: object, _executor: object) -> Results:
        results: Results = {}
        for run in todo:
            done.append(run.key)
            success = np.random.default_rng(run.seed).normal(60 + 5 * (run.policy.name == "kosaki"), 4)
            results[run.key] = {"success_percent": success, "high_order_attempts": 10.0}
            if progress:
                progress(len(results), len(todo), "one")
        return results

    monkeypatch.setattr("recap.lab.trial.run_all", run_all)
    return done


def test_only_seeds_that_are_lacking_are_run(ended: list[tuple[str, int]]) -> None:
    told: list[tuple[int, int]] = []
    trial = Trial([case("a"), case("b")], [NONE, KOSAKI])
    trial.run(2, lambda done, total, _: told.append((done, total)))
    trial.run(3, lambda done, total, _: told.append((done, total)))
    assert sorted(ended) == sorted((name, seed) for name in ("none", "kosaki") for seed in (0, 1, 2) for _ in "ab")
    assert told == [(i, 8) for i in range(1, 9)] + [(i, 12) for i in range(9, 13)]
    assert [column.seeds for column in trial.together().columns] == [3, 3]


@pytest.mark.usefixtures("ended")
def test_differences_are_to_none_or_to_the_first() -> None:
    for policies, baseline in (([KOSAKI, NONE], "none"), ([KOSAKI], "kosaki")):
        trial = Trial([case("a")], policies)
        trial.run(4, None)
        found = trial.comparisons()[0]
        assert found.baseline == baseline
        for column in found.columns:
            assert (column.metrics["success_percent"].difference is None) == (column.name == baseline)


@pytest.mark.usefixtures("ended")
def test_the_kernel_is_held_against_the_policy_it_ran() -> None:
    recorded = {"success_percent": 61.0, "high_order_attempts": 10.0}
    for policy, percentile in (("none", True), ("kosaki", True), ("whitcroft", False), ("", False)):
        trial = Trial([case("a", kernel=recorded, recorded=policy)], [NONE, KOSAKI])
        trial.run(20, None)
        found = trial.comparisons()[0]
        assert (found.columns[0].metrics["success_percent"].percentile is not None) is percentile
        assert found.model == (policy if percentile else "")


@pytest.mark.parametrize(("mode", "policy"), [("", "none"), ("3", "kosaki"), ("4", "placebo"), ("9", "")])
def test_what_a_recorded_kernel_ran(mode: str, policy: str) -> None:
    assert recorded_policy({"vm.page_capture": mode} if mode else {}) == policy


def test_sources_have_the_same_weight_and_success_is_of_those_that_ask() -> None:
    runs = [
        {"success_percent": 50.0, "high_order_attempts": 8.0, "pswpout": 10.0},
        {"success_percent": 0.0, "high_order_attempts": 0.0, "pswpout": 30.0},
        {"success_percent": 70.0, "high_order_attempts": 1.0, "pswpout": 20.0, "only": 1.0},
    ]
    assert mean_of(runs) == {"success_percent": 60.0, "high_order_attempts": 3.0, "pswpout": 20.0}
    assert mean_of(runs[1:2])["success_percent"] == 0


def test_each_source_has_a_folder_of_its_own() -> None:
    cases = [case(source) for source in ("x/race", "y/race", "calm")]
    assert folders_of(Path("out"), cases) == [Path("out/race"), Path("out/race-2"), Path("out/calm")]
    assert folders_of(Path("out"), cases[:1]) == [Path("out")]


@pytest.mark.parametrize("text", ["a=±2", "a=+-2", "a=2", " a = 2.0"])
def test_until_is_read(text: str) -> None:
    assert Until.parse(text) == Until("a", 2)


@pytest.mark.parametrize("text", ["", "a", "a=", "=2", "a=0", "a=-1", "a=x", "a=nan", "a=inf"])
def test_until_refuses_the_rest(text: str) -> None:
    with pytest.raises(InputError, match="METRIC=±N"):
        Until.parse(text)


def columns(half: float) -> list[Column]:
    return [Column("none", "none", 5, {"a": Figure(10, 10 - half, 10 + half)})]


def test_seeds_grow_with_the_square_of_the_width_and_no_further_than_allowed() -> None:
    until = Until("a", 2)
    assert [until.seeds(columns(half), 10) for half in (1, 2, 2.1, 2.5, 20)] == [10, 10, 12, 16, 20]
    assert until.seeds(columns(9), 600) == MOST_SEEDS
    with pytest.raises(InputError, match="luck"):
        Until("luck", 1).widest(columns(1))


@pytest.mark.usefixtures("ended")
def test_the_intervals_are_as_narrow_as_wanted() -> None:
    trial, until = Trial([case("a")], [NONE, KOSAKI]), Until("success_percent", 1)
    trial.run(5, None)
    while (more := until.seeds(trial.together().columns, trial.seeds)) > trial.seeds:
        trial.run(more, None)
    shown: list[Interval] = []
    for column in trial.comparisons()[0].columns:
        figure = column.metrics["success_percent"]
        shown += [one for one in (figure, figure.difference) if one is not None]
    assert len(shown) == 3
    assert max(one.spread for one in shown) <= 1
    assert 60 < trial.seeds < 300
