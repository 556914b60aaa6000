"""The page allocator's front: which zone serves a request, from which list, and where a freed page goes."""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import (
        ALLOC_HIGHATOMIC,
        ALLOC_KSWAPD,
        ALLOC_MIN_RESERVE,
        ALLOC_NO_WATERMARKS,
        ALLOC_NOFRAGMENT,
        ALLOC_NON_BLOCK,
        ALLOC_OOM,
        ALLOC_WMARK_LOW,
        ALLOC_WMARK_MIN,
        GFP_DIRECT_RECLAIM,
        GFP_DMA,
        GFP_DMA32,
        GFP_HIGH,
        GFP_HIGHMEM,
        GFP_KSWAPD_RECLAIM,
        GFP_MOVABLE,
        GFP_NOMEMALLOC,
        MIGRATE_HIGHATOMIC,
        MIGRATE_MOVABLE,
        MIGRATE_PCPTYPES,
        NONE,
        STATE_TAIL,
        ZONE_DMA,
        ZONE_DMA32,
        ZONE_MOVABLE,
        ZONE_NORMAL,
    )
    from recap.mm.buddy import free_one_page, rmqueue_smallest
    from recap.mm.migratetype import reserve_highatomic_pageblock
    from recap.mm.pcplist import free_hot_cold_page, free_unref_page_commit, pcp_allowed_order, rmqueue_pcplist
    from recap.mm.rmqueue import rmqueue_migratetype
    from recap.mm.watermark import above_high, zone_watermark_fast
    from recap.pages import Memory, get_pageblock_migratetype, page_zone, zone_pcp


def gfp_migratetype(gfp: int) -> int:
    """The migratetype a request asks for (gfp_migratetype)."""
    return (gfp >> 3) & 3


def gfp_zone(gfp: int) -> int:
    """The highest zone index a request may use, on x86-64 (gfp_zone)."""
    if gfp & GFP_DMA:
        return ZONE_DMA
    if gfp & GFP_DMA32:
        return ZONE_DMA32
    if gfp & GFP_HIGHMEM and gfp & GFP_MOVABLE:
        return ZONE_MOVABLE
    return ZONE_NORMAL


def preferred_zone(m: Memory, highest_zone: int) -> int:
    """The zone a request tries first: the highest it may use (first_zones_zonelist).

    A kernel without a low zone takes a request for it to the zone above (OPT_ZONE_DMA32).
    """
    zone = m.nr_zones - 1
    while zone > 0 and m.zone[zone].index > highest_zone:
        zone -= 1
    return zone


def fast_alloc_flags(m: Memory, gfp: int) -> int:
    """Flags of the first try: low watermark, and no mixing where a lower zone is left (alloc_flags_nofragment)."""
    alloc_flags = ALLOC_WMARK_LOW
    if gfp & GFP_KSWAPD_RECLAIM:
        alloc_flags |= ALLOC_KSWAPD
    if m.rules.defrag_mode:
        return alloc_flags | ALLOC_NOFRAGMENT
    if m.rules.alloc_nofragment and m.zone[preferred_zone(m, gfp_zone(gfp))].index == ZONE_NORMAL:
        alloc_flags |= ALLOC_NOFRAGMENT
    return alloc_flags


def gfp_to_alloc_flags(m: Memory, gfp: int, order: int) -> int:
    """Flags of the slow path: min watermark, and reserves for those who cannot wait (gfp_to_alloc_flags).

    In defrag mode there is no mixing until reclaim and compaction have failed (e3aa7df331bc, 6.15).
    """
    alloc_flags = ALLOC_WMARK_MIN
    if m.rules.defrag_mode:
        alloc_flags |= ALLOC_NOFRAGMENT
    if gfp & GFP_HIGH:
        alloc_flags |= ALLOC_MIN_RESERVE
    if gfp & GFP_KSWAPD_RECLAIM:
        alloc_flags |= ALLOC_KSWAPD
    if not gfp & GFP_DIRECT_RECLAIM and not gfp & GFP_NOMEMALLOC:
        alloc_flags |= ALLOC_NON_BLOCK
        if order > 0 and alloc_flags & ALLOC_MIN_RESERVE:
            alloc_flags |= ALLOC_HIGHATOMIC
    return alloc_flags


def rmqueue_buddy(m: Memory, zone: int, order: int, migratetype: int, alloc_flags: int) -> int:
    """Take a block straight from the free lists; NONE if nothing fits (rmqueue_buddy)."""
    pfn = NONE
    if alloc_flags & ALLOC_HIGHATOMIC and m.rules.highatomic_reserve:
        pfn = rmqueue_smallest(m, zone, order, MIGRATE_HIGHATOMIC)
    if pfn == NONE:
        pfn = rmqueue_migratetype(m, zone, order, migratetype, alloc_flags)
    if pfn == NONE and alloc_flags & (ALLOC_OOM | ALLOC_NON_BLOCK):
        pfn = rmqueue_smallest(m, zone, order, MIGRATE_HIGHATOMIC)
    if pfn != NONE:
        m.zone[zone].free_pages -= 1 << order
    return pfn


