"""A limit that a metric's mean must keep, of its own or in percent of what it is now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from recap.errors import InputError
from recap.lab.metric_limit import MetricLimit

FORM = "write 'METRIC<N', for example 'stall_ms<110%' of what it is now, or 'oom_kills<1'"
TOUCHED = 1e-9  # a mean that equals the limit is not below it
Runs = Sequence[Mapping[str, float]]


class Bound(MetricLimit):
    """`stall_ms<110%`: at most 110 % of the mean of the machine's own setting."""

    @classmethod
    def parse(cls, text: str) -> Bound:
        """What a user wrote.

        Errors:
            InputError: anything else.
        """
        return cls.read("--limit", text, FORM)

    def excess(self, runs: Runs, own: Runs, source: str) -> float:
        """How far the mean is on the wrong side, as a share of the limit; above 0 where it is broken.

        Errors:
            InputError: nobody counts this metric.
        """
        if self.metric not in runs[0]:
            raise InputError(source, self.metric, "is not counted", f"limit one of {', '.join(runs[0])}")
        limit = self.limit / 100 * mean(own, self.metric) if self.percent else self.limit
        over = mean(runs, self.metric) - limit
        return (over if self.side == "<" else -over) / (abs(limit) or 1.0) or TOUCHED


def mean(runs: Runs, metric: str) -> float:
    """Over all runs."""
    return sum(run[metric] for run in runs) / len(runs)
