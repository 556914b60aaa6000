"""The free scanner: it comes down from the zone's end and takes free pages for others to move to."""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import (
        COMPACT_CLUSTER_MAX,
        MIGRATE_ASYNC,
        MIGRATE_MOVABLE,
        NONE,
        STATE_ALLOCATED,
        STATE_BUDDY,
        WMARK_MIN,
    )
    from recap.mm.free_area import del_page_from_free_list, free_list
    from recap.mm.migratetype import make_movable
    from recap.mm.page_alloc import free_pages
    from recap.mm.skip_hint import (
        freelist_scan_limit,
        isolation_suitable,
        pageblock_start,
        set_pageblock_skip,
        update_pageblock_skip,
    )
    from recap.mm.vmstat import COMPACT_ISOLATED
    from recap.mm.watermark import zone_watermark_ok
    from recap.pages import (
        FREE_FOLIOS,
        Memory,
        get_pageblock_migratetype,
        list_add,
        list_add_tail,
        list_del,
        list_empty,
        list_rotate_to_front,
        list_splice,
    )


def isolate_free_page(m: Memory, zone: int, pfn: int, order: int) -> bool:
    """Take a block off the free lists, if the min watermark allows it (__isolate_free_page)."""
    mark = m.zone[zone].watermark[WMARK_MIN] + (1 << order)
    if not zone_watermark_ok(m, zone, 0, mark, 0, 0):
        return False
    take_free_page(m, zone, pfn, order)
    return True


def take_free_page(m: Memory, zone: int, pfn: int, order: int) -> None:
    """A free block is in use as a whole, and its pageblocks are movable if it is about that large (__isolate_free_page,
    last part)."""
    m.zone[zone].free_pages -= 1 << order
    del_page_from_free_list(m, zone, pfn)
    m.page[pfn].state = STATE_ALLOCATED
    if order >= m.pageblock_order - 1:
        make_movable(m, zone, pfn, order)


def keep_free_block(m: Memory, s: int, pfn: int, order: int) -> None:
    """An isolated block joins the compactor's list."""
    list_add_tail(m, pfn, m.compact_heads + s)
    m.cc[s].nr_freepages += 1 << order
    m.vmstat[COMPACT_ISOLATED] += 1 << order


def isolate_freepages_block(m: Memory, s: int, start_pfn: int, end_pfn: int, stride: int) -> int:
    """Isolate free blocks of a pageblock until there are enough; how far it got (isolate_freepages_block)."""
    zone = m.cc[s].zone
    pfn = start_pfn
    scanned = 0
    while pfn < end_pfn:
        scanned += 1
        if m.page[pfn].state == STATE_ALLOCATED and m.page[pfn].order > 0:
            pfn += (1 << m.page[pfn].order) - 1 + stride
            continue
        if m.page[pfn].state != STATE_BUDDY:
            pfn += stride
            continue
        order = m.page[pfn].order
        if not isolate_free_page(m, zone, pfn, order):
            break
        scanned += (1 << order) - 1
        keep_free_block(m, s, pfn, order)
        if m.cc[s].nr_migratepages <= m.cc[s].nr_freepages:
            pfn += 1 << order
            break
        pfn += (1 << order) - 1 + stride
    m.cc[s].total_free_scanned += scanned
    return min(pfn, end_pfn)


def move_freelist_head(m: Memory, head: int, pfn: int) -> None:
    """Rotate a free list so that it begins with a block (move_freelist_head)."""
    if pfn == head:
        return
    list_rotate_to_front(m, pfn, head)


def next_search_order(m: Memory, s: int, order: int) -> int:
    """The orders in turn, from the last successful one; -1 when all had theirs (next_search_order)."""
    order -= 1
    if order < 0:
        order = m.cc[s].order - 1
    if order == m.cc[s].search_order:
        m.cc[s].search_order -= 1
        if m.cc[s].search_order < 0:
            m.cc[s].search_order = m.cc[s].order - 1
        return -1
    return order


def fast_isolate_freepages(m: Memory, s: int) -> None:
    """Take a block found fast, and what else is free around it (fast_isolate_freepages)."""
    found = fast_search(m, s)
    if found != NONE:
        fast_isolate_around(m, s, found)


