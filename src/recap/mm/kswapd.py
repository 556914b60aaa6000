"""kswapd: the background reclaimer, woken below the low watermark, at work until the high one is reached.

It is a chain of small steps, so that tasks run in between. Its ScanControl is number 0; after a step `sleep_ns` says
how long it sleeps now, and Memory.kswapd_asleep that it sleeps until wakeup_kswapd.
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
    from recap.mm.lru import inactive_is_low
    from recap.mm.skip_hint import reset_isolation_suitable
    from recap.mm.slab import shrink_slab
    from recap.mm.vmscan import shrink_lruvec_step, shrink_node_begin, shrink_node_end
    from recap.mm.vmstat import PAGEOUTRUN
    from recap.mm.watermark import free_pages_blocks, wmark_pages, zone_watermark_ok, zone_watermark_ok_for
    from recap.mm.workingset import snapshot_refaults
    from recap.pages import Memory

    KSWAPD = 0
    NOBODY_ASKED = -1
    ASLEEP, PRIORITY, LRUVEC, TRY_TO_SLEEP, NAP = range(5)


def pgdat_balanced(m: Memory, order: int, highest_zoneidx: int) -> bool:
    """Is one zone above its high watermark, with a block of this order? (pgdat_balanced)

    In defrag mode what is free must be in whole pageblocks (a211c6550efc), at order 0 only before a1f0220f3319 (6.15).
    """
    for zone in range(m.nr_zones):
        if m.zone[zone].index > highest_zoneidx:
            continue
        free_pages = m.zone[zone].free_pages - m.zone[zone].vm_stat_diff
        if m.rules.defrag_mode and (order or m.rules.kswapd_only_blocks):
            free_pages = free_pages_blocks(m, zone)
        mark = wmark_pages(m, zone, WMARK_HIGH)
        if zone_watermark_ok_for(m, zone, order, mark, highest_zoneidx, 0, free_pages):
            return True
    return False


def watermark_boosts(m: Memory, highest_zoneidx: int) -> int:
    """The boosts of the zones a request may use, together."""
    boosts = 0
    for zone in range(m.nr_zones):
        if m.zone[zone].index <= highest_zoneidx:
            boosts += m.zone[zone].watermark_boost
    return boosts


def low_marks_hold(m: Memory, order: int) -> bool:
    """Is every zone above its low watermark at this order? Then 2.6.27's kswapd is not told (rule 30)."""
    hold = True
    for zone in range(m.nr_zones):
        hold = hold and zone_watermark_ok(m, zone, order, wmark_pages(m, zone, WMARK_LOW), 0, 0)
    return hold


def wakeup_kswapd(m: Memory, order: int, highest_zoneidx: int, can_reclaim: bool) -> None:
    """Tell kswapd what is wanted, and wake it if there is something to do (wakeup_kswapd)."""
    if m.rules.order_balancing and low_marks_hold(m, order):
        return
    m.kswapd_highest_zoneidx = max(m.kswapd_highest_zoneidx, highest_zoneidx)
    m.kswapd_order = max(m.kswapd_order, order)
    if not m.kswapd_asleep:
        return
    if m.kswapd_failures >= MAX_RECLAIM_RETRIES or (
        pgdat_balanced(m, order, highest_zoneidx) and watermark_boosts(m, highest_zoneidx) == 0
    ):
        if not can_reclaim:
            wakeup_kcompactd(m, order, highest_zoneidx)
        return
    m.kswapd_wanted = True


def set_reclaim_active(m: Memory, highest_zoneidx: int, active: bool) -> None:
    """Per-cpu lists are kept short while kswapd works (set_reclaim_active)."""
    for zone in range(m.nr_zones):
        if m.zone[zone].index <= highest_zoneidx:
            m.zone[zone].reclaim_active = active


def take_highest_zoneidx(m: Memory) -> None:
    """The zone asked for last time, unless somebody has asked since (kswapd_highest_zoneidx).

    A boost asks for its own zone: if that is the lowest, kswapd then passes over all pages of the others.
    """
    if m.kswapd_highest_zoneidx != NOBODY_ASKED:
        m.sc[KSWAPD].reclaim_idx = m.kswapd_highest_zoneidx


