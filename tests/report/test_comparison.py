"""A comparison as it is printed, and the sentences drawn from it."""

from collections.abc import Callable

import msgspec
import pytest
from rich.console import RenderableType

from recap.lab.results import METRICS, Column, Comparison, Difference, Figure, Range, listed
from recap.report.comparison import BRIEF, MARK, OUTSIDE, cell, comparison, comparison_in_brief, everything, judgement
from recap.report.conclusions import NO_VERDICT, conclusions
from recap.report.numbers import beside, ordinal


def change(mean: float, half: float = 0.0, p: float = 0.5, *, paired: bool = False) -> Difference:
    return Difference(mean, mean - half, mean + half, p=p, adjusted=p, paired=paired)


def around(mean: float, half: float = 0.0, difference: Difference | None = None) -> Figure:
    return Figure(mean, mean - half, mean + half, difference=difference)


def recorded(value: float, percentile: float, low: float, high: float) -> Figure:
    return Figure(value, value, value, percentile=percentile, prediction=Range(low, high))


def column(name: str, seeds: int = 5, **metrics: Figure) -> Column:
    return Column(name, name, seeds, {"oom_kills": around(0, difference=change(0, p=1)), **metrics})


KERNEL = column(
    "kernel",
    seeds=1,
    high_order_attempts=around(68),
    high_order_successes=recorded(63, 80, 57.6, 64.8),
    success_percent=recorded(92.6, 80, 84.7, 95.3),
    allocstall=recorded(35, 0, 35.2, 45.2),
    compact_stall=recorded(98, 40, 78, 124),
    pgsteal_kswapd=recorded(39_382, 0, 39_500, 42_500),
)
NONE = column(
    "none",
    high_order_attempts=around(68),
    high_order_successes=around(61.2, 1.4),
    success_percent=around(90.0, 2.1),
    stolen_pages=around(5_120, 200),
    withheld_peak_pages=around(0),
    allocstall=around(40.2, 3.1),
    compact_stall=around(101, 9),
    pgsteal_kswapd=around(41_004, 800),
    drop_slab=around(0),
)
WHITCROFT = column(
    "whitcroft",
    high_order_attempts=around(68),
    high_order_successes=around(66.4, 0.9, change(5.2, 1.5, 0.001)),
    success_percent=around(97.6, 1.3, change(7.6, 2.2, 0.001)),
    stolen_pages=around(12, 4, change(-5_108, 190, 0.0001)),
    withheld_peak_pages=around(1_234, 56, change(1_234, 56, 0.0001)),
    allocstall=around(61.0, 5.5, change(20.8, 5.1, 0.002, paired=True)),
    compact_stall=around(99, 7, change(-2, 9)),
    pgsteal_kswapd=around(30_100, 900, change(-10_904, 1_000, 0.0001)),
    drop_slab=around(3, 1, change(3, 1, 0.04)),
)
KOSAKI = column(
    "kosaki",
    high_order_attempts=around(68),
    high_order_successes=around(62, 1, change(0.8, 1.4)),
    success_percent=around(91.2, 1.5, change(1.2, 2.1)),
    stolen_pages=around(40, 9, change(-5_080, 190, 0.0001)),
    withheld_peak_pages=around(310, 21, change(310, 21, 0.0001)),
    allocstall=around(42.0, 2.5, change(1.8, 3.2)),
    compact_stall=around(100, 8, change(-1, 10)),
    pgsteal_kswapd=around(40_900, 700, change(-104, 850)),
    drop_slab=around(0, difference=change(0, p=1)),
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
    model="none",
)


def with_columns(*columns: Column) -> Comparison:
    return msgspec.structs.replace(RESULT, columns=list(columns))


def changed(base: Column, name: str, **metrics: Figure) -> Column:
    return Column(name, name, base.seeds, {**base.metrics, **metrics})


@pytest.mark.parametrize(
    ("name", "render", "result"),
    [
        ("compare-recording.txt", comparison, RESULT),
        ("compare-verbose.txt", everything, RESULT),
        ("compare-brief.txt", comparison_in_brief, RESULT),
        ("compare-one-seed.txt", comparison, with_columns(column("none", 1, withheld_peak_pages=around(3)))),
    ],
)
def test_printed(
    name: str,
    render: Callable[[Comparison], RenderableType],
    result: Comparison,
    printed: Callable[[RenderableType], str],
    golden: Callable[[str, str], None],
) -> None:
    golden(name, printed(render(result)))


def test_every_metric_of_every_column_can_be_printed(printed: Callable[[RenderableType], str]) -> None:
    text = printed(everything(RESULT))
    for shown in RESULT.columns:
        for name, value in shown.metrics.items():
            row = next(line for line in text.splitlines() if line.split()[:1] == [name])
            assert beside(value) in row


