"""Linux 6.18 where it differs from 6.1: per-cpu lists tuned by use, free lists by pageblock, claims and steals."""

from __future__ import annotations

from recap.kernel import (
    MIGRATE_HIGHATOMIC,
    MIGRATE_MOVABLE,
    MIGRATE_PCPTYPES,
    NR_PCP_LISTS,
    WMARK_HIGH,
    WMARK_MIN,
    ZONE_MOVABLE,
)
from tests.reference import fallback
from tests.reference.buddy import free_block, split, take_smallest
from tests.reference.state import Pcp, State, Zone
from tests.reference.watermark import Try, leaves_enough

MOST_DOUBLINGS = 5
LOOK = Try(0, MIGRATE_MOVABLE, ZONE_MOVABLE, WMARK_HIGH)  # as kswapd looks at a zone


def above_high(state: State, zone: Zone, tried: Try) -> bool:
    """The first look at a zone; once it is not above, that stays so until something is given back."""
    if not zone.below_high:
        zone.below_high = not watermark_ok(state, zone, tried, WMARK_HIGH)
    return not zone.below_high


def watermark_ok(state: State, zone: Zone, tried: Try, mark: int) -> bool:
    """The boost counts, except for a single page of an urgent request in the slow path."""
    pages = zone.watermark[mark] + zone.watermark_boost
    if leaves_enough(state, zone, tried, tried.order, pages):
        return True
    urgent = tried.order == 0 and tried.min_reserve and tried.mark == WMARK_MIN
    return urgent and leaves_enough(state, zone, tried, 0, zone.watermark[WMARK_MIN])


def clamp(pcp: Pcp, pages: int) -> None:
    """What the lists may hold lies between two bounds."""
    pcp.high = sorted((pcp.high_min, pages, pcp.high_max))[1]


def blocks_to_take(zone: Zone, pcp: Pcp, order: int) -> int:
    """A batch, doubled with each refill while nothing is freed; the lists may hold as much more."""
    clamp(pcp, pcp.high)
    if pcp.high < pcp.batch:
        return 1
    batch = pcp.batch if order else pcp.batch << pcp.alloc_factor
    if pcp.high_min != pcp.high_max and not zone.below_high:
        clamp(pcp, pcp.high + batch)
    if not order:
        room = max(pcp.high - pcp.count() - pcp.batch, pcp.batch)
        if batch <= room:
            pcp.alloc_factor = min(pcp.alloc_factor + 1, MOST_DOUBLINGS)
        batch = min(batch, room)
    return batch if batch <= 1 else max(batch >> order, 2)


def is_flood(pcp: Pcp, order: int) -> bool:
    """Note a free; is it of a high order, behind another of its kind, in a long run of frees?"""
    pcp.alloc_factor //= 2
    high_order = 1 <= order <= 3
    long_run = pcp.free_count >= pcp.batch + pcp.high_min // 2
    enough = not pcp.flags & 2 or pcp.count() >= pcp.batch  # flag 2: the CPU has a large cache
    flood = high_order and long_run and bool(pcp.flags & 1) and enough
    pcp.flags = (pcp.flags | 1) if high_order else pcp.flags & ~1
    if pcp.free_count < pcp.batch << MOST_DOUBLINGS:
        pcp.free_count += 1 << order
    return flood


def limit(zone: Zone, pcp: Pcp, flood: bool) -> int:
    """How much the lists may hold at this free, and how much from now on."""
    clamp(pcp, pcp.high)
    before = pcp.high
    run = max(pcp.free_count, pcp.batch)
    if before == 0:
        return 0
    if flood:
        pcp.high = max(before - (pcp.batch << MOST_DOUBLINGS), pcp.high_min)
        return 0
    if zone.reclaim_active:
        pcp.high = max(before - run, pcp.high_min)
        return min(4 * pcp.batch, pcp.high)
    if pcp.high_min == pcp.high_max:
        return before
    if zone.below_high:
        pcp.high = max(before - run, pcp.high_min)
        return max(pcp.count(), pcp.high_min)
    if pcp.count() >= before and before < pcp.free_count + pcp.batch:
        clamp(pcp, pcp.free_count + pcp.batch)
    return before


