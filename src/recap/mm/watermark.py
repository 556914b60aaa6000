"""Watermarks: how much of a zone must stay free, and for whom."""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import (
        ALLOC_HIGHATOMIC,
        ALLOC_MIN_RESERVE,
        ALLOC_NON_BLOCK,
        ALLOC_OOM,
        ALLOC_RESERVES,
        ALLOC_WMARK_MASK,
        GFP_ATOMIC_BIT,
        MIGRATE_HIGHATOMIC,
        MIGRATE_PCPTYPES,
        WMARK_HIGH,
        WMARK_MIN,
    )
    from recap.mm.free_area import free_list
    from recap.pages import Memory, list_empty


def wmark_pages(m: Memory, zone: int, mark: int) -> int:
    """A zone's watermark with its boost, in pages (wmark_pages)."""
    return m.zone[zone].watermark[mark] + m.zone[zone].watermark_boost


def suitable_block_free(m: Memory, zone: int, order: int, alloc_flags: int) -> bool:
    """Is there a free block that a request of this order could use?"""
    for o in range(order, m.max_order):
        if m.zone[zone].nr_free[o] == 0:
            continue
        for mt in range(MIGRATE_PCPTYPES):
            if not list_empty(m, free_list(m, zone, o, mt)):
                return True
        if alloc_flags & (ALLOC_HIGHATOMIC | ALLOC_OOM) and not list_empty(
            m, free_list(m, zone, o, MIGRATE_HIGHATOMIC)
        ):
            return True
    return False


def unusable_reserve(m: Memory, zone: int) -> int:
    """Pages kept for high-order atomic requests: all that are reserved, since c928807f6f6b (6.13) those still free
    (__zone_watermark_unusable_free)."""
    if not m.rules.counts_free_reserve:
        return m.zone[zone].nr_reserved_highatomic
    pages = 0
    for order in range(m.max_order):
        head = free_list(m, zone, order, MIGRATE_HIGHATOMIC)
        pfn = m.page[head].next
        while pfn != head:
            pages += 1 << order
            pfn = m.page[pfn].next
    return pages


def watermark_ok_per_order(
    m: Memory, zone: int, order: int, mark: int, highest_zone: int, alloc_flags: int, free_pages: int
) -> bool:
    """The test as a walk over the orders (zone_watermark_ok of 2.6.27, rule 24).

    At each order below the wanted one its free pages are taken out, and half of the mark must be left in larger blocks.
    """
    free_pages -= (1 << order) - 1
    if alloc_flags & ALLOC_MIN_RESERVE:
        mark -= mark // 2
    if alloc_flags & ALLOC_NON_BLOCK:
        mark -= mark // 4
    if free_pages <= mark + m.zone[zone].lowmem_reserve[highest_zone]:
        return False
    for o in range(order):
        free_pages -= m.zone[zone].nr_free[o] << o
        mark >>= 1
        if free_pages <= mark:
            return False
    return True


def zone_watermark_ok_for(
    m: Memory, zone: int, order: int, mark: int, highest_zone: int, alloc_flags: int, free_pages: int
) -> bool:
    """Would the zone, with this many free pages, stay above the mark? (__zone_watermark_ok)

    Since 97a16fc82a7c (4.4) a high-order request passes when the order-0 test does and one block is large enough.
    """
    if m.rules.watermark_per_order:
        return watermark_ok_per_order(m, zone, order, mark, highest_zone, alloc_flags, free_pages)
    least = mark
    free_pages -= (1 << order) - 1
    if not alloc_flags & ALLOC_RESERVES and m.zone[zone].nr_reserved_highatomic:
        free_pages -= unusable_reserve(m, zone)
    if alloc_flags & ALLOC_MIN_RESERVE:
        least -= least // 2
        if alloc_flags & ALLOC_NON_BLOCK:
            least -= least // 4
    if alloc_flags & ALLOC_OOM:
        least -= least // 2
    if free_pages <= least + m.zone[zone].lowmem_reserve[highest_zone]:
        return False
    return order == 0 or suitable_block_free(m, zone, order, alloc_flags)


def free_pages_blocks(m: Memory, zone: int) -> int:
    """Free pages in whole pageblocks (NR_FREE_PAGES_BLOCKS, a211c6550efc, 6.15)."""
    pages = 0
    for order in range(m.pageblock_order, m.max_order):
        pages += m.zone[zone].nr_free[order] << order
    return pages


def zone_watermark_ok(m: Memory, zone: int, order: int, mark: int, highest_zone: int, alloc_flags: int) -> bool:
    """The same test with the pages that are free now, as far as CPUs have told (zone_watermark_ok)."""
    free_pages = m.zone[zone].free_pages - m.zone[zone].vm_stat_diff
    return zone_watermark_ok_for(m, zone, order, mark, highest_zone, alloc_flags, free_pages)


def zone_watermark_fast_at(
    m: Memory, zone: int, order: int, mark: int, highest_zone: int, alloc_flags: int, gfp: int
) -> bool:
    """The allocation path's test: an urgent order-0 request may ignore the boost at the min mark (zone_watermark_fast).

    Urgent is __GFP_ATOMIC, since 2973d8229b78 (6.3) __GFP_HIGH.
    """
    if zone_watermark_ok(m, zone, order, mark, highest_zone, alloc_flags):
        return True
    urgent = alloc_flags & ALLOC_MIN_RESERVE if m.rules.high_ignores_boost else gfp & GFP_ATOMIC_BIT
    if order or not urgent or alloc_flags & ALLOC_WMARK_MASK != WMARK_MIN:
        return False
    return zone_watermark_ok(m, zone, order, m.zone[zone].watermark[WMARK_MIN], highest_zone, alloc_flags)


def zone_watermark_fast(m: Memory, zone: int, order: int, highest_zone: int, alloc_flags: int, gfp: int) -> bool:
    """Does a zone stay above the mark that a try is for?"""
    mark = wmark_pages(m, zone, alloc_flags & ALLOC_WMARK_MASK)
    return zone_watermark_fast_at(m, zone, order, mark, highest_zone, alloc_flags, gfp)


def above_high(m: Memory, zone: int, order: int, highest_zone: int, alloc_flags: int, gfp: int) -> bool:
    """Does a zone stay above its high mark? Once it does not, that is noted (get_page_from_freelist, 57c0419c5f0e)."""
    if m.zone[zone].below_high:
        return False
    if zone_watermark_fast_at(m, zone, order, wmark_pages(m, zone, WMARK_HIGH), highest_zone, alloc_flags, gfp):
        return True
    m.zone[zone].below_high = 1
    return False
