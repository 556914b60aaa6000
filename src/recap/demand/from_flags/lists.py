"""Which frames are on which list: free blocks, per-cpu lists, LRU lists, each in the order in which the seed puts them.

Buddies that are both free are always merged, so that the free frames say what the free blocks are. What was on a
per-cpu list shows when it is used. Reclaim takes pages off the tail of an LRU list: those it took stand in the order
in which it did.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recap.demand.from_flags.evidence import NEVER, Firsts
from recap.demand.from_flags.seen import Seen
from recap.kernel import MIGRATE_MOVABLE, MIGRATE_PCPTYPES
from recap.pages import Array
from recap.trace import Event, Events, PcpState
from recap.trace.kpageflags import KPF, has, mask
from recap.trace.snapshot import FREE, LRU, MAX_ORDER, PAGEBLOCK_ORDER, PAGEBLOCK_PAGES, PCP, PCP_TYPES, frames

HUGE_LIST = 12  # NR_LOWORDER_PCP_LISTS
NR_LISTS = 4


def rows(kind: int, a: int | Array, b: int | Array, c: int | Array, pfns: Array) -> Array:
    """Rows of a snapshot's lists."""
    found = np.empty((len(pfns), 5), np.int64)
    for column, value in enumerate((kind, a, b, c, pfns)):
        found[:, column] = value
    return found


