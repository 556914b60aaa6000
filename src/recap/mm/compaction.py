"""Compaction of a zone: movable pages go up, so that free pages coalesce below.

A compactor's state is a CompactControl record: `m.cc[s]` of a direct compactor has the number of its ScanControl,
kcompactd's is number 0. Work is done in steps of one batch, so that other tasks can run in between: compact_begin,
then compact_step until the result is no longer COMPACT_CONTINUE.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import (
        ALLOC_WMARK_MASK,
        COMPACT_COMPLETE,
        COMPACT_CONTENDED,
        COMPACT_CONTINUE,
        COMPACT_PARTIAL_SKIPPED,
        COMPACT_SKIPPED,
        COMPACT_SUCCESS,
        MIGRATE_ASYNC,
        NONE,
        PAGE_ALLOC_COSTLY_ORDER,
        WMARK_HIGH,
        WMARK_LOW,
        WMARK_MIN,
    )
    from recap.mm.free_area import free_list
    from recap.mm.free_scanner import release_freepages
    from recap.mm.migrate import migrate_pages
    from recap.mm.migrate_scanner import isolate_migratepages
    from recap.mm.migratetype import can_steal_fallback, find_suitable_fallback
    from recap.mm.page_alloc import gfp_migratetype
    from recap.mm.pcplist import drain_pages_zone
    from recap.mm.skip_hint import (
        compaction_restarting,
        pageblock_start,
        reset_cached_positions,
        reset_isolation_suitable,
    )
    from recap.mm.vmstat import COMPACT_FREE_SCANNED, COMPACT_MIGRATE_SCANNED
    from recap.mm.watermark import free_pages_blocks, wmark_pages, zone_watermark_ok, zone_watermark_ok_for
    from recap.pages import Memory, list_empty


def compact_gap(order: int) -> int:
    """Free pages beyond the watermark that compaction needs to work with (compact_gap)."""
    return 2 << order


def fragmentation_index(m: Memory, zone: int, order: int) -> int:
    """Towards 0 a request fails for lack of memory, towards 1000 for fragmentation (fragmentation_index)."""
    blocks = 0
    pages = 0
    for o in range(m.max_order):
        if o >= order and m.zone[zone].nr_free[o]:
            return -1000
        blocks += m.zone[zone].nr_free[o]
        pages += m.zone[zone].nr_free[o] << o
    if blocks == 0:
        return 0
    return 1000 - (1000 + pages * 1000 // (1 << order)) // blocks


def suitable_with(m: Memory, zone: int, order: int, alloc_flags: int, highest_zoneidx: int, free_pages: int) -> int:
    """What the watermarks say about compacting a zone with this many free pages (__compaction_suitable)."""
    mark = wmark_pages(m, zone, alloc_flags & ALLOC_WMARK_MASK)
    if zone_watermark_ok(m, zone, order, mark, highest_zoneidx, alloc_flags):
        return COMPACT_SUCCESS
    mark = wmark_pages(m, zone, WMARK_LOW if order > PAGE_ALLOC_COSTLY_ORDER else WMARK_MIN) + compact_gap(order)
    if not zone_watermark_ok_for(m, zone, 0, mark, highest_zoneidx, 0, free_pages):
        return COMPACT_SKIPPED
    return COMPACT_CONTINUE


def compaction_suitable(m: Memory, zone: int, order: int, alloc_flags: int, highest_zoneidx: int) -> int:
    """Is it worth while to compact a zone, and needed? (compaction_suitable)"""
    free_pages = m.zone[zone].free_pages - m.zone[zone].vm_stat_diff
    result = suitable_with(m, zone, order, alloc_flags, highest_zoneidx, free_pages)
    if result == COMPACT_CONTINUE and order > PAGE_ALLOC_COSTLY_ORDER:
        index = fragmentation_index(m, zone, order)
        if 0 <= index <= m.extfrag_threshold:
            return COMPACT_SKIPPED
    return result


def blocks_suffice(m: Memory, zone: int, order: int, highest_zoneidx: int) -> bool:
    """Is a zone's high mark free in whole pageblocks?"""
    mark = wmark_pages(m, zone, WMARK_HIGH)
    return zone_watermark_ok_for(m, zone, order, mark, highest_zoneidx, 0, free_pages_blocks(m, zone))


def kcompactd_suitable(m: Memory, zone: int, order: int, highest_zoneidx: int) -> int:
    """The same for kcompactd; in defrag mode it has whole pageblocks up to the high mark to make (a211c6550efc, 6.15).

    (compaction_suit_allocation_order, kcompactd_node_suitable)
    """
    if not m.rules.defrag_mode:
        return compaction_suitable(m, zone, order, 0, highest_zoneidx)
    if blocks_suffice(m, zone, order, highest_zoneidx):
        return COMPACT_SUCCESS
    mark = wmark_pages(m, zone, WMARK_HIGH) + compact_gap(order)
    if order > PAGE_ALLOC_COSTLY_ORDER:
        mark += wmark_pages(m, zone, WMARK_LOW) - wmark_pages(m, zone, WMARK_MIN)
    return COMPACT_CONTINUE if zone_watermark_ok(m, zone, 0, mark, highest_zoneidx, 0) else COMPACT_SKIPPED


