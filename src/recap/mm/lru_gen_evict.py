"""Eviction from the oldest generation of the multi-generational LRU, a batch at a time, in place of shrink_lruvec."""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import (
        DEF_PRIORITY,
        GFP_IO,
        LRU_INACTIVE_ANON,
        LRU_INACTIVE_FILE,
        MAX_LRU_BATCH,
        MAX_NR_GENS,
        MAX_NR_TIERS,
        MIN_LRU_BATCH,
        MIN_NR_GENS,
        PG_ACTIVE,
        PG_DIRTY,
        PG_RECLAIM,
        PG_REFERENCED,
        PG_SWAPBACKED,
        PG_SWAPCACHE,
        PG_WORKINGSET,
        PG_WRITEBACK,
        STATE_ALLOCATED,
        STATE_ISOLATED,
        WMARK_HIGH,
    )
    from recap.mm.lru import lruvec_add
    from recap.mm.lru_gen import (
        ANON,
        FILE,
        MAX_REFS,
        folio_gen,
        folio_inc_gen,
        folio_refs,
        folio_seq,
        folio_tier,
        lru_gen_del_folio,
        lru_gen_list,
        nr_gens,
        set_refs,
    )
    from recap.mm.lru_gen_aging import (
        evictable_pages,
        oldest_seq,
        run_aging,
        should_run_aging,
        swappiness_of,
        try_to_inc_min_seq,
    )
    from recap.mm.lru_gen_tiers import MAX_SWAPPINESS, file_comes_back_less, get_tier_idx, tier_against_other_type
    from recap.mm.shrink_folio_list import shrink_folio_list
    from recap.mm.vmstat import PGREFILL, PGSCAN_DIRECT, PGSCAN_KSWAPD, PGSTEAL_DIRECT, PGSTEAL_KSWAPD
    from recap.mm.watermark import wmark_pages, zone_watermark_ok
    from recap.pages import FOLIO_LIST, RET_FOLIOS, Memory, list_add, list_add_tail, list_del, list_empty, page_zone


def lru_gen_begin(m: Memory, s: int) -> None:
    """A pass over the node begins, at a priority that fits what kswapd wants (lru_gen_shrink_node)."""
    m.sc[s].gen_scanned = 0
    m.sc[s].lru = LRU_INACTIVE_FILE
    m.sc[s].nr[LRU_INACTIVE_FILE] = MIN_LRU_BATCH  # what the next batch is reckoned to take
    set_initial_priority(m, s)


