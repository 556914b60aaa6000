"""The search for a setting: what it finds, what it does not believe, and that it resumes. No engine runs here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recap.errors import InputError, MissingExtraError
from recap.lab import tune as tuning
from recap.lab.bounds import Bound
from recap.lab.executor import Finished
from recap.lab.kept import Run, Store
from recap.lab.runs import Progress, Results
from recap.lab.threads import Threads
from recap.lab.tunable import Tunable
from recap.lab.tune import BATCH, Knob, Tuning, tune
from recap.report.tune import verdict

pytest.importorskip("optuna")
GOOD, IDLE = "vm.min_free_kbytes=1000..9000", "vm.swappiness=0..200"


def outcome(setting: Mapping[str, str], seed: int) -> dict[str, float]:
    """Success is best at 6000; what it costs grows with the value; swappiness does nothing."""
    value = int(setting.get("vm.min_free_kbytes", "2000"))
    luck = np.random.default_rng([seed, value, int(setting.get("vm.swappiness", "60"))]).normal()
    success = 80 - abs(value - 6000) / 200 + luck
    return {"success_percent": success, "high_order_attempts": 10.0, "stall_ms": value / 10, "pgscan_direct": luck}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """The runs that were made; a source's setup is its setting."""
    runs: list[Run] = []

    def run_all(todo: list[Run], progress: Progress | None, store: Store | None, _executor: object) -> Results:
        found: Results = {}
        for run in todo:
            kept = store.read(run) if store else None
            if kept is None:
                runs.append(run)
                setting: Any = run.setup
                kept = outcome(setting, run.seed)
                if store:
                    store.keep(run, *Finished(kept))
            found[run.key] = kept
            if progress:
                progress(len(found), len(todo), "one")
        return found

    def tunable(source: str, *_: object) -> Tunable:
        return Tunable(source, source, {"vm.min_free_kbytes": 2000, "vm.swappiness": 60}, dict)  # type: ignore[arg-type]

    monkeypatch.setattr(tuning, "run_all", run_all)
    monkeypatch.setattr(tuning, "tunable", tunable)
    return runs


def search(*knobs: str, **options: Any) -> Tuning:
    return tune(["made up"], knobs, **options)


@pytest.mark.usefixtures("made")
def test_it_finds_the_best_value_and_drops_what_does_nothing() -> None:
    found = search(GOOD, IDLE)
    assert set(found.found) == {"vm.min_free_kbytes"}
    assert abs(found.found["vm.min_free_kbytes"] - 6000) < 600
    assert found.idle == ["vm.swappiness"]
    change = found.after["success_percent"].difference
    assert change is not None
    assert 17 < change.mean < 23
    assert verdict(found).startswith("vm.min_free_kbytes 2,000 -> ")
    assert "stall_ms +" in verdict(found)
    assert "vm.swappiness made no difference that can be told" in verdict(found)


@pytest.mark.usefixtures("made")
def test_a_limit_is_kept() -> None:
    found = search(GOOD, limits=["stall_ms < 150%"])
    assert 2500 < found.found["vm.min_free_kbytes"] < 3000
    assert any(not one.within for one in found.tried)
    assert found.broken == []


@pytest.mark.usefixtures("made")
def test_what_is_luck_is_not_believed() -> None:
    found = search(IDLE, goal="pgscan_direct")
    said = verdict(found)
    assert "leave it as it is" in said.lower()


@pytest.mark.usefixtures("made")
def test_less_is_better_of_a_cost() -> None:
    found = search(GOOD, goal="stall_ms")
    assert found.better == "less"
    assert found.found["vm.min_free_kbytes"] < 1200


def test_the_verdict_has_seeds_of_its_own(made: list[Run]) -> None:
    search(GOOD, trials=BATCH, seeds=7)
    by_setting: dict[str, set[int]] = {}
    for run in made:
        by_setting.setdefault(run.series, set()).add(run.seed)
    own = sorted(by_setting["0, own setting"])
    assert own == list(range(3 + 10 + 7))
    assert sum(max(seeds) >= 13 for seeds in by_setting.values()) == 2


def test_it_resumes_from_what_is_kept_and_ends_the_same(made: list[Run], tmp_path: Path) -> None:
    def stop(done: int, *_: object) -> None:
        if done == 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(GOOD, IDLE, progress=stop, out=tmp_path)
    before = len(made)
    again = search(GOOD, IDLE, out=tmp_path)
    resumed = len(made)
    assert again == search(GOOD, IDLE)
    assert resumed - before == len(made) - resumed - before


@pytest.mark.usefixtures("made")
def test_several_sources_count_alike() -> None:
    found = tune(["a", "b"], [GOOD], goal="stall_ms", trials=3 * BATCH)
    assert found.sources == ["a", "b"]
    assert found.after["stall_ms"].mean < found.before["stall_ms"].mean


@pytest.mark.parametrize(
    "text", ["", "vm.swappiness", "vm.swappiness=1", "vm.swappiness=5..5", "=1..2", "vm.swappiness=a..b", "a=-1..2"]
)
def test_a_knob_is_a_range(text: str) -> None:
    with pytest.raises(InputError, match=r"NAME=LOW\.\.HIGH"):
        Knob.parse(text)


def test_what_cannot_be_is_refused(made: list[Run]) -> None:
    for options, said in (
        ({"goal": "pgscan_kswapd"}, "has no better direction"),
        ({"limits": ["stall_ms"]}, "is not a limit on a metric"),
        ({"limits": ["nothing<1"]}, "is not counted"),
        ({"seeds": 1}, "one seed"),
    ):
        with pytest.raises(InputError, match=said):
            search(GOOD, trials=1, **options)
    with pytest.raises(InputError):
        search()
    assert {run.seed for run in made} <= {0, 1, 2}


def test_a_limit_that_is_touched_does_not_hold() -> None:
    runs = [{"oom_kills": 1.0}]
    assert Bound.parse("oom_kills<1").excess(runs, runs, "a") > 0
    assert Bound.parse("oom_kills<2").excess(runs, runs, "a") < 0
    assert Bound.parse("oom_kills>50%").excess(runs, runs, "a") < 0
    assert str(Bound.parse("oom_kills>50%")) == "oom_kills > 50 %"


def test_the_extra_names_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"recap-mm\[tune\]"):
        tuning.library()


@pytest.mark.slow
@pytest.mark.compiled
def test_the_digest_does_not_depend_on_who_runs_it() -> None:
    found = [tune(["example"], [GOOD], trials=3, seeds=2, executor=Threads(jobs)).digest for jobs in (1, 2)]
    assert found[0] == found[1]
