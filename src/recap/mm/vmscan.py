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
        PAGE_ALLOC_COSTLY_ORDER,
        PF_ACTIVE,
        PF_DIRTY,
        PF_RECLAIM,
        PF_REFERENCED,
        PF_SWAPBACKED,
        PF_WRITEBACK,
        PF_YOUNG,
        PG_ALLOCATED,
        PG_WORKINGSET,
        SWAP_CLUSTER_MAX,
        TENTH_NS,
        TICK_NS,
        WMARK_HIGH,
    )
    from recap.mm.capture import capture_alloc_or_return, capture_page
    from recap.mm.lru import inactive_is_low, lru_note_cost, lruvec_add, lruvec_del
    from recap.mm.lumpy import isolate_lru_pages
    from recap.mm.page_alloc import free_cold_page, free_pages
    from recap.mm.page_isolation import undo_isolation
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
    PAGEVEC_SIZE = 14


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


def page_fate(m: Memory, s: int, pfn: int) -> int:
    """What becomes of one isolated page in 2.6.27 (the loop of shrink_page_list, rule 39).

    For a costly order it does not matter that a page was used lately; dirty pages are written on the spot.
    """
    cheap = m.sc[s].order <= PAGE_ALLOC_COSTLY_ORDER
    mapped = m.page[pfn].flags & PF_SWAPBACKED != 0
    m.sc[s].nr_scanned += 2 if mapped else 1
    if m.page[pfn].flags & PF_WRITEBACK:
        return PAGE_KEEP
    referenced = m.page[pfn].flags & (PF_YOUNG | PF_REFERENCED) != 0
    m.page[pfn].flags &= ~(PF_YOUNG | PF_REFERENCED)
    if cheap and referenced and mapped:
        return PAGE_ACTIVATE
    if mapped and not add_to_swap(m, pfn):
        return PAGE_ACTIVATE
    if not m.page[pfn].flags & PF_DIRTY:
        return PAGE_RECLAIMED
    if cheap and referenced:
        return PAGE_KEEP
    if not may_enter_fs(m, s, pfn) or not m.sc[s].may_writepage or (m.write_congested and not m.sc[s].kswapd):
        return PAGE_KEEP
    pageout(m, pfn)
    return PAGE_OUT


def shrink_folio(m: Memory, s: int, pfn: int) -> int:
    """What becomes of one isolated page (the loop of shrink_folio_list).

    Huge pages are not split here: they stay active.
    """
    if m.writes_in_reclaim:
        return page_fate(m, s, pfn)
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
    m.frame[pfn].freed_by = 0 if m.sc[s].kswapd else m.sc[s].request
    if m.sc[s].capture >= 0 and capture_page(m, m.sc[s].capture, pfn):
        return
    if m.single_pcp_list:
        free_cold_page(m, cpu, pfn)
    else:
        free_pages(m, cpu, pfn, 0)


def release_pages(m: Memory, s: int, cpu: int) -> None:
    """Release what was reclaimed, last in first (free_unref_page_list; __pagevec_free)."""
    free = m.scratch_heads + 2
    while not list_empty(m, free):
        pfn = m.page[free].next
        list_del(m, pfn)
        release_page(m, s, cpu, pfn)


def pagevec_full(m: Memory, s: int, reclaimed: int) -> bool:
    """Until the free list of a whole batch (6.1) pages were released by 14, captured ones at once (rules 21, 39.10)."""
    if not m.writes_in_reclaim:
        return False
    return reclaimed % PAGEVEC_SIZE == 0 or m.sc[s].capture >= 0


def putback_lru_pages(m: Memory, head: int) -> None:
    """What was not reclaimed goes back to the heads of the LRU lists (move_pages_to_lru, rule 40)."""
    while not list_empty(m, head):
        pfn = m.page[head].prev
        list_del(m, pfn)
        if m.page[pfn].flags & PF_ACTIVE:
            m.recent_rotated[0 if m.page[pfn].flags & PF_SWAPBACKED else 1] += 1
        m.page[pfn].state = PG_ALLOCATED
        lruvec_add(m, pfn, False)


def shrink_folio_list(m: Memory, s: int, cpu: int, file: bool) -> int:
    """Decide for each isolated page, release what was reclaimed; pages reclaimed (shrink_folio_list).

    The others are left on the second scratch list.
    """
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
            m.page[pfn].state = PG_ALLOCATED
            workingset_eviction(m, pfn)
            leave_memory(m, pfn, IN_SWAP if m.page[pfn].flags & PF_SWAPBACKED else NONE)
            list_add(m, pfn, free)
            if pagevec_full(m, s, reclaimed):
                release_pages(m, s, cpu)
            continue
        if fate == PAGE_ACTIVATE:
            m.page[pfn].flags |= PF_ACTIVE
            m.vmstat[PGACTIVATE] += pages
        if fate == PAGE_OUT:
            paged_out += 1
        list_add(m, pfn, kept)
    release_pages(m, s, cpu)
    lru_note_cost(m, file, paged_out)
    return reclaimed


