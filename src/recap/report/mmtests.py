"""A comparison in the form of mmtests' compare-kernels: what kernel developers paste into their mails.

Figures with a better direction are `Amean` rows; in brackets stands by how many percent the column is better (+) or
worse (-) than the baseline (`inf` where that is 0), between asterisks where the 95 % intervals share no point. All
others are `Ops` rows.
"""

from __future__ import annotations

import math

from recap.lab.results import METRICS, Column, Comparison
from recap.report.conclusions import BASELINE, KERNEL

WIDTH = 23
METRIC = {metric.name: metric for metric in METRICS}


def mmtests(result: Comparison) -> str:
    """The whole text; the recorded kernel is a column without a judgement."""
    names = list(dict.fromkeys(name for column in result.columns for name in column.metrics))
    judged = [name for name in names if name in METRIC and METRIC[name].better]
    title = max(map(len, names), default=0) + 1
    heads = "".join(f"{column.name[:WIDTH]:>{WIDTH}}" for column in result.columns)
    lines = [result.source, " " * (6 + title) + heads]
    lines += [
        f"Amean {name:<{title}}{''.join(amean(name, column, result) for column in result.columns)}" for name in judged
    ]
    lines += ["", " " * (6 + title) + heads]
    lines += [
        f"Ops   {name:<{title}}{''.join(ops(name, column) for column in result.columns)}"
        for name in names
        if name not in judged
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def amean(name: str, column: Column, result: Comparison) -> str:
    """`  450.00 (   0.00%)`."""
    value = column.metrics.get(name)
    if value is None:
        return f"{'-':>{WIDTH}}"
    baseline = result.column(BASELINE)
    reference = baseline.metrics.get(name) if baseline else None
    if column.name == KERNEL or reference is None:
        return f"{value.mean:>{WIDTH - 11}.2f}{'':11}"
    change = value.mean - reference.mean
    percent = 100 * change / reference.mean if reference.mean else math.copysign(math.inf, change) if change else 0.0
    gain = (percent if METRIC[name].better == "more" else -percent) or 0.0
    left, right = ("*", "*") if value.apart_from(reference) else ("(", ")")
    return f"{value.mean:>{WIDTH - 11}.2f} {left}{gain:7.2f}%{right}"


def ops(name: str, column: Column) -> str:
    """A plain figure."""
    value = column.metrics.get(name)
    return f"{'-':>{WIDTH}}" if value is None else f"{value.mean:>{WIDTH}.2f}"
