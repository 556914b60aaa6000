"""Which kernel's rule for the per-cpu lists a recording follows: how many blocks refills take and drains give back.

    python bench/pcp_rules.py RECORDING...

Needs no list order, only what `recap record` saves: sizes follow from counts. Each refill and drain of the trace is
held against the rule of 6.1 (refills take a batch, drains double) and that of 6.7 and later (refills double too, drains
give what was freed in a row, and `high` moves between `high_min` and `high_max`). The counts at the start are from
/proc/zoneinfo, read while the machine ran, and bulk allocations are not in the trace: where the lists must have held
more or less than counted, the count is corrected. So sizes are tested, not when a drain comes.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from recap.trace import NO_PFN, Event, Events, Recording

BATCH_SCALE_MAX = 5  # CONFIG_PCP_BATCH_SCALE_MAX
COSTLY_ORDER = 3
PAGEBLOCK_ORDER = 9
LARGEST_BLOCK = 1 << PAGEBLOCK_ORDER


@dataclass
class Old:
    """The rule of 6.1 (nr_pcp_free of 5.14)."""

    count: int
    high: int
    batch: int
    factor: int = 0

    def refill(self, order: int) -> int:
        """How many blocks a refill takes."""
        return max(self.batch >> order, 2) if self.batch > 1 else self.batch

    def taken(self) -> None:
        """An allocation from the lists."""
        self.factor >>= 1

    def freed(self, order: int) -> int:
        """A free to the lists, whose pages are counted already: how many pages are given back."""
        free_high = self.factor > 0 and 0 < order <= COSTLY_ORDER
        if self.count < (0 if free_high else self.high):
            return 0
        if free_high:
            return self.count
        batch, most = self.batch << self.factor, self.high - self.batch
        if batch < most and self.factor < BATCH_SCALE_MAX:
            self.factor += 1
        return min(batch, most)


@dataclass
class New:
    """The rule since 6.7 (nr_pcp_alloc, nr_pcp_high, nr_pcp_free), without reclaim."""

    count: int
    high: int
    batch: int
    high_min: int
    high_max: int
    factor: int = 0
    free_count: int = 0
    freed_high: bool = False

    def refill(self, order: int) -> int:
        """How many blocks a refill takes."""
        if self.high < self.batch:
            return 1
        batch = self.batch if order else self.batch << self.factor
        self.high = min(max(self.high, self.high_min) + batch, self.high_max)
        if not order:
            most = max(self.high - self.count - self.batch, self.batch)
            if batch <= most and self.factor < BATCH_SCALE_MAX:
                self.factor += 1
            batch = min(batch, most)
        return max(batch >> order, 2) if batch > 1 else batch

    def taken(self) -> None:
        """An allocation from the lists."""
        self.free_count >>= 1

    def freed(self, order: int) -> int:
        """A free to the lists, whose pages are counted already: how many pages are given back."""
        self.factor >>= 1
        high_order = 0 < order <= COSTLY_ORDER
        free_high = high_order and self.free_count >= self.batch and self.freed_high
        self.freed_high = high_order
        if self.free_count < self.batch << BATCH_SCALE_MAX:
            self.free_count += 1 << order
        self.high = min(max(self.high, self.high_min), self.high_max)
        high = self.high
        if free_high:
            self.high = max(high - (self.batch << BATCH_SCALE_MAX), self.high_min)
            return min(self.count, self.batch << BATCH_SCALE_MAX)
        if self.count < high:
            return 0
        self.high = max(self.high, min(self.free_count + self.batch, self.high_max))
        return min(max(self.free_count, self.batch), high - self.batch)


@dataclass
class Free:
    """A free to the lists: what they were like before, how many pages it should give back, and gave."""

    before: Old | New
    order: int
    wanted: int
    got: int = 0


@dataclass
class Lists:
    """One CPU's lists of one zone under a rule, set right by what the trace tells."""

    rule: Old | New
    refills: Counter[bool] = field(default_factory=Counter)
    drains: Counter[bool] = field(default_factory=Counter)
    mended: int = 0
    last: Free | None = None

    def taken(self, order: int, blocks: int) -> None:
        """An allocation, after a refill of that many blocks."""
        if blocks:
            self.refills[self.rule.refill(order) == blocks] += 1
        self.rule.taken()
        self.rule.count += (blocks - 1) << order

    def freed(self, order: int) -> None:
        """A free."""
        self.rule.count += 1 << order
        before = replace(self.rule)
        self.last = Free(before, order, self.rule.freed(order))

    def drained(self, order: int) -> None:
        """A block was given back, by a free or by somebody else."""
        self.rule.count -= 1 << order
        if self.last:
            self.last.got += 1 << order

    def settle(self) -> None:
        """Hold what the last free gave back against the rule."""
        last, self.last = self.last, None
        if last is None or not (last.got or last.wanted):
            return
        if not last.got:
            self.mended += 1
            self.rule.count = self.rule.high - 1
            return
        wanted = last.wanted
        if not wanted:
            self.mended += 1
            self.rule = last.before
            self.rule.count = self.rule.high
            wanted = self.rule.freed(last.order)
            self.rule.count -= last.got
        # A block of a higher order may give more than was asked for.
        self.drains[wanted <= last.got < wanted + LARGEST_BLOCK] += 1


