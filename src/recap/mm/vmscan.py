"""Reclaim: scanning the LRU lists in batches of 32, and what becomes of each page scanned.

A reclaimer's state is a ScanControl record, `m.sc[s]`; kswapd's is number 0. Work is done in steps of a batch, so that
other tasks can run in between: shrink_node_begin, then shrink_lruvec_step while it says there is more, then
shrink_node_end. There are no memory cgroups.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import (
        DEF_PRIORITY,
        GFP_FS,
        GFP_IO,
        IN_SWAP,
        LRU_ACTIVE_ANON,
        LRU_INACTIVE_ANON,
        LRU_INACTIVE_FILE,
        NONE,
        NR_LRU_LISTS,
        PF_ACTIVE,
        PF_DIRTY,
        PF_RECLAIM,
        PF_REFERENCED,
        PF_SWAPBACKED,
        PF_WRITEBACK,
        PF_YOUNG,
        PG_WORKINGSET,
        SWAP_CLUSTER_MAX,
        TENTH_NS,
        TICK_NS,
        WMARK_HIGH,
    )
    from recap.mm.capture import capture_alloc_or_return, capture_page
    from recap.mm.lru import inactive_is_low, lru_note_cost, lruvec_add, lruvec_del
    from recap.mm.page_alloc import free_pages
    from recap.mm.vmstat import (
        NR_DIRTY,
        NR_VMSCAN_IMMEDIATE_RECLAIM,
        NR_WRITEBACK,
        PGACTIVATE,
        PGDEACTIVATE,
        PGREFILL,
        PGSCAN_DIRECT,
        PGSCAN_KSWAPD,
        PGSTEAL_DIRECT,
        PGSTEAL_KSWAPD,
        WORKINGSET_ACTIVATE_ANON,
        WORKINGSET_ACTIVATE_FILE,
    )
    from recap.mm.watermark import wmark_pages
    from recap.mm.workingset import workingset_eviction
    from recap.mm.writeback import add_to_swap, leave_memory, pageout
    from recap.pages import Memory, list_add, list_del, list_empty, page_zone

    PAGE_KEEP = 0
    PAGE_ACTIVATE = 1
    PAGE_RECLAIMED = 2
    PAGE_OUT = 3


def isolate_lru_folios(m: Memory, s: int, lru: int, nr_to_scan: int) -> int:
    """Move pages from an LRU list's tail to the scratch list; pages taken (isolate_lru_folios).

    Pages of zones the request cannot use are passed over and go back to the head; they count as scanned.
    """
    src = m.lru_heads + lru
    dst = m.scratch_heads
    skipped = m.scratch_heads + 3
    scan = 0
    taken = 0
    while scan < nr_to_scan and not list_empty(m, src):
        pfn = m.page[src].prev
        m.sc[s].total_scan += 1 << m.page[pfn].order
        if m.zone[page_zone(m, pfn)].index > m.sc[s].reclaim_idx:
            list_del(m, pfn)
            list_add(m, pfn, skipped)
            continue
        scan += 1 << m.page[pfn].order
        lruvec_del(m, pfn)
        list_add(m, pfn, dst)
        taken += 1 << m.page[pfn].order
    m.sc[s].scanned_now += taken
    while not list_empty(m, skipped):
        pfn = m.page[skipped].prev
        list_del(m, pfn)
        list_add(m, pfn, src)
    return taken


def folio_check_references(m: Memory, pfn: int) -> int:
    """Used since the last scan? Twice means active, once one more round (folio_check_references)."""
    young = m.page[pfn].flags & PF_YOUNG != 0
    referenced = m.page[pfn].flags & PF_REFERENCED != 0
    m.page[pfn].flags &= ~(PF_YOUNG | PF_REFERENCED)
    if not young:
        return PAGE_RECLAIMED
    m.page[pfn].flags |= PF_REFERENCED
    return PAGE_ACTIVATE if referenced else PAGE_KEEP


def note_dirty(m: Memory, s: int, pfn: int) -> None:
    """Count what tells reclaim that it waits for the device (folio_check_dirty_writeback)."""
    pages = 1 << m.page[pfn].order
    dirty = m.page[pfn].flags & PF_DIRTY != 0 and not m.page[pfn].flags & PF_SWAPBACKED
    writeback = m.page[pfn].flags & PF_WRITEBACK != 0
    if dirty or writeback:
        m.sc[s].nr_dirty += pages
    if dirty and not writeback:
        m.sc[s].nr_unqueued_dirty += pages
    if writeback and m.page[pfn].flags & PF_RECLAIM:
        m.sc[s].nr_congested += pages


def meet_writeback(m: Memory, s: int, pfn: int) -> int:
    """A page under writeback is never waited for: it is marked and set aside (shrink_folio_list, cases 1 and 2)."""
    pages = 1 << m.page[pfn].order
    if m.sc[s].kswapd and m.page[pfn].flags & PF_RECLAIM and m.pgdat_writeback:
        m.sc[s].nr_immediate += pages
    else:
        m.page[pfn].flags |= PF_RECLAIM
        m.sc[s].nr_writeback += pages
    return PAGE_ACTIVATE


def may_enter_fs(m: Memory, s: int, pfn: int) -> bool:
    """May the request wait for a page of this kind to be written? (may_enter_fs)"""
    if m.sc[s].gfp & GFP_FS:
        return True
    return m.page[pfn].flags & PF_SWAPBACKED != 0 and m.sc[s].gfp & GFP_IO != 0


def meet_dirty(m: Memory, s: int, pfn: int, references: int) -> int:
    """Only kswapd writes file pages, and only when the flusher cannot keep up (ee72886d8ed5, 3.2)."""
    if not m.page[pfn].flags & PF_SWAPBACKED and not (
        m.sc[s].kswapd and m.page[pfn].flags & PF_RECLAIM and m.pgdat_dirty
    ):
        m.vmstat[NR_VMSCAN_IMMEDIATE_RECLAIM] += 1
        m.page[pfn].flags |= PF_RECLAIM
        return PAGE_ACTIVATE
    if references or not may_enter_fs(m, s, pfn) or not m.sc[s].may_writepage:
        return PAGE_KEEP
    pageout(m, pfn)
    return PAGE_OUT


def shrink_folio(m: Memory, s: int, pfn: int) -> int:
    """What becomes of one isolated page (the loop of shrink_folio_list).

    Huge pages are not split here: they stay active.
    """
    m.sc[s].nr_scanned += 1 << m.page[pfn].order
    note_dirty(m, s, pfn)
    if m.page[pfn].flags & PF_WRITEBACK:
        return meet_writeback(m, s, pfn)
    references = 1 if m.page[pfn].flags & PF_REFERENCED else 0
    fate = folio_check_references(m, pfn)
    if fate != PAGE_RECLAIMED:
        return fate
    if m.page[pfn].order > 0:
        return PAGE_ACTIVATE
    if m.page[pfn].flags & PF_SWAPBACKED:
        references = 0
        if not m.sc[s].gfp & GFP_IO:
            return PAGE_KEEP
        if not add_to_swap(m, pfn):
            return PAGE_ACTIVATE
    if m.page[pfn].flags & PF_DIRTY:
        return meet_dirty(m, s, pfn, references)
    return PAGE_RECLAIMED


def release_page(m: Memory, s: int, cpu: int, pfn: int) -> None:
    """Let a reclaimed page go: to the request's capture list if it is kept there, else the normal way."""
    if m.sc[s].kswapd:
        m.frame[pfn].freed_by = 0
        free_pages(m, cpu, pfn, 0)
        return
    m.frame[pfn].freed_by = m.sc[s].request
    if m.sc[s].capture < 0 or not capture_page(m, m.sc[s].capture, pfn):
        free_pages(m, cpu, pfn, 0)