def fragmentation_score_zone(m: Memory, zone: int) -> int:
    """Percentage of a zone's free memory that is in blocks smaller than a huge page (extfrag_for_order)."""
    pages = 0
    suitable = 0
    for o in range(m.max_order):
        pages += m.zone[zone].nr_free[o] << o
        if o >= m.pageblock_order:
            suitable += m.zone[zone].nr_free[o] << o
    return (pages - suitable) * 100 // pages if pages else 0


def fragmentation_score_node(m: Memory, node: int) -> int:
    """The zones' scores, weighted by their sizes (fragmentation_score_node)."""
    present = 0
    score = 0
    for zone in range(m.node[node].first_zone, m.node[node].end_zone):
        present += m.zone[zone].end - m.zone[zone].start
    for zone in range(m.node[node].first_zone, m.node[node].end_zone):
        score += (m.zone[zone].end - m.zone[zone].start) * fragmentation_score_zone(m, zone) // (present + 1)
    return score


def fragmentation_score_wmark(m: Memory, low: bool) -> int:
    """The score that proactive compaction works down to, or begins at (fragmentation_score_wmark)."""
    mark = max(100 - m.compaction_proactiveness, 5)
    return mark if low else min(mark + 10, 100)


def scanners_met(m: Memory, s: int) -> bool:
    """Has the free scanner come down to the migrate scanner's pageblock? (compact_scanners_met)"""
    return m.cc[s].free_pfn >> m.pageblock_order <= m.cc[s].migrate_pfn >> m.pageblock_order


def compact_finished(m: Memory, s: int) -> int:
    """Go on, or with which result to end (__compact_finished)."""
    zone = m.cc[s].zone
    if scanners_met(m, s):
        reset_cached_positions(m, zone)
        if m.cc[s].direct_compaction:
            m.zone[zone].compact_blockskip_flush = 1
        return COMPACT_COMPLETE if m.cc[s].whole_zone else COMPACT_PARTIAL_SKIPPED
    if m.cc[s].proactive:
        if not m.node[m.sc[s].node].kswapd_asleep:
            return COMPACT_PARTIAL_SKIPPED
        if fragmentation_score_zone(m, zone) > fragmentation_score_wmark(m, True):
            return COMPACT_CONTINUE
        return COMPACT_SUCCESS
    if m.cc[s].migrate_pfn != pageblock_start(m, m.cc[s].migrate_pfn):
        return COMPACT_CONTINUE
    if m.rules.defrag_mode and not m.cc[s].direct_compaction:
        return COMPACT_SUCCESS if blocks_suffice(m, zone, m.cc[s].order, m.cc[s].highest_zoneidx) else COMPACT_CONTINUE
    return block_found(m, s, zone)


def block_found(m: Memory, s: int, zone: int) -> int:
    """Is there a block for the request, on its own list or one to take over? (__compact_finished, last part)"""
    for order in range(m.cc[s].order, m.max_order):
        if not list_empty(m, free_list(m, zone, order, m.cc[s].migratetype)):
            return COMPACT_SUCCESS
        if find_suitable_fallback(m, zone, order, m.cc[s].migratetype) >= 0 and can_steal_fallback(
            m, order, m.cc[s].migratetype
        ):
            return COMPACT_SUCCESS
    return COMPACT_CONTENDED if m.cc[s].contended else COMPACT_CONTINUE


def meet_lock(m: Memory, s: int) -> None:
    """Compaction that must not wait ends with its pageblock where another CPU held a lock (compact_lock_irqsave)."""
    if m.cc[s].mode == MIGRATE_ASYNC and m.lock_taken[m.nr_draws % len(m.lock_taken)]:
        m.cc[s].contended = 1
    m.nr_draws += 1


def compact_begin(m: Memory, s: int, zone: int) -> int:
    """Set the scanners on their marks; COMPACT_CONTINUE if there is something to do (compact_zone, first part)."""
    m.cc[s].zone = zone
    m.cc[s].total_migrate_scanned = 0
    m.cc[s].total_free_scanned = 0
    m.cc[s].nr_migratepages = 0
    m.cc[s].nr_freepages = 0
    m.cc[s].contended = 0
    m.cc[s].migratetype = gfp_migratetype(m.cc[s].gfp)
    m.cc[s].fast_start_pfn = 0
    m.cc[s].last_migrated_pfn = 0
    if not m.cc[s].proactive:
        if m.cc[s].direct_compaction:
            suitable = compaction_suitable(m, zone, m.cc[s].order, m.cc[s].alloc_flags, m.cc[s].highest_zoneidx)
        else:
            suitable = kcompactd_suitable(m, zone, m.cc[s].order, m.cc[s].highest_zoneidx)
        if suitable != COMPACT_CONTINUE:
            return suitable
        if compaction_restarting(m, zone, m.cc[s].order):
            reset_isolation_suitable(m, zone)
    set_scanners(m, s)
    cached = m.zone[zone].compact_cached_migrate_pfn[0] == m.zone[zone].compact_cached_migrate_pfn[1]
    m.cc[s].update_cached = m.cc[s].mode == MIGRATE_ASYNC and cached
    return COMPACT_CONTINUE


