"""A sweep: the values it takes, that each is what compare would have given, and that it goes on where it stopped."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from recap.errors import InputError
from recap.lab.compare import compare
from recap.lab.sweep import Sweep, sweep, values_of

HUGETLB = "recordings/hugetlb-1cpu"
PARAMETER = "vm.min_free_kbytes"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a=1,5,3,5", [1, 5, 3]),
        ("a=7", [7]),
        ("a=2048..32768", [2048, 4096, 8192, 16384, 32768]),
        ("a=0..100", [0, 25, 50, 75, 100]),
        ("a=60..100/3", [60, 80, 100]),
        ("a=1..2", [1, 2]),
    ],
)
def test_values(text: str, values: list[int]) -> None:
    assert values_of(text) == ("a", values)


@pytest.mark.parametrize(
    "text", ["", "a", "a=", "=1", "a=1..", "a=2..1", "a=x", "a=1,,2", "a=-1", "a=1..b", "a=0x1", "a=1..9/1"]
)
def test_what_is_no_parameter_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"NAME=LOW\.\.HIGH"):
        values_of(text)


@pytest.mark.parametrize("text", ["a=" + ",".join(map(str, range(65))), "a=1..1000/65", "a=1..1000000000/1000000"])
def test_nobody_waits_for_a_thousand_values(text: str) -> None:
    with pytest.raises(InputError, match="at most 64"):
        values_of(text)


@pytest.mark.slow
@pytest.mark.compiled
def test_each_point_is_what_compare_gives_and_kept_runs_are_not_run_again(tmp_path: Path) -> None:
    ended: list[str] = []

    def run(values: str, *policies: str) -> Sweep:
        told = lambda _done, _total, what: ended.extend([what] if "seed" in what else [])  # noqa: E731
        return sweep(HUGETLB, f"{PARAMETER}={values}", policies, seeds=1, out=tmp_path, progress=told)

    points = run("2048,8192", "none", "kosaki")
    assert len(ended) == 4
    compared = compare(HUGETLB, ["none", "kosaki"], seeds=1, sysctls={PARAMETER: "8192"})
    for policy in ("none", "kosaki"):
        column = compared.column(policy)
        assert column is not None
        assert points.at(8192, policy).metrics == column.metrics
    assert (points.own, points.reference) == (23804, 2048)
    more = run("2048,8192,4096", "none")
    assert ended[4:] == ["4096 none, seed 0"]
    assert msgspec.json.decode((tmp_path / "sweep.json").read_bytes(), type=Sweep) == more
    assert "8,192" in more._repr_html_()


@pytest.mark.slow
@pytest.mark.compiled
def test_an_assumption_is_varied_like_a_parameter() -> None:
    result = sweep(HUGETLB, "assume.cpu_wait=0,100", seeds=1)
    usual = compare(HUGETLB, ["none"], seeds=1).columns[1]
    assert result.at(100, "none").metrics == usual.metrics
    assert result.at(0, "none").metrics["stall_ms"].mean < usual.metrics["stall_ms"].mean


@pytest.mark.compiled
@pytest.mark.parametrize("setting", ["assume.luck=1", "assume.touched=101"])
def test_an_assumption_has_a_name_and_bounds(setting: str) -> None:
    with pytest.raises(InputError, match="assume"):
        sweep(HUGETLB, setting, seeds=1)