def drain(state: State, zone: Zone, pcp: Pcp, pages: int, first: int) -> None:
    """As ever, but each block goes to the list of its pageblock's type."""
    pages = min(pages, pcp.count())
    i = first
    while pages > 0:
        while pages > 0 and pcp.lists[i]:
            pfn = pcp.lists[i].pop()
            del state.pcp_type[pfn]
            free_block(state, zone, pfn, pcp.order(i), state.block_type(pfn))
            pages -= 1 << pcp.order(i)
        i = (i + 1) % NR_PCP_LISTS


def drain_all(state: State) -> None:
    """CPU by CPU, zone by zone, in bites of 32 batches."""
    for cpu in range(len(state.zones[0].pcps)):
        for zone in state.zones:
            while zone.pcps[cpu].count():
                drain(state, zone, zone.pcps[cpu], zone.pcps[cpu].batch << MOST_DOUBLINGS, 0)


def put(state: State, zone: Zone, pcp: Pcp, pfn: int, order: int, i: int) -> None:
    """A freed block goes to the head of its list; as much goes on to the free lists as was freed in a row."""
    pcp.lists[i].insert(0, pfn)
    flood = is_flood(pcp, order)
    high = limit(zone, pcp, flood)
    if pcp.count() < high:
        return
    if flood:
        pages = pcp.batch << MOST_DOUBLINGS
    elif high < pcp.batch:
        pages = 1
    else:
        pages = min(max(pcp.free_count, pcp.batch), high - pcp.batch)
    drain(state, zone, pcp, pages, i)
    if leaves_enough(state, zone, LOOK, 0, zone.watermark[WMARK_HIGH] + zone.watermark_boost):
        zone.below_high = False


