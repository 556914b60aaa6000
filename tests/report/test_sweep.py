"""A sweep's verdict, and the mark of the machine's own value; the runs are made up."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import RenderableType

from recap.lab.sweep import swept
from recap.report.sweep import OWN, changes_of, sweep_tables, verdict

SEEDS = range(6)
SUCCESS = {2048: 60.0, 8192: 61.0, 32768: 80.0}
Runs = dict[tuple[int, str], list[dict[str, float]]]


def runs(*policies: str, seeds: range = SEEDS) -> Runs:
    """Success rises with the value; each seed adds the same everywhere, and a little more of its own."""
    return {
        (value, policy): [
            {"success_percent": success + 3 * seed + (7 * seed + i * value) % 5 / 10 + 4 * (policy == "kosaki")}
            for seed in seeds
        ]
        for i, (value, success) in enumerate(SUCCESS.items())
        for policy in policies
    }


def test_values_are_held_against_the_machines_own() -> None:
    result = swept("made up", "vm.min_free_kbytes", 2048, runs("none"))
    assert result.reference == 2048
    changes = changes_of(result, "none")
    assert list(changes) == [8192, 32768]
    assert [change.paired for change in changes.values()] == [True, True]
    (said,) = verdict(result)
    assert "67.7 % at 2,048 (the machine's own value)" in said
    assert "32,768 serves 20" in said
    assert said.endswith("points more.")


def test_without_the_own_value_the_first_is_the_reference() -> None:
    for own in (23804, None):
        result = swept("made up", "vm.min_free_kbytes", own, runs("none"))
        assert result.reference == 2048
        assert "at 2,048 (the first)" in next(verdict(result))


def test_policies_are_held_against_the_baseline_at_the_same_value() -> None:
    result = swept("made up", "x", None, runs("kosaki", "none"))
    assert result.baseline == "none"
    for value in SUCCESS:
        change = result.at(value, "kosaki").metrics["success_percent"].difference
        assert change is not None
        assert (round(change.mean, 6), change.certain) == (4, True)
    assert len(list(verdict(result))) == 2


def test_one_seed_gives_no_verdict() -> None:
    result = swept("made up", "x", 2048, runs("none", "kosaki", seeds=range(1)))
    assert list(verdict(result)) == ["Verdict: one seed cannot tell a difference from chance; run more seeds."]


def test_printed(printed: Callable[[RenderableType], str], golden: Callable[[str, str], None]) -> None:
    result = swept("made up", "vm.min_free_kbytes", 8192, runs("none", "kosaki"))
    text = printed(sweep_tables(result, ["success_percent"]))
    assert next(line.split()[:2] for line in text.splitlines() if line.strip().startswith(OWN)) == [OWN, "8,192"]
    golden("sweep.txt", text)