def begin_second_pass(m: Memory, s: int) -> None:
    """Keep what a lumpy batch did not free, wait for the device, try once more (shrink_inactive_list, rule 37c)."""
    kept = m.scratch_heads + 1
    while not list_empty(m, kept):
        pfn = m.page[kept].prev
        list_del(m, pfn)
        m.page[pfn].flags &= ~PF_ACTIVE
        list_add(m, pfn, m.isolated_heads + s)
    m.sc[s].sync = 1
    congestion_wait(m, s, TENTH_NS)


def second_pass(m: Memory, s: int, cpu: int) -> int:
    """Go on with the synchronous pass: pages on their way to the device are waited for; pages reclaimed (rule 39.4, 8).

    What cannot be reclaimed goes back to its list at once, not at the end of the pass. `sync` is 0 when it is through.
    """
    head = m.isolated_heads + s
    reclaimed = 0
    while not list_empty(m, head):
        pfn = m.page[head].prev
        if m.page[pfn].flags & PF_WRITEBACK and may_enter_fs(m, s, pfn):
            congestion_wait(m, s, TICK_NS)
            break
        fate = page_fate(m, s, pfn)
        if fate == PAGE_OUT:
            continue
        list_del(m, pfn)
        m.page[pfn].state = PG_ALLOCATED
        if fate == PAGE_RECLAIMED:
            reclaimed += 1
            leave_memory(m, pfn, IN_SWAP if m.page[pfn].flags & PF_SWAPBACKED else NONE)
            release_page(m, s, cpu, pfn)
            continue
        if fate == PAGE_ACTIVATE:
            m.page[pfn].flags |= PF_ACTIVE
            m.vmstat[PGACTIVATE] += 1
        lruvec_add(m, pfn, False)
    if list_empty(m, head):
        m.sc[s].sync = 0
    m.vmstat[PGSTEAL_DIRECT] += reclaimed
    return reclaimed


def congestion_wait(m: Memory, s: int, longest: int) -> None:
    """Sleep until the device has completed a write, but not for longer (congestion_wait, rule 49)."""
    m.sc[s].sleep_ns = longest
    m.sc[s].congestion_wait = 1


def isolate_batch(m: Memory, s: int, lru: int, nr_to_scan: int) -> int:
    """Take a batch off an LRU list: areas or single pages; pages taken."""
    if m.lumpy_reclaim:
        return isolate_lru_pages(m, s, lru, nr_to_scan)
    return isolate_lru_folios(m, s, lru, nr_to_scan)


def shrink_inactive_list(m: Memory, s: int, cpu: int, lru: int, nr_to_scan: int) -> int:
    """One batch from an inactive list; pages reclaimed (shrink_inactive_list)."""
    file = lru >= LRU_INACTIVE_FILE
    unqueued = m.sc[s].nr_unqueued_dirty
    before = m.sc[s].total_scan
    taken = isolate_batch(m, s, lru, nr_to_scan)
    m.vmstat[PGSCAN_KSWAPD if m.sc[s].kswapd else PGSCAN_DIRECT] += m.sc[s].total_scan - before
    if taken == 0:
        return 0
    m.recent_scanned[1 if file else 0] += taken
    reclaimed = shrink_folio_list(m, s, cpu, file)
    if m.lumpy_reclaim and reclaimed < taken and not m.sc[s].kswapd and m.sc[s].order > PAGE_ALLOC_COSTLY_ORDER:
        begin_second_pass(m, s)
    else:
        putback_lru_pages(m, m.scratch_heads + 1)
    m.vmstat[PGSTEAL_KSWAPD if m.sc[s].kswapd else PGSTEAL_DIRECT] += reclaimed
    if m.sc[s].nr_unqueued_dirty - unqueued == taken:
        m.flusher_wanted = True
    m.sc[s].nr_taken += taken
    if file:
        m.sc[s].nr_file_taken += taken
    return reclaimed


def shrink_active_list(m: Memory, s: int, lru: int, nr_to_scan: int) -> None:
    """One batch from an active list to the inactive one, used lately or not (shrink_active_list)."""
    reclaim_mapped = not m.unified_lru or calc_reclaim_mapped(m, s)
    taken = isolate_batch(m, s, lru, nr_to_scan)
    m.vmstat[PGREFILL] += taken
    m.vmstat[PGDEACTIVATE] += taken
    m.recent_scanned[lru >> 1] += taken
    src = m.scratch_heads
    while not list_empty(m, src):
        pfn = m.page[src].prev
        list_del(m, pfn)
        if m.page[pfn].flags & PF_YOUNG:
            m.recent_rotated[lru >> 1] += 1
        if stays_active(m, pfn, reclaim_mapped):
            m.vmstat[PGDEACTIVATE] -= 1
        else:
            m.page[pfn].flags &= ~PF_ACTIVE
            m.page[pfn].owner |= PG_WORKINGSET
        m.page[pfn].flags &= ~PF_YOUNG
        m.page[pfn].state = PG_ALLOCATED
        lruvec_add(m, pfn, False)


