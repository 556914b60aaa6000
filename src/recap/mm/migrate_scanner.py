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
        PF_LRU,
        PF_SWAPBACKED,
        PF_WRITEBACK,
        PG_ALLOCATED,
        PG_BUDDY,
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
    from recap.pages import Memory, list_add, list_del


def move_freelist_tail(m: Memory, head: int, pfn: int) -> None:
    """Rotate a free list so that it begins behind a block (move_freelist_tail)."""
    if m.page[head].next == pfn:
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
    return m.pageblock[pfn >> m.pageblock_order] == m.cc[s].migratetype


def isolate_migratepages(m: Memory, s: int) -> bool:
    """Isolate pages of the next suitable pageblock; False: somebody else has it (isolate_migratepages)."""
    low_pfn = fast_find_migrateblock(m, s)
    size = 1 << m.pageblock_order
    fast_find_block = low_pfn != m.cc[s].migrate_pfn and m.cc[s].fast_search_fail == 0
    end_pfn = pageblock_start(m, low_pfn) + size
    while end_pfn <= m.cc[s].free_pfn:
        aligned = low_pfn == pageblock_start(m, low_pfn)
        if not aligned or fast_find_block or isolation_suitable(m, s, low_pfn):
            if suitable_migration_source(m, s, low_pfn):
                return isolate_migratepages_block(m, s, low_pfn, end_pfn)
            update_cached_migrate(m, s, end_pfn)
        fast_find_block = False
        m.cc[s].migrate_pfn = end_pfn
        low_pfn = end_pfn
        end_pfn += size
    return True


def may_isolate(m: Memory, s: int, pfn: int) -> bool:
    """Is it a page that can be moved without waiting? (isolate_migratepages_block, ISOLATE_ASYNC_MIGRATE)"""
    if not m.page[pfn].flags & PF_LRU or m.page[pfn].flags & PF_WRITEBACK:
        return False
    return m.page[pfn].flags & PF_SWAPBACKED != 0 or m.cc[s].gfp & GFP_FS != 0


def isolate_migratepages_block(m: Memory, s: int, low_pfn: int, end_pfn: int) -> bool:
    """Isolate up to 32 pages of a pageblock, or all on a rescan; False: abort (isolate_migratepages_block).

    An asynchronous direct compactor gives up a block of the wanted order at the first page it cannot move.
    """
    migratepages = m.scratch_heads + 1
    start = low_pfn
    scanned = 0
    isolated = 0
    order = m.cc[s].order
    valid = False
    skip_updated = False
    aborted = False
    skip_on_failure = m.cc[s].direct_compaction and m.cc[s].mode == MIGRATE_ASYNC
    next_skip_pfn = end_pfn
    m.cc[s].migrate_pfn = low_pfn
    if skip_on_failure:
        next_skip_pfn = (low_pfn | ((1 << order) - 1)) + 1
    while low_pfn < end_pfn:
        if skip_on_failure and low_pfn >= next_skip_pfn:
            if isolated:
                break
            next_skip_pfn = (low_pfn | ((1 << order) - 1)) + 1
        scanned += 1
        if not valid and low_pfn == pageblock_start(m, low_pfn):
            if not isolation_suitable(m, s, low_pfn):
                low_pfn = end_pfn
                aborted = True
                break
            valid = True
        if m.page[low_pfn].state == PG_BUDDY:
            low_pfn += 1 << m.page[low_pfn].order
            continue
        if m.page[low_pfn].state == PG_ALLOCATED and m.page[low_pfn].order > 0:
            low_pfn += (1 << m.page[low_pfn].order) - 1
        elif may_isolate(m, s, low_pfn):
            if not skip_updated:
                skip_updated = True
                if test_and_set_skip(m, s, low_pfn):
                    aborted = True
                    break
            lruvec_del(m, low_pfn)
            list_add(m, low_pfn, migratepages)
            m.cc[s].nr_migratepages += 1
            isolated += 1
            low_pfn += 1
            if m.cc[s].nr_migratepages >= COMPACT_CLUSTER_MAX and not m.cc[s].rescan:
                break
            continue
        if skip_on_failure:
            if isolated:
                putback_movable_pages(m)
                m.cc[s].nr_migratepages = 0
                isolated = 0
            if low_pfn < next_skip_pfn:
                low_pfn = next_skip_pfn - 1
                next_skip_pfn += 1 << order
        low_pfn += 1
    low_pfn = min(low_pfn, end_pfn)
    if low_pfn == end_pfn and (not isolated or m.cc[s].rescan):
        if valid and not skip_updated:
            set_pageblock_skip(m, start)
        update_cached_migrate(m, s, low_pfn)
    m.cc[s].total_migrate_scanned += scanned
    m.vmstat[COMPACT_ISOLATED] += isolated
    m.cc[s].migrate_pfn = low_pfn
    return not aborted or low_pfn == end_pfn
