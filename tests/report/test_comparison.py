"""A comparison as it is printed, and the sentences drawn from it."""

from collections.abc import Callable

import msgspec
import pytest
from rich.console import RenderableType

from recap.lab.results import METRICS, Column, Comparison, Interval, listed
from recap.report.comparison import MARK, cell, comparison, judgement
from recap.report.conclusions import conclusions


def around(mean: float, half: float = 0.0) -> Interval:
    return Interval(mean, mean - half, mean + half)


def column(name: str, seeds: int = 5, **metrics: Interval) -> Column:
    return Column(name, name, seeds, {"oom_kills": around(0), **metrics})


KERNEL = column(
    "kernel",
    seeds=1,
    high_order_attempts=around(68),
    high_order_successes=around(63),
    success_percent=around(92.6),
    allocstall_dma32=around(35),
    compact_stall=around(98),
    pgsteal_kswapd=around(39_382),
)
NONE = column(
    "none",
    high_order_attempts=around(68),
    high_order_successes=around(61.2, 1.4),
    success_percent=around(90.0, 2.1),
    stolen_pages=around(5_120, 200),
    withheld_peak_pages=around(0),
    allocstall_dma32=around(40.2, 3.1),
    compact_stall=around(101, 9),
    pgsteal_kswapd=around(41_004, 800),
    drop_slab=around(0),
)
WHITCROFT = column(
    "whitcroft",
    high_order_attempts=around(68),
    high_order_successes=around(66.4, 0.9),
    success_percent=around(97.6, 1.3),
    stolen_pages=around(12, 4),
    withheld_peak_pages=around(1_234, 56),
    allocstall_dma32=around(61.0, 5.5),
    compact_stall=around(99, 7),
    pgsteal_kswapd=around(30_100, 900),
    drop_slab=around(3, 1),
)
KOSAKI = column(
    "kosaki",
    high_order_attempts=around(68),
    high_order_successes=around(62, 1),
    success_percent=around(91.2, 1.5),
    stolen_pages=around(40, 9),
    withheld_peak_pages=around(310, 21),
    allocstall_dma32=around(42.0, 2.5),
    compact_stall=around(100, 8),
    pgsteal_kswapd=around(40_900, 700),
    drop_slab=around(0),
)
RESULT = Comparison(
    source="recordings/hugetlb-1cpu",
    columns=[KERNEL, NONE, WHITCROFT, KOSAKI],
    assumptions=[
        "after its start the recording tells nothing of references: a page is young when an event names it",
        "the disk answers as fast as it did",
    ],
    missing=["slab shrinkers"],
    digest="0" * 64,
)


def with_columns(*columns: Column) -> Comparison:
    return msgspec.structs.replace(RESULT, columns=list(columns))


def changed(base: Column, name: str, **metrics: Interval) -> Column:
    return Column(name, name, base.seeds, {**base.metrics, **metrics})


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("compare-recording.txt", RESULT),
        ("compare-one-seed.txt", with_columns(column("none", 1, withheld_peak_pages=around(3)))),
    ],
)
def test_printed(
    name: str,
    result: Comparison,
    printed: Callable[[RenderableType], str],
    golden: Callable[[str, str], None],
) -> None:
    golden(name, printed(comparison(result)))


def test_every_metric_of_every_column_is_printed(printed: Callable[[RenderableType], str]) -> None:
    text = printed(comparison(RESULT))
    for shown in RESULT.columns:
        for name, value in shown.metrics.items():
            row = next(line for line in text.splitlines() if line.split()[:1] == [name])
            assert str(value) in row


def test_a_mark_needs_intervals_that_share_no_point() -> None:
    def marked(mean: float, half: float) -> bool:
        rival = changed(NONE, "rival", success_percent=around(mean, half))
        return MARK in cell("success_percent", rival, NONE).plain

    assert not marked(90.0, 2.1)
    assert not marked(93.0, 0.9)  # meets the baseline's upper end, 92.1
    assert marked(93.0, 0.8)
    assert marked(80.0, 1.0)
    assert MARK not in cell("success_percent", KERNEL, column("none", success_percent=around(1))).plain


def test_better_is_green_worse_is_red_either_way_round() -> None:
    assert judgement("success_percent", around(2), around(1)) == "green"
    assert judgement("success_percent", around(1), around(2)) == "red"
    assert judgement("stolen_pages", around(2), around(1)) == "red"
    assert judgement("stolen_pages", around(1), around(2)) == "green"
    assert judgement("pgscan_kswapd", around(1), around(2)) == "bold"
    assert judgement("drop_slab", around(1), around(2)) == "bold"


def test_metrics_are_listed_once() -> None:
    names = [metric.name for metric in METRICS]
    assert len(names) == len(set(names))


def test_the_sentences_follow_the_figures() -> None:
    worse = changed(NONE, "rival", success_percent=around(70.0, 3.0))
    better = changed(NONE, "rival", success_percent=around(99.0, 0.5))
    same = changed(NONE, "rival", success_percent=around(91.0, 3.0))
    gains = [conclusions(with_columns(NONE, rival))[0] for rival in (worse, better, same)]
    assert "rival serves 20.0 points fewer" in gains[0]
    assert "rival serves 9.0 points more" in gains[1]
    assert "rival cannot be told from it" in gains[2]


@pytest.mark.parametrize(("real", "where"), [(92.0, "inside"), (92.2, "outside"), (87.0, "outside")])
def test_trust_is_measured_by_the_models_interval(real: float, where: str) -> None:
    kernel = changed(KERNEL, "kernel", success_percent=around(real))
    assert f"lies {where} the model's" in conclusions(with_columns(kernel, NONE))[0]


def test_deaths_are_named_where_they_differ() -> None:
    deadly = changed(KOSAKI, "deadly", oom_kills=around(2, 1))
    assert "no policy changes the number of OOM kills" in conclusions(with_columns(NONE, KOSAKI))[-1]
    assert "OOM kills are 0 for none, 2 (deadly)" in conclusions(with_columns(NONE, KOSAKI, deadly))[-1]


def test_without_a_baseline_nothing_is_concluded() -> None:
    assert conclusions(with_columns(KERNEL, KOSAKI)) == []
    assert len(conclusions(with_columns(KERNEL, NONE))) == 1
    assert len(conclusions(RESULT)) == 3


def test_listed() -> None:
    assert [listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