def calc_reclaim_mapped(m: Memory, s: int) -> bool:
    """Is there need enough to take pages that are mapped? (calc_reclaim_mapped of 2.6.27, rule 41)"""
    lru_pages = m.lru_size[LRU_INACTIVE_FILE] + m.lru_size[LRU_INACTIVE_FILE + 1]
    if m.pages_scanned >= 3 * lru_pages:
        return True
    total = 0
    for zone in range(m.nr_zones):
        total += m.zone[zone].managed
    mapped_ratio = m.nr_anon * 100 // max(total, 1)
    tendency = mapped_ratio // 2 + (100 >> min(m.prev_priority, m.sc[s].priority)) + m.swappiness
    imbalance = m.lru_size[LRU_INACTIVE_FILE + 1] // (m.lru_size[LRU_INACTIVE_FILE] + 1)
    imbalance = imbalance * (m.swappiness + 1) // 100 * mapped_ratio // 100
    return tendency + imbalance >= 100


def stays_active(m: Memory, pfn: int, reclaim_mapped: bool) -> bool:
    """On 2.6.27's one pair of lists a mapped page stays if it is in use, or if there is no need (rule 42)."""
    if not m.unified_lru or not m.page[pfn].flags & PF_SWAPBACKED:
        return False
    return not reclaim_mapped or m.nr_swap_pages <= 0 or m.page[pfn].flags & PF_YOUNG != 0


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
    if m.scans_all_batches:
        m.sc[s].deactivate_anon = inactive_is_low(m, LRU_INACTIVE_ANON)
        m.sc[s].deactivate_file = 1
        return
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
    if m.scans_all_batches:
        accumulate_scan_count(m, s)
        return
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


def anon_percent(m: Memory) -> int:
    """Share of the scan that goes to anonymous pages, by how often those scanned were used again (get_scan_ratio of
    2.6.28, rule 53)."""
    if m.nr_swap_pages <= 0:
        return 0
    file = m.lru_size[LRU_INACTIVE_FILE] + m.lru_size[LRU_INACTIVE_FILE + 1]
    anon = m.lru_size[LRU_INACTIVE_ANON] + m.lru_size[LRU_ACTIVE_ANON]
    free = 0
    high = 0
    for zone in range(m.nr_zones):
        free += m.zone[zone].free_pages
        high += wmark_pages(m, zone, WMARK_HIGH)
    if file + free <= high:
        return 100
    for kind in range(2):
        if m.recent_scanned[kind] > (file if kind else anon) // 4:
            m.recent_scanned[kind] = m.recent_scanned[kind] // 2
            m.recent_rotated[kind] = m.recent_rotated[kind] // 2
    ap = (m.swappiness + 1) * (m.recent_scanned[0] + 1) // (m.recent_rotated[0] + 1)
    fp = (201 - m.swappiness) * (m.recent_scanned[1] + 1) // (m.recent_rotated[1] + 1)
    return 100 * ap // (ap + fp + 1)


def accumulate_scan_count(m: Memory, s: int) -> None:
    """Each pass adds a list's share to what its zone owes; a batch's worth is due at once (rules 36, 54)."""
    percent = anon_percent(m)
    for lru in range(NR_LRU_LISTS):
        scan = m.lru_size[lru] >> m.sc[s].priority
        if m.unified_lru:
            scan += 1 if lru >= LRU_INACTIVE_FILE else 0
        elif m.sc[s].priority > 0 and m.nr_swap_pages > 0:
            scan = scan * (percent if lru < LRU_INACTIVE_FILE else 100 - percent) // 100
        elif m.nr_swap_pages <= 0 and lru < LRU_INACTIVE_FILE:
            scan = 0
        m.nr_scan[lru] += scan
        m.sc[s].nr[lru] = 0
        if m.nr_scan[lru] >= SWAP_CLUSTER_MAX:
            m.sc[s].nr[lru] = m.nr_scan[lru]
            m.nr_scan[lru] = 0
        m.sc[s].targets[lru] = m.sc[s].nr[lru]


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
    if m.sc[s].sync:
        m.sc[s].lruvec_reclaimed += second_pass(m, s, cpu)
    elif m.sc[s].nr[lru]:
        batch = min(m.sc[s].nr[lru], SWAP_CLUSTER_MAX)
        m.sc[s].nr[lru] -= batch
        m.sc[s].lruvec_reclaimed += shrink_list(m, s, cpu, lru, batch)
    if m.sc[s].sync:
        return True
    m.sc[s].lru = (lru + 1) % NR_LRU_LISTS
    if m.sc[s].lru > 0:
        return True
    capture_step(m, s)
    if m.scans_all_batches or m.sc[s].lruvec_reclaimed < m.sc[s].nr_to_reclaim or m.sc[s].proportional:
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
    m.sc[s].nr_reclaimed += m.sc[s].lruvec_reclaimed
    m.prev_priority = m.sc[s].priority
    if m.nr_swap_pages > 0 and inactive_is_low(m, LRU_INACTIVE_ANON):
        shrink_active_list(m, s, LRU_ACTIVE_ANON, SWAP_CLUSTER_MAX)
    if m.writes_in_reclaim:
        return
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