def lists_of(recording: Recording, kind: type[Old] | type[New]) -> tuple[list[int], dict[tuple[int, int], Lists]]:
    """Where zones begin, and the lists of each zone and CPU as /proc tells of them."""
    zones = [zone for zone in recording.zoneinfo(0) if zone.counters.get("managed")]
    found = {}
    for number, zone in enumerate(zones):
        for cpu, told in zone.pagesets.items():
            low = told.get("high_min", told["high"])
            if kind is Old:
                rule: Old | New = Old(told["count"], low, told["batch"])
            else:
                rule = New(told["count"], told["high"], told["batch"], low, told.get("high_max", low))
            found[number, cpu] = Lists(rule)
    return [zone.counters["start_pfn"] for zone in zones], found


def from_start(recording: Recording) -> Events:
    """The events from the START mark on, behind which /proc/zoneinfo was read."""
    events = recording.events
    start = int(np.searchsorted(events.time, recording.start)) if recording.start is not None else 0
    return events.slice(start, len(events))


def steps(events: Events) -> Iterator[tuple[Event, int, int, int]]:
    """Kind, CPU, page frame and order; the frees of a batch where they are made, not where they are announced."""
    rows = [n for n in range(len(events)) if events.event[n] <= Event.MM_PAGE_ALLOC_ZONE_LOCKED]
    announced: dict[int, int] = {}
    batched = {}
    for n in rows:
        pfn = int(events.pfn[n])
        if events.event[n] == Event.MM_PAGE_FREE:
            announced[pfn] = n
        elif events.event[n] == Event.MM_PAGE_FREE_BATCHED and pfn in announced:
            batched[n] = announced.pop(pfn)
    early = set(batched.values())
    for n in rows:
        kind = Event(int(events.event[n]))
        if kind is Event.MM_PAGE_FREE_BATCHED:
            if n in batched:
                yield Event.MM_PAGE_FREE, int(events.cpu[n]), int(events.pfn[n]), int(events.order[batched[n]])
        elif n not in early:
            yield kind, int(events.cpu[n]), int(events.pfn[n]), int(events.order[n])


def follow(recording: Recording, kind: type[Old] | type[New]) -> list[Lists]:
    """All lists at the end of a recording."""
    starts, lists = lists_of(recording, kind)
    waiting: Counter[int] = Counter()  # blocks a CPU took from the free lists since it last made an allocation
    for what, cpu, pfn, order in steps(from_start(recording)):
        if pfn == NO_PFN or (order > COSTLY_ORDER and order != PAGEBLOCK_ORDER):
            continue
        mine = lists[max(n for n, start in enumerate(starts) if pfn >= start), cpu]
        if what is Event.MM_PAGE_PCPU_DRAIN:
            mine.drained(order)
            continue
        mine.settle()
        if what is Event.MM_PAGE_ALLOC_ZONE_LOCKED:
            waiting[cpu] += 1
        elif what is Event.MM_PAGE_ALLOC:
            mine.taken(order, waiting.pop(cpu, 0))
        else:
            mine.freed(order)
    return list(lists.values())


def share(counts: Iterable[Counter[bool]]) -> str:
    """Those that were right, of all."""
    found: Counter[bool] = sum(counts, Counter())
    return f"{found[True]:6} of {found.total():6} ({found[True] / max(1, found.total()):.3f})"


def main() -> None:
    """Print the figures."""
    for name in sys.argv[1:]:
        for kind, said in ((Old, "6.1"), (New, "6.7")):
            lists = follow(Recording(name), kind)
            refills, drains = share(one.refills for one in lists), share(one.drains for one in lists)
            mended = sum(one.mended for one in lists)
            print(f"{Path(name).name:14} rule of {said}: refills {refills}, drains {drains}, count mended {mended}")


if __name__ == "__main__":
    main()