def shrink_folio_list(m: Memory, s: int, cpu: int, file: bool) -> int:
    """Decide for each isolated page, release what was reclaimed; pages reclaimed (shrink_folio_list)."""
    src = m.scratch_heads
    kept = m.scratch_heads + 1
    free = m.scratch_heads + 2
    reclaimed = 0
    paged_out = 0
    while not list_empty(m, src):
        pfn = m.page[src].prev
        pages = 1 << m.page[pfn].order
        list_del(m, pfn)
        fate = shrink_folio(m, s, pfn)
        if fate == PAGE_RECLAIMED:
            reclaimed += 1
            workingset_eviction(m, pfn)
            leave_memory(m, pfn, IN_SWAP if m.page[pfn].flags & PF_SWAPBACKED else NONE)
            list_add(m, pfn, free)
            continue
        if fate == PAGE_ACTIVATE:
            m.page[pfn].flags |= PF_ACTIVE
            m.vmstat[PGACTIVATE] += pages
        if fate == PAGE_OUT:
            paged_out += 1
        list_add(m, pfn, kept)
    while not list_empty(m, free):
        pfn = m.page[free].next
        list_del(m, pfn)
        release_page(m, s, cpu, pfn)
    while not list_empty(m, kept):
        pfn = m.page[kept].prev
        list_del(m, pfn)
        lruvec_add(m, pfn, False)
    lru_note_cost(m, file, paged_out)
    return reclaimed


