"""What reclaim costs in CPU time, measured in a trace: how long kswapd's usual batches took, by what they did.

A page's cost is a median, because a few batches take milliseconds more: interrupts and the host of a virtual machine.
What batches took beside that is kept as a distribution, of kswapd's and of direct reclaim's apart.

After the lists of a pass come the shrinkers, who look at the same share of their objects as the pass did of its lists
(do_shrink_slab: both are what there is, shifted by the priority). So the time they take grows with the pages of the
pass, and how it does is measured too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from recap.demand.running import own_time
from recap.pages import Array
from recap.trace import Event, Events

BATCH = 32
GEN_BATCH = 64
LEAST = 10  # batches of a kind from which it counts as measured
LONG_SKIP = 8 * BATCH
LOOKED_NS = 105  # python kernel/question.py kernel/runs.jsonl: no recording of an unchanged kernel tells it
NEAREST = 8  # recorded passes that tell at least what a pass of some size is followed by
SAME_SIZE = 0.5  # powers of two by which passes of a size differ

SHRINK_ACTIVE, SHRINK_INACTIVE = (
    np.uint8(Event.MM_VMSCAN_LRU_SHRINK_ACTIVE),
    np.uint8(Event.MM_VMSCAN_LRU_SHRINK_INACTIVE),
)
RECLAIM_WB_ANON = 1  # of a batch's flags


def nothing() -> Array:
    """A time that is always none."""
    return np.zeros(1, np.int64)


@dataclass(frozen=True, eq=False)
class Passes:
    """What followed passes over the lists: each one's pages, and ns beside those that its pages account for, up to the
    first batch of the next; by size."""

    pages: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    took: Array = field(default_factory=lambda: np.zeros(0, np.int64))

    def after(self, pages: int) -> Array:
        """What may follow a pass of this size: what followed recorded ones of its size, or those nearest to it where
        there are few, scaled to it."""
        if not len(self.pages):
            return nothing()
        away = np.abs(np.log2(self.pages / pages))
        near = np.argsort(away, kind="stable")[: max(NEAREST, np.count_nonzero(away < SAME_SIZE))]
        return np.asarray((self.took[near] * (pages / self.pages[near])).astype(np.int64))


@dataclass(frozen=True, eq=False)
class Batches:
    """Batches of a task: from an active list?, of which list, pages scanned, stolen, written, ns the task ran since the
    one before, and whether a pass began with it.

    The pages that an active list was asked for are those taken.
    """

    active: Array
    lru: Array
    pages: Array
    stolen: Array
    written: Array
    took: Array
    first: Array  # of a round: what came before is not reclaim

    def opens_pass(self) -> Array:
        """Which batches begin another pass: they go on with a list of which a last, smaller batch was taken."""
        opens = np.zeros(len(self.lru), bool)
        done: set[int] = set()
        columns = (self.lru, self.pages, self.first)
        for k, (lru, pages, first) in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
            opens[k] = lru in done and not first
            if first or opens[k]:
                done = set()
            if pages < BATCH:
                done.add(lru)
        return opens


@dataclass(frozen=True, eq=False)
class ReclaimCosts:
    """ns of CPU time for each page, and what to draw from (ns): what a batch took more or less than its pages."""

    scanned: int = 1_000  # of an inactive list, taken off and judged
    stolen: int = 0  # besides, if it is freed
    deactivated: int = 1_000  # of an active list
    written: int = 0  # besides, if it is handed to the device
    skipped: int = 0  # of a zone that is not wanted, passed over
    looked: int = LOOKED_NS  # of a block around a reclaimed page, looked at by a policy that asks what reclaim can free
    delays: Array = field(default_factory=nothing)  # of kswapd's batches, but for the first of a pass
    first_delays: Array = field(default_factory=nothing)  # of the first batches of its rounds
    direct_delays: Array = field(default_factory=nothing)  # of direct reclaim's
    passes: Passes = field(default_factory=Passes)
    batch: int = BATCH  # pages that a batch judges; what is more of it was passed over

    def of_pages(self, active: Array, pages: Array, stolen: Array, written: Array) -> Array:
        """What batches cost without their delays; `Batches` tells what the arguments are."""
        judged = np.minimum(pages, self.batch)
        inactive = judged * self.scanned + (pages - judged) * self.skipped + stolen * self.stolen
        return np.asarray(np.where(active, judged * self.deactivated, inactive) + written * self.written)

    def beyond(self, batches: Batches) -> Array:
        """What batches took beside that."""
        return batches.took - self.of_pages(batches.active, batches.pages, batches.stolen, batches.written)


def reclaim_costs(events: Events) -> ReclaimCosts | None:
    """What a trace tells; None if kswapd hardly worked, or its batches were not traced."""
    kswapd = [pid for pid, comm in events.comms.items() if comm.startswith("kswapd")]
    batches = joined([batches_of(events, pid, KSWAPD_MARKS) for pid in kswapd])
    costs = (page_costs(batches) or generation_costs(batches)) if batches else None
    if batches is None or costs is None:
        return None
    beyond, opens = costs.beyond(batches), batches.opens_pass()
    number = np.cumsum(opens | batches.first)
    pages = np.bincount(number, batches.pages)[number - 1]  # of the pass before
    passes = by_size(pages[opens], beyond[opens].astype(np.int64))
    first = np.sort(beyond[batches.first]).astype(np.int64)
    delays = np.sort(beyond[~opens & ~batches.first]).astype(np.int64)
    return replace(
        costs,
        delays=delays if len(delays) else nothing(),
        first_delays=first if len(first) else nothing(),
        direct_delays=direct_delays(events, costs, delays),
        passes=passes,
    )


def by_size(pages: Array, took: Array) -> Passes:
    """Passes in order of their pages."""
    order = np.argsort(pages, kind="stable")
    return Passes(np.maximum(pages[order], 1).astype(np.int64), took[order])


def direct_delays(events: Events, costs: ReclaimCosts, kswapds: Array) -> Array:
    """What direct reclaim's batches took beside their pages, the shrinkers after its small passes included; kswapd's if
    there were few."""
    begins = events.event == np.uint8(Event.MM_VMSCAN_DIRECT_RECLAIM_BEGIN)
    found = joined([batches_of(events, int(pid), DIRECT_MARKS) for pid in np.unique(events.pid[begins])])
    if found is None or len(found.lru) < LEAST:
        return kswapds
    return np.sort(costs.beyond(found)).astype(np.int64)


def page_costs(batches: Batches) -> ReclaimCosts | None:
    """What batches tell of the cost of pages; None if that is too little."""
    active, pages, stolen, written, took = (
        getattr(batches, name) for name in ("active", "pages", "stolen", "written", "took")
    )
    full = ~active & (pages == BATCH)
    idle = usual(took[full & (stolen == 0) & (written == 0)])
    fruitful = usual(took[full & (stolen == BATCH) & (written == 0)])
    if fruitful is None:
        return None
    scanned = (fruitful / 4 if idle is None else min(idle, fruitful)) / BATCH
    freed = fruitful / BATCH - scanned
    rest = took - scanned * np.minimum(pages, BATCH) - freed * stolen
    out = written >= BATCH // 2
    far = ~active & (pages > LONG_SKIP) & (written == 0)
    deactivated = usual(took[active & (pages == BATCH)])
    write = usual(rest[out] / written[out])
    skipped = usual(rest[far] / (pages[far] - BATCH), 1)
    return ReclaimCosts(
        scanned=round(scanned),
        stolen=round(freed),
        deactivated=round(scanned / 2 if deactivated is None else deactivated / BATCH),
        written=max(0, round(2 * freed if write is None else write)),
        skipped=max(0, round(scanned / 10 if skipped is None else skipped)),
    )


def generation_costs(batches: Batches) -> ReclaimCosts | None:
    """The same of the multi-generational LRU, whose batches have 64 pages; it sorts others into younger generations."""
    full = (batches.pages >= GEN_BATCH) & (batches.written == 0)
    whole = full & (batches.stolen == batches.pages)
    page = usual(batches.took[whole] / batches.pages[whole])
    if page is None:
        return None
    sorted_pages = np.maximum(batches.pages - GEN_BATCH, 1)
    far = full & (batches.pages > 2 * GEN_BATCH) & (batches.stolen >= GEN_BATCH // 2)
    passed = usual((batches.took - page * batches.stolen)[far] / sorted_pages[far])
    out = batches.written >= BATCH // 2
    written = usual((batches.took - page * batches.pages)[out] / batches.written[out])
    return ReclaimCosts(
        scanned=round(page / 4),
        stolen=round(page * 3 / 4),
        deactivated=round(page / 8),
        written=max(0, round(2 * page if written is None else written)),
        skipped=max(0, round(page / 10 if passed is None else passed)),
        batch=GEN_BATCH,
    )


def usual(times: Array, least: int = LEAST) -> float | None:
    """The median, if there are enough."""
    return float(np.median(times)) if len(times) >= least else None


# What begins and what ends the time that batches share, of kswapd and of who reclaims directly.
KSWAPD_MARKS = (Event.MM_VMSCAN_KSWAPD_WAKE, None)
DIRECT_MARKS = (Event.MM_VMSCAN_DIRECT_RECLAIM_BEGIN, Event.MM_VMSCAN_DIRECT_RECLAIM_END)


def batches_of(events: Events, pid: int, marks: tuple[Event, Event | None]) -> Batches:
    """The batches of one task between these marks; the time from its last to the end is the last one's."""
    rows, ran = own_time(events, pid)
    event = events.event[rows]
    begin = event == np.uint8(marks[0])
    end = event == np.uint8(marks[1]) if marks[1] is not None else np.zeros(len(event), bool)
    active = event == SHRINK_ACTIVE
    batch = active | (event == SHRINK_INACTIVE)
    at = np.flatnonzero(batch | begin | end)
    inside = np.cumsum(begin[at].astype(int) - end[at]) > 0 if marks[1] is not None else np.ones(len(at), bool)
    took = np.diff(ran[at], prepend=ran[at[:1]])
    last = np.append(end[at[1:]], False)
    took += np.where(last, np.append(took[1:], 0), 0)
    wrote = np.cumsum(event == np.uint8(Event.MM_VMSCAN_WRITE_FOLIO))[at]
    written = np.diff(wrote, prepend=wrote[:1])
    first = np.append(False, begin[at[:-1]])[: len(at)]
    keep = np.flatnonzero(batch[at] & inside)
    keep = keep[keep > 0]
    chosen = rows[at[keep]]
    anon = (events.order[chosen] & RECLAIM_WB_ANON) != 0
    is_active = active[at[keep]]
    return Batches(
        active=is_active,
        lru=np.where(anon, 0, 2) + is_active,
        pages=events.a[chosen],
        stolen=np.where(is_active, 0, events.b[chosen]),
        written=written[keep],
        took=took[keep],
        first=first[keep],
    )


def joined(found: list[Batches]) -> Batches | None:
    """Those of several tasks; None of none."""
    if not found:
        return None
    return Batches(**{name: np.concatenate([getattr(one, name) for one in found]) for name in Batches.__annotations__})
