"""The slow path of an allocation: wake kswapd, reclaim, retry, and give up or call for the OOM killer.

Costly requests compact first, then reclaim and compact in turn. Like kswapd it runs in steps; a request's state is its
ScanControl, and a step says whether the request was served, failed, needs the OOM killer or is still at work (and for
how long it sleeps, in `sleep_ns`).
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import (
        ALLOC_KSWAPD,
        ALLOC_NO_WATERMARKS,
        ALLOC_NOFRAGMENT,
        ALLOC_WMARK_HIGH,
        ALLOC_WMARK_MASK,
        COMPACT_DEFERRED,
        COMPACT_PRIO_ASYNC,
        COMPACT_PRIO_SYNC_LIGHT,
        COMPACT_SKIPPED,
        DEF_PRIORITY,
        FIFTIETH_NS,
        GFP_DIRECT_RECLAIM,
        GFP_FS,
        GFP_NOFAIL,
        GFP_NORETRY,
        GFP_RETRY_MAYFAIL,
        GFP_THISNODE,
        MAX_RECLAIM_RETRIES,
        MIGRATE_MOVABLE,
        NONE,
        PAGE_ALLOC_COSTLY_ORDER,
        SWAP_CLUSTER_MAX,
        TENTH_NS,
        TICK_NS,
        WMARK_MIN,
        ZONE_NORMAL,
    )
    from recap.mm.backing_dev import congestion_wait
    from recap.mm.capture import close_capture, open_capture
    from recap.mm.direct_compact import (
        compaction_ready,
        direct_compact_begin,
        direct_compact_step,
        gfp_compaction_allowed,
        should_compact_retry,
        should_continue_reclaim,
    )
    from recap.mm.kswapd import NOBODY_ASKED, wakeup_kswapd
    from recap.mm.migratetype import unreserve_highatomic_pageblock
    from recap.mm.page_alloc import (
        get_page_from_freelist,
        gfp_migratetype,
        gfp_to_alloc_flags,
        gfp_zone,
        preferred_zone,
    )
    from recap.mm.pcplist import drain_all_pages
    from recap.mm.request_queue import join_queue, must_wait
    from recap.mm.slab import shrink_slab
    from recap.mm.vmscan import (
        all_unreclaimable,
        shrink_lruvec_step,
        shrink_node_begin,
        shrink_node_end,
        writes_pending,
        zone_reclaimable_pages,
    )
    from recap.mm.vmstat import ALLOC_SLOWPATH, ALLOCSTALL
    from recap.mm.watermark import wmark_pages, zone_watermark_ok_for
    from recap.mm.workingset import snapshot_refaults
    from recap.pages import Memory

    SERVED, FAILED, NEEDS_OOM, AT_WORK = range(4)
    RETRY, THROTTLED, PRIORITY, LRUVEC, AFTER_RECLAIM, COMPACT_FIRST, COMPACT_LAST = range(7)


def wake_all_kswapds(m: Memory, s: int) -> None:
    """Have kswapd work for this request, if it allows that; in defrag mode always for a whole pageblock
    (wake_all_kswapds; 101f9d666e4d, 6.15)."""
    order = m.sc[s].order
    if m.rules.defrag_mode:
        order = max(order, m.pageblock_order)
    if m.sc[s].alloc_flags & ALLOC_KSWAPD:
        wakeup_kswapd(m, m.sc[s].node, order, gfp_zone(m.sc[s].gfp), m.sc[s].gfp & GFP_DIRECT_RECLAIM != 0)


def slowpath_begin(m: Memory, s: int, cpu: int, order: int, gfp: int) -> int:
    """The low watermark refused: wake kswapd and try at the min watermark (__alloc_pages_slowpath, first part)."""
    m.vmstat[ALLOC_SLOWPATH] += 1
    m.sc[s].order = order
    m.sc[s].gfp = gfp
    m.sc[s].alloc_flags = gfp_to_alloc_flags(m, gfp, order)
    m.sc[s].reclaim_idx = gfp_zone(gfp)
    m.sc[s].no_progress_loops = 0
    m.sc[s].kswapd = 0
    m.sc[s].node = m.zone[preferred_zone(m, gfp_zone(gfp))].node
    m.sc[s].phase = RETRY
    m.sc[s].capture = -1
    m.sc[s].isolated_block = -1
    m.sc[s].sync = 0
    m.sc[s].closed_pcp = 0
    m.sc[s].reclaimed_total = 0
    m.sc[s].sleep_ns = 0
    wake_all_kswapds(m, s)
    m.sc[s].page = get_page_from_freelist(m, cpu, order, gfp, m.sc[s].alloc_flags)
    m.sc[s].compact_priority = COMPACT_PRIO_SYNC_LIGHT
    m.sc[s].compaction_retries = 0
    if m.sc[s].page == NONE and compacts_first(m, s):
        direct_compact_begin(m, s, COMPACT_PRIO_ASYNC)
        m.sc[s].phase = COMPACT_FIRST
    return SERVED if m.sc[s].page != NONE else AT_WORK


def compacts_first(m: Memory, s: int) -> bool:
    """Costly requests, and high orders that do not move, try compaction before they reclaim."""
    if not m.sc[s].gfp & GFP_DIRECT_RECLAIM or not gfp_compaction_allowed(m, m.sc[s].gfp):
        return False
    if m.sc[s].order > PAGE_ALLOC_COSTLY_ORDER:
        return True
    return m.sc[s].order > 0 and gfp_migratetype(m.sc[s].gfp) != MIGRATE_MOVABLE


def compacted_first(m: Memory, s: int) -> int:
    """Costly requests that do not retry give up where compaction was not even begun."""
    m.sc[s].phase = RETRY
    if m.sc[s].page != NONE:
        return SERVED
    if m.sc[s].order > PAGE_ALLOC_COSTLY_ORDER and m.sc[s].gfp & GFP_NORETRY:
        if m.sc[s].compact_result in (COMPACT_SKIPPED, COMPACT_DEFERRED) or m.sc[s].gfp & GFP_THISNODE:
            return FAILED
        m.sc[s].compact_priority = COMPACT_PRIO_ASYNC
    return AT_WORK


def slowpath_step(m: Memory, s: int, cpu: int) -> int:
    """Go on with a request that slowpath_begin or the last step left at work."""
    m.sc[s].sleep_ns = 0
    m.sc[s].congestion_wait = 0
    if m.sc[s].phase == RETRY:
        return slowpath_retry(m, s, cpu)
    if m.sc[s].phase == THROTTLED:
        return enter_reclaim(m, s)
    if m.sc[s].phase == PRIORITY:
        return priority_begin(m, s)
    if m.sc[s].phase == LRUVEC:
        return AT_WORK if shrink_lruvec_step(m, s, cpu) else node_done(m, s, cpu)
    if m.sc[s].phase == COMPACT_FIRST:
        return AT_WORK if direct_compact_step(m, s, cpu) else compacted_first(m, s)
    if m.sc[s].phase == COMPACT_LAST:
        if direct_compact_step(m, s, cpu):
            return AT_WORK
        return SERVED if m.sc[s].page != NONE else retry_or_fail(m, s, cpu)
    return after_reclaim(m, s, cpu)


def node_done(m: Memory, s: int, cpu: int) -> int:
    """The lists are through: then inodes and dentries; once more, or harder (shrink_node, shrink_zones)."""
    shrink_node_end(m, s)
    m.sc[s].nr_reclaimed += shrink_slab(m, s, cpu)
    if should_continue_reclaim(m, s):
        shrink_node_begin(m, s)
        return AT_WORK
    return next_priority(m, s)


def priority_begin(m: Memory, s: int) -> int:
    """One more pass over the node, unless enough is free for compaction to come first (shrink_zones)."""
    m.sc[s].nr_scanned = 0
    if all_unreclaimable(m, m.sc[s].node) and m.sc[s].priority < DEF_PRIORITY:  # rule 35
        return next_priority(m, s)
    if compaction_ready(m, s):
        m.sc[s].phase = AFTER_RECLAIM
        return AT_WORK
    shrink_node_begin(m, s)
    m.sc[s].phase = LRUVEC
    return AT_WORK


def slowpath_retry(m: Memory, s: int, cpu: int) -> int:
    """Label `retry` of __alloc_pages_slowpath: one more look at the free lists, then direct reclaim."""
    if m.rules.retry_wakes_kswapd:
        wake_all_kswapds(m, s)
        m.sc[s].page = get_page_from_freelist(m, cpu, m.sc[s].order, m.sc[s].gfp, m.sc[s].alloc_flags)
    if m.sc[s].page != NONE:
        return SERVED
    if not m.sc[s].gfp & GFP_DIRECT_RECLAIM:
        return FAILED
    return enter_reclaim(m, s)


def allow_direct_reclaim(m: Memory, node: int) -> bool:
    """Is enough free for kswapd and the swap device to work with? (allow_direct_reclaim)"""
    free = 0
    reserve = 0
    for zone in range(m.node[node].first_zone, m.node[node].end_zone):
        if m.zone[zone].index <= ZONE_NORMAL:
            free += m.zone[zone].free_pages
            reserve += wmark_pages(m, zone, WMARK_MIN)
    return m.node[node].kswapd_failures >= MAX_RECLAIM_RETRIES or free > reserve // 2


def wake_for_throttled(m: Memory, node: int) -> None:
    """kswapd works for those who wait for it, whatever zones others asked it for (allow_direct_reclaim)."""
    if m.node[node].kswapd_asleep:
        m.node[node].kswapd_wanted = True
        if m.node[node].kswapd_highest_zoneidx == NOBODY_ASKED or m.node[node].kswapd_highest_zoneidx > ZONE_NORMAL:
            m.node[node].kswapd_highest_zoneidx = ZONE_NORMAL


def enter_reclaim(m: Memory, s: int) -> int:
    """Start direct reclaim, or wait until kswapd has freed the least it takes (throttle_direct_reclaim)."""
    if m.rules.throttles_direct_reclaim and not allow_direct_reclaim(m, m.sc[s].node):
        wake_for_throttled(m, m.sc[s].node)
        m.sc[s].phase = THROTTLED
        m.sc[s].sleep_ns = TICK_NS
        return AT_WORK
    m.vmstat[ALLOCSTALL] += 1
    m.sc[s].priority = DEF_PRIORITY
    m.sc[s].nr_to_reclaim = reclaim_target(m, m.sc[s].order)
    m.sc[s].nr_reclaimed = 0
    m.sc[s].may_writepage = 1
    m.sc[s].may_swap = 1
    m.sc[s].force_deactivate = 0
    m.sc[s].skipped_deactivate = 0
    m.sc[s].compaction_ready = 0
    m.sc[s].total_scanned = 0
    m.sc[s].capture = open_capture(m, s - m.nr_nodes, m.sc[s].order, m.sc[s].request)
    if m.policy.closes_pcp(m.sc[s].order):
        m.sc[s].closed_pcp = 1
        m.pcp_closed += 1
        drain_all_pages(m)
    if not m.sc[s].queued:
        join_queue(m, s)
    m.sc[s].phase = PRIORITY
    return AT_WORK


def reclaim_target(m: Memory, order: int) -> int:
    """Pages that direct reclaim wants: a batch, or for a costly order what vm.page_capture_target says."""
    if order <= PAGE_ALLOC_COSTLY_ORDER or m.page_capture_target == 0:
        return SWAP_CLUSTER_MAX
    if m.page_capture_target < 0:
        return max(SWAP_CLUSTER_MAX, 1 << order)
    return m.page_capture_target


def next_priority(m: Memory, s: int) -> int:
    """One priority is through: enough, harder, or once more with deactivation forced (do_try_to_free_pages)."""
    m.sc[s].phase = AFTER_RECLAIM
    if m.sc[s].nr_reclaimed >= m.sc[s].nr_to_reclaim or m.sc[s].compaction_ready:
        return AT_WORK
    if m.rules.waits_for_congestion:
        return harder_priority(m, s)
    if m.sc[s].priority == 1 and not m.sc[s].nr_reclaimed and writes_pending(m, m.sc[s].node):
        m.sc[s].sleep_ns = TICK_NS
    m.sc[s].priority -= 1
    if m.sc[s].priority >= 0:
        m.sc[s].phase = PRIORITY
    elif not m.sc[s].nr_reclaimed and m.sc[s].skipped_deactivate:
        m.vmstat[ALLOCSTALL] += 1
        m.sc[s].priority = DEF_PRIORITY
        m.sc[s].force_deactivate = 1
        m.sc[s].skipped_deactivate = 0
        m.sc[s].phase = PRIORITY
    return AT_WORK


def harder_priority(m: Memory, s: int) -> int:
    """Not enough at this priority: call the flusher, wait for the device, go on harder (do_try_to_free_pages of
    2.6.27, rule 34)."""
    m.sc[s].total_scanned += m.sc[s].nr_scanned
    if m.sc[s].total_scanned > SWAP_CLUSTER_MAX + SWAP_CLUSTER_MAX // 2:
        m.flusher_wanted = True
    if m.sc[s].nr_scanned and m.sc[s].priority < DEF_PRIORITY - 2:
        congestion_wait(m, s, TENTH_NS)
    m.sc[s].priority -= 1
    if m.sc[s].priority >= 0:
        m.sc[s].phase = PRIORITY
    elif all_unreclaimable(m, m.sc[s].node):
        m.sc[s].nr_reclaimed = 0
    return AT_WORK


def leave_reclaim(m: Memory, s: int) -> None:
    """What the policy gave the reclaimer for the time of its reclaim ends with it."""
    if m.sc[s].capture >= 0:
        close_capture(m, m.sc[s].capture)
        m.sc[s].capture = -1
    m.pcp_closed -= m.sc[s].closed_pcp
    m.sc[s].closed_pcp = 0


def walk_relaxed(m: Memory, s: int, cpu: int) -> int:
    """The walk after reclaim, with the mark tested for order 0 where the policy says so."""
    if not m.policy.relaxes_mark(m.sc[s].order):
        return get_page_from_freelist(m, cpu, m.sc[s].order, m.sc[s].gfp, m.sc[s].alloc_flags)
    for zone in range(m.nr_zones):
        mark = wmark_pages(m, zone, m.sc[s].alloc_flags & ALLOC_WMARK_MASK)
        left = m.zone[zone].free_pages - (1 << m.sc[s].order)
        if not zone_watermark_ok_for(m, zone, 0, mark, m.sc[s].reclaim_idx, m.sc[s].alloc_flags, left):
            return NONE
    return get_page_from_freelist(m, cpu, m.sc[s].order, m.sc[s].gfp, m.sc[s].alloc_flags | ALLOC_NO_WATERMARKS)


def retry_persistently(m: Memory, s: int, cpu: int) -> int:
    """After a round in 2.6.27: empty the per-cpu lists, one walk; small orders never give up (rule 27.8 to 11)."""
    if m.sc[s].order > 0:
        drain_all_pages(m)
    m.sc[s].phase = RETRY
    if m.sc[s].nr_reclaimed:
        m.sc[s].page = walk_relaxed(m, s, cpu)
        if m.sc[s].page != NONE:
            return SERVED
    elif m.sc[s].gfp & GFP_FS and not m.sc[s].gfp & GFP_NORETRY:
        m.sc[s].page = get_page_from_freelist(m, cpu, m.sc[s].order, m.sc[s].gfp, ALLOC_WMARK_HIGH)
        if m.sc[s].page != NONE:
            return SERVED
        return FAILED if m.sc[s].order > PAGE_ALLOC_COSTLY_ORDER else NEEDS_OOM
    m.sc[s].reclaimed_total += m.sc[s].nr_reclaimed
    wants_more = m.sc[s].order <= PAGE_ALLOC_COSTLY_ORDER or (
        m.sc[s].gfp & GFP_RETRY_MAYFAIL and m.sc[s].reclaimed_total < 1 << m.sc[s].order
    )
    if m.sc[s].gfp & GFP_NORETRY or not (wants_more or m.sc[s].gfp & GFP_NOFAIL):
        return FAILED
    congestion_wait(m, s, FIFTIETH_NS)
    return AT_WORK


def after_reclaim(m: Memory, s: int, cpu: int) -> int:
    """A captured block is the result; else try the free lists, and again without per-cpu lists in the way.

    (__alloc_pages_direct_reclaim; the hand-over is rule 1 of the 2008 series.)
    """
    if m.sc[s].queued and must_wait(m, s, m.sc[s].order):
        m.sc[s].sleep_ns = TICK_NS
        return AT_WORK
    snapshot_refaults(m, m.sc[s].node)
    leave_reclaim(m, s)
    if m.sc[s].page != NONE:
        return SERVED
    if m.rules.persistent_slowpath:
        return retry_persistently(m, s, cpu)
    if m.sc[s].nr_reclaimed:
        m.sc[s].page = get_page_from_freelist(m, cpu, m.sc[s].order, m.sc[s].gfp, m.sc[s].alloc_flags)
        if m.sc[s].page == NONE:
            unreserve_highatomic(m, s, False)
            drain_all_pages(m)
            m.sc[s].page = get_page_from_freelist(m, cpu, m.sc[s].order, m.sc[s].gfp, m.sc[s].alloc_flags)
        if m.sc[s].page != NONE:
            return SERVED
    m.sc[s].made_progress = m.sc[s].nr_reclaimed > 0 or m.sc[s].compaction_ready
    if m.sc[s].order and gfp_compaction_allowed(m, m.sc[s].gfp):
        return compact_last(m, s)
    return retry_or_fail(m, s, cpu)


def compact_last(m: Memory, s: int) -> int:
    """After reclaim, compact with what it freed."""
    direct_compact_begin(m, s, m.sc[s].compact_priority)
    m.sc[s].phase = COMPACT_LAST
    return AT_WORK


def unreserve_highatomic(m: Memory, s: int, force: bool) -> None:
    """Give the request a reserved pageblock of some zone it may use."""
    for zone in range(m.nr_zones - 1, -1, -1):
        if m.zone[zone].index <= m.sc[s].reclaim_idx and unreserve_highatomic_pageblock(
            m, zone, gfp_migratetype(m.sc[s].gfp), force
        ):
            return


def retry_or_fail(m: Memory, s: int, cpu: int) -> int:
    """After a round without success (__alloc_pages_slowpath, last part)."""
    m.sc[s].phase = RETRY
    if m.sc[s].gfp & GFP_NORETRY:
        return FAILED
    if m.sc[s].order > PAGE_ALLOC_COSTLY_ORDER and not retries_costly(m, s):
        return FAILED
    if should_reclaim_retry(m, s):
        return AT_WORK
    if m.sc[s].made_progress and gfp_compaction_allowed(m, m.sc[s].gfp) and should_compact_retry(m, s):
        return AT_WORK
    if m.rules.defrag_mode and m.sc[s].alloc_flags & ALLOC_NOFRAGMENT:
        m.sc[s].alloc_flags &= ~ALLOC_NOFRAGMENT  # better mixed than out of memory
        return AT_WORK
    return may_oom(m, s, cpu)


def retries_costly(m: Memory, s: int) -> bool:
    """Does a costly request go on after a round without success?"""
    if m.sc[s].gfp & GFP_NOFAIL:
        return True
    return m.sc[s].gfp & GFP_RETRY_MAYFAIL != 0 and gfp_compaction_allowed(m, m.sc[s].gfp)


def should_reclaim_retry(m: Memory, s: int) -> bool:
    """Could the request be met if all that is reclaimable were reclaimed, and was there progress lately?"""
    if m.sc[s].made_progress and m.sc[s].order <= PAGE_ALLOC_COSTLY_ORDER:
        m.sc[s].no_progress_loops = 0
    else:
        m.sc[s].no_progress_loops += 1
    if m.sc[s].no_progress_loops <= MAX_RECLAIM_RETRIES:
        for zone in range(m.nr_zones - 1, -1, -1):
            available = m.zone[zone].free_pages + zone_reclaimable_pages(m, zone)
            if m.zone[zone].index <= m.sc[s].reclaim_idx and zone_watermark_ok_for(
                m, zone, m.sc[s].order, wmark_pages(m, zone, WMARK_MIN), m.sc[s].reclaim_idx,
                m.sc[s].alloc_flags, available,
            ):  # fmt: skip
                return True
    unreserve_highatomic(m, s, True)
    return False


def may_oom(m: Memory, s: int, cpu: int) -> int:
    """A last look above the high watermark, then the OOM killer, for those it can help (__alloc_pages_may_oom)."""
    m.sc[s].page = get_page_from_freelist(m, cpu, m.sc[s].order, m.sc[s].gfp, ALLOC_WMARK_HIGH)
    if m.sc[s].page != NONE:
        return SERVED
    if m.sc[s].gfp & (GFP_RETRY_MAYFAIL | GFP_THISNODE) or m.sc[s].reclaim_idx < ZONE_NORMAL:
        return FAILED
    if not m.sc[s].gfp & GFP_FS and not m.sc[s].gfp & GFP_NOFAIL:
        m.sc[s].sleep_ns = TICK_NS
        return AT_WORK
    return NEEDS_OOM


def oom_killed(m: Memory, s: int) -> None:
    """A victim is gone: the request starts over."""
    m.sc[s].no_progress_loops = 0
    m.sc[s].phase = RETRY
