"""The migrate scanner: it goes up from the zone's start and takes movable pages off the LRU."""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import (
        COMPACT_CLUSTER_MAX,
        GFP_FS,
        MIGRATE_ASYNC,
        MIGRATE_MOVABLE,
        NONE,
        PAGE_ALLOC_COSTLY_ORDER,
        PG_LRU,
        PG_SWAPBACKED,
        PG_WRITEBACK,
        STATE_ALLOCATED,
        STATE_BUDDY,
    )
    from recap.mm.free_area import free_list
    from recap.mm.lru import lruvec_del
    from recap.mm.migrate import putback_movable_pages
    from recap.mm.skip_hint import (
        freelist_scan_limit,
        isolation_suitable,
        pageblock_skip_persistent,
        pageblock_start,
        set_pageblock_skip,
        test_and_set_skip,
        update_cached_migrate,
    )
    from recap.mm.vmstat import COMPACT_ISOLATED
    from recap.pages import MIGRATEPAGES, Memory, get_pageblock_migratetype, list_add, list_del


def move_freelist_tail(m: Memory, head: int, pfn: int) -> None:
    """Rotate a free list so that it begins behind a block (move_freelist_tail)."""
    if m.page[head].prev == pfn:
        return
    list_del(m, head)
    list_add(m, head, pfn)


def fast_find_migrateblock(m: Memory, s: int) -> int:
    """A pageblock near the scanner that has free pages already; else go on in line (fast_find_migrateblock)."""
    pfn = m.cc[s].migrate_pfn
    start = m.zone[m.cc[s].zone].start
    if m.cc[s].ignore_skip_hint or (pfn != start and pfn != pageblock_start(m, pfn)):
        return pfn
    if m.cc[s].order <= PAGE_ALLOC_COSTLY_ORDER:
        return pfn
    if m.cc[s].direct_compaction and m.cc[s].migratetype != MIGRATE_MOVABLE:
        return pfn
    distance = (m.cc[s].free_pfn - pfn) >> 1 if m.cc[s].free_pfn > pfn else 0
    if pfn != start:
        distance >>= 2
    found = search_migrateblock(m, s, pageblock_start(m, pfn + distance))
    if found != NONE:
        return max(pageblock_start(m, found), start)
    m.cc[s].fast_search_fail += 1
    if m.cc[s].fast_start_pfn == 0 or m.cc[s].fast_start_pfn == NONE:
        return m.cc[s].migrate_pfn
    m.cc[s].migrate_pfn = m.cc[s].fast_start_pfn
    m.cc[s].fast_start_pfn = NONE
    return m.cc[s].migrate_pfn


def search_migrateblock(m: Memory, s: int, high_pfn: int) -> int:
    """Look through the free lists of high orders for a block below `high_pfn`; NONE if there is none."""
    zone = m.cc[s].zone
    limit = freelist_scan_limit(m, s)
    scanned = 0
    found = NONE
    order = m.cc[s].order - 1
    while order >= PAGE_ALLOC_COSTLY_ORDER and found == NONE and scanned < limit:
        head = free_list(m, zone, order, MIGRATE_MOVABLE)
        pfn = m.page[head].next
        while pfn != head:
            scanned += 1
            if scanned > limit:
                move_freelist_tail(m, head, pfn)
                break
            if pfn < high_pfn and not m.pageblock_skip[pfn >> m.pageblock_order]:
                move_freelist_tail(m, head, pfn)
                update_fast_start_pfn(m, s, pfn)
                m.cc[s].fast_search_fail = 0
                set_pageblock_skip(m, pfn)
                found = pfn
                break
            pfn = m.page[pfn].next
        order -= 1
    m.cc[s].total_migrate_scanned += scanned
    return found


def update_fast_start_pfn(m: Memory, s: int, pfn: int) -> None:
    """Remember the lowest block found fast: scanning in line begins there (update_fast_start_pfn)."""
    if m.cc[s].fast_start_pfn == NONE:
        return
    if m.cc[s].fast_start_pfn == 0:
        m.cc[s].fast_start_pfn = pfn
    m.cc[s].fast_start_pfn = min(m.cc[s].fast_start_pfn, pfn)


def suitable_migration_source(m: Memory, s: int, pfn: int) -> bool:
    """May pages of this pageblock be moved? An asynchronous compactor keeps to its type (suitable_migration_source)."""
    if pageblock_skip_persistent(m, pfn):
        return False
    if m.cc[s].mode != MIGRATE_ASYNC or not m.cc[s].direct_compaction:
        return True
    return get_pageblock_migratetype(m, pfn) == m.cc[s].migratetype


def isolate_migratepages(m: Memory, s: int) -> None:
    """Isolate pages of the next suitable pageblock (isolate_migratepages)."""
    low_pfn = fast_find_migrateblock(m, s)
    size = 1 << m.pageblock_order
    fast_find_block = low_pfn != m.cc[s].migrate_pfn and m.cc[s].fast_search_fail == 0
    end_pfn = pageblock_start(m, low_pfn) + size
    while end_pfn <= m.cc[s].free_pfn:
        aligned = low_pfn == pageblock_start(m, low_pfn)
        if not aligned or fast_find_block or isolation_suitable(m, s, low_pfn):
            if suitable_migration_source(m, s, low_pfn):
                isolate_migratepages_block(m, s, low_pfn, end_pfn)
                return
            update_cached_migrate(m, s, end_pfn)
        fast_find_block = False
        m.cc[s].migrate_pfn = end_pfn
        low_pfn = end_pfn
        end_pfn += size


