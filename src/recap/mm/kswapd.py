"""kswapd: the background reclaimer, woken below the low watermark, at work until the high one is reached.

Each node has one. It is a chain of small steps, so that tasks run in between. Its ScanControl has the number of the
node; after a step `sleep_ns` says how long it sleeps now, and Node.kswapd_asleep that it sleeps until wakeup_kswapd.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import (
        DEF_PRIORITY,
        GFP_KERNEL,
        LRU_ACTIVE_ANON,
        LRU_INACTIVE_ANON,
        MAX_RECLAIM_RETRIES,
        NONE,
        SWAP_CLUSTER_MAX,
        TENTH_NS,
        WMARK_HIGH,
        WMARK_LOW,
    )
    from recap.mm.active_list import shrink_active_list
    from recap.mm.backing_dev import congestion_wait
    from recap.mm.direct_compact import should_continue_reclaim
    from recap.mm.kcompactd import wakeup_kcompactd
    from recap.mm.lru import inactive_is_low, node_lru_pages
    from recap.mm.skip_hint import reset_isolation_suitable
    from recap.mm.slab import shrink_slab
    from recap.mm.vmscan import all_unreclaimable, shrink_lruvec_step, shrink_node_begin, shrink_node_end
    from recap.mm.vmstat import PAGEOUTRUN
    from recap.mm.watermark import free_pages_blocks, wmark_pages, zone_watermark_ok, zone_watermark_ok_for
    from recap.mm.workingset import snapshot_refaults
    from recap.pages import Memory

    NOBODY_ASKED = -1
    ASLEEP, PRIORITY, LRUVEC, TRY_TO_SLEEP, NAP = range(5)


def pgdat_balanced(m: Memory, node: int, order: int, highest_zoneidx: int) -> bool:
    """Is one zone above its high watermark, with a block of this order? (pgdat_balanced)

    In defrag mode what is free must be in whole pageblocks (a211c6550efc), at order 0 only before a1f0220f3319 (6.15).
    """
    for zone in range(m.node[node].first_zone, m.node[node].end_zone):
        if m.zone[zone].index > highest_zoneidx:
            continue
        free_pages = m.zone[zone].free_pages - m.zone[zone].vm_stat_diff
        if m.rules.defrag_mode and (order or m.rules.kswapd_only_blocks):
            free_pages = free_pages_blocks(m, zone)
        mark = wmark_pages(m, zone, WMARK_HIGH)
        if zone_watermark_ok_for(m, zone, order, mark, highest_zoneidx, 0, free_pages):
            return True
    return False


def watermark_boosts(m: Memory, node: int, highest_zoneidx: int) -> int:
    """The boosts of the zones a request may use, together."""
    boosts = 0
    for zone in range(m.node[node].first_zone, m.node[node].end_zone):
        if m.zone[zone].index <= highest_zoneidx:
            boosts += m.zone[zone].watermark_boost
    return boosts


def low_marks_hold(m: Memory, node: int, order: int) -> bool:
    """Is every zone above its low watermark at this order? Then 2.6.27's kswapd is not told (rule 30)."""
    hold = True
    for zone in range(m.node[node].first_zone, m.node[node].end_zone):
        hold = hold and zone_watermark_ok(m, zone, order, wmark_pages(m, zone, WMARK_LOW), 0, 0)
    return hold


def wakeup_kswapd(m: Memory, node: int, order: int, highest_zoneidx: int, can_reclaim: bool) -> None:
    """Tell kswapd what is wanted, and wake it if there is something to do (wakeup_kswapd)."""
    if m.rules.order_balancing and low_marks_hold(m, node, order):
        return
    m.node[node].kswapd_highest_zoneidx = max(m.node[node].kswapd_highest_zoneidx, highest_zoneidx)
    m.node[node].kswapd_order = max(m.node[node].kswapd_order, order)
    if not m.node[node].kswapd_asleep:
        return
    if m.node[node].kswapd_failures >= MAX_RECLAIM_RETRIES or (
        pgdat_balanced(m, node, order, highest_zoneidx) and watermark_boosts(m, node, highest_zoneidx) == 0
    ):
        if not can_reclaim:
            wakeup_kcompactd(m, node, order, highest_zoneidx)
        return
    m.node[node].kswapd_wanted = True


def set_reclaim_active(m: Memory, node: int, highest_zoneidx: int, active: bool) -> None:
    """Per-cpu lists are kept short while kswapd works (set_reclaim_active)."""
    for zone in range(m.node[node].first_zone, m.node[node].end_zone):
        if m.zone[zone].index <= highest_zoneidx:
            m.zone[zone].reclaim_active = active


