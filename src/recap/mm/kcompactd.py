"""kcompactd: the background compactor, called by kswapd for high orders, and on its own when memory is in pieces.

It is a chain of small steps like kswapd. Its CompactControl is number 0; Memory.kcompactd_asleep says that it sleeps
until wakeup_kcompactd or until `kcompactd_timeout_ns` have passed.
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

    KCOMPACTD = 0
    NEXT_ZONE, AT_ZONE = range(2)
    HPAGE_FRAG_CHECK_INTERVAL_NS = 500_000_000


def wakeup_kcompactd(m: Memory, order: int, highest_zoneidx: int) -> None:
    """Have blocks of an order made, if a zone is fit for it (wakeup_kcompactd)."""
    if not order or not m.rules.compaction:
        return
    m.kcompactd_max_order = max(m.kcompactd_max_order, order)
    m.kcompactd_highest_zoneidx = min(m.kcompactd_highest_zoneidx, highest_zoneidx)
    if not m.kcompactd_asleep:
        return
    for zone in range(m.nr_zones):
        if m.zone[zone].index > m.kcompactd_highest_zoneidx:
            continue
        if kcompactd_suitable(m, zone, m.kcompactd_max_order, m.kcompactd_highest_zoneidx) == COMPACT_CONTINUE:
            m.kcompactd_wanted = True
            return


def kcompactd_begin(m: Memory) -> None:
    """Awake: on demand, or because the check interval is over (kcompactd)."""
    m.kcompactd_timeout_ns = HPAGE_FRAG_CHECK_INTERVAL_NS
    wanted = m.kcompactd_max_order > 0
    m.kcompactd_wanted = False
    if not wanted and not should_proactive_compact_node(m):
        return
    m.kcompactd_asleep = False
    m.cc[KCOMPACTD].gfp = GFP_KERNEL
    m.cc[KCOMPACTD].mode = MIGRATE_SYNC_LIGHT
    m.cc[KCOMPACTD].direct_compaction = 0
    m.cc[KCOMPACTD].ignore_block_suitable = 0
    m.cc[KCOMPACTD].alloc_flags = 0
    m.cc[KCOMPACTD].page = NONE
    m.cc[KCOMPACTD].zone = -1
    m.cc[KCOMPACTD].phase = NEXT_ZONE
    m.cc[KCOMPACTD].fast_search_fail = 0
    m.cc[KCOMPACTD].proactive = not wanted
    m.cc[KCOMPACTD].ignore_skip_hint = not wanted
    m.cc[KCOMPACTD].whole_zone = not wanted
    if wanted:
        m.cc[KCOMPACTD].order = m.kcompactd_max_order
        m.cc[KCOMPACTD].search_order = m.kcompactd_max_order
        m.cc[KCOMPACTD].highest_zoneidx = m.kcompactd_highest_zoneidx
        m.vmstat[COMPACT_DAEMON_WAKE] += 1
    else:
        m.cc[KCOMPACTD].order = -1
        m.fragmentation_before = fragmentation_score_node(m)


def should_proactive_compact_node(m: Memory) -> bool:
    """Is memory in so many pieces that it is worth while without a request? (should_proactive_compact_node)"""
    if not m.compaction_proactiveness or not m.kswapd_asleep:
        return False
    return fragmentation_score_node(m) > fragmentation_score_wmark(m, False)


def next_zone(m: Memory) -> bool:
    """Turn to the next zone, lowest first; False: all are through (kcompactd_do_work, proactive_compact_node)."""
    while m.cc[KCOMPACTD].zone + 1 < m.nr_zones:
        zone = m.cc[KCOMPACTD].zone + 1
        m.cc[KCOMPACTD].zone = zone
        if not m.cc[KCOMPACTD].proactive:
            order = m.cc[KCOMPACTD].order
            if m.zone[zone].index > m.cc[KCOMPACTD].highest_zoneidx or compaction_deferred(m, zone, order):
                continue
            if kcompactd_suitable(m, zone, order, m.zone[zone].index) != COMPACT_CONTINUE:
                continue
        if compact_begin(m, KCOMPACTD, zone) == COMPACT_CONTINUE:
            return True
    return False


def zone_done(m: Memory, result: int) -> None:
    """A zone is through: count, and defer like a synchronous direct compactor (kcompactd_do_work)."""
    zone = m.cc[KCOMPACTD].zone
    m.cc[KCOMPACTD].phase = NEXT_ZONE
    if m.cc[KCOMPACTD].proactive:
        return
    if result == COMPACT_SUCCESS:
        compaction_defer_reset(m, zone, m.cc[KCOMPACTD].order, False)
    elif result in (COMPACT_PARTIAL_SKIPPED, COMPACT_COMPLETE):
        for cpu in range(m.nr_cpus):
            drain_pages_zone(m, zone, cpu)
        defer_compaction(m, zone, m.cc[KCOMPACTD].order)
    m.vmstat[COMPACT_DAEMON_MIGRATE_SCANNED] += m.cc[KCOMPACTD].total_migrate_scanned
    m.vmstat[COMPACT_DAEMON_FREE_SCANNED] += m.cc[KCOMPACTD].total_free_scanned


def kcompactd_end(m: Memory) -> None:
    """Back to sleep; after proactive work that was in vain for long."""
    if m.cc[KCOMPACTD].proactive:
        if fragmentation_score_node(m) >= m.fragmentation_before:
            m.kcompactd_timeout_ns <<= COMPACT_MAX_DEFER_SHIFT
    else:
        if m.kcompactd_max_order <= m.cc[KCOMPACTD].order:
            m.kcompactd_max_order = 0
        if m.kcompactd_highest_zoneidx >= m.cc[KCOMPACTD].highest_zoneidx:
            m.kcompactd_highest_zoneidx = m.zone[m.nr_zones - 1].index
    m.kcompactd_asleep = True


def kcompactd_step(m: Memory, cpu: int) -> None:
    """One step of kcompactd's life."""
    if m.kcompactd_asleep:
        kcompactd_begin(m)
    elif m.cc[KCOMPACTD].phase == NEXT_ZONE:
        if next_zone(m):
            m.cc[KCOMPACTD].phase = AT_ZONE
        else:
            kcompactd_end(m)
    else:
        result = compact_step(m, KCOMPACTD, cpu)
        if result != COMPACT_CONTINUE:
            zone_done(m, result)