def rmqueue(m: Memory, zone: int, cpu: int, order: int, migratetype: int, alloc_flags: int) -> int:
    """Take a block of a zone, from the per-cpu list where there is one for its order (rmqueue).

    Who finds the lists locked goes past them (4b23a68f9536, 6.0).
    """
    pfn = NONE
    if pcp_allowed_order(m, order) and not m.pcp[zone_pcp(m, zone, cpu)].locked:
        pfn = rmqueue_pcplist(m, zone, cpu, order, migratetype, alloc_flags)
    if pfn == NONE:
        pfn = rmqueue_buddy(m, zone, order, migratetype, alloc_flags)
    return pfn


def walk_zonelist(m: Memory, cpu: int, order: int, gfp: int, alloc_flags: int) -> int:
    """Try each zone, highest first, that stays above the watermark.

    Since 57c0419c5f0e (6.7) it is looked at first whether it is above the high one (get_page_from_freelist).
    """
    highest = gfp_zone(gfp)
    zone = preferred_zone(m, highest)
    while zone >= 0:
        above = m.rules.tuned_pcp and above_high(m, zone, order, highest, alloc_flags, gfp)
        if above or alloc_flags & ALLOC_NO_WATERMARKS or zone_watermark_fast(m, zone, order, highest, alloc_flags, gfp):
            pfn = rmqueue(m, zone, cpu, order, gfp_migratetype(gfp), alloc_flags)
            if pfn != NONE:
                if alloc_flags & ALLOC_HIGHATOMIC and m.rules.highatomic_reserve:
                    reserve_highatomic_pageblock(m, zone, pfn, order)
                return pfn
        zone -= 1
    return NONE


def get_page_from_freelist(m: Memory, cpu: int, order: int, gfp: int, alloc_flags: int) -> int:
    """The first frame of a free block for this request, or NONE (get_page_from_freelist)."""
    pfn = walk_zonelist(m, cpu, order, gfp, alloc_flags)
    if pfn == NONE and alloc_flags & ALLOC_NOFRAGMENT and not m.rules.defrag_mode:
        pfn = walk_zonelist(m, cpu, order, gfp, alloc_flags & ~ALLOC_NOFRAGMENT)
    return pfn


def free_pages_prepare(m: Memory, pfn: int, order: int) -> None:
    """Make a block nobody's (free_pages_prepare); the pageblock's type is noted (free_unref_page_prepare)."""
    if order > 0 and m.page[pfn + 1].state != STATE_TAIL:  # not compound, and in use since before the snapshot
        for i in range(pfn + 1, pfn + (1 << order)):
            m.page[i].state = STATE_TAIL
    m.page[pfn].state = STATE_TAIL
    m.page[pfn].flags = 0
    m.page[pfn].migratetype = get_pageblock_migratetype(m, pfn)


def free_pages(m: Memory, cpu: int, pfn: int, order: int) -> None:
    """Free a block: small orders to the CPU's own list, others to the free lists (free_the_page)."""
    free_pages_prepare(m, pfn, order)
    if pcp_allowed_order(m, order):
        free_unref_page(m, cpu, pfn, order)
    else:
        free_pageblocks(m, pfn, order)


def free_pageblocks(m: Memory, pfn: int, order: int) -> None:
    """Give a prepared block to the free lists: since b54ccd3c6bac (6.10) pageblock by pageblock, each to its own type
    (free_one_page, split_large_buddy)."""
    zone = page_zone(m, pfn)
    if not m.rules.types_by_pageblock or order <= m.pageblock_order:
        free_one_page(m, zone, pfn, order, m.page[pfn].migratetype, False)
        return
    at = pfn
    while at < pfn + (1 << order):
        free_one_page(m, zone, at, m.pageblock_order, get_pageblock_migratetype(m, at), False)
        at += 1 << m.pageblock_order


def free_unref_page(m: Memory, cpu: int, pfn: int, order: int) -> None:
    """Put a prepared block on the CPU's own list (free_unref_page).

    HIGHATOMIC pages pass through the movable per-cpu list, but go back to their own free list.
    """
    migratetype = m.page[pfn].migratetype
    if migratetype >= MIGRATE_PCPTYPES:
        migratetype = MIGRATE_MOVABLE
    free_unref_page_commit(m, page_zone(m, pfn), cpu, pfn, migratetype, order)


def free_cold_page(m: Memory, cpu: int, pfn: int) -> None:
    """Free a page that reclaim emptied: to the tail of the CPU's own list (__pagevec_free of 2.6.27, rule 21)."""
    free_pages_prepare(m, pfn, 0)
    if pcp_allowed_order(m, 0):
        free_hot_cold_page(m, page_zone(m, pfn), cpu, pfn, True)
    else:
        free_one_page(m, page_zone(m, pfn), pfn, 0, m.page[pfn].migratetype, False)


def free_to_buddy(m: Memory, pfn: int, order: int) -> None:
    """Free a block past the per-cpu lists, as who finds them locked does (free_unref_page)."""
    free_pages_prepare(m, pfn, order)
    free_pageblocks(m, pfn, order)