def balance_begin(m: Memory) -> None:
    """Take the order and zone asked for, and the boosts to work off (balance_pgdat, first part)."""
    m.kswapd_asleep = False
    m.kswapd_wanted = False
    m.sc[KSWAPD].kswapd = 1
    m.sc[KSWAPD].gfp = GFP_KERNEL
    m.sc[KSWAPD].capture = -1
    m.sc[KSWAPD].isolated_block = -1
    m.sc[KSWAPD].total_scanned = 0
    m.sc[KSWAPD].page = NONE
    m.sc[KSWAPD].order = m.kswapd_order
    m.kswapd_alloc_order = m.kswapd_order
    take_highest_zoneidx(m)
    m.kswapd_order = 0
    m.kswapd_highest_zoneidx = NOBODY_ASKED
    m.sc[KSWAPD].nr_reclaimed = 0
    m.sc[KSWAPD].priority = DEF_PRIORITY
    m.nr_boost_reclaim = watermark_boosts(m, m.sc[KSWAPD].reclaim_idx)
    m.kswapd_boosted = m.nr_boost_reclaim > 0
    for zone in range(m.nr_zones):
        m.zone[zone].kswapd_boost = m.zone[zone].watermark_boost
    set_reclaim_active(m, m.sc[KSWAPD].reclaim_idx, True)
    m.vmstat[PAGEOUTRUN] += 1
    m.sc[KSWAPD].phase = PRIORITY


def balance_priority(m: Memory) -> None:
    """Top of the priority loop: done, or another pass over the node (balance_pgdat)."""
    balanced = pgdat_balanced(m, m.sc[KSWAPD].order, m.sc[KSWAPD].reclaim_idx)
    if not balanced and m.nr_boost_reclaim:
        m.nr_boost_reclaim = 0
        m.sc[KSWAPD].priority = DEF_PRIORITY
    if balanced and not m.nr_boost_reclaim:
        balance_out(m)
        return
    m.sc[KSWAPD].may_writepage = not m.nr_boost_reclaim or m.sc[KSWAPD].priority < DEF_PRIORITY - 2
    m.sc[KSWAPD].may_swap = not m.nr_boost_reclaim
    if m.nr_swap_pages > 0 and inactive_is_low(m, LRU_INACTIVE_ANON):
        shrink_active_list(m, KSWAPD, LRU_ACTIVE_ANON, SWAP_CLUSTER_MAX)
    m.sc[KSWAPD].nr_scanned = 0
    m.sc[KSWAPD].nr_to_reclaim = 0
    for zone in range(m.nr_zones):
        if m.zone[zone].index <= m.sc[KSWAPD].reclaim_idx:
            m.sc[KSWAPD].nr_to_reclaim += max(wmark_pages(m, zone, WMARK_HIGH), SWAP_CLUSTER_MAX)
    m.kswapd_reclaimed_before = m.sc[KSWAPD].nr_reclaimed
    shrink_node_begin(m, KSWAPD)
    m.sc[KSWAPD].phase = LRUVEC


def balance_node_done(m: Memory, cpu: int) -> None:
    """Bottom of the priority loop: how hard to try next (kswapd_shrink_node, balance_pgdat)."""
    shrink_node_end(m, KSWAPD)
    m.sc[KSWAPD].nr_reclaimed += shrink_slab(m, KSWAPD, cpu)
    if should_continue_reclaim(m, KSWAPD):
        shrink_node_again(m)
        return
    m.sc[KSWAPD].phase = PRIORITY
    if m.rules.order_balancing:
        keep_balancing(m)
        return
    if m.sc[KSWAPD].order and m.sc[KSWAPD].nr_reclaimed >= 2 << m.sc[KSWAPD].order:
        m.sc[KSWAPD].order = 0
    raise_priority = m.sc[KSWAPD].nr_scanned < m.sc[KSWAPD].nr_to_reclaim
    if m.nr_boost_reclaim and m.sc[KSWAPD].priority == DEF_PRIORITY - 2:
        raise_priority = False
    gained = m.sc[KSWAPD].nr_reclaimed - m.kswapd_reclaimed_before
    m.nr_boost_reclaim -= min(m.nr_boost_reclaim, gained)
    fruitless = m.nr_boost_reclaim > 0 and not gained
    if raise_priority or not gained:
        m.sc[KSWAPD].priority -= 1
    if fruitless or m.sc[KSWAPD].priority < 1:
        if not m.sc[KSWAPD].nr_reclaimed:
            m.kswapd_failures += 1
        balance_out(m)


def shrink_node_again(m: Memory) -> None:
    """The same priority once more (shrink_node, label `again`)."""
    shrink_node_begin(m, KSWAPD)
    m.sc[KSWAPD].phase = LRUVEC


