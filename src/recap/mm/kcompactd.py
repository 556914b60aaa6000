"""kcompactd: the background compactor, called by kswapd for high orders, and on its own when memory is in pieces.

It is a chain of small steps like kswapd. Its CompactControl has the number of the node; Node.kcompactd_asleep says that
it sleeps until wakeup_kcompactd or until Node.kcompactd_timeout_ns have passed.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import (
        COMPACT_COMPLETE,
        COMPACT_CONTINUE,
        COMPACT_MAX_DEFER_SHIFT,
        COMPACT_PARTIAL_SKIPPED,
        COMPACT_SUCCESS,
        GFP_KERNEL,
        MIGRATE_SYNC_LIGHT,
        NONE,
    )
    from recap.mm.compaction import (
        compact_begin,
        compact_step,
        fragmentation_score_node,
        fragmentation_score_wmark,
        kcompactd_suitable,
    )
    from recap.mm.pcplist import drain_pages_zone
    from recap.mm.skip_hint import compaction_defer_reset, compaction_deferred, defer_compaction
    from recap.mm.vmstat import COMPACT_DAEMON_FREE_SCANNED, COMPACT_DAEMON_MIGRATE_SCANNED, COMPACT_DAEMON_WAKE
    from recap.pages import Memory

    NEXT_ZONE, AT_ZONE = range(2)
    HPAGE_FRAG_CHECK_INTERVAL_NS = 500_000_000


def wakeup_kcompactd(m: Memory, node: int, order: int, highest_zoneidx: int) -> None:
    """Have blocks of an order made, if a zone is fit for it (wakeup_kcompactd)."""
    if not order or not m.rules.compaction:
        return
    m.node[node].kcompactd_max_order = max(m.node[node].kcompactd_max_order, order)
    m.node[node].kcompactd_highest_zoneidx = min(m.node[node].kcompactd_highest_zoneidx, highest_zoneidx)
    if not m.node[node].kcompactd_asleep:
        return
    for zone in range(m.node[node].first_zone, m.node[node].end_zone):
        if m.zone[zone].index > m.node[node].kcompactd_highest_zoneidx:
            continue
        wanted = m.node[node].kcompactd_max_order
        if kcompactd_suitable(m, zone, wanted, m.node[node].kcompactd_highest_zoneidx) == COMPACT_CONTINUE:
            m.node[node].kcompactd_wanted = True
            return


def kcompactd_begin(m: Memory, node: int) -> None:
    """Awake: on demand, or because the check interval is over (kcompactd)."""
    m.node[node].kcompactd_timeout_ns = HPAGE_FRAG_CHECK_INTERVAL_NS
    wanted = m.node[node].kcompactd_max_order > 0
    m.node[node].kcompactd_wanted = False
    if not wanted and not should_proactive_compact_node(m, node):
        return
    m.node[node].kcompactd_asleep = False
    m.cc[node].gfp = GFP_KERNEL
    m.cc[node].mode = MIGRATE_SYNC_LIGHT
    m.cc[node].direct_compaction = 0
    m.cc[node].ignore_block_suitable = 0
    m.cc[node].alloc_flags = 0
    m.cc[node].page = NONE
    m.cc[node].zone = -1
    m.cc[node].phase = NEXT_ZONE
    m.cc[node].fast_search_fail = 0
    m.cc[node].proactive = not wanted
    m.cc[node].ignore_skip_hint = not wanted
    m.cc[node].whole_zone = not wanted
    if wanted:
        m.cc[node].order = m.node[node].kcompactd_max_order
        m.cc[node].search_order = m.node[node].kcompactd_max_order
        m.cc[node].highest_zoneidx = m.node[node].kcompactd_highest_zoneidx
        m.vmstat[COMPACT_DAEMON_WAKE] += 1
    else:
        m.cc[node].order = -1
        m.node[node].fragmentation_before = fragmentation_score_node(m, node)


def should_proactive_compact_node(m: Memory, node: int) -> bool:
    """Is memory fragmented enough for compaction without a request? (should_proactive_compact_node)"""
    if not m.compaction_proactiveness or not m.node[node].kswapd_asleep:
        return False
    return fragmentation_score_node(m, node) > fragmentation_score_wmark(m, False)


def next_zone(m: Memory, node: int) -> bool:
    """Turn to the next zone, lowest first; False: all are through (kcompactd_do_work, proactive_compact_node)."""
    while m.cc[node].zone + 1 < m.nr_zones:
        zone = m.cc[node].zone + 1
        m.cc[node].zone = zone
        if not m.cc[node].proactive:
            order = m.cc[node].order
            if m.zone[zone].index > m.cc[node].highest_zoneidx or compaction_deferred(m, zone, order):
                continue
            if kcompactd_suitable(m, zone, order, m.zone[zone].index) != COMPACT_CONTINUE:
                continue
        if compact_begin(m, node, zone) == COMPACT_CONTINUE:
            return True
    return False


def zone_done(m: Memory, node: int, result: int) -> None:
    """A zone is through: count, and defer like a synchronous direct compactor (kcompactd_do_work)."""
    zone = m.cc[node].zone
    m.cc[node].phase = NEXT_ZONE
    if m.cc[node].proactive:
        return
    if result == COMPACT_SUCCESS:
        compaction_defer_reset(m, zone, m.cc[node].order, False)
    elif result in (COMPACT_PARTIAL_SKIPPED, COMPACT_COMPLETE):
        for cpu in range(m.nr_cpus):
            drain_pages_zone(m, zone, cpu)
        defer_compaction(m, zone, m.cc[node].order)
    m.vmstat[COMPACT_DAEMON_MIGRATE_SCANNED] += m.cc[node].total_migrate_scanned
    m.vmstat[COMPACT_DAEMON_FREE_SCANNED] += m.cc[node].total_free_scanned


def kcompactd_end(m: Memory, node: int) -> None:
    """Back to sleep; after proactive work that was in vain for long."""
    if m.cc[node].proactive:
        if fragmentation_score_node(m, node) >= m.node[node].fragmentation_before:
            m.node[node].kcompactd_timeout_ns <<= COMPACT_MAX_DEFER_SHIFT
    else:
        if m.node[node].kcompactd_max_order <= m.cc[node].order:
            m.node[node].kcompactd_max_order = 0
        if m.node[node].kcompactd_highest_zoneidx >= m.cc[node].highest_zoneidx:
            m.node[node].kcompactd_highest_zoneidx = m.zone[m.nr_zones - 1].index
    m.node[node].kcompactd_asleep = True


def kcompactd_step(m: Memory, node: int, cpu: int) -> None:
    """One step of kcompactd's life."""
    if m.node[node].kcompactd_asleep:
        kcompactd_begin(m, node)
    elif m.cc[node].phase == NEXT_ZONE:
        if next_zone(m, node):
            m.cc[node].phase = AT_ZONE
        else:
            kcompactd_end(m, node)
    else:
        result = compact_step(m, node, cpu)
        if result != COMPACT_CONTINUE:
            zone_done(m, node, result)
