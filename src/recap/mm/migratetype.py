"""Mobility types: which free list a request may turn to when its own is empty, and when it takes the whole pageblock.

Also the HIGHATOMIC reserve, pageblocks kept for high-order atomic requests (0aaa29a56e4f, 4.4).
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import (
        ALLOC_KSWAPD,
        ALLOC_NOFRAGMENT,
        MIGRATE_HIGHATOMIC,
        MIGRATE_MOVABLE,
        MIGRATE_PCPTYPES,
        MIGRATE_RECLAIMABLE,
        MIGRATE_RESERVE,
        MIGRATE_UNMOVABLE,
        NONE,
        PG_LRU,
        STATE_ALLOCATED,
        STATE_BUDDY,
        STATE_RESERVED,
        WMARK_HIGH,
        WMARK_MIN,
    )
    from recap.mm.buddy import expand, rmqueue_smallest
    from recap.mm.free_area import change_pageblock_range, del_page_from_free_list, free_list, move_to_free_list
    from recap.mm.tracepoints import emit
    from recap.pages import Memory, get_pageblock_migratetype, list_empty
    from recap.trace.event import Event


def fallback_type(migratetype: int, i: int) -> int:
    """The i-th type (0, 1) to fall back to; -1 for types that never do (the table `fallbacks`)."""
    if migratetype == MIGRATE_UNMOVABLE:
        return MIGRATE_MOVABLE if i else MIGRATE_RECLAIMABLE
    if migratetype == MIGRATE_MOVABLE:
        return MIGRATE_UNMOVABLE if i else MIGRATE_RECLAIMABLE
    if migratetype == MIGRATE_RECLAIMABLE:
        return MIGRATE_MOVABLE if i else MIGRATE_UNMOVABLE
    return -1


def find_suitable_fallback(m: Memory, zone: int, order: int, migratetype: int) -> int:
    """The first other type with a free block of exactly this order; -1 if none (find_suitable_fallback)."""
    if m.zone[zone].nr_free[order] == 0:
        return -1
    for i in range(2):
        other = fallback_type(migratetype, i)
        if other >= 0 and not list_empty(m, free_list(m, zone, order, other)):
            return other
    return -1


def can_steal_fallback(m: Memory, order: int, migratetype: int) -> bool:
    """May the request try for the whole pageblock? (can_steal_fallback)"""
    return order >= m.pageblock_order // 2 or migratetype in (MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE)


def boost_watermark(m: Memory, zone: int) -> bool:
    """Raise the watermarks for a while after a mixing fallback (boost_watermark, 1c30844d2dfe, 5.0)."""
    block = 1 << m.pageblock_order
    if m.watermark_boost_factor == 0 or block * 4 > m.zone[zone].managed:
        return False
    max_boost = m.zone[zone].watermark[WMARK_HIGH] * m.watermark_boost_factor // 10000
    if max_boost == 0:
        return False
    m.zone[zone].watermark_boost = min(m.zone[zone].watermark_boost + block, max(block, max_boost))
    return True


def block_start(m: Memory, zone: int, pfn: int) -> int:
    """The first frame of the pageblock, or the frame itself where the block begins before the zone."""
    at = pfn & ~((1 << m.pageblock_order) - 1)
    return at if at >= m.zone[zone].start else pfn


def block_end(m: Memory, pfn: int) -> int:
    """One past the pageblock's last frame."""
    return (pfn | ((1 << m.pageblock_order) - 1)) + 1


def move_freepages_block(m: Memory, zone: int, pfn: int, migratetype: int) -> int:
    """Move the pageblock's free blocks to another type's lists; pages moved (move_freepages_block)."""
    end = block_end(m, pfn)
    if end > m.zone[zone].end:
        return 0
    at = block_start(m, zone, pfn)
    moved = 0
    while at < end:
        if m.page[at].state == STATE_BUDDY:
            move_to_free_list(m, zone, at, migratetype)
            moved += 1 << m.page[at].order
            at += 1 << m.page[at].order
        else:
            at += 1
    return moved


def movable_pages(m: Memory, zone: int, pfn: int) -> int:
    """Pages of the pageblock that are in use and on an LRU list, with all of their block (move_freepages)."""
    end = block_end(m, pfn)
    if end > m.zone[zone].end:
        return 0
    at = block_start(m, zone, pfn)
    movable = 0
    while at < end:
        if m.page[at].state == STATE_BUDDY:
            at += 1 << m.page[at].order
        else:
            if m.page[at].flags & PG_LRU:
                movable += 1 << m.page[at].order
            at += 1
    return movable


def spans_pageblock(m: Memory, zone: int, pfn: int) -> bool:
    """Does a pageblock lie in the zone with all its frames? (prep_move_freepages_block, 6.10)"""
    return block_end(m, pfn) <= m.zone[zone].end and pfn & ~((1 << m.pageblock_order) - 1) >= m.zone[zone].start