def fast_search(m: Memory, s: int) -> int:
    """Take a block from the free lists in the upper part of what is left; where to look around, NONE for nowhere.

    (fast_isolate_freepages, all but its end)
    """
    if m.cc[s].order <= 0:
        return NONE
    begin_search(m, s)
    found = NONE
    order = m.cc[s].search_order
    while found == NONE and order >= 0:
        if m.zone[m.cc[s].zone].nr_free[order] > 0:
            found = search_free_list(m, s, order)
            if found != NONE and not take_found(m, s, found, order):
                order = m.cc[s].search_order + 1
                found = NONE
        if found == NONE:
            order = next_search_order(m, s, order)
    if found == NONE:
        found = search_failed(m, s)
    end_search(m, s)
    return found


def begin_search(m: Memory, s: int) -> None:
    """The top quarter is wanted, the upper half will do; the first search of a pass looks deeper."""
    free_pfn = m.cc[s].free_pfn
    m.cc[s].search_limit = max(1, freelist_scan_limit(m, s) >> 1)
    if starts_pass(m, s):
        m.cc[s].search_limit = (1 << m.pageblock_order) >> 1
    distance = free_pfn - m.cc[s].migrate_pfn if free_pfn > m.cc[s].migrate_pfn else 0
    m.cc[s].search_highest = 0
    m.cc[s].search_low = pageblock_start(m, free_pfn - (distance >> 2))
    m.cc[s].search_min = pageblock_start(m, free_pfn - (distance >> 1))
    m.cc[s].search_order = min(m.cc[s].order - 1, m.cc[s].search_order)


def starts_pass(m: Memory, s: int) -> bool:
    """Is the free scanner where a pass through the zone begins?"""
    return m.cc[s].free_pfn >= m.zone[m.cc[s].zone].compact_init_free_pfn


def search_free_list(m: Memory, s: int, order: int) -> int:
    """A block of one order high enough, or the highest that will do; the next search begins where this one ends."""
    head = free_list(m, m.cc[s].zone, order, MIGRATE_MOVABLE)
    scanned = 0
    high_pfn = 0
    found = NONE
    pfn = m.page[head].prev
    while pfn != head:
        scanned += 1
        if pfn >= m.cc[s].search_highest:
            m.cc[s].search_highest = max(pageblock_start(m, pfn), m.zone[m.cc[s].zone].start)
        if pfn >= m.cc[s].search_low:
            m.cc[s].fast_search_fail = 0
            m.cc[s].search_order = order
            found = pfn
            break
        if pfn >= m.cc[s].search_min and pfn > high_pfn:
            high_pfn = pfn
            m.cc[s].search_limit >>= 1
        if scanned >= m.cc[s].search_limit:
            break
        pfn = m.page[pfn].prev
    if found == NONE and high_pfn:
        found = high_pfn
        pfn = high_pfn
    move_freelist_head(m, head, pfn)
    m.cc[s].total_free_scanned += scanned
    if scanned >= m.cc[s].search_limit:
        m.cc[s].search_limit = max(1, m.cc[s].search_limit >> 1)
    return found


def take_found(m: Memory, s: int, pfn: int, order: int) -> bool:
    """Isolate the block found; False where the watermark forbids it."""
    if not isolate_free_page(m, m.cc[s].zone, pfn, order):
        return False
    m.cc[s].total_free_scanned += (1 << order) - 1
    keep_free_block(m, s, pfn, order)
    return True


def search_failed(m: Memory, s: int) -> int:
    """Nothing suits: at the start of a pass scan from the highest free page seen, or from the middle."""
    m.cc[s].fast_search_fail += 1
    if not starts_pass(m, s):
        return NONE
    if m.cc[s].search_highest >= m.cc[s].search_min:
        m.cc[s].free_pfn = m.cc[s].search_highest
        return m.cc[s].search_highest
    if m.cc[s].direct_compaction:
        m.cc[s].free_pfn = m.cc[s].search_min
        return m.cc[s].search_min
    return NONE


def end_search(m: Memory, s: int) -> None:
    """The next compaction need not look above what was seen."""
    zone = m.cc[s].zone
    if m.cc[s].search_highest and m.cc[s].search_highest >= m.zone[zone].compact_cached_free_pfn:
        m.zone[zone].compact_cached_free_pfn = m.cc[s].search_highest - (1 << m.pageblock_order)


