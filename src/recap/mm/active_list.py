"""Moving pages from an active list to the inactive one, a batch at a time."""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import LRU_INACTIVE_FILE, PG_ACTIVE, PG_SWAPBACKED, PG_WORKINGSET, PG_YOUNG, STATE_ALLOCATED
    from recap.mm.isolate_lru import isolate_batch
    from recap.mm.lru import lruvec_add
    from recap.mm.vmstat import PGDEACTIVATE, PGREFILL
    from recap.pages import FOLIO_LIST, Memory, list_del, list_empty


def shrink_active_list(m: Memory, s: int, lru: int, nr_to_scan: int) -> None:
    """One batch from an active list to the inactive one, used lately or not (shrink_active_list)."""
    node = m.sc[s].node
    reclaim_mapped = not m.rules.unified_lru or calc_reclaim_mapped(m, s)
    before = m.sc[s].scanned_now
    taken = isolate_batch(m, s, lru, nr_to_scan)
    m.sc[s].deactivated_now += m.sc[s].scanned_now - before
    m.sc[s].scanned_now = before
    m.vmstat[PGREFILL] += taken
    m.vmstat[PGDEACTIVATE] += taken
    m.node[node].recent_scanned[lru >> 1] += taken
    src = m.scratch_heads + FOLIO_LIST
    while not list_empty(m, src):
        pfn = m.page[src].prev
        list_del(m, pfn)
        if m.page[pfn].flags & PG_YOUNG:
            m.node[node].recent_rotated[lru >> 1] += 1
        if stays_active(m, pfn, reclaim_mapped):
            m.vmstat[PGDEACTIVATE] -= 1
        else:
            m.page[pfn].flags &= ~PG_ACTIVE
            m.page[pfn].flags |= PG_WORKINGSET
        m.page[pfn].flags &= ~PG_YOUNG
        m.page[pfn].state = STATE_ALLOCATED
        lruvec_add(m, pfn, False)


def calc_reclaim_mapped(m: Memory, s: int) -> bool:
    """Is there need enough to take pages that are mapped? (calc_reclaim_mapped of 2.6.27, rule 41)"""
    node = m.sc[s].node
    lru_pages = m.node[node].lru_size[LRU_INACTIVE_FILE] + m.node[node].lru_size[LRU_INACTIVE_FILE + 1]
    total = 0
    for zone in range(m.node[node].first_zone, m.node[node].end_zone):
        if m.zone[zone].pages_scanned >= 3 * lru_pages:
            return True
        total += m.zone[zone].managed
    mapped_ratio = m.node[node].nr_anon * 100 // max(total, 1)
    tendency = mapped_ratio // 2 + (100 >> min(m.node[node].prev_priority, m.sc[s].priority)) + m.swappiness
    imbalance = m.node[node].lru_size[LRU_INACTIVE_FILE + 1] // (m.node[node].lru_size[LRU_INACTIVE_FILE] + 1)
    imbalance = imbalance * (m.swappiness + 1) // 100 * mapped_ratio // 100
    return tendency + imbalance >= 100


def stays_active(m: Memory, pfn: int, reclaim_mapped: bool) -> bool:
    """On 2.6.27's one pair of lists a mapped page stays if it is in use, or if there is no need (rule 42)."""
    if not m.rules.unified_lru or not m.page[pfn].flags & PG_SWAPBACKED:
        return False
    return not reclaim_mapped or m.nr_swap_pages <= 0 or m.page[pfn].flags & PG_YOUNG != 0
