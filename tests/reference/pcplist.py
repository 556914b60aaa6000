"""Per-cpu lists: what a CPU freed it gets back first; they fill and drain in batches."""

from __future__ import annotations

from recap.kernel import MIGRATE_MOVABLE, MIGRATE_PCPTYPES, NR_PCP_LISTS
from tests.reference import fallback, linux_6_18
from tests.reference.buddy import free_block
from tests.reference.state import Pcp, State, Zone
from tests.reference.watermark import Try

MOST_DOUBLINGS = 5


def holds(state: State, order: int) -> bool:
    """Small orders, and huge pages."""
    return order <= 3 or order == state.pageblock_order


def list_number(order: int, migratetype: int) -> int:
    if order > 3:
        return 13 if migratetype == MIGRATE_MOVABLE else 12
    return 3 * order + migratetype


def drain(state: State, zone: Zone, pcp: Pcp, pages: int, first: int) -> None:
    """Give back so many pages or more: list after list in a circle, each from its tail till it is empty."""
    pages = min(pages, pcp.count())
    i = first
    while pages > 0:
        while pages > 0 and pcp.lists[i]:
            pfn = pcp.lists[i].pop()
            free_block(state, zone, pfn, pcp.order(i), state.pcp_type.pop(pfn))
            pages -= 1 << pcp.order(i)
        i = (i + 1) % NR_PCP_LISTS


def drain_all(state: State) -> None:
    """CPU by CPU, zone by zone, in bites of 32 batches."""
    for cpu in range(len(state.zones[0].pcps)):
        for zone in state.zones:
            pcp = zone.pcps[cpu]
            while pcp.count():
                drain(state, zone, pcp, pcp.batch << MOST_DOUBLINGS, 0)


def limit(zone: Zone, pcp: Pcp, freeing_high_orders: bool) -> int:
    """How many pages the lists may hold: none in a run of high-order frees, few in a zone under reclaim."""
    if freeing_high_orders:
        return 0
    return min(pcp.high, 4 * pcp.batch) if zone.reclaim_active else pcp.high


def how_many_to_give_back(pcp: Pcp, high: int) -> int:
    """A batch, doubled with every overflow since the last allocation, leaving a batch on the lists."""
    if high < pcp.batch:
        return 1
    pages = pcp.batch << pcp.free_factor
    if pages < high - pcp.batch:
        pcp.free_factor = min(pcp.free_factor + 1, MOST_DOUBLINGS)
    return min(pages, high - pcp.batch)


def put(state: State, zone: Zone, pcp: Pcp, pfn: int, order: int) -> None:
    """A freed block goes to the head of its list; what is too much goes on to the free lists.

    A reserved (HIGHATOMIC) block waits among the movable ones.
    """
    mt = state.pcp_type[pfn] = state.block_type(pfn)
    i = list_number(order, mt if mt < MIGRATE_PCPTYPES else MIGRATE_MOVABLE)
    if state.new:
        linux_6_18.put(state, zone, pcp, pfn, order, i)
        return
    pcp.lists[i].insert(0, pfn)
    freeing_high_orders = pcp.free_factor > 0 and 1 <= order <= 3
    high = limit(zone, pcp, freeing_high_orders)
    if pcp.count() >= high:
        pages = pcp.count() if freeing_high_orders else how_many_to_give_back(pcp, high)
        drain(state, zone, pcp, pages, i)


def get(state: State, zone: Zone, pcp: Pcp, tried: Try) -> int | None:
    """The head of the list; an empty one is filled first, in the order the free lists give."""
    pcp.free_factor //= 2
    pcp.free_count //= 2
    blocks = pcp.lists[list_number(tried.order, tried.migratetype)]
    if not blocks and state.new:
        blocks += linux_6_18.fill(state, zone, pcp, tried)
        state.pcp_type.update(dict.fromkeys(blocks, tried.migratetype))
    elif not blocks:
        batch = pcp.batch if pcp.batch == 1 else max(pcp.batch >> tried.order, 2)
        for _ in range(batch):
            pfn = fallback.take(state, zone, tried.migratetype, tried)
            if pfn is None:
                break
            blocks.append(pfn)
            state.pcp_type[pfn] = tried.migratetype
    if not blocks:
        return None
    del state.pcp_type[blocks[0]]
    return blocks.pop(0)