def fast_isolate_around(m: Memory, s: int, pfn: int) -> None:
    """Take what else is free in the pageblock found fast (fast_isolate_around)."""
    if m.cc[s].nr_freepages >= m.cc[s].nr_migratepages:
        return
    if m.cc[s].direct_compaction and m.cc[s].mode == MIGRATE_ASYNC:
        return
    start = max(pageblock_start(m, pfn), m.zone[m.cc[s].zone].start)
    end = min(pageblock_start(m, pfn) + (1 << m.pageblock_order), m.zone[m.cc[s].zone].end)
    isolate_freepages_block(m, s, start, end, 1)
    if m.cc[s].nr_freepages < m.cc[s].nr_migratepages:
        set_pageblock_skip(m, pfn)


def suitable_migration_target(m: Memory, s: int, pfn: int) -> bool:
    """Movable pageblocks that are not wholly free, or any at the highest priority (suitable_migration_target)."""
    if m.page[pfn].state == STATE_BUDDY and m.page[pfn].order >= m.pageblock_order:
        return False
    return m.cc[s].ignore_block_suitable != 0 or get_pageblock_migratetype(m, pfn) == MIGRATE_MOVABLE


def isolate_freepages(m: Memory, s: int) -> None:
    """Isolate free pages for those about to be moved (isolate_freepages)."""
    fast_isolate_freepages(m, s)
    if m.cc[s].nr_freepages == 0:
        scan_freepages(m, s)
    split_map_pages(m, s)


def scan_freepages(m: Memory, s: int) -> None:
    """Go down pageblock by pageblock until there are enough, or the migrate scanner is near (isolate_freepages)."""
    zone = m.cc[s].zone
    size = 1 << m.pageblock_order
    at = m.cc[s].free_pfn
    block = pageblock_start(m, at)
    end = min(block + size, m.zone[zone].end)
    low_pfn = pageblock_start(m, m.cc[s].migrate_pfn) + size
    stride = COMPACT_CLUSTER_MAX if m.cc[s].mode == MIGRATE_ASYNC else 1
    while block >= low_pfn:
        if suitable_migration_target(m, s, block) and isolation_suitable(m, s, block):
            before = m.cc[s].nr_freepages
            at = isolate_freepages_block(m, s, at, end, stride)
            if at == end:
                update_pageblock_skip(m, s, block)
            if m.cc[s].nr_freepages >= m.cc[s].nr_migratepages:
                if at >= end:
                    at = block - size
                break
            if at < end:
                break
            stride = 1 if m.cc[s].nr_freepages > before else min(COMPACT_CLUSTER_MAX, stride << 1)
        end = block
        block -= size
        at = block
    m.cc[s].free_pfn = at


def split_map_pages(m: Memory, s: int) -> None:
    """Break isolated blocks into pages; the list turns round on the way (split_map_pages)."""
    head = m.compact_heads + s
    pages = m.scratch_heads + FREE_FOLIOS
    while not list_empty(m, head):
        block = m.page[head].next
        list_del(m, block)
        order = m.page[block].order
        for pfn in range(block, block + (1 << order)):
            m.page[pfn].state = STATE_ALLOCATED
            m.page[pfn].order = 0
            m.page[pfn].flags = 0
            list_add(m, pfn, pages)
    list_splice(m, pages, head)


def compaction_alloc(m: Memory, s: int) -> int:
    """A frame to move to; NONE if there is none left (compaction_alloc)."""
    head = m.compact_heads + s
    if list_empty(m, head):
        isolate_freepages(m, s)
        if list_empty(m, head):
            return NONE
    pfn = m.page[head].next
    list_del(m, pfn)
    m.cc[s].nr_freepages -= 1
    return pfn


def release_freepages(m: Memory, s: int, cpu: int) -> int:
    """Free what was not used; the highest frame of it (release_freepages)."""
    head = m.compact_heads + s
    high_pfn = 0
    while not list_empty(m, head):
        pfn = m.page[head].next
        list_del(m, pfn)
        high_pfn = max(high_pfn, pfn)
        m.frame[pfn].freed_by = 0
        free_pages(m, cpu, pfn, 0)
    m.cc[s].nr_freepages = 0
    return high_pfn
