"""Figures from independent runs: how sure a mean is, where one more run is to be expected, how two sides differ.

Student's t is scipy's, loaded when it is first needed: it takes longer to load than the rest of recap.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import correlation
from typing import NamedTuple

from recap.lab.results import Difference, Interval, Range

LEVEL = 0.95  # of every interval; a difference has to be this certain to be named


class MeanEstimate(NamedTuple):
    """A mean, or a difference of means, with its standard error and the degrees of freedom of that."""

    value: float
    error: float
    freedom: float

    def interval(self) -> Interval:
        """With its 95 % confidence interval."""
        half = self.error * t_95(self.freedom) if self.error else 0.0
        return Interval(self.value, self.value - half, self.value + half)

    def p(self) -> float:
        """How often chance alone makes something at least as far from zero."""
        if not self.error:
            return float(self.value == 0)
        from scipy.special import stdtr  # noqa: PLC0415 (see above)

        return 2 * float(stdtr(self.freedom, -abs(self.value / self.error)))


def t_95(freedom: float) -> float:
    """Student's t of a two-sided 95 % interval."""
    from scipy.special import stdtrit  # noqa: PLC0415 (see above)

    return float(stdtrit(freedom, (1 + LEVEL) / 2))


def estimate(values: Sequence[float]) -> MeanEstimate:
    """The mean of independent runs. Equal ones have no error, and a single one has none that could be known."""
    n = len(values)
    if min(values) == max(values):
        return MeanEstimate(values[0], 0.0, max(1, n - 1))
    mean = math.fsum(values) / n
    variance = math.fsum((value - mean) ** 2 for value in values) / (n - 1)
    return MeanEstimate(mean, math.sqrt(variance / n), n - 1)


def interval(values: Sequence[float]) -> Interval:
    """The mean of independent runs with its 95 % confidence interval; a single run has no width."""
    return estimate(values).interval()


def prediction(values: Sequence[float]) -> Range:
    """The range in which 95 % of further runs are expected, from at least two runs."""
    mean = estimate(values)
    half = t_95(mean.freedom) * mean.error * math.sqrt(len(values) + 1) if mean.error else 0.0
    return Range(mean.value - half, mean.value + half)


def percentile(value: float, values: Sequence[float]) -> float:
    """How many percent of the runs are below a value; equal ones count half."""
    below = sum(run < value for run in values) + sum(run == value for run in values) / 2
    return 100 * below / len(values)


def unpaired(before: Sequence[float], after: Sequence[float]) -> MeanEstimate:
    """How far the mean of `after` is above that of `before`, by Welch: the two may scatter differently."""
    first, second = estimate(before), estimate(after)
    squares = (first.error**2, second.error**2)
    total = math.fsum(squares)
    parts = math.fsum(square**2 / one.freedom for square, one in zip(squares, (first, second), strict=True))
    return MeanEstimate(second.value - first.value, math.sqrt(total), total**2 / parts if parts else 1.0)


def paired(before: Sequence[float], after: Sequence[float]) -> MeanEstimate:
    """The same, taken within each seed: what a seed does to both sides cancels out."""
    return estimate([b - a for a, b in zip(before, after, strict=True)])


def change_of_mean(before: Sequence[float], after: Sequence[float]) -> Interval:
    """How far the mean of `after` is above that of `before`, for runs that are not paired."""
    return unpaired(before, after).interval()


def difference(before: Sequence[float], after: Sequence[float], *, same_seeds: bool) -> Difference:
    """How far `after` is above `before`, each of at least two runs.

    Runs of the same seeds, in the same order, are paired where the seeds are seen to move both sides alike. Taking
    whichever interval is narrower would find too many differences; bench/intervals.py measures how many this rule does.
    """
    pairs = same_seeds and move_together(before, after)
    found = (paired if pairs else unpaired)(before, after)
    value, p = found.interval(), found.p()
    return Difference(value.mean, value.low, value.high, p=p, adjusted=p, paired=pairs)


def move_together(before: Sequence[float], after: Sequence[float]) -> bool:
    """Is the correlation over seeds positive, by a one-sided test of 5 %?"""
    freedom = len(before) - 2
    if freedom < 1 or min(before) == max(before) or min(after) == max(after):
        return False
    r = correlation(before, after)
    if r >= 1:
        return True
    return MeanEstimate(r, math.sqrt((1 - r * r) / freedom), freedom).p() / 2 < 1 - LEVEL and r > 0


def holm(chances: Sequence[float]) -> list[float]:
    """p values corrected for how many there are: at 5 %, one false alarm in twenty tables rather than in each."""
    found, least = [1.0] * len(chances), 0.0
    for rank, i in enumerate(sorted(range(len(chances)), key=chances.__getitem__)):
        least = max(least, min(1.0, chances[i] * (len(chances) - rank)))
        found[i] = least
    return found
