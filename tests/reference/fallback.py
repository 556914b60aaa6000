"""When a type's own lists are empty: whose block is taken, and whether its pageblock changes hands."""

from __future__ import annotations

from recap.kernel import (
    MIGRATE_HIGHATOMIC,
    MIGRATE_MOVABLE,
    MIGRATE_PCPTYPES,
    MIGRATE_RECLAIMABLE,
    MIGRATE_TYPES,
    MIGRATE_UNMOVABLE,
    WMARK_HIGH,
)
from tests.reference.buddy import take_smallest
from tests.reference.state import State, Zone
from tests.reference.watermark import Try

FALLBACKS = {
    MIGRATE_UNMOVABLE: (MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE),
    MIGRATE_MOVABLE: (MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE),
    MIGRATE_RECLAIMABLE: (MIGRATE_UNMOVABLE, MIGRATE_MOVABLE),
}
BOOST_FACTOR = 15000  # vm.watermark_boost_factor


def other_type(zone: Zone, order: int, migratetype: int) -> int | None:
    """The first type in the order of fallbacks that has a free block of this very order."""
    return next((mt for mt in FALLBACKS[migratetype] if zone.free[order, mt]), None)


def wants_whole_block(state: State, order: int, migratetype: int) -> bool:
    """Large blocks and types that pollute try for the pageblock; small movable requests do not."""
    return order >= state.pageblock_order // 2 or migratetype != MIGRATE_MOVABLE


def choose(state: State, zone: Zone, migratetype: int, tried: Try) -> tuple[int, int] | None:
    """(order, type) to take: the largest there is; the smallest if the pageblock is not to be had anyway."""
    orders = range(tried.order, state.max_order)
    if tried.nofragment:
        orders = range(max(tried.order, state.pageblock_order), state.max_order)
    found = [(size, mt) for size in orders if (mt := other_type(zone, size, migratetype)) is not None]
    if not found:
        return None
    return found[-1] if wants_whole_block(state, found[-1][0], migratetype) else found[0]


def move_to_type(zone: Zone, pfn: int, order: int, migratetype: int) -> None:
    """A free block goes to the tail of another type's list."""
    for mt in range(MIGRATE_TYPES):
        if pfn in zone.free[order, mt]:
            zone.free[order, mt].remove(pfn)
    zone.free[order, migratetype].append(pfn)


def free_blocks_of(state: State, zone: Zone, pfn: int) -> list[tuple[int, int]]:
    """(first frame, order) of what is free in a pageblock, lowest frame first."""
    block = pfn >> state.pageblock_order
    return sorted(
        (at, order) for (order, _), pfns in zone.free.items() for at in pfns if at >> state.pageblock_order == block
    )


def move_to_head(zone: Zone, pfn: int, order: int, migratetype: int) -> None:
    """A free block goes to the head of another type's list: 2.6.27."""
    move_to_type(zone, pfn, order, migratetype)
    zone.free[order, migratetype].insert(0, zone.free[order, migratetype].pop())


def move_pageblock(state: State, zone: Zone, pfn: int, migratetype: int) -> int:
    """All that is free in a pageblock goes to another type's lists; so many pages."""
    blocks = free_blocks_of(state, zone, pfn)
    for at, order in blocks:
        (move_to_head if state.old else move_to_type)(zone, at, order, migratetype)
    return sum(1 << order for _, order in blocks)


def boost_watermark(state: State, zone: Zone) -> bool:
    """Mixing types raises the zone's marks by a pageblock, up to a limit; not in zones of less than four."""
    limit = zone.watermark[WMARK_HIGH] * BOOST_FACTOR // 10000
    if zone.managed < 4 * state.block_pages or limit == 0:
        return False
    zone.watermark_boost = min(zone.watermark_boost + state.block_pages, max(limit, state.block_pages))
    return True


def steal(state: State, zone: Zone, pfn: int, order: int, migratetype: int, tried: Try) -> None:
    """Move a foreign block to the request's list, or all that is free in its pageblock."""
    old_type = state.block_type(pfn)
    if old_type == MIGRATE_HIGHATOMIC:
        move_to_type(zone, pfn, order, migratetype)
    elif order >= state.pageblock_order:
        for at in range(pfn, pfn + (1 << order), state.block_pages):
            state.pageblock[at >> state.pageblock_order] = migratetype
        move_to_type(zone, pfn, order, migratetype)
    else:
        if boost_watermark(state, zone) and tried.kswapd:
            zone.boosted = True
        if wants_whole_block(state, order, migratetype):
            claim_pageblock(state, zone, pfn, old_type, migratetype)
        else:
            move_to_type(zone, pfn, order, migratetype)


def movable_pages(state: State, pfn: int) -> int:
    """Pages of the pageblock that lie in blocks on the LRU."""
    start = pfn & -state.block_pages
    heads = [at for at in range(start, start + state.block_pages) if at in state.lru]
    return sum(1 << state.used.get(at, 0) for at in heads)


def claim_pageblock(state: State, zone: Zone, pfn: int, old_type: int, migratetype: int) -> None:
    """Take all that is free in the pageblock; own it if half of it is free or used in a like way."""
    free = move_pageblock(state, zone, pfn, migratetype)
    movable = movable_pages(state, pfn)
    if migratetype == MIGRATE_MOVABLE:
        alike = movable
    elif old_type == MIGRATE_MOVABLE:
        alike = state.block_pages - free - movable
    else:
        alike = 0
    if 2 * (free + alike) >= state.block_pages:
        state.pageblock[pfn >> state.pageblock_order] = migratetype


def take(state: State, zone: Zone, migratetype: int, tried: Try) -> int | None:
    """A block from the type's own lists, after a fallback if need be."""
    pfn = take_smallest(state, zone, tried.order, migratetype)
    while pfn is None and migratetype in FALLBACKS:
        chosen = choose(state, zone, migratetype, tried)
        if chosen is None:
            return None
        size, other = chosen
        steal(state, zone, zone.free[size, other][0], size, migratetype, tried)
        state.events["extfrag"] += 1
        pfn = take_smallest(state, zone, tried.order, migratetype)
    return pfn


def reserve_highatomic(state: State, zone: Zone, pfn: int) -> None:
    """Set aside the pageblock that just served a high-order atomic request: 1 % of the zone and one more."""
    full = zone.nr_reserved_highatomic >= zone.managed // 100 + state.block_pages
    if full or state.block_type(pfn) >= MIGRATE_PCPTYPES:
        return
    zone.nr_reserved_highatomic += state.block_pages
    state.pageblock[pfn >> state.pageblock_order] = MIGRATE_HIGHATOMIC
    move_pageblock(state, zone, pfn, MIGRATE_HIGHATOMIC)


def unreserve_highatomic(state: State, zone: Zone, migratetype: int, force: bool) -> bool:
    """Give back the pageblock of the smallest free block in reserve; the last pageblock only by force."""
    if zone.nr_reserved_highatomic <= state.block_pages and not force:
        return False
    for order in range(state.max_order):
        if not zone.free[order, MIGRATE_HIGHATOMIC]:
            continue
        pfn = zone.free[order, MIGRATE_HIGHATOMIC][0]
        if state.block_type(pfn) == MIGRATE_HIGHATOMIC:
            zone.nr_reserved_highatomic -= min(state.block_pages, zone.nr_reserved_highatomic)
        state.pageblock[pfn >> state.pageblock_order] = migratetype
        if move_pageblock(state, zone, pfn, migratetype):
            return True
    return False
