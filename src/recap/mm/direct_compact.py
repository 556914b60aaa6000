"""Direct compaction: a request compacts the zones it may use, highest first, and takes what that makes."""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import (
        COMPACT_COMPLETE,
        COMPACT_CONTENDED,
        COMPACT_CONTINUE,
        COMPACT_DEFERRED,
        COMPACT_PARTIAL_SKIPPED,
        COMPACT_PRIO_ASYNC,
        COMPACT_PRIO_SYNC_FULL,
        COMPACT_PRIO_SYNC_LIGHT,
        COMPACT_SKIPPED,
        COMPACT_SUCCESS,
        DEF_PRIORITY,
        GFP_IO,
        LRU_INACTIVE_ANON,
        LRU_INACTIVE_FILE,
        MAX_COMPACT_RETRIES,
        MIGRATE_ASYNC,
        MIGRATE_SYNC_LIGHT,
        NONE,
        PAGE_ALLOC_COSTLY_ORDER,
        WMARK_HIGH,
    )
    from recap.mm.compaction import compact_begin, compact_gap, compact_step, compaction_suitable, suitable_with
    from recap.mm.page_alloc import get_page_from_freelist
    from recap.mm.skip_hint import compaction_defer_reset, compaction_deferred, defer_compaction
    from recap.mm.vmscan import zone_reclaimable_pages
    from recap.mm.vmstat import COMPACT_FAIL, COMPACT_STALL
    from recap.mm.vmstat import COMPACT_SUCCESS as COMPACT_SUCCESS_EVENT
    from recap.mm.watermark import wmark_pages, zone_watermark_ok
    from recap.pages import Memory, page_zone


def gfp_compaction_allowed(m: Memory, gfp: int) -> bool:
    """May the request compact? It must be allowed to start I/O (gfp_compaction_allowed)."""
    return m.rules.compaction and gfp & GFP_IO != 0


def direct_compact_begin(m: Memory, s: int, priority: int) -> None:
    """Start to compact for request `s` (try_to_compact_pages, first part)."""
    m.cc[s].order = m.sc[s].order
    m.cc[s].search_order = m.sc[s].order
    m.cc[s].gfp = m.sc[s].gfp
    m.cc[s].alloc_flags = m.sc[s].alloc_flags
    m.cc[s].highest_zoneidx = m.sc[s].reclaim_idx
    m.cc[s].priority = priority
    m.cc[s].mode = MIGRATE_ASYNC if priority == COMPACT_PRIO_ASYNC else MIGRATE_SYNC_LIGHT
    m.cc[s].direct_compaction = 1
    m.cc[s].proactive = 0
    m.cc[s].page = NONE
    m.cc[s].phase = COMPACT_SKIPPED
    m.cc[s].zone = m.nr_zones
    m.sc[s].compact_result = COMPACT_SKIPPED


def next_zone(m: Memory, s: int) -> bool:
    """Turn to the next zone that wants compacting; False: there is none left (the loop of try_to_compact_pages)."""
    while m.cc[s].zone > 0:
        m.cc[s].zone -= 1
        zone = m.cc[s].zone
        if m.zone[zone].index > m.sc[s].reclaim_idx:
            continue
        if m.cc[s].priority > COMPACT_PRIO_SYNC_FULL and compaction_deferred(m, zone, m.cc[s].order):
            m.sc[s].compact_result = max(m.sc[s].compact_result, COMPACT_DEFERRED)
            continue
        full = m.cc[s].priority == COMPACT_PRIO_SYNC_FULL
        m.cc[s].whole_zone = full
        m.cc[s].ignore_skip_hint = full
        m.cc[s].ignore_block_suitable = full
        m.cc[s].fast_search_fail = 0
        m.cc[s].search_order = m.cc[s].order
        result = compact_begin(m, s, zone)
        if result == COMPACT_CONTINUE:
            m.cc[s].phase = COMPACT_CONTINUE
            return True
        if zone_done(m, s, result):
            return False
    return False


def zone_done(m: Memory, s: int, result: int) -> bool:
    """A zone is through; True: no other needs to be tried."""
    m.cc[s].phase = COMPACT_SKIPPED
    m.sc[s].compact_result = max(m.sc[s].compact_result, result)
    if result == COMPACT_SUCCESS:
        compaction_defer_reset(m, m.cc[s].zone, m.cc[s].order, False)
        return True
    if m.cc[s].priority != COMPACT_PRIO_ASYNC and result in (COMPACT_COMPLETE, COMPACT_PARTIAL_SKIPPED):
        defer_compaction(m, m.cc[s].zone, m.cc[s].order)
    return False


def direct_compact_step(m: Memory, s: int, cpu: int) -> bool:
    """Go on compacting; False: it is over, and `sc.page` is what came of it (__alloc_pages_direct_compact)."""
    if m.cc[s].phase != COMPACT_CONTINUE:
        if next_zone(m, s):
            return True
        direct_compact_end(m, s, cpu)
        return False
    zone = m.cc[s].zone
    m.zone[zone].capc = s if m.rules.compaction_capture else 0
    result = compact_step(m, s, cpu)
    m.zone[zone].capc = 0
    if result == COMPACT_CONTINUE:
        return True
    if m.cc[s].page != NONE:
        result = COMPACT_SUCCESS
    if not zone_done(m, s, result):
        return True
    direct_compact_end(m, s, cpu)
    return False


