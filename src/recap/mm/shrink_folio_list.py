"""Judging the pages of a batch, and letting go those that are reclaimed (shrink_folio_list; shrink_page_list)."""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import IN_SWAP, NONE, PG_ACTIVE, PG_SWAPBACKED, STATE_ALLOCATED, STATE_ISOLATED
    from recap.mm.capture import capture_page
    from recap.mm.folio_fate import folio_fate
    from recap.mm.lru import lru_note_cost
    from recap.mm.page_alloc import free_cold_page, free_pages
    from recap.mm.page_fate import PAGE_ACTIVATE, PAGE_OUT, PAGE_RECLAIMED, page_fate
    from recap.mm.vmstat import PGACTIVATE
    from recap.mm.workingset import workingset_eviction
    from recap.mm.writeback import leave_memory
    from recap.pages import FOLIO_LIST, FREE_FOLIOS, RET_FOLIOS, Memory, list_add, list_del, list_empty

    PAGEVEC_SIZE = 14


def shrink_folio(m: Memory, s: int, pfn: int) -> int:
    """What becomes of one isolated page, by the kernel's own rules."""
    return page_fate(m, s, pfn) if m.rules.writes_in_reclaim else folio_fate(m, s, pfn)


def release_page(m: Memory, s: int, cpu: int, pfn: int) -> None:
    """Let a reclaimed page or large folio go: to the request's capture list if it is kept there, else the normal way.

    Until then it is of the batch's isolated pages, which do not keep a block from being reclaimed.
    """
    order = m.page[pfn].order
    m.page[pfn].state = STATE_ALLOCATED
    for i in range(pfn, pfn + (1 << order)):
        m.frame[i].freed_by = 0 if m.sc[s].kswapd else m.sc[s].request
    if m.sc[s].capture >= 0 and not order and capture_page(m, m.sc[s].capture, pfn):
        return
    if m.rules.frees_cold:
        free_cold_page(m, cpu, pfn)
    else:
        free_pages(m, cpu, pfn, order)


def release_pages(m: Memory, s: int, cpu: int) -> None:
    """Release what was reclaimed, last in first (free_unref_page_list; __pagevec_free)."""
    free = m.scratch_heads + FREE_FOLIOS
    while not list_empty(m, free):
        pfn = m.page[free].next
        list_del(m, pfn)
        release_page(m, s, cpu, pfn)


def pagevec_full(m: Memory, s: int, reclaimed: int) -> bool:
    """Until the free list of a whole batch (6.1) pages were released by 14, captured ones at once (rules 21, 39.10)."""
    if not m.rules.frees_by_pagevec:
        return False
    return reclaimed % PAGEVEC_SIZE == 0 or m.sc[s].capture >= 0


def shrink_folio_list(m: Memory, s: int, cpu: int, file: bool) -> int:
    """Decide for each isolated page, release what was reclaimed; pages reclaimed (shrink_folio_list).

    The others are left on RET_FOLIOS.
    """
    src = m.scratch_heads + FOLIO_LIST
    kept = m.scratch_heads + RET_FOLIOS
    free = m.scratch_heads + FREE_FOLIOS
    reclaimed = 0
    paged_out = 0
    rotated = 0
    while not list_empty(m, src):
        pfn = m.page[src].prev
        pages = 1 << m.page[pfn].order
        list_del(m, pfn)
        fate = shrink_folio(m, s, pfn)
        if fate == PAGE_RECLAIMED:
            reclaimed += pages
            m.page[pfn].state = STATE_ALLOCATED
            workingset_eviction(m, pfn)
            leave_memory(m, pfn, IN_SWAP if m.page[pfn].flags & PG_SWAPBACKED else NONE)
            m.page[pfn].state = STATE_ISOLATED
            list_add(m, pfn, free)
            if pagevec_full(m, s, reclaimed):
                release_pages(m, s, cpu)
            continue
        if fate == PAGE_ACTIVATE:
            m.page[pfn].flags |= PG_ACTIVE
            m.vmstat[PGACTIVATE] += pages
        if fate == PAGE_OUT:
            paged_out += pages
        rotated += pages
        list_add(m, pfn, kept)
    release_pages(m, s, cpu)
    m.sc[s].paged_out_now += paged_out
    lru_note_cost(m, m.sc[s].node, file, paged_out, rotated)
    return reclaimed
