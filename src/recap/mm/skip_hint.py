"""Where compaction looks next: each pageblock's skip hint, and the cached positions of both scanners.

`m.pageblock_skip` is the kernel's PB_migrate_skip bit. A snapshot does not hold it, so all start clear.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import (
        COMPACT_CLUSTER_MAX,
        COMPACT_MAX_DEFER_SHIFT,
        MIGRATE_ASYNC,
        MIGRATE_MOVABLE,
        PAGE_ALLOC_COSTLY_ORDER,
        PG_LRU,
        STATE_ALLOCATED,
        STATE_BUDDY,
    )
    from recap.pages import Memory


def pageblock_start(m: Memory, pfn: int) -> int:
    """First frame of a frame's pageblock (pageblock_start_pfn)."""
    return pfn & ~((1 << m.pageblock_order) - 1)


def isolation_suitable(m: Memory, s: int, pfn: int) -> bool:
    """May the pageblock be scanned? (isolation_suitable)"""
    return m.cc[s].ignore_skip_hint != 0 or m.pageblock_skip[pfn >> m.pageblock_order] == 0


def set_pageblock_skip(m: Memory, pfn: int) -> None:
    """Scan the pageblock no more until the hints are reset."""
    m.pageblock_skip[pfn >> m.pageblock_order] = 1


def test_and_set_skip(m: Memory, s: int, pfn: int) -> bool:
    """Was the hint set already? Only a pageblock's first frame tells (test_and_set_skip)."""
    if m.cc[s].ignore_skip_hint or pfn != pageblock_start(m, pfn):
        return False
    if m.pageblock_skip[pfn >> m.pageblock_order]:
        return True
    set_pageblock_skip(m, pfn)
    return False


def update_cached_migrate(m: Memory, s: int, pfn: int) -> None:
    """The next compaction begins behind the pageblock of `pfn` (update_cached_migrate)."""
    zone = m.cc[s].zone
    pfn = pageblock_start(m, pfn) + (1 << m.pageblock_order)
    if pfn > m.zone[zone].compact_cached_migrate_pfn[0]:
        m.zone[zone].compact_cached_migrate_pfn[0] = pfn
    if m.cc[s].mode != MIGRATE_ASYNC and pfn > m.zone[zone].compact_cached_migrate_pfn[1]:
        m.zone[zone].compact_cached_migrate_pfn[1] = pfn


def update_pageblock_skip(m: Memory, s: int, pfn: int) -> None:
    """The free scanner went through a pageblock (update_pageblock_skip)."""
    zone = m.cc[s].zone
    set_pageblock_skip(m, pfn)
    if pfn < m.zone[zone].compact_cached_free_pfn:
        m.zone[zone].compact_cached_free_pfn = pfn


def reset_cached_positions(m: Memory, zone: int) -> None:
    """The scanners met: the next compaction begins at the ends of the zone (reset_cached_positions)."""
    m.zone[zone].compact_cached_migrate_pfn[0] = m.zone[zone].start
    m.zone[zone].compact_cached_migrate_pfn[1] = m.zone[zone].start
    m.zone[zone].compact_cached_free_pfn = pageblock_start(m, m.zone[zone].end - 1)


def pageblock_skip_persistent(m: Memory, pfn: int) -> bool:
    """Is the pageblock one huge page? (pageblock_skip_persistent)"""
    pfn = pageblock_start(m, pfn)
    return m.page[pfn].state == STATE_ALLOCATED and m.page[pfn].order >= m.pageblock_order


def reset_isolation_pfn(m: Memory, zone: int, pfn: int, check_source: bool, check_target: bool) -> bool:
    """Clear a pageblock's hint if a sample of it shows a page to move or a free one (__reset_isolation_pfn)."""
    block = pfn >> m.pageblock_order
    if pageblock_skip_persistent(m, pfn):
        return False
    if check_source and check_target and not m.pageblock_skip[block]:
        return True
    if not check_source and check_target and m.pageblock[block] != MIGRATE_MOVABLE:
        return False
    at = max(pageblock_start(m, pfn), m.zone[zone].start)
    last = min(pageblock_start(m, pfn) + (1 << m.pageblock_order), m.zone[zone].end) - 1
    while at <= last:
        if (check_source and m.page[at].flags & PG_LRU) or (check_target and m.page[at].state == STATE_BUDDY):
            m.pageblock_skip[block] = 0
            return True
        at += 1 << PAGE_ALLOC_COSTLY_ORDER
    return False


