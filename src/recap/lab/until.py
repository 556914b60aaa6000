"""How many seeds are enough: until the intervals of one metric are as narrow as somebody wants them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from recap.errors import InputError
from recap.lab.results import KERNEL, Column

LEAST_SEEDS = 5  # fewer may agree by chance, and their interval is narrow for no reason
MOST_SEEDS = 1000
GROWTH = 2  # the spread of a few seeds is a poor guess of how many are needed
FORM = "write METRIC=±N, for example success_percent=±2"


class Until(NamedTuple):
    """Add seeds until all 95 % intervals of a metric, of means and of differences, are at most this wide either way."""

    metric: str
    half: float

    @classmethod
    def parse(cls, text: str) -> Until:
        """`success_percent=±2`; the sign may be missing, or +-.

        Errors:
            InputError: anything else.
        """
        metric, _, told = text.partition("=")
        try:
            half = float(told.strip().removeprefix("±").removeprefix("+-"))
        except ValueError:
            half = 0.0
        if not metric.strip() or not 0 < half < math.inf:
            raise InputError("--until", text, "is not a metric with a half-width", FORM)
        return cls(metric.strip(), half)

    def widest(self, columns: Sequence[Column]) -> float:
        """Half the width of the widest interval of the metric.

        Errors:
            InputError: a metric that is not counted.
        """
        policies = [column for column in columns if column.name != KERNEL]
        lacking = next((column for column in policies if self.metric not in column.metrics), None)
        if lacking is not None:
            known = ", ".join(lacking.metrics)
            raise InputError("--until", self.metric, "is not counted", f"take one of {known}")
        found = [column.metrics[self.metric] for column in policies]
        return max(one.spread for figure in found for one in (figure, figure.difference) if one is not None)

    def seeds(self, columns: Sequence[Column], done: int) -> int:
        """How many seeds to run next: as many as are done if these are enough, or all that are allowed."""
        excess = self.widest(columns) / self.half
        if excess <= 1:
            return done
        return min(MOST_SEEDS, GROWTH * done, max(done + 1, math.ceil(done * excess**2)))