def shrink_inactive_list(m: Memory, s: int, cpu: int, lru: int, nr_to_scan: int) -> int:
    """One batch from an inactive list; pages reclaimed (shrink_inactive_list)."""
    file = lru >= LRU_INACTIVE_FILE
    unqueued = m.sc[s].nr_unqueued_dirty
    before = m.sc[s].total_scan
    taken = isolate_lru_folios(m, s, lru, nr_to_scan)
    m.vmstat[PGSCAN_KSWAPD if m.sc[s].kswapd else PGSCAN_DIRECT] += m.sc[s].total_scan - before
    if taken == 0:
        return 0
    reclaimed = shrink_folio_list(m, s, cpu, file)
    m.vmstat[PGSTEAL_KSWAPD if m.sc[s].kswapd else PGSTEAL_DIRECT] += reclaimed
    if m.sc[s].nr_unqueued_dirty - unqueued == taken:
        m.flusher_wanted = True
    m.sc[s].nr_taken += taken
    if file:
        m.sc[s].nr_file_taken += taken
    return reclaimed


def shrink_active_list(m: Memory, s: int, lru: int, nr_to_scan: int) -> None:
    """One batch from an active list to the inactive one, used lately or not (shrink_active_list)."""
    taken = isolate_lru_folios(m, s, lru, nr_to_scan)
    m.vmstat[PGREFILL] += taken
    m.vmstat[PGDEACTIVATE] += taken
    src = m.scratch_heads
    while not list_empty(m, src):
        pfn = m.page[src].prev
        list_del(m, pfn)
        m.page[pfn].flags &= ~(PF_ACTIVE | PF_YOUNG)
        m.page[pfn].owner |= PG_WORKINGSET
        lruvec_add(m, pfn, False)


def shrink_list(m: Memory, s: int, cpu: int, lru: int, nr_to_scan: int) -> int:
    """One batch of a list: active ones only where deactivation is allowed (shrink_list)."""
    if lru == LRU_ACTIVE_ANON or lru == LRU_INACTIVE_FILE + 1:
        if m.sc[s].deactivate_file if lru > LRU_INACTIVE_FILE else m.sc[s].deactivate_anon:
            shrink_active_list(m, s, lru, nr_to_scan)
        else:
            m.sc[s].skipped_deactivate = 1
        return 0
    return shrink_inactive_list(m, s, cpu, lru, nr_to_scan)


def prepare_scan_count(m: Memory, s: int) -> None:
    """Which lists are worth scanning (prepare_scan_count).

    Active pages are deactivated while refaults show that a new working set displaces the old one.
    """
    m.sc[s].deactivate_anon = (
        m.sc[s].force_deactivate
        or m.vmstat[WORKINGSET_ACTIVATE_ANON] != m.refaults_anon
        or inactive_is_low(m, LRU_INACTIVE_ANON)
    )
    m.sc[s].deactivate_file = (
        m.sc[s].force_deactivate
        or m.vmstat[WORKINGSET_ACTIVATE_FILE] != m.refaults_file
        or inactive_is_low(m, LRU_INACTIVE_FILE)
    )
    m.sc[s].cache_trim_mode = m.lru_size[LRU_INACTIVE_FILE] >> m.sc[s].priority > 0 and not m.sc[s].deactivate_file
    free = 0
    high = 0
    for zone in range(m.nr_zones):
        free += m.zone[zone].free_pages
        high += wmark_pages(m, zone, WMARK_HIGH)
    file = m.lru_size[LRU_INACTIVE_FILE] + m.lru_size[LRU_INACTIVE_FILE + 1]
    m.sc[s].file_is_tiny = (
        file + free <= high and not m.sc[s].deactivate_anon and m.lru_size[LRU_INACTIVE_ANON] >> m.sc[s].priority > 0
    )


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


