"""A recording under the rules of other kernels, and the recorded kernel's own."""

from pathlib import Path

import pytest

from recap.errors import InputError
from recap.kernel import LINUX_6_1, LINUX_6_18
from recap.lab.compare import compare
from recap.lab.kernels import column_of, kernel_named, on_kernels, recorded_kernel
from recap.policy import candidates
from recap.trace import Recording

CLASSIC, MGLRU = Path("recordings/hugetlb-1cpu"), Path("recordings/mglru-6.18")


@pytest.mark.parametrize(
    ("name", "mglru"),
    [("6.1", False), ("6.1-mglru", True), ("6.8", False), ("6.12", True), ("6.18", True), ("6.18-classic", False)],
)
def test_a_kernel_has_debians_lru_unless_told_otherwise(name: str, mglru: bool) -> None:
    assert kernel_named(name).rules.multi_gen_lru == mglru


@pytest.mark.parametrize("name", ["6", "6.0", "6.19", "2.6.27", "6.18-lumpy", "none", "6.1 "])
def test_other_kernels_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="--kernel"):
        kernel_named(name)


def test_a_column_for_each_policy_and_kernel() -> None:
    columns = on_kernels(list(candidates(["none", "kosaki"]).values()), ["6.1", "6.18"])
    assert [column.name for column in columns] == [
        "none on 6.1",
        "kosaki on 6.1",
        "none on 6.18",
        "kosaki on 6.18",
    ]
    assert len({column.identity for column in columns}) == 4


def test_a_recording_has_its_own_kernel() -> None:
    for path, own, mglru in ((CLASSIC, LINUX_6_1, False), (MGLRU, LINUX_6_18, True)):
        snapshot = Recording(path).snapshot(0)
        assert snapshot is not None
        assert recorded_kernel(snapshot).rules == own.having(multi_gen_lru=mglru).rules


def test_which_column_models_the_recorded_kernel() -> None:
    own = LINUX_6_18.having(multi_gen_lru=True)
    assert column_of("none", own, ()) == "none"
    assert column_of("none", own, ("6.1", "6.18")) == "none on 6.18"
    assert column_of("none", own, ("6.1", "6.18-classic")) == ""


@pytest.mark.compiled
def test_the_same_demand_on_two_kernels() -> None:
    result = compare(MGLRU, ["none"], seeds=1, kernels=["6.1", "6.18"])
    assert [column.name for column in result.columns] == ["kernel", "none on 6.1", "none on 6.18"]
    assert (result.baseline, result.model) == ("none on 6.1", "none on 6.18")
    assert any("what tasks would do on another kernel is not known" in line for line in result.assumptions)


@pytest.mark.compiled
def test_generations_scan_hardly_more_than_they_free() -> None:
    """As the recorded kernel does."""
    result = compare(MGLRU, ["none"], seeds=1)
    for column in result.columns:
        scanned, freed = (
            sum(column.metrics[f"{name}_{who}"].mean for who in ("kswapd", "direct")) for name in ("pgscan", "pgsteal")
        )
        assert freed <= scanned < 1.5 * freed, column.name
