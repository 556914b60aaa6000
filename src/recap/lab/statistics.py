"""Means over seeds and how sure they are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from recap.lab.results import Interval

# Student's t for a two-sided 95 % interval, by degrees of freedom; beyond the table the normal distribution's value.
T_95 = (
    math.inf, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
NORMAL_95 = 1.960


def interval(values: Sequence[float]) -> Interval:
    """The mean of independent runs with its 95 % confidence interval; one run has no spread to tell."""
    n = len(values)
    mean = math.fsum(values) / n
    if n < 2:
        return Interval(mean, mean, mean)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    half = t_95(n - 1) * deviation / math.sqrt(n)
    return Interval(mean, mean - half, mean + half)


def intervals(runs: Sequence[Mapping[str, float]]) -> dict[str, Interval]:
    """The interval of each metric over independent runs."""
    return {metric: interval([run[metric] for run in runs]) for metric in runs[0]}


def prediction(mean: Interval, runs: int) -> Interval:
    """Where one more run is to be expected in 95 % of cases, from the confidence interval of the mean."""
    half = (mean.high - mean.low) / 2 * math.sqrt(runs + 1)
    return Interval(mean.mean, mean.mean - half, mean.mean + half)


def t_95(freedom: float) -> float:
    """Student's t for so many degrees of freedom, rounded down."""
    return T_95[int(freedom)] if freedom < len(T_95) else NORMAL_95


def change_of_mean(before: Sequence[float], after: Sequence[float]) -> Interval:
    """What the mean of `after` is above that of `before`, for runs that are not paired (Welch's interval).

    Each needs two runs at least; without any spread the interval has no width.
    """
    change = math.fsum(after) / len(after) - math.fsum(before) / len(before)
    errors = [squared_error(values) for values in (before, after)]
    total = math.fsum(errors)
    if not total:
        return Interval(change, change, change)
    parts = [error * error / (len(values) - 1) for error, values in zip(errors, (before, after), strict=True)]
    half = t_95(max(1.0, total * total / math.fsum(parts))) * math.sqrt(total)
    return Interval(change, change - half, change + half)


def squared_error(values: Sequence[float]) -> float:
    """The square of a mean's standard error."""
    n = len(values)
    mean = math.fsum(values) / n
    return math.fsum((value - mean) ** 2 for value in values) / (n - 1) / n