def reset_isolation_suitable(m: Memory, zone: int) -> None:
    """Forget the hints after direct compaction has been through the zone (__reset_isolation_suitable)."""
    if not m.zone[zone].compact_blockskip_flush:
        return
    m.zone[zone].compact_blockskip_flush = 0
    size = 1 << m.pageblock_order
    migrate_pfn = m.zone[zone].start
    free_pfn = m.zone[zone].end - 1
    reset_migrate = free_pfn
    reset_free = migrate_pfn
    source_set = False
    free_set = False
    while migrate_pfn < free_pfn:
        if reset_isolation_pfn(m, zone, migrate_pfn, True, source_set) and migrate_pfn < reset_migrate:
            source_set = True
            reset_migrate = migrate_pfn
            m.zone[zone].compact_init_migrate_pfn = migrate_pfn
            m.zone[zone].compact_cached_migrate_pfn[0] = migrate_pfn
            m.zone[zone].compact_cached_migrate_pfn[1] = migrate_pfn
        if reset_isolation_pfn(m, zone, free_pfn, free_set, True) and free_pfn > reset_free:
            free_set = True
            reset_free = free_pfn
            m.zone[zone].compact_init_free_pfn = free_pfn
            m.zone[zone].compact_cached_free_pfn = free_pfn
        migrate_pfn += size
        free_pfn -= min(size, free_pfn)
    if reset_migrate >= reset_free:
        m.zone[zone].compact_cached_migrate_pfn[0] = migrate_pfn
        m.zone[zone].compact_cached_migrate_pfn[1] = migrate_pfn
        m.zone[zone].compact_cached_free_pfn = free_pfn


def freelist_scan_limit(m: Memory, s: int) -> int:
    """How many free blocks a fast search looks at: less after each failure (freelist_scan_limit)."""
    return (COMPACT_CLUSTER_MAX >> min(m.cc[s].fast_search_fail, 31)) + 1


def defer_compaction(m: Memory, zone: int, order: int) -> None:
    """Compaction failed: skip twice as many of the next tries (defer_compaction)."""
    m.zone[zone].compact_considered = 0
    m.zone[zone].compact_order_failed = min(m.zone[zone].compact_order_failed, order)
    m.zone[zone].compact_defer_shift = min(m.zone[zone].compact_defer_shift + 1, COMPACT_MAX_DEFER_SHIFT)


def compaction_deferred(m: Memory, zone: int, order: int) -> bool:
    """Is this try to be skipped? (compaction_deferred)"""
    limit = 1 << m.zone[zone].compact_defer_shift
    if order < m.zone[zone].compact_order_failed:
        return False
    m.zone[zone].compact_considered += 1
    if m.zone[zone].compact_considered >= limit:
        m.zone[zone].compact_considered = limit
        return False
    return True


def compaction_defer_reset(m: Memory, zone: int, order: int, alloc_success: bool) -> None:
    """Compaction succeeded: try at once the next time (compaction_defer_reset)."""
    if alloc_success:
        m.zone[zone].compact_considered = 0
        m.zone[zone].compact_defer_shift = 0
    if order >= m.zone[zone].compact_order_failed:
        m.zone[zone].compact_order_failed = order + 1


def compaction_restarting(m: Memory, zone: int, order: int) -> bool:
    """Is this the try after the longest pause? (compaction_restarting)"""
    if order < m.zone[zone].compact_order_failed:
        return False
    shift = m.zone[zone].compact_defer_shift
    return shift == COMPACT_MAX_DEFER_SHIFT and m.zone[zone].compact_considered >= 1 << COMPACT_MAX_DEFER_SHIFT