def free_lists(seen: Seen, types: Array) -> Array:
    """The free blocks, in the order of their frames."""
    found = []
    for zone in seen.zones:
        pfns = np.arange(zone.start_pfn, zone.start_pfn + zone.spanned)
        heads, orders = merged(pfns[has(seen.flags[pfns], KPF.BUDDY)])
        found.append(rows(FREE, zone.index, orders, types[heads // PAGEBLOCK_PAGES], heads))
    return np.concatenate(found)


def merged(pfns: Array) -> tuple[Array, Array]:
    """Free frames, sorted, as blocks: first frames and orders."""
    heads, orders = [pfns[:0]], [pfns[:0]]
    for order in range(MAX_ORDER + 1):
        lower = np.flatnonzero(pfns[:-1] >> order + 1 == pfns[1:] >> order + 1)
        if order == MAX_ORDER:
            lower = lower[:0]
        single = np.ones(len(pfns), np.bool_)
        single[lower] = single[lower + 1] = False
        heads.append(pfns[single])
        orders.append(np.full(len(heads[-1]), order))
        pfns = pfns[lower]
    first, order_of = np.concatenate(heads), np.concatenate(orders)
    by_frame = np.argsort(first)
    return first[by_frame], order_of[by_frame]


@dataclass(frozen=True, eq=False)
class PcpLists:
    """What is on the per-cpu lists: rows of a snapshot's lists, and how many of the pages the trace did not tell."""

    rows: Array
    count: dict[tuple[int, int], int]  # pages, by zone index and CPU
    pages: int
    drawn: int


def pcp_lists(seen: Seen, first: Firsts, types: Array, draw: np.random.Generator) -> PcpLists:
    """As many pages for each CPU as zoneinfo counts: those that the trace uses first, then frames without any flag and
    any event, drawn."""
    unclaimed = seen.flags == 0
    told = first.on_pcp(unclaimed)
    silent = unclaimed & (first.part == NEVER)
    silent[frames(told, first.order[told].astype(np.int64))] = False
    found, count, pages, drawn = [rows(PCP, 0, 0, 0, np.empty(0, np.int64))], {}, 0, 0
    for zone in seen.zones:
        inside = np.arange(zone.start_pfn, zone.start_pfn + zone.spanned)
        spare = draw.permutation(inside[silent[inside]])
        for pcp in (pcp for pcp in seen.pcps if pcp.zone == zone.index):
            mine = told[(zone.start_pfn <= told) & (told < inside[-1] + 1) & (first.cpu[told] == pcp.cpu)]
            held = int((1 << first.order[mine].astype(np.int64)).sum())
            more, spare = np.split(spare, [min(len(spare), max(0, pcp.count - held))])
            found += [used(first, pcp, mine), unused(pcp, types, more)]
            count[pcp.zone, pcp.cpu] = held + len(more)
            pages, drawn = pages + held + len(more), drawn + len(more)
    return PcpLists(np.concatenate(found), count, pages, drawn)


def used(first: Firsts, pcp: PcpState, pfns: Array) -> Array:
    """Pages that the trace takes off the head of their list, in its order, or off the tail."""
    row = np.where(first.is_a(Event.MM_PAGE_ALLOC)[pfns], first.row[pfns], NEVER - first.row[pfns])
    pfns = pfns[np.argsort(row, kind="stable")]
    kind = np.minimum(first.migratetype[pfns], MIGRATE_PCPTYPES)
    kind = np.where(kind == MIGRATE_PCPTYPES, MIGRATE_MOVABLE, kind)
    order = first.order[pfns].astype(np.int64)
    number = np.where(order == PAGEBLOCK_ORDER, HUGE_LIST, order * PCP_TYPES + kind)
    return rows(PCP, pcp.zone, number, pcp.cpu, pfns)


def unused(pcp: PcpState, types: Array, pfns: Array) -> Array:
    """Pages drawn: single ones, on the list of their pageblock's type."""
    kind = types[pfns // PAGEBLOCK_PAGES].astype(np.int64)
    return rows(PCP, pcp.zone, np.where(kind < MIGRATE_PCPTYPES, kind, MIGRATE_MOVABLE), pcp.cpu, pfns)


@dataclass(frozen=True, eq=False)
class LruPlan:
    """The pages of an LRU list: those whose order is known, tail first, and the others.

    Args:
        number: of the list.
        placed: what reclaim took, in its order.
        others: the rest.
        among: how many of the others stand between those, by what reclaim looked at and left.
    """

    number: int
    placed: Array
    others: Array
    among: int

    def rows(self, draw: np.random.Generator) -> Array:
        """The list, head first."""
        others = draw.permutation(self.others)
        places = len(self.placed) + self.among
        tail = np.empty(places, np.int64)
        taken = np.zeros(places, np.bool_)
        taken[np.sort(draw.permutation(places)[: len(self.placed)])] = True
        tail[taken], tail[~taken] = self.placed, others[: self.among]
        return rows(LRU, 0, self.number, 0, np.concatenate((others[self.among :], tail[::-1])))


def lru_plans(seen: Seen, events: Events, first: Firsts, draw: np.random.Generator) -> tuple[list[LruPlan], int]:
    """All four lists, and how many pages had to be drawn to be active."""
    flags = seen.flags
    inside = np.zeros(len(flags), np.bool_)
    for zone in seen.zones:
        inside[zone.start_pfn : zone.start_pfn + zone.spanned] = True
    pages = inside & (flags & mask(KPF.LRU, KPF.UNEVICTABLE, KPF.COMPOUND_TAIL) == mask(KPF.LRU))
    anonymous = flags & mask(KPF.ANON, KPF.SWAPBACKED) != 0
    plans, drawn = [], 0
    for kind, which in enumerate((pages & anonymous, pages & ~anonymous)):
        pfns = np.flatnonzero(which)
        active, promoted = activity(seen, pfns, kind, draw)
        drawn += promoted
        for is_active, part in enumerate((pfns[~active], pfns[active])):
            plans.append(plan(events, first, 2 * kind + is_active, part))
    return plans, drawn


def activity(seen: Seen, pfns: Array, kind: int, draw: np.random.Generator) -> tuple[Array, int]:
    """Which pages are active, and how many of them were drawn: a multi-generational LRU has the flag on none."""
    active = has(seen.flags[pfns], KPF.ACTIVE)
    missing = seen.active[kind] - int(active.sum())
    if active.any() or missing <= 0:
        return active, 0
    candidates = draw.permutation(pfns.size)
    referenced = has(seen.flags[pfns[candidates]], KPF.REFERENCED)
    chosen = candidates[np.argsort(~referenced, kind="stable")][:missing]
    active[chosen] = True
    return active, len(chosen)


def plan(events: Events, first: Firsts, number: int, pfns: Array) -> LruPlan:
    """One list: reclaim leaves pages of it where they are in use."""
    row = first.reclaimed[pfns]
    placed = pfns[row != NEVER][np.argsort(row[row != NEVER], kind="stable")]
    others = pfns[row == NEVER]
    last = int(first.reclaimed[placed[-1]]) if len(placed) else 0
    among = looked_at(events, number, last, len(placed)) - len(placed)
    return LruPlan(number, placed, others, min(len(others), max(0, among)))


def looked_at(events: Events, number: int, last: int, taken: int) -> int:
    """About how many pages of a list reclaim looked at up to a row, of those that were there at the start."""
    active = number & 1
    kind = Event.MM_VMSCAN_LRU_SHRINK_ACTIVE if active else Event.MM_VMSCAN_LRU_SHRINK_INACTIVE
    bit = 1 if number < 2 else 2  # RECLAIM_WB_ANON, RECLAIM_WB_FILE
    rows = np.flatnonzero((events.event[:last] == np.uint8(kind)) & (events.order[:last] & bit != 0))
    scanned = int(events.a[rows].clip(0).sum())
    if active:
        return scanned
    freed = int(events.b[rows].clip(0).sum())
    return taken * scanned // freed if freed else 0