def take_highest_zoneidx(m: Memory, node: int) -> None:
    """The zone asked for last time, unless somebody has asked since (kswapd_highest_zoneidx).

    A boost asks for its own zone: if that is the lowest, kswapd then passes over all pages of the others.
    """
    if m.node[node].kswapd_highest_zoneidx != NOBODY_ASKED:
        m.sc[node].reclaim_idx = m.node[node].kswapd_highest_zoneidx


def balance_begin(m: Memory, node: int) -> None:
    """Take the order and zone asked for, and the boosts to work off (balance_pgdat, first part)."""
    m.node[node].kswapd_asleep = False
    m.node[node].kswapd_wanted = False
    m.sc[node].kswapd = 1
    m.sc[node].node = node
    m.sc[node].gfp = GFP_KERNEL
    m.sc[node].capture = -1
    m.sc[node].isolated_block = -1
    m.sc[node].total_scanned = 0
    m.sc[node].page = NONE
    m.sc[node].order = m.node[node].kswapd_order
    m.node[node].kswapd_alloc_order = m.node[node].kswapd_order
    take_highest_zoneidx(m, node)
    m.node[node].kswapd_order = 0
    m.node[node].kswapd_highest_zoneidx = NOBODY_ASKED
    m.sc[node].nr_reclaimed = 0
    m.sc[node].priority = DEF_PRIORITY
    m.node[node].nr_boost_reclaim = watermark_boosts(m, node, m.sc[node].reclaim_idx)
    m.node[node].kswapd_boosted = m.node[node].nr_boost_reclaim > 0
    for zone in range(m.node[node].first_zone, m.node[node].end_zone):
        m.zone[zone].kswapd_boost = m.zone[zone].watermark_boost
    set_reclaim_active(m, node, m.sc[node].reclaim_idx, True)
    m.vmstat[PAGEOUTRUN] += 1
    m.sc[node].phase = PRIORITY


def balance_priority(m: Memory, node: int) -> None:
    """Top of the priority loop: done, or another pass over the node (balance_pgdat)."""
    balanced = pgdat_balanced(m, node, m.sc[node].order, m.sc[node].reclaim_idx)
    if not balanced and m.node[node].nr_boost_reclaim:
        m.node[node].nr_boost_reclaim = 0
        m.sc[node].priority = DEF_PRIORITY
    if balanced and not m.node[node].nr_boost_reclaim:
        balance_out(m, node)
        return
    m.sc[node].may_writepage = not m.node[node].nr_boost_reclaim or m.sc[node].priority < DEF_PRIORITY - 2
    m.sc[node].may_swap = not m.node[node].nr_boost_reclaim
    if not m.rules.multi_gen_lru and m.nr_swap_pages > 0 and inactive_is_low(m, node, LRU_INACTIVE_ANON):
        shrink_active_list(m, node, LRU_ACTIVE_ANON, SWAP_CLUSTER_MAX)
    m.sc[node].nr_scanned = 0
    m.sc[node].nr_to_reclaim = 0
    for zone in range(m.node[node].first_zone, m.node[node].end_zone):
        if m.zone[zone].index <= m.sc[node].reclaim_idx:
            m.sc[node].nr_to_reclaim += max(wmark_pages(m, zone, WMARK_HIGH), SWAP_CLUSTER_MAX)
    m.node[node].kswapd_reclaimed_before = m.sc[node].nr_reclaimed
    shrink_node_begin(m, node)
    m.sc[node].phase = LRUVEC


def balance_node_done(m: Memory, node: int, cpu: int) -> None:
    """Bottom of the priority loop: how hard to try next (kswapd_shrink_node, balance_pgdat)."""
    shrink_node_end(m, node)
    m.sc[node].nr_reclaimed += shrink_slab(m, node, cpu)
    if should_continue_reclaim(m, node):
        shrink_node_again(m, node)
        return
    m.sc[node].phase = PRIORITY
    if m.rules.order_balancing:
        keep_balancing(m, node)
        return
    if m.sc[node].order and m.sc[node].nr_reclaimed >= 2 << m.sc[node].order:
        m.sc[node].order = 0
    raise_priority = m.sc[node].nr_scanned < m.sc[node].nr_to_reclaim
    if m.node[node].nr_boost_reclaim and m.sc[node].priority == DEF_PRIORITY - 2:
        raise_priority = False
    gained = m.sc[node].nr_reclaimed - m.node[node].kswapd_reclaimed_before
    m.node[node].nr_boost_reclaim -= min(m.node[node].nr_boost_reclaim, gained)
    fruitless = m.node[node].nr_boost_reclaim > 0 and not gained
    if raise_priority or not gained:
        m.sc[node].priority -= 1
    if fruitless or m.sc[node].priority < 1:
        if not m.sc[node].nr_reclaimed:
            m.node[node].kswapd_failures += 1
        balance_out(m, node)


