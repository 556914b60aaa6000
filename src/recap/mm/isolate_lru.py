"""Taking pages off the LRU lists for reclaim, singly or by areas, and putting back what was not reclaimed."""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import PG_ACTIVE, PG_SWAPBACKED, STATE_ALLOCATED
    from recap.mm.lru import lruvec_add, lruvec_del
    from recap.mm.lumpy import give_back_skipped, isolate_lru_pages
    from recap.pages import (
        FOLIO_LIST,
        FOLIOS_SKIPPED,
        Memory,
        list_add,
        list_del,
        list_empty,
        lru_list,
        page_node,
        page_zone,
    )


def isolate_lru_folios(m: Memory, s: int, lru: int, nr_to_scan: int) -> int:
    """Move pages from an LRU list's tail to the scratch list; pages taken (isolate_lru_folios).

    Pages of zones the request cannot use are passed over and go back to the head; they count as scanned.
    """
    src = lru_list(m, m.sc[s].node, lru)
    dst = m.scratch_heads + FOLIO_LIST
    skipped = m.scratch_heads + FOLIOS_SKIPPED
    before = m.sc[s].total_scan
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
    m.sc[s].skipped_now += m.sc[s].total_scan - before - scan
    give_back_skipped(m, src)
    return taken


def putback_lru_pages(m: Memory, head: int) -> None:
    """What was not reclaimed goes back to the heads of the LRU lists (move_pages_to_lru, rule 40)."""
    while not list_empty(m, head):
        pfn = m.page[head].prev
        list_del(m, pfn)
        if m.page[pfn].flags & PG_ACTIVE:
            m.node[page_node(m, pfn)].recent_rotated[0 if m.page[pfn].flags & PG_SWAPBACKED else 1] += 1
        m.page[pfn].state = STATE_ALLOCATED
        lruvec_add(m, pfn, False)


def isolate_batch(m: Memory, s: int, lru: int, nr_to_scan: int) -> int:
    """Take a batch off an LRU list: areas or single pages; pages taken."""
    if m.rules.lumpy_reclaim:
        return isolate_lru_pages(m, s, lru, nr_to_scan)
    return isolate_lru_folios(m, s, lru, nr_to_scan)
