"""How many pages of each LRU list a pass looks at: get_scan_count, and what 2.6.27 and 2.6.28 did in its place."""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import (
        LRU_ACTIVE_ANON,
        LRU_ACTIVE_FILE,
        LRU_INACTIVE_ANON,
        LRU_INACTIVE_FILE,
        NR_LRU_LISTS,
        SWAP_CLUSTER_MAX,
        WMARK_HIGH,
    )
    from recap.mm.lru import inactive_is_low
    from recap.mm.vmstat import WORKINGSET_ACTIVATE_ANON, WORKINGSET_ACTIVATE_FILE
    from recap.mm.watermark import wmark_pages
    from recap.pages import Memory


def prepare_scan_count(m: Memory, s: int) -> None:
    """Which lists are worth scanning (prepare_scan_count).

    Active pages are deactivated while refaults show that a new working set displaces the old one.
    """
    node = m.sc[s].node
    if m.rules.owes_scans:
        m.sc[s].deactivate_anon = inactive_is_low(m, node, LRU_INACTIVE_ANON)
        m.sc[s].deactivate_file = 1
        return
    m.sc[s].deactivate_anon = (
        m.sc[s].force_deactivate
        or m.vmstat[WORKINGSET_ACTIVATE_ANON] != m.node[node].refaults_anon
        or inactive_is_low(m, node, LRU_INACTIVE_ANON)
    )
    m.sc[s].deactivate_file = (
        m.sc[s].force_deactivate
        or m.vmstat[WORKINGSET_ACTIVATE_FILE] != m.node[node].refaults_file
        or inactive_is_low(m, node, LRU_INACTIVE_FILE)
    )
    inactive_file = m.node[node].lru_size[LRU_INACTIVE_FILE]
    m.sc[s].cache_trim_mode = inactive_file >> m.sc[s].priority > 0 and not m.sc[s].deactivate_file
    free = 0
    high = 0
    for zone in range(m.node[node].first_zone, m.node[node].end_zone):
        free += m.zone[zone].free_pages
        high += wmark_pages(m, zone, WMARK_HIGH)
    file = inactive_file + m.node[node].lru_size[LRU_ACTIVE_FILE]
    anon = m.node[node].lru_size[LRU_INACTIVE_ANON] >> m.sc[s].priority
    m.sc[s].file_is_tiny = file + free <= high and not m.sc[s].deactivate_anon and anon > 0


def file_only(m: Memory, s: int) -> bool:
    """No swap, or plenty of idle cache: leave anonymous pages alone (get_scan_count, SCAN_FILE)."""
    if not m.sc[s].may_swap or m.nr_swap_pages <= 0:
        return True
    if m.sc[s].priority == 0 and m.swappiness:
        return False
    return m.sc[s].cache_trim_mode != 0 and not m.sc[s].file_is_tiny


def anon_only(m: Memory, s: int) -> bool:
    """Hardly any cache left (get_scan_count, SCAN_ANON)."""
    return m.sc[s].file_is_tiny != 0 and not (m.sc[s].priority == 0 and m.swappiness)


def lruvec_lru_size(m: Memory, node: int, lru: int, highest_zoneidx: int) -> int:
    """Pages of a list in the zones that count (lruvec_lru_size)."""
    pages = 0
    for zone in range(m.node[node].first_zone, m.node[node].end_zone):
        if m.zone[zone].index <= highest_zoneidx:
            pages += m.zone[zone].nr_lru[lru]
    return pages


def get_scan_count(m: Memory, s: int) -> None:
    """How many pages of each list to scan at this priority (get_scan_count)."""
    node = m.sc[s].node
    if m.rules.owes_scans:
        accumulate_scan_count(m, s)
        return
    total = m.node[node].anon_cost + m.node[node].file_cost
    anon = total + m.node[node].anon_cost
    file = total + m.node[node].file_cost
    total = anon + file
    ap = m.swappiness * (total + 1) // (anon + 1)
    fp = (200 - m.swappiness) * (total + 1) // (file + 1)
    for lru in range(NR_LRU_LISTS):
        scan = lruvec_lru_size(m, node, lru, m.sc[s].reclaim_idx) >> m.sc[s].priority
        if file_only(m, s):
            scan = 0 if lru < LRU_INACTIVE_FILE else scan
        elif anon_only(m, s):
            scan = scan if lru < LRU_INACTIVE_FILE else 0
        elif m.sc[s].priority > 0 or not m.swappiness:
            scan = scan * (ap if lru < LRU_INACTIVE_FILE else fp) // (ap + fp)
        m.sc[s].nr[lru] = scan
        m.sc[s].targets[lru] = scan


def anon_percent(m: Memory, node: int) -> int:
    """Share of the scan that goes to anonymous pages, by how often those scanned were used again (get_scan_ratio of
    2.6.28, rule 53)."""
    if m.nr_swap_pages <= 0:
        return 0
    file = m.node[node].lru_size[LRU_INACTIVE_FILE] + m.node[node].lru_size[LRU_INACTIVE_FILE + 1]
    anon = m.node[node].lru_size[LRU_INACTIVE_ANON] + m.node[node].lru_size[LRU_ACTIVE_ANON]
    free = 0
    high = 0
    for zone in range(m.node[node].first_zone, m.node[node].end_zone):
        free += m.zone[zone].free_pages
        high += wmark_pages(m, zone, WMARK_HIGH)
    if file + free <= high:
        return 100
    for kind in range(2):
        if m.node[node].recent_scanned[kind] > (file if kind else anon) // 4:
            m.node[node].recent_scanned[kind] = m.node[node].recent_scanned[kind] // 2
            m.node[node].recent_rotated[kind] = m.node[node].recent_rotated[kind] // 2
    ap = (m.swappiness + 1) * (m.node[node].recent_scanned[0] + 1) // (m.node[node].recent_rotated[0] + 1)
    fp = (201 - m.swappiness) * (m.node[node].recent_scanned[1] + 1) // (m.node[node].recent_rotated[1] + 1)
    return 100 * ap // (ap + fp + 1)


def accumulate_scan_count(m: Memory, s: int) -> None:
    """Each pass adds a list's share to what its zone owes; a batch's worth is due at once (rules 36, 54)."""
    node = m.sc[s].node
    percent = anon_percent(m, node)
    for lru in range(NR_LRU_LISTS):
        scan = m.node[node].lru_size[lru] >> m.sc[s].priority
        if m.rules.unified_lru:
            scan += 1 if lru >= LRU_INACTIVE_FILE else 0
        elif m.sc[s].priority > 0 and m.nr_swap_pages > 0:
            scan = scan * (percent if lru < LRU_INACTIVE_FILE else 100 - percent) // 100
        elif m.nr_swap_pages <= 0 and lru < LRU_INACTIVE_FILE:
            scan = 0
        m.node[node].nr_scan[lru] += scan
        m.sc[s].nr[lru] = 0
        if m.node[node].nr_scan[lru] >= SWAP_CLUSTER_MAX:
            m.sc[s].nr[lru] = m.node[node].nr_scan[lru]
            m.node[node].nr_scan[lru] = 0
        m.sc[s].targets[lru] = m.sc[s].nr[lru]