def shrink_node_again(m: Memory, node: int) -> None:
    """The same priority once more (shrink_node, label `again`)."""
    shrink_node_begin(m, node)
    m.sc[node].phase = LRUVEC


def keep_balancing(m: Memory, node: int) -> None:
    """Bottom of 2.6.27's priority loop: from the start again after a batch's worth, harder else, never giving up while
    the order is not there (rule 32)."""
    m.sc[node].total_scanned += m.sc[node].nr_scanned
    pages = node_lru_pages(m, node)
    for zone in range(m.node[node].first_zone, m.node[node].end_zone):
        if m.zone[zone].pages_scanned >= 6 * pages:
            m.zone[zone].all_unreclaimable = 1
    if m.sc[node].total_scanned and m.sc[node].priority < DEF_PRIORITY - 2:
        congestion_wait(m, node, TENTH_NS)
    m.sc[node].priority -= 1
    if m.sc[node].nr_reclaimed >= SWAP_CLUSTER_MAX or m.sc[node].priority < 0:
        m.sc[node].priority = DEF_PRIORITY
        m.sc[node].nr_reclaimed = 0
        m.sc[node].total_scanned = 0
    if all_unreclaimable(m, node) and m.sc[node].priority < DEF_PRIORITY:
        balance_out(m, node)


def balance_out(m: Memory, node: int) -> None:
    """The round is over: boosts worked off are taken back, and kcompactd makes blocks of the room (balance_pgdat, last
    part)."""
    set_reclaim_active(m, node, m.sc[node].reclaim_idx, False)
    snapshot_refaults(m, node)
    for zone in range(m.node[node].first_zone, m.node[node].end_zone):
        if m.zone[zone].index <= m.sc[node].reclaim_idx:
            m.zone[zone].watermark_boost -= min(m.zone[zone].watermark_boost, m.zone[zone].kswapd_boost)
    if m.node[node].kswapd_boosted:
        wakeup_kcompactd(m, node, m.pageblock_order, m.sc[node].reclaim_idx)
    if m.sc[node].order == m.node[node].kswapd_alloc_order:
        m.sc[node].order = m.node[node].kswapd_order
        m.node[node].kswapd_alloc_order = m.node[node].kswapd_order
        take_highest_zoneidx(m, node)
    m.sc[node].phase = TRY_TO_SLEEP


def prepare_kswapd_sleep(m: Memory, node: int) -> bool:
    """May it sleep: is the node balanced, or hopeless? (prepare_kswapd_sleep)"""
    if m.node[node].kswapd_failures >= MAX_RECLAIM_RETRIES:
        return True
    return pgdat_balanced(m, node, m.sc[node].order, m.sc[node].reclaim_idx)


def after_nap(m: Memory, node: int) -> None:
    """A tenth of a second has passed, or somebody called: sleep for good only if still balanced
    (kswapd_try_to_sleep)."""
    if m.node[node].kswapd_wanted:
        m.node[node].kswapd_order = max(m.node[node].kswapd_order, m.sc[node].order)
        balance_begin(m, node)
    elif prepare_kswapd_sleep(m, node):
        m.sc[node].phase = ASLEEP
    else:
        balance_begin(m, node)


def kswapd_step(m: Memory, node: int, cpu: int) -> None:
    """One step of kswapd's life."""
    m.sc[node].sleep_ns = 0
    m.sc[node].congestion_wait = 0
    if m.sc[node].phase == ASLEEP:
        balance_begin(m, node)
    elif m.sc[node].phase == PRIORITY:
        balance_priority(m, node)
    elif m.sc[node].phase == LRUVEC:
        if not shrink_lruvec_step(m, node, cpu):
            balance_node_done(m, node, cpu)
    elif m.rules.order_balancing:  # TRY_TO_SLEEP: only a larger order asked for meanwhile keeps it awake (rule 31)
        if m.node[node].kswapd_order > m.sc[node].order:
            balance_begin(m, node)
        else:
            m.node[node].kswapd_asleep = True
            m.sc[node].phase = ASLEEP
    elif m.sc[node].phase == NAP:
        after_nap(m, node)
    elif prepare_kswapd_sleep(m, node):
        m.node[node].writeback = False
        m.node[node].dirty = False
        m.node[node].congested = False
        m.node[node].kswapd_asleep = True
        for zone in range(m.node[node].first_zone, m.node[node].end_zone):
            reset_isolation_suitable(m, zone)
        wakeup_kcompactd(m, node, m.node[node].kswapd_alloc_order, m.sc[node].reclaim_idx)
        m.sc[node].sleep_ns = TENTH_NS
        m.sc[node].phase = NAP
    else:
        balance_begin(m, node)
