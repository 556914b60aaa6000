"""Per-cpu lists: each CPU keeps freed pages of the small orders (and huge ones) to itself, filled and drained in
batches.

Since 44042b449872 (5.14) they hold orders 0 to 3 and the pageblock order, one list for each order and migratetype. How
much they hold and move at once is a rule of 5.14 here, and one of 6.7 in `pcp_tuning`.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import (
        CONFIG_PCP_BATCH_SCALE_MAX,
        MIGRATE_MOVABLE,
        MIGRATE_PCPTYPES,
        NONE,
        NR_PCP_LISTS,
        PAGE_ALLOC_COSTLY_ORDER,
        STATE_ALLOCATED,
        STATE_PCP,
        STATE_TAIL,
    )
    from recap.mm.buddy import free_one_page
    from recap.mm.claim import rmqueue_steal
    from recap.mm.pcp_tuning import (
        count_free,
        decayed_high,
        forget_below_high,
        nr_pcp_alloc,
        tuned_free,
        tuned_high,
        would_give_back,
    )
    from recap.mm.rmqueue import rmqueue_before_steal, rmqueue_migratetype
    from recap.mm.tracepoints import emit
    from recap.pages import (
        Memory,
        get_pageblock_migratetype,
        list_add,
        list_add_tail,
        list_del,
        list_empty,
        pcp_list,
        zone_pcp,
    )
    from recap.trace.event import Event


def pcp_allowed_order(m: Memory, order: int) -> bool:
    """Do per-cpu lists hold this order? (pcp_allowed_order; a policy may have closed them)"""
    if m.pcp_closed:
        return False
    if m.rules.single_pcp_list:
        return order == 0
    return order <= PAGE_ALLOC_COSTLY_ORDER or order == m.pageblock_order


def order_to_pindex(migratetype: int, order: int) -> int:
    """Which per-cpu list: three types for each small order, then huge pages, not movable and movable
    (order_to_pindex)."""
    if order > PAGE_ALLOC_COSTLY_ORDER:
        return MIGRATE_PCPTYPES * (PAGE_ALLOC_COSTLY_ORDER + 1) + (1 if migratetype == MIGRATE_MOVABLE else 0)
    return MIGRATE_PCPTYPES * order + migratetype


def pindex_order(m: Memory, pindex: int) -> int:
    """The order of the blocks on a per-cpu list (pindex_to_order)."""
    order = pindex // MIGRATE_PCPTYPES
    return m.pageblock_order if order > PAGE_ALLOC_COSTLY_ORDER else order


def way_back(m: Memory, pfn: int) -> int:
    """The type of the free list that a block of a per-cpu list goes to: the one noted with it, its pageblock's since
    17edeb5d3f76 (6.10) (get_pcppage_migratetype, get_pfnblock_migratetype)."""
    if m.rules.types_by_pageblock:
        return get_pageblock_migratetype(m, pfn)
    return m.page[pfn].migratetype


def free_pcppages_bulk(m: Memory, zone: int, cpu: int, count: int, pindex: int) -> None:
    """Give `count` pages back, whole lists in turn from `pindex` on, each from its tail (free_pcppages_bulk).

    A list is drained until it is empty or enough is given; the search for the next one narrows at the ends.
    """
    pages = min(count, m.pcp[zone_pcp(m, zone, cpu)].count)
    lists = pcp_list(m, zone_pcp(m, zone, cpu), 0)
    first = 0
    last = NR_PCP_LISTS - 1
    pindex -= 1
    while pages > 0:
        pindex += 1
        if pindex > last:
            pindex = first
        if list_empty(m, lists + pindex):
            if pindex == last:
                last -= 1
            if pindex == first:
                first += 1
            continue
        order = pindex_order(m, pindex)
        while pages > 0 and not list_empty(m, lists + pindex):
            pfn = m.page[lists + pindex].prev
            list_del(m, pfn)
            m.page[pfn].state = STATE_TAIL
            pages -= 1 << order
            m.pcp[zone_pcp(m, zone, cpu)].count -= 1 << order
            migratetype = way_back(m, pfn)
            free_one_page(m, zone, pfn, order, migratetype, False)
            if m.tracing:
                emit(m, Event.MM_PAGE_PCPU_DRAIN, pfn, order, migratetype)


def nr_pcp_free(m: Memory, p: int, high: int, free_high: bool) -> int:
    """How many pages to give back: doubled at each free that follows no allocation (nr_pcp_free, 3b12e7e97938,
    5.14)."""
    if free_high:
        return m.pcp[p].count
    batch = m.pcp[p].batch
    if high < batch:
        return 1
    most = high - batch
    batch <<= m.pcp[p].free_factor
    if batch < most and m.pcp[p].free_factor < CONFIG_PCP_BATCH_SCALE_MAX:
        m.pcp[p].free_factor += 1
    return min(batch, most)


def nr_pcp_high(m: Memory, zone: int, p: int, free_high: bool) -> int:
    """How many pages the lists may hold: little while kswapd reclaims the zone (nr_pcp_high, c49c2c47dae9, 5.14)."""
    if free_high or m.pcp[p].high == 0:
        return 0
    if not m.zone[zone].reclaim_active:
        return m.pcp[p].high
    return min(m.pcp[p].batch << 2, m.pcp[p].high)


def free_unref_page_commit(m: Memory, zone: int, cpu: int, pfn: int, migratetype: int, order: int) -> None:
    """Put a freed block at the head of its per-cpu list and drain if that is too much (free_unref_page_commit)."""
    if m.rules.single_pcp_list:
        free_hot_cold_page(m, zone, cpu, pfn, False)
        return
    p = zone_pcp(m, zone, cpu)
    pindex = order_to_pindex(migratetype, order)
    m.page[pfn].state = STATE_PCP
    m.page[pfn].order = order
    list_add(m, pfn, pcp_list(m, p, pindex))
    m.pcp[p].count += 1 << order
    if m.rules.tuned_pcp:
        give_back_tuned(m, zone, cpu, order, pindex)
        return
    free_high = m.pcp[p].free_factor > 0 and 0 < order <= PAGE_ALLOC_COSTLY_ORDER
    high = nr_pcp_high(m, zone, p, free_high)
    if m.pcp[p].count >= high:
        free_pcppages_bulk(m, zone, cpu, nr_pcp_free(m, p, high, free_high), pindex)


def give_back_tuned(m: Memory, zone: int, cpu: int, order: int, pindex: int) -> None:
    """Drain after a free if that is too much, by the rules of 6.7 (free_frozen_page_commit)."""
    p = zone_pcp(m, zone, cpu)
    free_high = count_free(m, p, order)
    high = tuned_high(m, zone, p, free_high)
    if m.pcp[p].count >= high:
        free_pcppages_bulk(m, zone, cpu, tuned_free(m, p, high, free_high), pindex)
        forget_below_high(m, zone)


def would_drain(m: Memory, zone: int, p: int, order: int) -> bool:
    """Would a free of this order make a CPU's lists give back?"""
    if m.rules.tuned_pcp:
        return would_give_back(m, zone, p, order)
    free_high = m.pcp[p].free_factor > 0 and 0 < order <= PAGE_ALLOC_COSTLY_ORDER
    return m.pcp[p].count + (1 << order) >= nr_pcp_high(m, zone, p, free_high)