def set_scanners(m: Memory, s: int) -> None:
    """At the ends of the zone, or where the last compaction stopped (compact_zone)."""
    zone = m.cc[s].zone
    start = m.zone[zone].start
    last = pageblock_start(m, m.zone[zone].end - 1)
    if m.cc[s].whole_zone:
        m.cc[s].migrate_pfn = start
        m.cc[s].free_pfn = last
        return
    m.cc[s].migrate_pfn = m.zone[zone].compact_cached_migrate_pfn[0 if m.cc[s].mode == MIGRATE_ASYNC else 1]
    m.cc[s].free_pfn = m.zone[zone].compact_cached_free_pfn
    if m.cc[s].free_pfn < start or m.cc[s].free_pfn >= m.zone[zone].end:
        m.cc[s].free_pfn = last
        m.zone[zone].compact_cached_free_pfn = last
    if m.cc[s].migrate_pfn < start or m.cc[s].migrate_pfn >= m.zone[zone].end:
        m.cc[s].migrate_pfn = start
        m.zone[zone].compact_cached_migrate_pfn[0] = start
        m.zone[zone].compact_cached_migrate_pfn[1] = start
    if m.cc[s].migrate_pfn <= m.zone[zone].compact_init_migrate_pfn:
        m.cc[s].whole_zone = 1


def compact_step(m: Memory, s: int, cpu: int) -> int:
    """Isolate and move one batch; COMPACT_CONTINUE until it is over (the loop of compact_zone)."""
    before = m.cc[s].total_migrate_scanned + m.cc[s].total_free_scanned
    result = compact_finished(m, s)
    if result == COMPACT_CONTINUE:
        result = compact_batch(m, s, cpu)
    m.cc[s].scanned_now += m.cc[s].total_migrate_scanned + m.cc[s].total_free_scanned - before
    if result != COMPACT_CONTINUE:
        compact_end(m, s, cpu)
    return result


def compact_batch(m: Memory, s: int, cpu: int) -> int:
    """One round of both scanners."""
    zone = m.cc[s].zone
    start = m.cc[s].migrate_pfn
    m.cc[s].rescan = pageblock_start(m, m.cc[s].last_migrated_pfn) == pageblock_start(m, start)
    isolate_migratepages(m, s)
    if m.cc[s].nr_migratepages == 0:
        if m.cc[s].update_cached:
            m.zone[zone].compact_cached_migrate_pfn[1] = m.zone[zone].compact_cached_migrate_pfn[0]
    else:
        m.cc[s].update_cached = 0
        m.cc[s].last_migrated_pfn = start
        meet_lock(m, s)
        if not move_batch(m, s, cpu):
            return COMPACT_CONTENDED
    drain_behind(m, s, cpu)
    return COMPACT_SUCCESS if m.cc[s].page != NONE else COMPACT_CONTINUE


def move_batch(m: Memory, s: int, cpu: int) -> bool:
    """Move what was isolated; False: there is nowhere to move to."""
    wanted = m.cc[s].nr_migratepages
    moved = m.cc[s].migrated_now
    enough = migrate_pages(m, s, cpu)
    m.cc[s].nr_migratepages = 0
    if not enough and not scanners_met(m, s):
        return False
    if m.cc[s].migrated_now - moved < wanted and m.cc[s].direct_compaction and m.cc[s].mode == MIGRATE_ASYNC:
        m.cc[s].migrate_pfn = ((m.cc[s].migrate_pfn - 1) | ((1 << m.cc[s].order) - 1)) + 1
        m.cc[s].last_migrated_pfn = 0
    return True


def drain_behind(m: Memory, s: int, cpu: int) -> None:
    """Behind a block of the wanted order give the CPU's own lists back, so that what was freed can merge."""
    if m.cc[s].order <= 0 or not m.cc[s].last_migrated_pfn:
        return
    if m.cc[s].last_migrated_pfn < m.cc[s].migrate_pfn & ~((1 << m.cc[s].order) - 1):
        drain_pages_zone(m, m.cc[s].zone, cpu)
        m.cc[s].last_migrated_pfn = 0


def compact_end(m: Memory, s: int, cpu: int) -> None:
    """Give isolated free pages back, and count (compact_zone, last part)."""
    zone = m.cc[s].zone
    if m.cc[s].nr_freepages > 0:
        free_pfn = pageblock_start(m, release_freepages(m, s, cpu))
        if free_pfn > m.zone[zone].compact_cached_free_pfn:
            m.zone[zone].compact_cached_free_pfn = free_pfn
    m.vmstat[COMPACT_MIGRATE_SCANNED] += m.cc[s].total_migrate_scanned
    m.vmstat[COMPACT_FREE_SCANNED] += m.cc[s].total_free_scanned
