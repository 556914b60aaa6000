"""Compare on the recording that `make demo` shows."""

from pathlib import Path

import pytest

from recap.errors import InputError
from recap.lab.compare import compare, recorded_with
from recap.lab.results import Column, Comparison

RECORDING = Path("recordings/hugetlb-1cpu")
POLICIES = ["none", "own-pages", "whitcroft", "kosaki"]


@pytest.fixture(scope="module")
def result() -> Comparison:
    """All four policies, one seed."""
    return compare(RECORDING, POLICIES, seeds=1)


def figure(result: Comparison, column: str, metric: str) -> float:
    found = result.column(column)
    assert isinstance(found, Column)
    return found.metrics[metric].mean


@pytest.mark.compiled
def test_the_recorded_kernel_comes_first(result: Comparison) -> None:
    assert [column.name for column in result.columns] == ["kernel", *POLICIES]
    assert figure(result, "kernel", "high_order_attempts") == 88
    assert figure(result, "kernel", "high_order_successes") == 63
    assert figure(result, "kernel", "pgsteal_kswapd") > 10_000


@pytest.mark.compiled
def test_every_column_answers_the_same_demand(result: Comparison) -> None:
    assert {figure(result, name, "high_order_attempts") for name in ["kernel", *POLICIES]} == {88}


@pytest.mark.compiled
def test_others_take_what_a_reclaimer_freed(result: Comparison) -> None:
    assert figure(result, "none", "stolen_pages") > 0


@pytest.mark.compiled
def test_nothing_is_withheld_without_capture(
    result: Comparison,
) -> None:
    assert figure(result, "none", "withheld_peak_pages") == 0
    for name in ("whitcroft", "kosaki"):
        assert figure(result, name, "withheld_peak_pages") > 0
        assert figure(result, name, "withheld_page_ms") > 0


@pytest.mark.slow
@pytest.mark.compiled
def test_the_same_run_has_the_same_digest(result: Comparison) -> None:
    assert compare(RECORDING, POLICIES, seeds=1).digest == result.digest


@pytest.mark.compiled
def test_what_is_missing_is_said(result: Comparison) -> None:
    assert any("compaction" in text for text in result.missing)


@pytest.mark.slow
@pytest.mark.compiled
def test_a_sysctl_changes_the_model() -> None:
    more = compare(RECORDING, ["none"], seeds=1, sysctls={"vm.min_free_kbytes": "65536"})
    assert more.digest != compare(RECORDING, ["none"], seeds=1).digest


@pytest.mark.compiled
def test_a_users_policy_runs_as_the_shipped_one_it_repeats(tmp_path: Path, result: Comparison) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(
        "class Mine:\n"
        "    def enters_reclaim(self, order):\n        return order > 3\n"
        "    def takes_neighbour(self, wanted, order):\n        return True\n"
        "    def takes_outsider(self, wanted, order):\n        return True\n"
    )
    column = compare(RECORDING, [str(mine)], seeds=1).columns[1]
    shipped = result.column("whitcroft")
    assert shipped is not None
    assert column.metrics == shipped.metrics


@pytest.mark.parametrize(
    ("policy", "sysctls"),
    [("nonesuch", {}), ("none", {"vm.nonesuch": "1"}), ("none", {"vm.swappiness": "900"})],
)
def test_unknown_names_are_bad_input(policy: str, sysctls: dict[str, str]) -> None:
    with pytest.raises(InputError):
        compare(RECORDING, [policy], seeds=1, sysctls=sysctls)


@pytest.mark.compiled
def test_pages_of_zones_that_are_not_wanted_count_as_refill() -> None:
    several = compare(RECORDING, ["none"], seeds=3)  # not every run shrinks the active list for a small zone
    for name in ("kernel", "none"):
        assert figure(several, name, "pgrefill") > figure(several, name, "pgdeactivate")


@pytest.mark.parametrize(
    ("mode", "compact", "target", "lines"),
    [
        ("0", "1", "0", ["vm.page_capture=0: that is the policy none"]),
        ("2", "0", "0", ["the policy whitcroft", "no column compacts"]),
        ("5", "1", "0", ["the policy kosaki-map"]),
        ("3", "1", "-1", ["the policy kosaki", "wants vm.page_capture_target=-1"]),
    ],
)
def test_what_a_recorded_kernel_with_page_capture_did_is_said(
    mode: str, compact: str, target: str, lines: list[str]
) -> None:
    values = {"vm.page_capture": mode, "vm.page_capture_compact": compact, "vm.page_capture_target": target}
    found = recorded_with(values)
    assert len(found) == len(lines)
    assert all(line in text for line, text in zip(lines, found, strict=True))
    assert recorded_with({"vm.swappiness": "60"}) == []