def set_initial_priority(m: Memory, s: int) -> None:
    """If much is wanted, begin at a priority that scans enough old pages (set_initial_priority)."""
    if m.sc[s].priority != DEF_PRIORITY or m.sc[s].nr_to_reclaim < MIN_LRU_BATCH or not m.sc[s].may_writepage:
        return
    reclaimable = m.node[m.sc[s].node].lru_size[LRU_INACTIVE_FILE]
    if swappiness_of(m, s):
        reclaimable += m.node[m.sc[s].node].lru_size[LRU_INACTIVE_ANON]
    priority = fls(reclaimable) - 1 - fls(m.sc[s].nr_to_reclaim - 1)
    m.sc[s].priority = min(max(priority, DEF_PRIORITY // 2), DEF_PRIORITY)


def fls(number: int) -> int:
    """Bits of a number (fls_long)."""
    bits = 0
    while number > 0:
        bits += 1
        number >>= 1
    return bits


def lru_gen_step(m: Memory, s: int, cpu: int) -> bool:
    """One batch; is there more to do at this priority? (try_to_shrink_lruvec)

    While a boost is worked off nothing may be written, and nothing is evicted.
    """
    if not m.sc[s].may_writepage:
        return False
    nr_to_scan = get_nr_to_scan(m, s)
    if nr_to_scan <= 0:
        return False
    scanned = evict_folios(m, s, cpu)
    m.sc[s].gen_scanned += scanned
    return scanned > 0 and m.sc[s].gen_scanned < nr_to_scan and not should_abort_scan(m, s)


def lru_gen_end(m: Memory, s: int) -> None:
    """After a pass: all that was met was dirty, so the flusher is called (try_to_shrink_lruvec)."""
    m.sc[s].nr[LRU_INACTIVE_FILE] = 0
    m.sc[s].nr_reclaimed += m.sc[s].lruvec_reclaimed
    if m.sc[s].nr_unqueued_dirty and m.sc[s].nr_unqueued_dirty == m.sc[s].nr_file_taken:
        m.flusher_wanted = True
    if m.sc[s].lruvec_reclaimed:
        m.node[m.sc[s].node].kswapd_failures = 0


def get_nr_to_scan(m: Memory, s: int) -> int:
    """Pages to scan in this pass; where old ones are few, a generation begins instead (get_nr_to_scan).

    At the first priority eviction goes on with what there is.
    """
    node = m.sc[s].node
    swappiness = swappiness_of(m, s)
    empty = m.lrugen[node].max_seq - oldest_seq(m, node, swappiness) < MIN_NR_GENS
    if not should_run_aging(m, node, swappiness) or m.sc[s].priority == DEF_PRIORITY:
        return 0 if empty else evictable_pages(m, node, swappiness) >> m.sc[s].priority
    run_aging(m, node, swappiness)
    return 0


def should_abort_scan(m: Memory, s: int) -> bool:
    """Is enough reclaimed, or is kswapd done for order 0? (should_abort_scan)"""
    reclaimed = m.sc[s].lruvec_reclaimed + (0 if m.sc[s].kswapd else m.sc[s].nr_reclaimed)
    if reclaimed >= max(m.sc[s].nr_to_reclaim, 2 << m.sc[s].order):
        return True
    if not m.sc[s].kswapd or m.sc[s].order:
        return False
    safe = True
    node = m.sc[s].node
    for zone in range(m.node[node].first_zone, m.node[node].end_zone):
        if m.zone[zone].index <= m.sc[s].reclaim_idx:
            mark = wmark_pages(m, zone, WMARK_HIGH) + MIN_LRU_BATCH
            safe = safe and zone_watermark_ok(m, zone, 0, mark, m.sc[s].reclaim_idx, 0)
    return safe


def choose_type(m: Memory, s: int, swappiness: int) -> int:
    """Which type to evict from first (isolate_folios, get_type_to_scan)."""
    node = m.sc[s].node
    anon, file = m.lrugen[node].min_seq[ANON], m.lrugen[node].min_seq[FILE]
    if not swappiness:
        return FILE
    if not m.rules.types_by_all_tiers and anon < file:
        return ANON
    if swappiness == 1 or (not m.rules.types_by_all_tiers and not m.sc[s].gfp & GFP_IO):
        return FILE
    if swappiness == MAX_SWAPPINESS:
        return ANON
    return FILE if file_comes_back_less(m, node, swappiness) else ANON


def first_tier_limit(m: Memory, s: int, kind: int, swappiness: int) -> int:
    """The highest tier to evict of the type chosen first."""
    node = m.sc[s].node
    compared = swappiness > 1 and swappiness != MAX_SWAPPINESS and m.sc[s].gfp & GFP_IO != 0
    if m.rules.types_by_all_tiers or not compared or m.lrugen[node].min_seq[ANON] < m.lrugen[node].min_seq[FILE]:
        return get_tier_idx(m, node, kind)
    return tier_against_other_type(m, node, kind, swappiness)


def isolate_folios(m: Memory, s: int, swappiness: int) -> int:
    """Take a batch of the type chosen, or of the other if that gives nothing; pages scanned (isolate_folios)."""
    kind = choose_type(m, s, swappiness)
    m.sc[s].gen_type = kind
    scanned = scan_folios(m, s, kind, first_tier_limit(m, s, kind, swappiness))
    if scanned or not swappiness:
        return scanned
    kind = ANON if kind == FILE else FILE
    m.sc[s].gen_type = kind
    return scan_folios(m, s, kind, get_tier_idx(m, m.sc[s].node, kind))


def evict_folios(m: Memory, s: int, cpu: int) -> int:
    """One batch; pages scanned, or 0 where that leads nowhere (evict_folios)."""
    node = m.sc[s].node
    swappiness = swappiness_of(m, s)
    scanned = isolate_folios(m, s, swappiness)
    if try_to_inc_min_seq(m, node, swappiness):
        scanned += 1
    if m.lrugen[node].max_seq - oldest_seq(m, node, swappiness) < MIN_NR_GENS:
        scanned = 0
    if list_empty(m, m.scratch_heads + FOLIO_LIST):
        return scanned
    kind = m.sc[s].gen_type
    reclaimed = shrink_folio_list(m, s, cpu, kind == FILE)
    m.vmstat[PGSTEAL_KSWAPD if m.sc[s].kswapd else PGSTEAL_DIRECT] += reclaimed
    m.sc[s].stolen_now += reclaimed
    m.sc[s].lruvec_reclaimed += reclaimed
    put_back_rejected(m, node, kind)
    return scanned


def scan_folios(m: Memory, s: int, kind: int, tier: int) -> int:
    """Take pages of a type off the oldest generation's lists, zones wanted first (scan_folios).

    How many were looked at, or 0 if nothing came of it: others were promoted, protected or are of a zone not wanted.
    """
    node = m.sc[s].node
    m.sc[s].gen_batch = 0
    m.sc[s].gen_isolated = 0
    m.sc[s].gen_sorted = 0
    m.sc[s].gen_left = MAX_LRU_BATCH
    if nr_gens(m, node, kind) <= MIN_NR_GENS:
        return 0
    wanted = m.node[node].end_zone
    while wanted > m.node[node].first_zone and m.zone[wanted - 1].index > m.sc[s].reclaim_idx:
        wanted -= 1
    nr_zones = m.node[node].end_zone - m.node[node].first_zone
    for i in range(nr_zones):
        zone = m.node[node].first_zone + (wanted - m.node[node].first_zone - 1 - i + nr_zones) % nr_zones
        if m.sc[s].gen_left > 0 and m.sc[s].gen_isolated < MIN_LRU_BATCH:
            scan_zone(m, s, kind, zone, tier)
    m.vmstat[PGSCAN_KSWAPD if m.sc[s].kswapd else PGSCAN_DIRECT] += m.sc[s].gen_isolated
    m.vmstat[PGREFILL] += m.sc[s].gen_sorted
    m.sc[s].scanned_now += m.sc[s].gen_isolated
    m.sc[s].skipped_now += m.sc[s].gen_sorted
    if kind == FILE:
        m.sc[s].nr_file_taken += m.sc[s].gen_isolated
    return m.sc[s].gen_batch if m.sc[s].gen_isolated or not m.sc[s].gen_left else 0


def scan_zone(m: Memory, s: int, kind: int, zone: int, tier: int) -> None:
    """One zone's part of a batch."""
    node = m.sc[s].node
    head = lru_gen_list(m, node, m.lrugen[node].min_seq[kind] % MAX_NR_GENS, kind, zone)
    batch = m.scratch_heads + FOLIO_LIST
    skipped = 0
    while not list_empty(m, head):
        pfn = m.page[head].prev
        pages = 1 << m.page[pfn].order
        m.sc[s].gen_batch += pages
        if sort_folio(m, s, pfn, kind, tier):
            m.sc[s].gen_sorted += pages
        elif swap_constrained(m, s, pfn):
            list_del(m, pfn)
            list_add(m, pfn, head)
            skipped += pages
        else:
            isolate_folio(m, pfn)
            list_add(m, pfn, batch)
            m.sc[s].gen_isolated += pages
        m.sc[s].gen_left -= 1
        if not m.sc[s].gen_left or m.sc[s].gen_isolated >= MIN_LRU_BATCH or skipped >= MIN_LRU_BATCH:
            break


def sort_folio(m: Memory, s: int, pfn: int, kind: int, tier: int) -> bool:
    """A page that is not to be evicted goes to another generation's list (sort_folio)."""
    node = m.sc[s].node
    zone = page_zone(m, pfn)
    most = folio_refs(m, pfn) + (1 if m.rules.gens_by_workingset and m.page[pfn].flags & PG_WORKINGSET else 0)
    used_most = most == MAX_REFS + (2 if m.rules.gens_by_workingset else 1)
    if folio_gen(m, pfn) != m.lrugen[node].min_seq[kind] % MAX_NR_GENS:
        move(m, pfn, lru_gen_list(m, node, folio_gen(m, pfn), kind, zone), False)
        return True
    own = folio_tier(m, pfn)
    if own > tier or used_most:
        if not used_most or not m.rules.gens_by_workingset:
            m.lrugen[node].protected[kind * MAX_NR_TIERS + own] += 1 << m.page[pfn].order
        gen = folio_inc_gen(m, pfn, False)
        move(m, pfn, lru_gen_list(m, node, gen, kind, zone), not m.rules.gens_by_workingset)
        return True
    if m.zone[zone].index > m.sc[s].reclaim_idx:
        gen = folio_inc_gen(m, pfn, False)
        move(m, pfn, lru_gen_list(m, node, gen, kind, zone), True)
        return True
    return not m.rules.gens_evict_dirty and waits_for_device(m, s, pfn, kind)


def waits_for_device(m: Memory, s: int, pfn: int, kind: int) -> bool:
    """A page that must be written first is one generation younger meanwhile (sort_folio)."""
    dirty = kind == FILE and m.page[pfn].flags & PG_DIRTY != 0
    written = m.page[pfn].flags & PG_WRITEBACK != 0
    if dirty:
        m.sc[s].nr_file_taken += 1 << m.page[pfn].order
        m.sc[s].nr_unqueued_dirty += 0 if written else 1 << m.page[pfn].order
    if not dirty and not written:
        return False
    gen = folio_inc_gen(m, pfn, True)
    move(m, pfn, lru_gen_list(m, m.sc[s].node, gen, kind, page_zone(m, pfn)), False)
    return True


def move(m: Memory, pfn: int, head: int, to_tail: bool) -> None:
    """From one list to another."""
    list_del(m, pfn)
    if to_tail:
        list_add_tail(m, pfn, head)
    else:
        list_add(m, pfn, head)


def swap_constrained(m: Memory, s: int, pfn: int) -> bool:
    """Would a page have to be swapped out for a request that may not wait for the device? (isolate_folio)"""
    if m.sc[s].gfp & GFP_IO or not m.page[pfn].flags & PG_SWAPBACKED:
        return False
    return m.page[pfn].flags & PG_DIRTY != 0 or not m.page[pfn].flags & PG_SWAPCACHE


def isolate_folio(m: Memory, pfn: int) -> None:
    """Take a page off its list for eviction (isolate_folio)."""
    if not m.page[pfn].flags & PG_REFERENCED:
        set_refs(m, pfn, 0)
        if not m.rules.gens_by_workingset:
            m.page[pfn].flags &= ~PG_WORKINGSET
    if m.rules.gens_by_workingset:
        m.page[pfn].flags &= ~PG_RECLAIM
    else:
        m.page[pfn].flags &= ~PG_REFERENCED
    lru_gen_del_folio(m, pfn, True)
    m.page[pfn].state = STATE_ISOLATED


def put_back_rejected(m: Memory, node: int, kind: int) -> None:
    """What was not evicted joins a younger generation, or waits to be written (evict_folios, move_folios_to_lru)."""
    kept = m.scratch_heads + RET_FOLIOS
    while not list_empty(m, kept):
        pfn = m.page[kept].prev
        list_del(m, pfn)
        m.page[pfn].state = STATE_ALLOCATED
        flags = m.page[pfn].flags
        if m.rules.gens_by_workingset:
            if folio_seq(m, pfn, False) == m.lrugen[node].min_seq[kind]:
                m.page[pfn].flags = (flags & ~PG_REFERENCED) | PG_ACTIVE
        elif not (flags & PG_RECLAIM and flags & (PG_DIRTY | PG_WRITEBACK)):
            set_refs(m, pfn, 0)
            m.page[pfn].flags = (flags & ~(PG_REFERENCED | PG_WORKINGSET)) | PG_ACTIVE
        lruvec_add(m, pfn, False)