def decay_pcp_high(m: Memory, zone: int, cpu: int) -> None:
    """Once a second: idle lists may hold less, and give the rest back, a batch at a time (decay_pcp_high)."""
    p = zone_pcp(m, zone, cpu)
    surplus = decayed_high(m, p)
    while surplus > 0:
        free_pcppages_bulk(m, zone, cpu, min(surplus, m.pcp[p].batch), 0)
        surplus -= m.pcp[p].batch


def free_pages_bulk(m: Memory, zone: int, cpu: int, count: int) -> None:
    """Give pages of the one list back from its tail, each to its pageblock's type of now (free_pages_bulk of 2.6.27,
    rule 19)."""
    p = zone_pcp(m, zone, cpu)
    head = pcp_list(m, p, 0)
    while count > 0 and not list_empty(m, head):
        pfn = m.page[head].prev
        list_del(m, pfn)
        m.page[pfn].state = STATE_TAIL
        m.pcp[p].count -= 1
        count -= 1
        free_one_page(m, zone, pfn, 0, get_pageblock_migratetype(m, pfn), False)


def free_hot_cold_page(m: Memory, zone: int, cpu: int, pfn: int, cold: bool) -> None:
    """Put a page on the one list, at its head, or at the tail if it is not in the cache (free_hot_cold_page of 2.6.27,
    rule 19)."""
    p = zone_pcp(m, zone, cpu)
    m.page[pfn].state = STATE_PCP
    m.page[pfn].order = 0
    if cold:
        list_add_tail(m, pfn, pcp_list(m, p, 0))
    else:
        list_add(m, pfn, pcp_list(m, p, 0))
    m.pcp[p].count += 1
    if m.pcp[p].count >= m.pcp[p].high:
        free_pages_bulk(m, zone, cpu, m.pcp[p].batch)


