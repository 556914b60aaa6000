"""Published effects, on machines so small that they are through in seconds."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from recap.demand.kernel_build import KernelBuild, kernel_build
from recap.lab import workloads
from recap.lab.effects import EFFECTS, EffectPlan, Published, measure, measure_effect
from recap.report.effect import effect, markdown
from recap.sim.run import Synthetic

TINY = KernelBuild(mebibytes=128, builds=1, seconds=16, warm_seconds=2, pause_seconds=2)


@dataclass(frozen=True)
class Tiny(EffectPlan):
    """Every effect under the same tiny load."""

    def setup(self, name: str) -> Synthetic:
        assert name in EFFECTS
        return workloads.kernel_builds(TINY)


def test_a_change_is_taken_within_a_seed() -> None:
    before, after = [{"a": 10.0}, {"a": 30.0}], [{"a": 8.0}, {"a": 28.0}]
    falls = measure(Published("a", 100, 90), before, after)
    assert (falls.change.low, falls.change.high) == (-10, -10)
    assert falls.published == pytest.approx(-10)
    assert falls.direction
    assert not measure(Published("a", 90, 100), before, after).direction
    points = measure(Published("a", 81, 24, points=True), before, after)
    assert (points.published, points.change.mean, points.unit) == (-57, -2, "points")


def test_what_was_not_there_before_changes_by_a_number() -> None:
    found = measure(Published("a", 1, 2), [{"a": 0.0}, {"a": 0.0}], [{"a": 5.0}, {"a": 5.0}])
    assert (found.change.mean, found.unit, found.direction) == (5, "count", True)


def test_what_is_not_apart_from_zero_has_no_direction() -> None:
    found = measure(Published("a", 2, 1), [{"a": 10.0}, {"a": 10.0}], [{"a": 5.0}, {"a": 14.0}])
    assert found.change.mean < 0
    assert not found.direction


def test_a_seed_names_the_demand() -> None:
    first, same, other = (kernel_build(TINY, seed) for seed in (1, 1, 2))
    assert (first.op_obj == same.op_obj).all()
    assert len(first.op_obj) != len(other.op_obj) or (first.op_obj != other.op_obj).any()


@pytest.mark.compiled
def test_an_effect_is_kept_and_shown(tmp_path: Path) -> None:
    told: list[str] = []
    found = measure_effect("defrag-mode-2025", Tiny(2), lambda _, __, what: told.append(what), tmp_path)
    assert len(told) == 4
    again = measure_effect("defrag-mode-2025", Tiny(2), lambda _, __, what: told.append(what), tmp_path)
    assert len(told) == 4
    assert again.digest == found.digest == json.loads((tmp_path / "effect.json").read_text())["digest"]
    faults = {one.metric: one for one in found.measures}
    asked = faults["thp_fault_alloc"].before.mean + faults["thp_fault_fallback"].before.mean
    assert asked == TINY.bursts * (128 // 4 // 2)
    console = Console(file=StringIO(), width=160)
    console.print(effect(found))
    assert "published" in console.file.getvalue()  # type: ignore[attr-defined]
    assert markdown(found).count("\n") == 2 + len(found.measures)


def test_every_effect_names_policies_and_metrics_that_exist() -> None:
    for name in EFFECTS:
        setup = EffectPlan(1, small=True).setup(name)
        assert setup.mebibytes <= 512
    assert replace(TINY, seconds=16).bursts == 3