def free_pages_of_block(m: Memory, pfn: int) -> int:
    """Free pages of a pageblock (prep_move_freepages_block)."""
    end = block_end(m, pfn)
    at = pfn & ~((1 << m.pageblock_order) - 1)
    free = 0
    while at < end:
        if m.page[at].state == STATE_BUDDY:
            free += 1 << m.page[at].order
            at += 1 << m.page[at].order
        else:
            at += 1
    return free


def steal_suitable_fallback(
    m: Memory, zone: int, pfn: int, start_type: int, alloc_flags: int, whole_block: bool
) -> None:
    """Make a foreign free block serve `start_type`, with all of its pageblock when that pays (steal_suitable_fallback).

    Pages in use count as alike when they are movable for a movable request, or not movable for another one
    (02aa0cdd7248, 4.12).
    """
    order = m.page[pfn].order
    old_type = get_pageblock_migratetype(m, pfn)
    if old_type == MIGRATE_HIGHATOMIC:
        move_to_free_list(m, zone, pfn, start_type)
        return
    if order >= m.pageblock_order:
        change_pageblock_range(m, pfn, order, start_type)
        move_to_free_list(m, zone, pfn, start_type)
        return
    if boost_watermark(m, zone) and alloc_flags & ALLOC_KSWAPD:
        m.zone[zone].boosted = 1
    if not whole_block:
        move_to_free_list(m, zone, pfn, start_type)
        return
    alike = movable_pages(m, zone, pfn)
    free = move_freepages_block(m, zone, pfn, start_type)
    if free == 0:
        move_to_free_list(m, zone, pfn, start_type)
        return
    if start_type != MIGRATE_MOVABLE:
        alike = (1 << m.pageblock_order) - free - alike if old_type == MIGRATE_MOVABLE else 0
    if 2 * (free + alike) >= 1 << m.pageblock_order:
        m.pageblock[pfn >> m.pageblock_order] = start_type


def fallback_order(m: Memory, zone: int, order: int, migratetype: int, min_order: int) -> int:
    """The order to steal at: the largest foreign block; the smallest for a movable request that cannot have the
    pageblock.

    -1 if there is nothing to steal.
    """
    for current in range(m.max_order - 1, min_order - 1, -1):
        if find_suitable_fallback(m, zone, current, migratetype) < 0:
            continue
        if can_steal_fallback(m, current, migratetype) or migratetype != MIGRATE_MOVABLE or current <= order:
            return current
        return smallest_fallback(m, zone, order, migratetype)
    return -1


def smallest_fallback(m: Memory, zone: int, order: int, migratetype: int) -> int:
    """The smallest order, from the request's on, with a foreign block; the caller knows that there is one."""
    while find_suitable_fallback(m, zone, order, migratetype) < 0:
        order += 1
    return order


def rmqueue_fallback(m: Memory, zone: int, order: int, migratetype: int, alloc_flags: int) -> bool:
    """Move a foreign free block to the request's own lists; False if there is none (__rmqueue_fallback)."""
    min_order = order
    if order < m.pageblock_order and alloc_flags & ALLOC_NOFRAGMENT:
        min_order = m.pageblock_order
    current = fallback_order(m, zone, order, migratetype, min_order)
    if current < 0:
        return False
    other = find_suitable_fallback(m, zone, current, migratetype)
    pfn = m.page[free_list(m, zone, current, other)].next
    steal_suitable_fallback(m, zone, pfn, migratetype, alloc_flags, can_steal_fallback(m, current, migratetype))
    if m.tracing:
        emit(m, Event.MM_PAGE_ALLOC_EXTFRAG, pfn, order, migratetype)
    m.extfrag_events += 1
    return True


def largest_fallback(m: Memory, zone: int, order: int, migratetype: int) -> int:
    """The head of the largest foreign block; NONE if there is none."""
    for current in range(m.max_order - 1, order - 1, -1):
        other = find_suitable_fallback(m, zone, current, migratetype)
        if other >= 0:
            return m.page[free_list(m, zone, current, other)].next
    return NONE


def rmqueue_largest(m: Memory, zone: int, order: int, migratetype: int) -> int:
    """Take the largest foreign block, with its pageblock's free pages if it is large (__rmqueue_fallback of 2.6.27,
    rule 13)."""
    pfn = largest_fallback(m, zone, order, migratetype)
    if pfn == NONE:
        return NONE
    current = m.page[pfn].order
    rest = m.page[pfn].migratetype
    if current >= m.pageblock_order // 2 or migratetype == MIGRATE_RECLAIMABLE:
        if 2 * move_freepages_block(m, zone, pfn, migratetype) >= 1 << m.pageblock_order:
            m.pageblock[pfn >> m.pageblock_order] = migratetype
        rest = migratetype
    del_page_from_free_list(m, zone, pfn)
    if current == m.pageblock_order:
        m.pageblock[pfn >> m.pageblock_order] = migratetype
    expand(m, zone, pfn, order, current, rest)
    m.page[pfn].state = STATE_ALLOCATED
    m.page[pfn].order = order
    m.page[pfn].migratetype = migratetype
    m.extfrag_events += 1
    return pfn