def direct_compact_end(m: Memory, s: int, cpu: int) -> None:
    """The captured block, or one from the free lists, is the request's (__alloc_pages_direct_compact, last part)."""
    m.cc[s].phase = COMPACT_SKIPPED
    if m.sc[s].compact_result == COMPACT_SKIPPED:
        return
    m.vmstat[COMPACT_STALL] += 1
    m.sc[s].page = m.cc[s].page
    if m.sc[s].page == NONE:
        m.sc[s].page = get_page_from_freelist(m, cpu, m.sc[s].order, m.sc[s].gfp, m.sc[s].alloc_flags)
    if m.sc[s].page == NONE:
        m.vmstat[COMPACT_FAIL] += 1
        return
    zone = page_zone(m, m.sc[s].page)
    m.zone[zone].compact_blockskip_flush = 0
    compaction_defer_reset(m, zone, m.sc[s].order, True)
    m.vmstat[COMPACT_SUCCESS_EVENT] += 1


def compaction_zonelist_suitable(m: Memory, s: int) -> bool:
    """Could a zone be compacted if a part of what is reclaimable were reclaimed? (compaction_zonelist_suitable)"""
    for zone in range(m.nr_zones - 1, -1, -1):
        if m.zone[zone].index > m.sc[s].reclaim_idx:
            continue
        available = m.zone[zone].free_pages + zone_reclaimable_pages(m, zone) // m.sc[s].order
        if (
            suitable_with(m, zone, m.sc[s].order, m.sc[s].alloc_flags, m.sc[s].reclaim_idx, available)
            == COMPACT_CONTINUE
        ):
            return True
    return False


def should_compact_retry(m: Memory, s: int) -> bool:
    """Once more, perhaps harder? (should_compact_retry)"""
    result = m.sc[s].compact_result
    most = MAX_COMPACT_RETRIES
    least = COMPACT_PRIO_SYNC_FULL
    if m.sc[s].order == 0:
        return False
    if m.sc[s].order > PAGE_ALLOC_COSTLY_ORDER:
        most = MAX_COMPACT_RETRIES // 4
        least = COMPACT_PRIO_SYNC_LIGHT
    if result == COMPACT_SUCCESS:
        m.sc[s].compaction_retries += 1
    if result == COMPACT_SKIPPED:
        return compaction_zonelist_suitable(m, s)
    withdrawn = result in (COMPACT_COMPLETE, COMPACT_DEFERRED, COMPACT_CONTENDED, COMPACT_PARTIAL_SKIPPED)
    if not withdrawn and m.sc[s].compaction_retries <= most:
        return True
    if m.sc[s].compact_priority > least:
        m.sc[s].compact_priority -= 1
        m.sc[s].compaction_retries = 0
        return True
    return False


def in_reclaim_compaction(m: Memory, s: int) -> bool:
    """Does reclaim work for a block that compaction is to make? (in_reclaim_compaction)"""
    if not m.sc[s].order or not gfp_compaction_allowed(m, m.sc[s].gfp):
        return False
    return m.sc[s].order > PAGE_ALLOC_COSTLY_ORDER or m.sc[s].priority < DEF_PRIORITY - 2


def should_continue_reclaim(m: Memory, s: int) -> bool:
    """Not enough is free for compaction yet, and there is more to reclaim (should_continue_reclaim)."""
    node = m.sc[s].node
    if m.rules.multi_gen_lru:  # lru_gen_shrink_node does not ask
        return False
    if not in_reclaim_compaction(m, s) or m.sc[s].nr_reclaimed == m.sc[s].node_reclaimed:
        return False
    for zone in range(m.node[node].first_zone, m.node[node].end_zone):
        if m.zone[zone].index > m.sc[s].reclaim_idx:
            continue
        if compaction_suitable(m, zone, m.sc[s].order, 0, m.sc[s].reclaim_idx) >= COMPACT_CONTINUE:
            return False
    inactive = m.node[node].lru_size[LRU_INACTIVE_FILE]
    if m.nr_swap_pages > 0:
        inactive += m.node[node].lru_size[LRU_INACTIVE_ANON]
    return inactive > compact_gap(m.sc[s].order)


def compaction_ready(m: Memory, s: int) -> bool:
    """Is so much free in every zone that direct reclaim can leave it to compaction? (shrink_zones)"""
    m.sc[s].compaction_ready = 0
    if m.sc[s].order <= PAGE_ALLOC_COSTLY_ORDER or not gfp_compaction_allowed(m, m.sc[s].gfp):
        return False
    every = True
    for zone in range(m.nr_zones):
        if m.zone[zone].index > m.sc[s].reclaim_idx:
            continue
        if zone_compaction_ready(m, s, zone):
            m.sc[s].compaction_ready = 1
        else:
            every = False
    return every


def zone_compaction_ready(m: Memory, s: int, zone: int) -> bool:
    """Is so much free in a zone that compaction can work with it, or is there a block already? (compaction_ready)"""
    suitable = compaction_suitable(m, zone, m.sc[s].order, 0, m.sc[s].reclaim_idx)
    if suitable != COMPACT_CONTINUE:
        return suitable == COMPACT_SUCCESS
    mark = wmark_pages(m, zone, WMARK_HIGH) + compact_gap(m.sc[s].order)
    return zone_watermark_ok(m, zone, 0, mark, m.sc[s].reclaim_idx, 0)