def test_brief_has_ten_rows_after_the_conclusions(printed: Callable[[RenderableType], str]) -> None:
    everywhere = changed(NONE, "none", **{metric.name: around(1) for metric in METRICS})
    text = printed(comparison_in_brief(with_columns(everywhere)))
    assert sum(line.split()[:1] == [metric.name] for line in text.splitlines() for metric in METRICS) == 10
    assert len(set(BRIEF)) == 10
    assert "drop_slab" not in text
    assert printed(comparison_in_brief(RESULT)).startswith("How far to trust it")


def test_a_mark_needs_a_difference_that_is_certain() -> None:
    assert MARK not in cell("success_percent", changed(NONE, "rival", success_percent=around(99, 1))).plain
    assert MARK not in cell("x", changed(NONE, "rival", x=around(99, 1, change(9, 1, 0.05)))).plain
    assert MARK in cell("x", changed(NONE, "rival", x=around(99, 1, change(9, 1, 0.049)))).plain


def test_the_kernels_figure_is_marked_where_no_run_of_its_model_is_expected() -> None:
    assert OUTSIDE in cell("allocstall", KERNEL).plain
    assert OUTSIDE not in cell("success_percent", KERNEL).plain


def test_better_is_green_worse_is_red_either_way_round() -> None:
    assert judgement("success_percent", change(1)) == "green"
    assert judgement("success_percent", change(-1)) == "red"
    assert judgement("stolen_pages", change(1)) == "red"
    assert judgement("stolen_pages", change(-1)) == "green"
    assert judgement("pgscan_kswapd", change(-1)) == "bold"
    assert judgement("drop_slab", change(-1)) == "bold"


def test_metrics_are_listed_once() -> None:
    names = [metric.name for metric in METRICS]
    assert len(names) == len(set(names))


def test_the_sentences_follow_the_figures() -> None:
    worse = changed(NONE, "rival", success_percent=around(70.0, 3.0, change(-20, 4, 0.01)))
    better = changed(NONE, "rival", success_percent=around(99.0, 0.5, change(9, 3, 0.01)))
    same = changed(NONE, "rival", success_percent=around(91.0, 3.0, change(1, 4)))
    gains = [conclusions(with_columns(NONE, rival))[0] for rival in (worse, better, same)]
    assert "rival serves 20 ±4 points fewer" in gains[0]
    assert "rival serves 9 ±3 points more" in gains[1]
    assert "rival shows no certain difference" in gains[2]


def test_one_seed_gives_no_verdict() -> None:
    base = changed(NONE, "none", success_percent=around(90))
    rival = changed(NONE, "rival", success_percent=around(99))
    one = [msgspec.structs.replace(column, seeds=1) for column in (base, rival)]
    assert conclusions(with_columns(*one)) == [NO_VERDICT]


@pytest.mark.parametrize(
    ("real", "words"),
    [
        (
            recorded(92.0, 80, 85, 95),
            "from 85.0 to 95.0 % (95 % prediction interval): the kernel is inside, at the 80th",
        ),
        (recorded(96.0, 100, 85, 95), "is outside, above all 5 runs"),
        (recorded(84.0, 0, 85, 95), "is outside, below all 5 runs"),
        (around(84.0), "One seed does not show"),
    ],
)
def test_trust_is_measured_by_where_one_more_run_would_be(real: Figure, words: str) -> None:
    kernel = changed(KERNEL, "kernel", success_percent=real)
    assert words in conclusions(with_columns(kernel, NONE))[0]


def test_a_model_of_another_machine_than_the_recorded_one_is_not_held_against_it() -> None:
    changes = msgspec.structs.replace(RESULT, model="", sysctls={"vm.swappiness": "10"})
    assert "it ran with other settings" in conclusions(changes)[0]
    assert "by the rules of another policy" in conclusions(msgspec.structs.replace(RESULT, model=""))[0]


def test_deaths_are_named_where_they_differ() -> None:
    deadly = changed(KOSAKI, "deadly", oom_kills=around(2, 1, change(2, 1, 0.01)))
    assert "no policy certainly changes the number of OOM kills" in conclusions(with_columns(NONE, KOSAKI))[-1]
    assert "OOM kills are 0 for none, 2 (deadly)" in conclusions(with_columns(NONE, KOSAKI, deadly))[-1]


def test_ordinals() -> None:
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 100, 111)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "100th", "111th",
    ]  # fmt: skip


def test_without_a_baseline_nothing_is_concluded() -> None:
    assert conclusions(with_columns(KERNEL, KOSAKI)) == []
    assert len(conclusions(with_columns(KERNEL, NONE))) == 1
    assert len(conclusions(RESULT)) == 3


def test_listed() -> None:
    assert [listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