def get_scan_count(m: Memory, s: int) -> None:
    """How many pages of each list to scan at this priority (get_scan_count)."""
    total = m.anon_cost + m.file_cost
    anon = total + m.anon_cost
    file = total + m.file_cost
    total = anon + file
    ap = m.swappiness * (total + 1) // (anon + 1)
    fp = (200 - m.swappiness) * (total + 1) // (file + 1)
    for lru in range(NR_LRU_LISTS):
        scan = m.lru_size[lru] >> m.sc[s].priority
        if file_only(m, s):
            scan = 0 if lru < LRU_INACTIVE_FILE else scan
        elif anon_only(m, s):
            scan = scan if lru < LRU_INACTIVE_FILE else 0
        elif m.sc[s].priority > 0 or not m.swappiness:
            scan = scan * (ap if lru < LRU_INACTIVE_FILE else fp) // (ap + fp)
        m.sc[s].nr[lru] = scan
        m.sc[s].targets[lru] = scan


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
    prepare_scan_count(m, s)
    get_scan_count(m, s)
    m.sc[s].proportional = not m.sc[s].kswapd and m.sc[s].priority == DEF_PRIORITY


def shrink_lruvec_step(m: Memory, s: int, cpu: int) -> bool:
    """One batch of one list; is there more? After a batch of every list that has something left a round is over.

    (The loop of shrink_lruvec; a capture list lives through a round.)
    """
    lru = m.sc[s].lru
    if lru == 0 and not scan_left(m, s):
        return False
    if m.sc[s].nr[lru]:
        batch = min(m.sc[s].nr[lru], SWAP_CLUSTER_MAX)
        m.sc[s].nr[lru] -= batch
        m.sc[s].lruvec_reclaimed += shrink_list(m, s, cpu, lru, batch)
    m.sc[s].lru = (lru + 1) % NR_LRU_LISTS
    if m.sc[s].lru > 0:
        return True
    capture_step(m, s)
    if m.sc[s].lruvec_reclaimed < m.sc[s].nr_to_reclaim or m.sc[s].proportional:
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
    if m.sc[s].capture < 0 or m.sc[s].page != NONE:
        return
    largest = m.capture[m.sc[s].capture].largest
    if m.policy.batch_ended(m.sc[s].order, largest):
        m.sc[s].page = capture_alloc_or_return(m, m.sc[s].capture, m.sc[s].alloc_flags, m.sc[s].gfp)


def shrink_node_end(m: Memory, s: int) -> None:
    """After the lists: age anonymous pages, and note when the device holds reclaim up (shrink_lruvec, shrink_node)."""
    m.sc[s].nr_reclaimed += m.sc[s].lruvec_reclaimed
    if m.nr_swap_pages > 0 and inactive_is_low(m, LRU_INACTIVE_ANON):
        shrink_active_list(m, s, LRU_ACTIVE_ANON, SWAP_CLUSTER_MAX)
    if m.sc[s].kswapd:
        if m.sc[s].nr_writeback and m.sc[s].nr_writeback == m.sc[s].nr_taken:
            m.pgdat_writeback = True
        if m.sc[s].nr_unqueued_dirty == m.sc[s].nr_file_taken:
            m.pgdat_dirty = True
        if m.sc[s].nr_immediate:
            m.sc[s].sleep_ns = TENTH_NS
        if m.sc[s].nr_dirty and m.sc[s].nr_dirty == m.sc[s].nr_congested:
            m.pgdat_congested = True
    elif m.pgdat_congested and 2 * (m.vmstat[NR_DIRTY] + m.vmstat[NR_WRITEBACK]) > reclaimable_pages(m):
        m.sc[s].sleep_ns = TICK_NS
    if m.sc[s].nr_reclaimed > m.sc[s].node_reclaimed:
        m.kswapd_failures = 0


def zone_reclaimable_pages(m: Memory, zone: int) -> int:
    """Pages of a zone that reclaim could free at best (zone_reclaimable_pages)."""
    pages = m.zone[zone].nr_lru[LRU_INACTIVE_FILE] + m.zone[zone].nr_lru[LRU_INACTIVE_FILE + 1]
    if m.nr_swap_pages > 0:
        pages += m.zone[zone].nr_lru[LRU_INACTIVE_ANON] + m.zone[zone].nr_lru[LRU_ACTIVE_ANON]
    return pages


def reclaimable_pages(m: Memory) -> int:
    """Pages that reclaim could free at best (zone_reclaimable_pages, over all zones)."""
    pages = m.lru_size[LRU_INACTIVE_FILE] + m.lru_size[LRU_INACTIVE_FILE + 1]
    if m.nr_swap_pages > 0:
        pages += m.lru_size[LRU_INACTIVE_ANON] + m.lru_size[LRU_ACTIVE_ANON]
    return pages