def keep_balancing(m: Memory) -> None:
    """Bottom of 2.6.27's priority loop: from the start again after a batch's worth, harder else, never giving up while
    the order is not there (rule 32)."""
    m.sc[KSWAPD].total_scanned += m.sc[KSWAPD].nr_scanned
    lru_pages = m.lru_size[0] + m.lru_size[1] + m.lru_size[2] + m.lru_size[3]
    if m.pages_scanned >= 6 * lru_pages:
        m.all_unreclaimable = True
    if m.sc[KSWAPD].total_scanned and m.sc[KSWAPD].priority < DEF_PRIORITY - 2:
        congestion_wait(m, KSWAPD, TENTH_NS)
    m.sc[KSWAPD].priority -= 1
    if m.sc[KSWAPD].nr_reclaimed >= SWAP_CLUSTER_MAX or m.sc[KSWAPD].priority < 0:
        m.sc[KSWAPD].priority = DEF_PRIORITY
        m.sc[KSWAPD].nr_reclaimed = 0
        m.sc[KSWAPD].total_scanned = 0
    if m.all_unreclaimable and m.sc[KSWAPD].priority < DEF_PRIORITY:
        balance_out(m)


def balance_out(m: Memory) -> None:
    """The round is over: boosts worked off are taken back, and kcompactd makes blocks of the room (balance_pgdat, last
    part)."""
    set_reclaim_active(m, m.sc[KSWAPD].reclaim_idx, False)
    snapshot_refaults(m)
    for zone in range(m.nr_zones):
        if m.zone[zone].index <= m.sc[KSWAPD].reclaim_idx:
            m.zone[zone].watermark_boost -= min(m.zone[zone].watermark_boost, m.zone[zone].kswapd_boost)
    if m.kswapd_boosted:
        wakeup_kcompactd(m, m.pageblock_order, m.sc[KSWAPD].reclaim_idx)
    if m.sc[KSWAPD].order == m.kswapd_alloc_order:
        m.sc[KSWAPD].order = m.kswapd_order
        m.kswapd_alloc_order = m.kswapd_order
        take_highest_zoneidx(m)
    m.sc[KSWAPD].phase = TRY_TO_SLEEP


def after_nap(m: Memory) -> None:
    """A tenth of a second has passed, or somebody called: sleep for good only if still balanced
    (kswapd_try_to_sleep)."""
    if m.kswapd_wanted:
        m.kswapd_order = max(m.kswapd_order, m.sc[KSWAPD].order)
        balance_begin(m)
    elif m.kswapd_failures >= MAX_RECLAIM_RETRIES or pgdat_balanced(m, m.sc[KSWAPD].order, m.sc[KSWAPD].reclaim_idx):
        m.sc[KSWAPD].phase = ASLEEP
    else:
        balance_begin(m)


def kswapd_step(m: Memory, cpu: int) -> None:
    """One step of kswapd's life."""
    m.sc[KSWAPD].sleep_ns = 0
    m.sc[KSWAPD].congestion_wait = 0
    if m.sc[KSWAPD].phase == ASLEEP:
        balance_begin(m)
    elif m.sc[KSWAPD].phase == PRIORITY:
        balance_priority(m)
    elif m.sc[KSWAPD].phase == LRUVEC:
        if not shrink_lruvec_step(m, KSWAPD, cpu):
            balance_node_done(m, cpu)
    elif m.rules.order_balancing:  # TRY_TO_SLEEP: only a larger order asked for meanwhile keeps it awake (rule 31)
        if m.kswapd_order > m.sc[KSWAPD].order:
            balance_begin(m)
        else:
            m.kswapd_asleep = True
            m.sc[KSWAPD].phase = ASLEEP
    elif m.sc[KSWAPD].phase == NAP:
        after_nap(m)
    elif m.kswapd_failures >= MAX_RECLAIM_RETRIES or pgdat_balanced(m, m.sc[KSWAPD].order, m.sc[KSWAPD].reclaim_idx):
        m.pgdat_writeback = False
        m.pgdat_dirty = False
        m.pgdat_congested = False
        m.kswapd_asleep = True
        for zone in range(m.nr_zones):
            reset_isolation_suitable(m, zone)
        wakeup_kcompactd(m, m.kswapd_alloc_order, m.sc[KSWAPD].reclaim_idx)
        m.sc[KSWAPD].sleep_ns = TENTH_NS
        m.sc[KSWAPD].phase = NAP
    else:
        balance_begin(m)