def decay(state: State, zone: Zone, pcp: Pcp) -> None:
    """Once a second: an eighth less for lists that may hold more than the least; the surplus goes in batches."""
    if pcp.high > pcp.high_min:
        pcp.high = max(pcp.count() - (pcp.batch << MOST_DOUBLINGS), pcp.high - pcp.high // 8, pcp.high_min)
    surplus = pcp.count() - pcp.high
    while surplus > 0:
        drain(state, zone, pcp, min(surplus, pcp.batch), 0)
        surplus -= pcp.batch


def fill(state: State, zone: Zone, pcp: Pcp, tried: Try) -> list[int]:
    """Blocks for an empty list. Who had to steal goes on stealing."""
    blocks: list[int] = []
    stealing = False
    for _ in range(blocks_to_take(zone, pcp, tried.order)):
        pfn, stealing = take(state, zone, tried.migratetype, tried, stealing)
        if pfn is None:
            break
        blocks.append(pfn)
    return blocks


def take(state: State, zone: Zone, migratetype: int, tried: Try, stealing: bool = False) -> tuple[int | None, bool]:
    """A block of the type's own, of a pageblock that becomes its own, or of another's; and whether it was stolen."""
    pfn = None
    if not stealing:
        pfn = take_smallest(state, zone, tried.order, migratetype)
        if pfn is None:
            pfn = claim(state, zone, migratetype, tried)
    if pfn is not None or tried.nofragment:
        return pfn, False
    pfn = steal(state, zone, migratetype, tried.order)
    return pfn, pfn is not None


def claim(state: State, zone: Zone, migratetype: int, tried: Try) -> int | None:
    """From the largest foreign block down: the first whose pageblock may change hands."""
    if migratetype not in fallback.FALLBACKS:
        return None
    least = max(tried.order, state.pageblock_order) if tried.nofragment else tried.order
    for size in reversed(range(least, state.max_order)):
        if not fallback.wants_whole_block(state, size, migratetype):
            return None
        other = fallback.other_type(zone, size, migratetype)
        if other is None:
            continue
        pfn = claim_one(state, zone, zone.free[size, other][0], size, other, migratetype, tried)
        if pfn is not None:
            state.events["extfrag"] += 1
            return pfn
    return None


def claim_one(state: State, zone: Zone, pfn: int, size: int, other: int, migratetype: int, tried: Try) -> int | None:
    """Whole pageblocks change hands at once; one in pieces if half of it is free or used in a like way."""
    if size >= state.pageblock_order:
        zone.free[size, other].remove(pfn)
        for at in range(pfn, pfn + (1 << size), state.block_pages):
            state.pageblock[at >> state.pageblock_order] = migratetype
        split(zone, pfn, size, tried.order, migratetype)
        return pfn
    if fallback.boost_watermark(state, zone) and tried.kswapd:
        zone.boosted = True
    free = sum(1 << order for _, order in fallback.free_blocks_of(state, zone, pfn))
    movable = fallback.movable_pages(state, pfn)
    if migratetype == MIGRATE_MOVABLE:
        alike = movable
    else:
        alike = state.block_pages - free - movable if other == MIGRATE_MOVABLE else 0
    if 2 * (free + alike) < state.block_pages:
        return None
    fallback.move_pageblock(state, zone, pfn, migratetype)
    state.pageblock[pfn >> state.pageblock_order] = migratetype
    return take_smallest(state, zone, tried.order, migratetype)


def steal(state: State, zone: Zone, migratetype: int, order: int) -> int | None:
    """The smallest foreign block; its rest stays with its own type."""
    if migratetype not in fallback.FALLBACKS:
        return None
    for size in range(order, state.max_order):
        other = fallback.other_type(zone, size, migratetype)
        if other is not None:
            pfn = zone.free[size, other].pop(0)
            split(zone, pfn, size, order, other)
            state.events["extfrag"] += 1
            return pfn
    return None


def free_pageblocks(state: State, zone: Zone, pfn: int, order: int) -> None:
    """A block of several pageblocks is freed one by one, each to its own type."""
    size = min(order, state.pageblock_order)
    for at in range(pfn, pfn + (1 << order), 1 << size):
        free_block(state, zone, at, size, state.block_type(at))


def reserve_highatomic(state: State, zone: Zone, pfn: int, order: int) -> None:
    """Set aside what just served a high-order atomic request: a hundredth of the zone, if that is a pageblock."""
    share = zone.managed // 100
    most = -(-share // state.block_pages) * state.block_pages if share >= state.block_pages else 0
    if zone.nr_reserved_highatomic >= most or state.block_type(pfn) >= MIGRATE_PCPTYPES:
        return
    if order >= state.pageblock_order:
        for at in range(pfn, pfn + (1 << order), state.block_pages):
            state.pageblock[at >> state.pageblock_order] = MIGRATE_HIGHATOMIC
        zone.nr_reserved_highatomic += 1 << order
    else:
        zone.nr_reserved_highatomic += state.block_pages
        state.pageblock[pfn >> state.pageblock_order] = MIGRATE_HIGHATOMIC
        fallback.move_pageblock(state, zone, pfn, MIGRATE_HIGHATOMIC)


def unreserve_highatomic(state: State, zone: Zone, migratetype: int, force: bool) -> bool:
    """Give back the reserve's smallest free block with its pageblocks; the last pageblock only by force."""
    if zone.nr_reserved_highatomic <= state.block_pages and not force:
        return False
    for order in range(state.max_order):
        if not zone.free[order, MIGRATE_HIGHATOMIC]:
            continue
        pfn = zone.free[order, MIGRATE_HIGHATOMIC][0]
        size = max(1 << order, state.block_pages)
        zone.nr_reserved_highatomic -= min(size, zone.nr_reserved_highatomic)
        if order >= state.pageblock_order:
            fallback.move_to_type(zone, pfn, order, migratetype)
            moved = 1 << order
        else:
            moved = fallback.move_pageblock(state, zone, pfn, migratetype)
        for at in range(pfn & -size, (pfn & -size) + size, state.block_pages):
            state.pageblock[at >> state.pageblock_order] = migratetype
        if moved:
            return True
    return False
