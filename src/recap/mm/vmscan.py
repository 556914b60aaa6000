"""Reclaim: a pass over the LRU lists, in batches of 32.

A reclaimer's state is a ScanControl record, `m.sc[s]`; kswapd's is number 0. Work is done in steps of a batch, so that
other tasks can run in between: shrink_node_begin, then shrink_lruvec_step while it says there is more, then
shrink_node_end. There are no memory cgroups.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import (
        DEF_PRIORITY,
        LRU_ACTIVE_ANON,
        LRU_INACTIVE_ANON,
        LRU_INACTIVE_FILE,
        MAX_RECLAIM_RETRIES,
        NONE,
        NR_LRU_LISTS,
        SWAP_CLUSTER_MAX,
        TENTH_NS,
        TICK_NS,
    )
    from recap.mm.active_list import shrink_active_list
    from recap.mm.capture import capture_alloc_or_return
    from recap.mm.inactive_list import shrink_inactive_list
    from recap.mm.lru import inactive_is_low
    from recap.mm.lru_gen_evict import lru_gen_begin, lru_gen_end, lru_gen_step
    from recap.mm.lumpy_sync import second_pass
    from recap.mm.page_isolation import undo_isolation
    from recap.mm.scan_count import get_scan_count, prepare_scan_count
    from recap.mm.vmstat import NR_DIRTY, NR_WRITEBACK
    from recap.pages import Memory


def shrink_list(m: Memory, s: int, cpu: int, lru: int, nr_to_scan: int) -> int:
    """One batch of a list: active ones only where deactivation is allowed (shrink_list)."""
    if lru == LRU_ACTIVE_ANON or lru == LRU_INACTIVE_FILE + 1:
        if m.sc[s].deactivate_file if lru > LRU_INACTIVE_FILE else m.sc[s].deactivate_anon:
            shrink_active_list(m, s, lru, nr_to_scan)
        else:
            m.sc[s].skipped_deactivate = 1
        return 0
    return shrink_inactive_list(m, s, cpu, lru, nr_to_scan)


def shrink_node_begin(m: Memory, s: int) -> None:
    """Start a pass over the node at the current priority (shrink_node, shrink_lruvec up to its loop)."""
    m.sc[s].nr_dirty = 0
    m.sc[s].nr_unqueued_dirty = 0
    m.sc[s].nr_congested = 0
    m.sc[s].nr_writeback = 0
    m.sc[s].nr_immediate = 0
    m.sc[s].nr_taken = 0
    m.sc[s].nr_file_taken = 0
    m.sc[s].node_reclaimed = m.sc[s].nr_reclaimed
    m.sc[s].lruvec_reclaimed = 0
    m.sc[s].lru = 0
    if m.rules.multi_gen_lru:
        lru_gen_begin(m, s)
        return
    prepare_scan_count(m, s)
    get_scan_count(m, s)
    m.sc[s].proportional = not m.sc[s].kswapd and m.sc[s].priority == DEF_PRIORITY


def shrink_lruvec_step(m: Memory, s: int, cpu: int) -> bool:
    """One batch of one list; is there more? After a batch of every list that has something left a round is over.

    (The loop of shrink_lruvec; a capture list lives through a round.)
    """
    if m.rules.multi_gen_lru:
        more = lru_gen_step(m, s, cpu)
        capture_step(m, s)
        return more
    lru = m.sc[s].lru ^ 1 if m.rules.unified_lru else m.sc[s].lru  # rule 36: there the active list comes first
    if m.sc[s].lru == 0 and not scan_left(m, s):
        return False
    if m.sc[s].sync:
        m.sc[s].lruvec_reclaimed += second_pass(m, s, cpu)
    elif m.sc[s].nr[lru]:
        batch = min(m.sc[s].nr[lru], SWAP_CLUSTER_MAX)
        m.sc[s].nr[lru] -= batch
        m.sc[s].lruvec_reclaimed += shrink_list(m, s, cpu, lru, batch)
    if m.sc[s].sync:
        return True
    m.sc[s].lru = (m.sc[s].lru + 1) % NR_LRU_LISTS
    if m.sc[s].lru > 0:
        return True
    capture_step(m, s)
    if not m.rules.stops_when_enough or m.sc[s].lruvec_reclaimed < m.sc[s].nr_to_reclaim or m.sc[s].proportional:
        return True
    return keep_proportion(m, s)


def scan_left(m: Memory, s: int) -> bool:
    """Is a list that counts for the loop not through?"""
    nr = m.sc[s].nr[LRU_INACTIVE_ANON] + m.sc[s].nr[LRU_INACTIVE_FILE] + m.sc[s].nr[LRU_INACTIVE_FILE + 1]
    return nr > 0


def keep_proportion(m: Memory, s: int) -> bool:
    """Enough is reclaimed: drop the list with less left, scan the other in the same proportion; False: stop."""
    anon = m.sc[s].nr[LRU_INACTIVE_ANON] + m.sc[s].nr[LRU_ACTIVE_ANON]
    file = m.sc[s].nr[LRU_INACTIVE_FILE] + m.sc[s].nr[LRU_INACTIVE_FILE + 1]
    if not anon or not file:
        return False
    small = LRU_INACTIVE_ANON if file > anon else LRU_INACTIVE_FILE
    large = LRU_INACTIVE_FILE if file > anon else LRU_INACTIVE_ANON
    percent = min(anon, file) * 100 // (m.sc[s].targets[small] + m.sc[s].targets[small + 1] + 1)
    m.sc[s].nr[small] = 0
    m.sc[s].nr[small + 1] = 0
    scale_target(m, s, large, percent)
    scale_target(m, s, large + 1, percent)
    return True


def scale_target(m: Memory, s: int, lru: int, percent: int) -> None:
    """What is left to scan of a list when `percent` of the other one is left undone."""
    scanned = m.sc[s].targets[lru] - m.sc[s].nr[lru]
    left = m.sc[s].targets[lru] * (100 - percent) // 100
    m.sc[s].nr[lru] = left - min(left, scanned)


def capture_step(m: Memory, s: int) -> None:
    """A batch ended: the capture list is settled if the policy says so; the scan itself is not cut short (rule 7)."""
    if m.sc[s].isolated_block >= 0:
        m.sc[s].page = undo_isolation(m, s)
    if m.sc[s].capture < 0 or m.sc[s].page != NONE:
        return
    largest = m.capture[m.sc[s].capture].largest
    if m.policy.batch_ended(m.sc[s].order, largest):
        m.sc[s].page = capture_alloc_or_return(m, m.sc[s].capture, m.sc[s].alloc_flags, m.sc[s].gfp)


def shrink_node_end(m: Memory, s: int) -> None:
    """After the lists: age anonymous pages, and note when the device holds reclaim up (shrink_lruvec, shrink_node)."""
    if m.rules.multi_gen_lru:
        lru_gen_end(m, s)
        return
    node = m.sc[s].node
    m.sc[s].nr_reclaimed += m.sc[s].lruvec_reclaimed
    m.node[node].prev_priority = m.sc[s].priority
    if m.nr_swap_pages > 0 and inactive_is_low(m, node, LRU_INACTIVE_ANON):
        shrink_active_list(m, s, LRU_ACTIVE_ANON, SWAP_CLUSTER_MAX)
    if m.rules.waits_for_congestion:
        return
    note_congestion(m, s, node)
    if m.sc[s].nr_reclaimed > m.sc[s].node_reclaimed:
        m.node[node].kswapd_failures = 0


def note_congestion(m: Memory, s: int, node: int) -> None:
    """kswapd notes that pages wait for the device, and others then wait a moment (shrink_node)."""
    if m.sc[s].kswapd:
        if m.sc[s].nr_writeback and m.sc[s].nr_writeback == m.sc[s].nr_taken:
            m.node[node].writeback = True
        if m.sc[s].nr_unqueued_dirty == m.sc[s].nr_file_taken:
            m.node[node].dirty = True
        if m.sc[s].nr_immediate:
            m.sc[s].sleep_ns = TENTH_NS
        if m.sc[s].nr_dirty and m.sc[s].nr_dirty == m.sc[s].nr_congested:
            m.node[node].congested = True
    elif m.node[node].congested and writes_pending(m, node):
        m.sc[s].sleep_ns = TICK_NS


def all_unreclaimable(m: Memory, node: int) -> bool:
    """Has 2.6.27 given up on every zone of a node? (all_unreclaimable, rule 35)"""
    given_up = True
    for zone in range(m.node[node].first_zone, m.node[node].end_zone):
        given_up = given_up and m.zone[zone].all_unreclaimable != 0
    return given_up


def zone_reclaimable_pages(m: Memory, zone: int) -> int:
    """Pages of a zone that reclaim could free at best; its free ones where there are none (zone_reclaimable_pages).

    The second half is of 6aaced5abd32 (6.13, and 6.1.124): so requests go on after reclaim without success for a block
    that lowmem_reserve keeps from them.
    """
    pages = m.zone[zone].nr_lru[LRU_INACTIVE_FILE] + m.zone[zone].nr_lru[LRU_INACTIVE_FILE + 1]
    if m.nr_swap_pages > 0:
        pages += m.zone[zone].nr_lru[LRU_INACTIVE_ANON] + m.zone[zone].nr_lru[LRU_ACTIVE_ANON]
    return pages if pages > 0 else m.zone[zone].free_pages


def writes_pending(m: Memory, node: int) -> bool:
    """Is so much dirty or being written that waiting for the device helps? (skip_throttle_noprogress)"""
    reclaimable = 0
    for zone in range(m.node[node].first_zone, m.node[node].end_zone):
        reclaimable += zone_reclaimable_pages(m, zone)
    pending = m.vmstat[NR_DIRTY] + m.vmstat[NR_WRITEBACK]
    return m.node[node].kswapd_failures < MAX_RECLAIM_RETRIES and 2 * pending > reclaimable
