"""`METRIC<N`: how a limit on a metric is written, wherever one is taken."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from recap.errors import InputError

WRITTEN = re.compile(r"\s*(?P<metric>.+?)\s*(?P<side>[<>])\s*(?P<limit>[-+]?\d+(\.\d+)?)\s*(?P<percent>%?)\s*")


@dataclass(frozen=True)
class MetricLimit:
    """A limit, in the metric's unit or in percent; what it limits is said by the classes that are one."""

    metric: str
    side: str
    limit: float
    percent: bool

    @classmethod
    def read(cls, option: str, text: str, form: str) -> Self:
        """What a user wrote after an option.

        Errors:
            InputError: anything else.
        """
        found = WRITTEN.fullmatch(text)
        if found is None:
            raise InputError(option, text, "is not a limit on a metric", form)
        return cls(found["metric"], found["side"], float(found["limit"]), bool(found["percent"]))

    @property
    def number(self) -> str:
        """The limit as it was written."""
        return f"{self.limit:g}{' %' if self.percent else ''}"

    def __str__(self) -> str:
        """All of it."""
        return f"{self.metric} {self.side} {self.number}"
