"""What was otherwise in 2.6.27: fallback, the per-cpu lists."""

from __future__ import annotations

from recap.kernel import MIGRATE_RECLAIMABLE, MIGRATE_RESERVE
from tests.reference.buddy import free_block, split, take_smallest
from tests.reference.fallback import move_pageblock, other_type
from tests.reference.state import Pcp, State, Zone


def steal(state: State, zone: Zone, migratetype: int, order: int) -> int | None:
    """Rule 13: the largest foreign block; a large one comes with all that is free in its pageblock."""
    for size in reversed(range(order, state.max_order)):
        rest = other_type(zone, size, migratetype)
        if rest is None:
            continue
        pfn = zone.free[size, rest][0]
        if size >= state.pageblock_order // 2 or migratetype == MIGRATE_RECLAIMABLE:
            if 2 * move_pageblock(state, zone, pfn, migratetype) >= state.block_pages:
                state.pageblock[pfn >> state.pageblock_order] = migratetype
            rest = migratetype
        zone.free[size, rest].remove(pfn)
        if size == state.pageblock_order:
            state.pageblock[pfn >> state.pageblock_order] = migratetype
        split(zone, pfn, size, order, rest)
        state.events["extfrag"] += 1
        return pfn
    return None


def take(state: State, zone: Zone, migratetype: int, order: int) -> int | None:
    """Rule 15: the type's own, others', the reserve."""
    pfn = take_smallest(state, zone, order, migratetype)
    if pfn is None:
        pfn = steal(state, zone, migratetype, order)
    return take_smallest(state, zone, order, MIGRATE_RESERVE) if pfn is None else pfn


def drain(state: State, zone: Zone, pcp: Pcp, pages: int) -> None:
    """Rule 19: from the tail, each by the type its pageblock has now."""
    for pfn in [pcp.lists[0].pop() for _ in range(min(pages, len(pcp.lists[0])))]:
        del state.pcp_type[pfn]
        free_block(state, zone, pfn, 0, state.block_type(pfn))


def put(state: State, zone: Zone, pcp: Pcp, pfn: int) -> None:
    """Rule 19: to the head; too many: a batch goes back."""
    state.pcp_type[pfn] = state.block_type(pfn)
    pcp.lists[0].insert(0, pfn)
    if pcp.count() >= pcp.high:
        drain(state, zone, pcp, pcp.batch)


def get(state: State, zone: Zone, pcp: Pcp, migratetype: int) -> int | None:
    """Rule 18: the first page of the type; if there is none a batch comes before all others."""
    if not any(state.pcp_type[pfn] == migratetype for pfn in pcp.lists[0]):
        batch: list[int] = []
        while len(batch) < pcp.batch and (pfn := take(state, zone, migratetype, 0)) is not None:
            batch.append(pfn)
            state.pcp_type[pfn] = migratetype
        pcp.lists[0][:0] = batch
    found = next((pfn for pfn in pcp.lists[0] if state.pcp_type[pfn] == migratetype), None)
    if found is not None:
        pcp.lists[0].remove(found)
        del state.pcp_type[found]
    return found