def may_isolate(m: Memory, s: int, pfn: int) -> bool:
    """Is it a page that can be moved without waiting? (isolate_migratepages_block, ISOLATE_ASYNC_MIGRATE)

    A block of several pages cannot: 6.1 passes over compound pages.
    """
    if not m.page[pfn].flags & PG_LRU or m.page[pfn].flags & PG_WRITEBACK:
        return False
    if m.page[pfn].state != STATE_ALLOCATED or m.page[pfn].order:
        return False
    return m.page[pfn].flags & PG_SWAPBACKED != 0 or m.cc[s].gfp & GFP_FS != 0


def isolate_migratepages_block(m: Memory, s: int, low_pfn: int, end_pfn: int) -> None:
    """Isolate up to 32 pages of a pageblock, or all on a rescan (isolate_migratepages_block).

    An asynchronous direct compactor gives up a block of the wanted order at the first page it cannot move.
    """
    start = low_pfn
    first = low_pfn == pageblock_start(m, low_pfn)
    begin_block(m, s, low_pfn, end_pfn)
    if first and not isolation_suitable(m, s, low_pfn):
        m.cc[s].total_migrate_scanned += 1
        end_block(m, s, start, end_pfn, end_pfn, False)
        return
    while low_pfn < end_pfn and not enough_isolated(m, s):
        if low_pfn >= m.cc[s].next_skip_pfn:
            if m.cc[s].nr_isolated:
                break
            m.cc[s].next_skip_pfn = block_end(m, s, low_pfn)
        m.cc[s].total_migrate_scanned += 1
        if m.page[low_pfn].state == STATE_BUDDY:
            low_pfn += 1 << m.page[low_pfn].order
            continue
        if may_isolate(m, s, low_pfn):
            if not isolate_page(m, s, low_pfn):
                break
            low_pfn += 1
            continue
        if m.page[low_pfn].state == STATE_ALLOCATED:
            low_pfn += (1 << m.page[low_pfn].order) - 1
        if skips_on_failure(m, s):
            low_pfn = skip_block(m, s, low_pfn)
        low_pfn += 1
    end_block(m, s, start, min(low_pfn, end_pfn), end_pfn, first)


def skips_on_failure(m: Memory, s: int) -> bool:
    """Is a block of the wanted order given up when one of its pages cannot be moved?"""
    return m.cc[s].direct_compaction != 0 and m.cc[s].mode == MIGRATE_ASYNC


def block_end(m: Memory, s: int, pfn: int) -> int:
    """Where the block of the wanted order ends (block_end_pfn)."""
    return (pfn | ((1 << m.cc[s].order) - 1)) + 1


def begin_block(m: Memory, s: int, low_pfn: int, end_pfn: int) -> None:
    """Nothing is isolated yet."""
    m.cc[s].migrate_pfn = low_pfn
    m.cc[s].nr_isolated = 0
    m.cc[s].skip_updated = 0
    m.cc[s].next_skip_pfn = block_end(m, s, low_pfn) if skips_on_failure(m, s) else end_pfn


def isolate_page(m: Memory, s: int, pfn: int) -> bool:
    """Take a page off the LRU; False: somebody else compacts this pageblock already."""
    if not m.cc[s].skip_updated:
        m.cc[s].skip_updated = 1
        if test_and_set_skip(m, s, pfn):
            return False
    lruvec_del(m, pfn)
    list_add(m, pfn, m.scratch_heads + MIGRATEPAGES)
    m.cc[s].nr_migratepages += 1
    m.cc[s].nr_isolated += 1
    return True


def enough_isolated(m: Memory, s: int) -> bool:
    """A batch is full; on a rescan the whole pageblock is one."""
    return m.cc[s].nr_migratepages >= COMPACT_CLUSTER_MAX and not m.cc[s].rescan


def skip_block(m: Memory, s: int, low_pfn: int) -> int:
    """Put back what was taken of a block that cannot be made; the block's last frame."""
    if m.cc[s].nr_isolated:
        putback_movable_pages(m)
        m.cc[s].nr_migratepages = 0
        m.cc[s].nr_isolated = 0
    if low_pfn < m.cc[s].next_skip_pfn:
        low_pfn = m.cc[s].next_skip_pfn - 1
        m.cc[s].next_skip_pfn += 1 << m.cc[s].order
    return low_pfn


def end_block(m: Memory, s: int, start: int, low_pfn: int, end_pfn: int, first: bool) -> None:
    """Note how far it got; a pageblock that yields nothing, or was scanned twice, is skipped from now on."""
    if low_pfn == end_pfn and (not m.cc[s].nr_isolated or m.cc[s].rescan):
        if first and not m.cc[s].skip_updated:
            set_pageblock_skip(m, start)
        update_cached_migrate(m, s, low_pfn)
    m.vmstat[COMPACT_ISOLATED] += m.cc[s].nr_isolated
    m.cc[s].migrate_pfn = low_pfn
