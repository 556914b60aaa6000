"""Fallback since c2f6ea38fc1b (6.15): claim a whole pageblock for the type that needs it, else steal a single block.

Free lists are those of the pageblocks' types (6.10): a block that is stolen leaves its rest to the type it came from.
The kernel reports a block it stole, or has with its pageblocks, only as a fallback; here it is reported as taken.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import ALLOC_KSWAPD, ALLOC_NOFRAGMENT, MIGRATE_MOVABLE, NONE
    from recap.mm.buddy import page_del_and_expand, rmqueue_smallest
    from recap.mm.free_area import change_pageblock_range, free_list
    from recap.mm.migratetype import (
        boost_watermark,
        can_steal_fallback,
        find_suitable_fallback,
        free_pages_of_block,
        movable_pages,
        move_freepages_block,
        spans_pageblock,
    )
    from recap.mm.tracepoints import emit
    from recap.pages import Memory, get_pageblock_migratetype
    from recap.trace.event import Event


def alike_pages(m: Memory, zone: int, pfn: int, free: int, start_type: int) -> int:
    """Pages of a foreign pageblock that are used as the request will: see steal_suitable_fallback."""
    movable = movable_pages(m, zone, pfn)
    if start_type == MIGRATE_MOVABLE:
        return movable
    if get_pageblock_migratetype(m, pfn) == MIGRATE_MOVABLE:
        return (1 << m.pageblock_order) - free - movable
    return 0


def try_to_claim_block(m: Memory, zone: int, pfn: int, order: int, start_type: int, alloc_flags: int) -> int:
    """Give the pageblock of a free block to a type, if half of it is free or alike, and take a block of it.

    NONE if that does not pay; the watermark is boosted all the same (try_to_claim_block).
    """
    if m.page[pfn].order >= m.pageblock_order:
        change_pageblock_range(m, pfn, m.page[pfn].order, start_type)
        page_del_and_expand(m, zone, pfn, order, start_type, start_type)
        return pfn
    if boost_watermark(m, zone) and alloc_flags & ALLOC_KSWAPD:
        m.zone[zone].boosted = 1
    if not spans_pageblock(m, zone, pfn):
        return NONE
    free = free_pages_of_block(m, pfn)
    if 2 * (free + alike_pages(m, zone, pfn, free, start_type)) < 1 << m.pageblock_order:
        return NONE
    move_freepages_block(m, zone, pfn, start_type)
    m.pageblock[pfn >> m.pageblock_order] = start_type
    pfn = rmqueue_smallest(m, zone, order, start_type)
    if m.tracing:
        emit(m, Event.MM_PAGE_ALLOC_EXTFRAG, pfn, order, start_type)
    return pfn


def rmqueue_claim(m: Memory, zone: int, order: int, start_type: int, alloc_flags: int) -> int:
    """A block of a claimed pageblock, tried from the largest free block down; NONE if none can be (__rmqueue_claim)."""
    least = order
    if order < m.pageblock_order and alloc_flags & ALLOC_NOFRAGMENT:
        least = m.pageblock_order
    for current in range(m.max_order - 1, least - 1, -1):
        if not can_steal_fallback(m, current, start_type):
            return NONE
        other = find_suitable_fallback(m, zone, current, start_type)
        if other < 0:
            continue
        pfn = m.page[free_list(m, zone, current, other)].next
        pfn = try_to_claim_block(m, zone, pfn, order, start_type, alloc_flags)
        if pfn != NONE:
            m.extfrag_events += 1
            return pfn
    return NONE


def rmqueue_steal(m: Memory, zone: int, order: int, start_type: int, alloc_flags: int) -> int:
    """The smallest block of another type, its pageblock left as it is; NONE if there is none (__rmqueue_steal)."""
    if alloc_flags & ALLOC_NOFRAGMENT:
        return NONE
    for current in range(order, m.max_order):
        other = find_suitable_fallback(m, zone, current, start_type)
        if other >= 0:
            pfn = m.page[free_list(m, zone, current, other)].next
            page_del_and_expand(m, zone, pfn, order, start_type, other)
            m.extfrag_events += 1
            return pfn
    return NONE


def rmqueue_claiming(m: Memory, zone: int, order: int, migratetype: int, alloc_flags: int) -> int:
    """Take a block of the type, or of a pageblock that becomes its own; NONE if there is none (__rmqueue)."""
    pfn = rmqueue_smallest(m, zone, order, migratetype)
    return rmqueue_claim(m, zone, order, migratetype, alloc_flags) if pfn == NONE else pfn