def fill_single_list(m: Memory, zone: int, cpu: int, migratetype: int) -> None:
    """Put a batch before all else on the one list, in the order of the free lists (rmqueue_bulk of 2.6.27)."""
    p = zone_pcp(m, zone, cpu)
    last = pcp_list(m, p, 0)
    for _i in range(m.pcp[p].batch):
        pfn = rmqueue_migratetype(m, zone, 0, migratetype, 0)
        if pfn == NONE:
            return
        m.page[pfn].state = STATE_PCP
        m.page[pfn].migratetype = migratetype
        list_add(m, pfn, last)
        last = pfn
        m.pcp[p].count += 1
        m.zone[zone].free_pages -= 1


def first_of_type(m: Memory, head: int, migratetype: int) -> int:
    """The first page of this type on a per-cpu list; the head if there is none."""
    pfn = m.page[head].next
    while pfn != head and m.page[pfn].migratetype != migratetype:
        pfn = m.page[pfn].next
    return pfn


def buffered_rmqueue(m: Memory, zone: int, cpu: int, migratetype: int) -> int:
    """Take the first page of the type from the one list, filled if it has none (buffered_rmqueue, rule 18)."""
    p = zone_pcp(m, zone, cpu)
    head = pcp_list(m, p, 0)
    pfn = first_of_type(m, head, migratetype)
    if pfn == head:
        fill_single_list(m, zone, cpu, migratetype)
        pfn = first_of_type(m, head, migratetype)
    if pfn == head:
        return NONE
    list_del(m, pfn)
    m.page[pfn].state = STATE_ALLOCATED
    m.pcp[p].count -= 1
    return pfn


def rmqueue_bulk(m: Memory, zone: int, order: int, count: int, head: int, migratetype: int, alloc_flags: int) -> int:
    """Fill a per-cpu list from the free lists, in their order; blocks taken (rmqueue_bulk).

    After a steal it continues to steal: no better block is searched for while the zone is locked (90abee6d7895, 6.15).
    """
    stole = False
    for i in range(count):
        pfn = NONE if stole else rmqueue_before_steal(m, zone, order, migratetype, alloc_flags)
        if pfn == NONE and m.rules.claims_or_steals:
            pfn = rmqueue_steal(m, zone, order, migratetype, alloc_flags)
            stole = pfn != NONE
        if pfn == NONE:
            count = i
            break
        m.page[pfn].state = STATE_PCP
        list_add_tail(m, pfn, head)
    m.zone[zone].free_pages -= count << order
    return count


def refill_batch(m: Memory, zone: int, p: int, order: int) -> int:
    """How many blocks an empty list is filled with, which is noted as well (`last_refill`)."""
    if m.rules.tuned_pcp:
        m.pcp[p].last_refill = nr_pcp_alloc(m, zone, p, order)
    else:
        batch = m.pcp[p].batch
        m.pcp[p].last_refill = max(batch >> order, 2) if batch > 1 else batch
    return m.pcp[p].last_refill


def rmqueue_pcplist(m: Memory, zone: int, cpu: int, order: int, migratetype: int, alloc_flags: int) -> int:
    """Take the head of a per-cpu list, filled first if empty; NONE if nothing is to be had (rmqueue_pcplist)."""
    if m.rules.single_pcp_list:
        return buffered_rmqueue(m, zone, cpu, migratetype)
    p = zone_pcp(m, zone, cpu)
    m.pcp[p].free_factor >>= 1
    m.pcp[p].free_count >>= 1
    head = pcp_list(m, p, order_to_pindex(migratetype, order))
    if list_empty(m, head):
        batch = refill_batch(m, zone, p, order)
        m.pcp[p].count += rmqueue_bulk(m, zone, order, batch, head, migratetype, alloc_flags) << order
        if list_empty(m, head):
            return NONE
    pfn = m.page[head].next
    take_from_list(m, p, pfn, order)
    return pfn


def take_from_list(m: Memory, p: int, pfn: int, order: int) -> None:
    """A block of a per-cpu list is in use from now on."""
    list_del(m, pfn)
    m.page[pfn].state = STATE_ALLOCATED
    m.pcp[p].count -= 1 << order


def drain_pages_zone(m: Memory, zone: int, cpu: int) -> None:
    """Empty one CPU's lists of a zone, in bounded bites (drain_pages_zone)."""
    p = zone_pcp(m, zone, cpu)
    if m.rules.single_pcp_list:
        free_pages_bulk(m, zone, cpu, m.pcp[p].count)
    while m.pcp[p].count > 0:
        free_pcppages_bulk(m, zone, cpu, m.pcp[p].batch << CONFIG_PCP_BATCH_SCALE_MAX, 0)


def drain_all_pages(m: Memory) -> None:
    """Empty the per-cpu lists of every CPU (drain_all_pages)."""
    for cpu in range(m.nr_cpus):
        for zone in range(m.nr_zones):
            drain_pages_zone(m, zone, cpu)