def rmqueue_reserve(m: Memory, zone: int, order: int, migratetype: int) -> int:
    """Where nothing else is left: the largest foreign block, then the reserve (__rmqueue of 2.6.27, rules 13 to 15)."""
    pfn = rmqueue_largest(m, zone, order, migratetype)
    return rmqueue_smallest(m, zone, order, MIGRATE_RESERVE) if pfn == NONE and m.rules.migrate_reserve else pfn


def setup_zone_migrate_reserve(m: Memory, zone: int) -> None:
    """Set pageblocks aside for the last resort: as many as the min watermark fills (2.6.27, rule 7)."""
    size = 1 << m.pageblock_order
    wanted = (m.zone[zone].watermark[WMARK_MIN] + size - 1) >> m.pageblock_order
    pfn = m.zone[zone].start
    last = m.zone[zone].end - size
    while pfn <= last:
        block = pfn >> m.pageblock_order
        if m.page[pfn].state != STATE_RESERVED:
            if m.pageblock[block] == MIGRATE_MOVABLE and wanted > 0:
                m.pageblock[block] = MIGRATE_RESERVE
                move_freepages_block(m, zone, pfn, MIGRATE_RESERVE)
            elif m.pageblock[block] == MIGRATE_RESERVE and wanted <= 0:
                m.pageblock[block] = MIGRATE_MOVABLE
                move_freepages_block(m, zone, pfn, MIGRATE_MOVABLE)
            if m.pageblock[block] == MIGRATE_RESERVE:
                wanted -= 1
        pfn += size


def make_movable(m: Memory, zone: int, pfn: int, order: int) -> None:
    """Make pageblocks movable of which compaction took half or more (__isolate_free_page); their free blocks with them
    since b54ccd3c6bac (6.10)."""
    at = pfn
    while at < pfn + (1 << order):
        ordinary = get_pageblock_migratetype(m, at) < MIGRATE_PCPTYPES
        if ordinary and m.rules.types_by_pageblock:
            ordinary = spans_pageblock(m, zone, at)
            if ordinary:
                move_freepages_block(m, zone, at, MIGRATE_MOVABLE)
        if ordinary:
            m.pageblock[at >> m.pageblock_order] = MIGRATE_MOVABLE
        at += 1 << m.pageblock_order


def most_highatomic(m: Memory, zone: int) -> int:
    """Up to how many pages of a zone may be set aside: a hundredth, and up to a pageblock more (9cd20f3fe045, 6.8: none
    where that is less than one pageblock)."""
    size = 1 << m.pageblock_order
    share = m.zone[zone].managed // 100
    if m.rules.reserve_is_a_hundredth:
        return (share + size - 1) // size * size if share >= size else 0
    return share + size


def reserve_highatomic_pageblock(m: Memory, zone: int, pfn: int, order: int) -> None:
    """Set a pageblock aside for high-order atomic requests (reserve_highatomic_pageblock)."""
    size = 1 << m.pageblock_order
    block = pfn >> m.pageblock_order
    if m.zone[zone].nr_reserved_highatomic >= most_highatomic(m, zone):
        return
    if m.pageblock[block] >= MIGRATE_PCPTYPES:
        return
    if m.rules.types_by_pageblock and order >= m.pageblock_order:
        m.zone[zone].nr_reserved_highatomic += 1 << order
        change_pageblock_range(m, pfn, order, MIGRATE_HIGHATOMIC)
        return
    if m.rules.types_by_pageblock and not spans_pageblock(m, zone, pfn):
        return
    m.zone[zone].nr_reserved_highatomic += size
    m.pageblock[block] = MIGRATE_HIGHATOMIC
    move_freepages_block(m, zone, pfn, MIGRATE_HIGHATOMIC)


def unreserve_highatomic_pageblock(m: Memory, zone: int, migratetype: int, force: bool) -> bool:
    """Give a reserved pageblock of a zone back to a type that needs it (unreserve_highatomic_pageblock).

    Free lists by pageblock (6.10) have whole blocks of several pageblocks in the reserve.
    """
    size = 1 << m.pageblock_order
    if not force and m.zone[zone].nr_reserved_highatomic <= size:
        return False
    for order in range(m.max_order):
        head = free_list(m, zone, order, MIGRATE_HIGHATOMIC)
        if list_empty(m, head):
            continue
        pfn = m.page[head].next
        if m.rules.types_by_pageblock and order >= m.pageblock_order:
            m.zone[zone].nr_reserved_highatomic -= min(1 << order, m.zone[zone].nr_reserved_highatomic)
            move_to_free_list(m, zone, pfn, migratetype)
            change_pageblock_range(m, pfn, order, migratetype)
            return True
        if get_pageblock_migratetype(m, pfn) == MIGRATE_HIGHATOMIC:
            m.zone[zone].nr_reserved_highatomic -= min(size, m.zone[zone].nr_reserved_highatomic)
        m.pageblock[pfn >> m.pageblock_order] = migratetype
        if move_freepages_block(m, zone, pfn, migratetype):
            return True
    return False
