"""A comparison in the form of mmtests' compare-mmtests.pl: what kernel developers paste into their mails.

As there a row begins with its statistic and its operation, a figure has 12 places, and in brackets stands by how many
percent it is better (+) or worse (-) than the baseline, between asterisks where the difference is significant. The
passes of stress-highalloc are the operations 1, 2 and 3; counters without a better direction are a table without
brackets, like that of mmtests' vmstat monitor. Two things differ: a figure that a column does not have is `-`, not 0,
and from something to nothing is 100 percent either way.
"""

from __future__ import annotations

from collections.abc import Callable

from recap.demand.highalloc import PASSES
from recap.lab.results import KERNEL, METRICS, Column, Comparison, Interval

FIELD = 12
COMPARED = FIELD + 11  # ` (%7.2f%%)` behind the figure
MORE = {f"{name} success_percent": str(i) for i, name in enumerate(PASSES, 1)}
BETTER = {metric.name: metric.better for metric in METRICS if metric.better} | dict.fromkeys(MORE, "more")


def mmtests(result: Comparison) -> str:
    """The whole text; the recorded kernel is a column without a judgement."""
    names = list(dict.fromkeys(name for column in result.columns for name in column.metrics))
    judged = [name for name in names if name in BETTER and name not in MORE]
    plain = [name for name in names if name not in BETTER]
    wide = max([FIELD, *(len(column.name) + 1 for column in result.columns)])
    passes = [name for name in MORE if name in names]
    tables = [
        table(result, {name: f"Ops {MORE[name]}" for name in passes}, COMPARED, compared),
        table(result, labels("Amean", judged), COMPARED, compared),
        table(result, labels("Ops", plain), wide, lambda name, column, _: counted(name, column, wide)),
    ]
    return "\n".join([f"{result.source}\n", *filter(None, tables)])


def labels(statistic: str, names: list[str]) -> dict[str, str]:
    """How the rows begin."""
    width = max(map(len, names), default=0)
    return {name: f"{statistic} {name:<{width}}" for name in names}


def table(
    result: Comparison, rows: dict[str, str], width: int, cell: Callable[[str, Column, Column | None], str]
) -> str:
    """Two lines of heads, then the rows; empty if there is none."""
    if not rows:
        return ""
    margin = " " * max(map(len, rows.values()))
    kinds = "".join(f"{'recorded' if column.name == KERNEL else 'model':>{width}}" for column in result.columns)
    names = "".join(f"{column.name[: width - 1]:>{width}}" for column in result.columns)
    baseline = result.column(result.baseline)
    lines = [margin + kinds, margin + names]
    lines += [
        label + "".join(cell(name, column, baseline) for column in result.columns) for name, label in rows.items()
    ]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def compared(name: str, column: Column, baseline: Column | None) -> str:
    """`      450.00 (   0.00%)`."""
    value = column.metrics.get(name)
    if value is None:
        return f"{'-':>{FIELD}}{'':11}"
    reference = baseline.metrics.get(name) if baseline else None
    if column.name == KERNEL or reference is None:
        return f"{value.mean:{FIELD}.2f}{'':11}"
    left, right = ("*", "*") if value.differs else ("(", ")")
    return f"{value.mean:{FIELD}.2f} {left}{gain(value, reference, BETTER[name]):7.2f}%{right}"


def gain(value: Interval, reference: Interval, better: str | None) -> float:
    """By how many percent a mean is better; where the baseline is 0, as mmtests has it (pdiff, pndiff)."""
    if value.mean == reference.mean:
        return 0.0
    if reference.mean == 0:
        return 100.0 if better == "more" else -99.0
    percent = 100 * (value.mean - reference.mean) / reference.mean
    return percent if better == "more" else -percent


def counted(name: str, column: Column, width: int) -> str:
    """A plain figure."""
    value = column.metrics.get(name)
    return f"{'-':>{width}}" if value is None else f"{value.mean:>{width}.2f}"
