"""Who asked for what, and did not get it: the requests of a trace, counted piece by piece."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recap.lab.information import Failure, Fallback, OrderCount, Share
from recap.trace import NO_PFN, Event, Events
from recap.trace.occupancy import NR_ORDERS

MOST_NAMES = 12  # of a list of who and what
MIGRATETYPES = ("Unmovable", "Movable", "Reclaimable", "HighAtomic", "CMA", "Isolate")
ORDERS = 256  # that the table's column can hold
PAGES = np.array([0, *(1 << order for order in range(NR_ORDERS))], np.int64)  # by size: nothing, order 0, order 1 ...
SIZE_BITS = 4

Longs = npt.NDArray[np.int64]
Name = Callable[[int], str]


@dataclass(frozen=True, slots=True)
class Allocations:
    """The requests of a piece: row in the table, order, how much each got, flags, whether it failed."""

    row: Longs
    order: npt.NDArray[np.uint8]
    size: npt.NDArray[np.uint8]  # of what they got, as PAGES counts it
    flags: npt.NDArray[np.uint32]
    migratetype: npt.NDArray[np.int8]
    pid: npt.NDArray[np.int32]
    failed: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, events: Events) -> Allocations:
        """Those of a table."""
        row = np.flatnonzero(events.event == Event.MM_PAGE_ALLOC)
        failed = events.pfn[row] == NO_PFN
        order = events.order[row]
        size = np.where(failed | (order >= NR_ORDERS), 0, order + 1).astype(np.uint8)
        return cls(row, order, size, events.flags[row], events.migratetype[row], events.pid[row], failed)

    @property
    def pages(self) -> Longs:
        """How many each got."""
        return PAGES[self.size]


class Shares:
    """Requests and pages by what they have in common."""

    def __init__(self) -> None:
        self.requests: Counter[int] = Counter()
        self.pages: Counter[int] = Counter()

    def add(self, keys: npt.NDArray[Any], sizes: npt.NDArray[np.uint8]) -> None:
        """Some more requests."""
        # One sort of numbers, which is ten times as fast as one that keeps track of rows.
        both, counts = np.unique(keys.astype(np.int64) << SIZE_BITS | sizes, return_counts=True)
        pages = counts * PAGES[both & (1 << SIZE_BITS) - 1]
        for value, count, amount in zip((both >> SIZE_BITS).tolist(), counts.tolist(), pages.tolist(), strict=True):
            self.requests[value] += count
            self.pages[value] += amount

    def largest(self, name: Name) -> list[Share]:
        """The names with most pages, and what all others come to."""
        found: dict[str, tuple[int, int]] = {}
        for value in sorted(self.requests):
            before = found.get(name(value), (0, 0))
            found[name(value)] = before[0] + self.requests[value], before[1] + self.pages[value]
        ranked = sorted(found.items(), key=lambda item: (-item[1][1], item[0]))
        shares = [Share(called, count, amount) for called, (count, amount) in ranked[:MOST_NAMES]]
        rest = [amounts for _, amounts in ranked[MOST_NAMES:]]
        if rest:
            shares.append(Share(f"{len(rest)} others", sum(r for r, _ in rest), sum(p for _, p in rest)))
        return shares


class RequestTally:
    """All requests so far, by order, flags, migratetype and task; and those that failed or fell back."""

    def __init__(self) -> None:
        self.by_order: Longs = np.zeros((2, ORDERS), np.int64)  # all, and failed
        self.flags, self.migratetypes, self.pids = Shares(), Shares(), Shares()
        self.failures: Counter[tuple[int, int, int]] = Counter()
        self.taken: Counter[tuple[int, int]] = Counter()

    def add(self, events: Events, allocations: Allocations) -> None:
        """A piece's."""
        failed = np.flatnonzero(allocations.failed)
        self.by_order[0] += np.bincount(allocations.order, minlength=ORDERS)
        self.by_order[1] += np.bincount(allocations.order[failed], minlength=ORDERS)
        self.flags.add(allocations.flags, allocations.size)
        self.migratetypes.add(allocations.migratetype, allocations.size)
        self.pids.add(allocations.pid, allocations.size)
        order, flags, pid = (
            column[failed].tolist() for column in (allocations.order, allocations.flags, allocations.pid)
        )
        self.failures.update(zip(order, flags, pid, strict=True))
        fell = np.flatnonzero(events.event == Event.MM_PAGE_ALLOC_EXTFRAG)
        self.taken.update(zip(events.migratetype[fell].tolist(), events.b[fell].tolist(), strict=True))

    @property
    def count(self) -> int:
        """Of all requests."""
        return int(self.by_order[0].sum())

    @property
    def pages(self) -> int:
        """That they got."""
        return self.pids.pages.total()

    @property
    def failed(self) -> int:
        """How many got nothing."""
        return int(self.by_order[1].sum())

    def orders(self) -> Iterator[OrderCount]:
        """Requests of each order."""
        for order in np.flatnonzero(self.by_order[0]).tolist():
            yield OrderCount(order, int(self.by_order[0, order]), int(self.by_order[1, order]))

    def failures_by(self, flags: Name, who: Name) -> list[Failure]:
        """Requests that got nothing, by order, flags and task."""
        found: Counter[tuple[int, str, str]] = Counter()
        for (order, bits, pid), count in self.failures.items():
            found[order, flags(bits), who(pid)] += count
        ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
        return [Failure(*key, count) for key, count in ranked[:MOST_NAMES]]

    def fallbacks(self) -> list[Fallback]:
        """Blocks taken from another migratetype's free lists."""
        found = [
            Fallback(migratetype(wanted), migratetype(taken), count)
            for (wanted, taken), count in sorted(self.taken.items())
        ]
        return sorted(found, key=lambda fallback: -fallback.count)


def flag_names(value: int, names: dict[int, str]) -> str:
    """The bits of a flag word by name, the way the kernel prints them: the longest names first."""
    parts = []
    for bits, name in names.items():
        if bits and value & bits == bits:
            parts.append(name)
            value &= ~bits
    if value or not parts:
        parts.append(f"{value:#x}")
    return "|".join(parts)


def migratetype(number: int) -> str:
    """A migratetype's name."""
    return MIGRATETYPES[number] if 0 <= number < 4 else f"type {number}"
