"""A limit on what a policy changes, for scripts: broken only where chance does not explain it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recap.errors import InputError
from recap.lab.metric_limit import MetricLimit
from recap.lab.results import KERNEL, Column, Difference

FORM = "write 'METRIC<N', for example 'success_percent < -3', or 'stall_ms > 10%'"


class FailIf(MetricLimit):
    """A difference to the baseline that must not be: `success_percent < -3`, or in percent of the baseline's mean."""

    @classmethod
    def parse(cls, text: str) -> FailIf:
        """What a user wrote.

        Errors:
            InputError: anything else.
        """
        return cls.read("--fail-if", text, FORM)

    def broken(self, columns: Sequence[Column], baseline: str) -> Iterator[str]:
        """A line for each policy whose whole 95 % interval is beyond the limit.

        Errors:
            InputError: there is no difference of the metric.
        """
        base = next(column for column in columns if column.name == baseline)
        for column in columns:
            if column.name not in (KERNEL, baseline):
                yield from self.broken_by(base, column)

    def broken_by(self, base: Column, column: Column) -> Iterator[str]:
        """The same of one column, whose differences are to `base`."""
        change = column.metrics[self.metric].difference if self.metric in column.metrics else None
        if change is None:
            raise InputError("--fail-if", self.metric, "has no difference", "take a metric that all policies have")
        limit = self.limit * abs(base.metrics[self.metric].mean) / 100 if self.percent else self.limit
        if self.beyond(change, limit):
            yield f"{column.name}: {self.metric} {change} against {base.name}, limit {self.side} {self.number}"

    def beyond(self, change: Difference, limit: float) -> bool:
        """Does all of the interval break the limit?"""
        return change.high < limit if self.side == "<" else change.low > limit
