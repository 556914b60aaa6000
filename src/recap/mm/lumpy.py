"""Lumpy reclaim: taking whole aligned areas off the LRU lists, so that what is freed merges (5ad333eb66ff, 2.6.23).

Not used where there is compaction since 3e7d34497067 (2.6.38), gone since c53919adc045 (3.5); the policy `lumpy` brings
it back. The second, synchronous pass (c661b078fd62, 2.6.23) is in lumpy_sync.py.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import DEF_PRIORITY, PAGE_ALLOC_COSTLY_ORDER, PG_ACTIVE, PG_LRU, PG_SWAPBACKED, STATE_ISOLATED
    from recap.mm.lru import lruvec_del
    from recap.mm.page_isolation import isolate_pageblock
    from recap.mm.vmstat import PGDEACTIVATE
    from recap.pages import FOLIO_LIST, FOLIOS_SKIPPED, Memory, list_add, list_del, list_empty, lru_list, page_zone


def isolates_both(m: Memory, s: int) -> bool:
    """Do neighbours join whether active or not? For costly orders; on -mm for all when it gets hard (rules 37, 55)."""
    if m.sc[s].order > PAGE_ALLOC_COSTLY_ORDER:
        return True
    return not m.rules.unified_lru and m.sc[s].order > 0 and m.sc[s].priority < DEF_PRIORITY - 2


def is_mate(m: Memory, pfn: int, lru: int, both: bool) -> bool:
    """Does a neighbour of a page from this list join it? (__isolate_lru_page)"""
    if not m.page[pfn].flags & PG_LRU:
        return False
    if not m.rules.unified_lru and (m.page[pfn].flags & PG_SWAPBACKED == 0) != (lru >= 2):
        return False
    return both or (m.page[pfn].flags & PG_ACTIVE != 0) == (lru % 2 == 1)


def isolate_page(m: Memory, pfn: int, deactivate: bool) -> None:
    """Take a page off its LRU list to the head of the scratch list."""
    lruvec_del(m, pfn)
    if deactivate and m.page[pfn].flags & PG_ACTIVE:
        m.page[pfn].flags &= ~PG_ACTIVE
        m.vmstat[PGDEACTIVATE] += 1
    m.page[pfn].state = STATE_ISOLATED
    list_add(m, pfn, m.scratch_heads + FOLIO_LIST)


def isolate_area(m: Memory, s: int, lru: int, pfn: int) -> int:
    """Take what is on the lists of the aligned area around a page that was taken; pages taken.

    What is free, pinned or the kernel's is left.
    """
    inactive = lru % 2 == 0
    both = inactive and isolates_both(m, s)
    taken = 0
    at = pfn & ~((1 << m.sc[s].order) - 1)
    end = min(at + (1 << m.sc[s].order), m.zone[page_zone(m, pfn)].end)
    while at < end:
        if at != pfn and is_mate(m, at, lru, both):
            taken += 1 << m.page[at].order
            isolate_page(m, at, inactive)
        at += 1
    return taken


def isolate_lru_pages(m: Memory, s: int, lru: int, nr_to_scan: int) -> int:
    """Take the tail page and all of its aligned area that is on the lists, again and again; pages taken (rule 38).

    Neighbours use up the scan as well, so a whole area is one batch. Pages of zones the request cannot use are passed
    over, where a list is not of one zone.
    """
    src = lru_list(m, m.sc[s].node, lru)
    skipped = m.scratch_heads + FOLIOS_SKIPPED
    scan = 0
    while scan < nr_to_scan and not list_empty(m, src):
        pfn = m.page[src].prev
        if m.zone[page_zone(m, pfn)].index > m.sc[s].reclaim_idx:
            m.sc[s].total_scan += 1 << m.page[pfn].order
            list_del(m, pfn)
            list_add(m, pfn, skipped)
            continue
        scan += 1 << m.page[pfn].order
        isolate_page(m, pfn, lru % 2 == 0)
        if m.sc[s].order == 0:
            continue
        if lru % 2 == 0:
            isolate_pageblock(m, s, pfn)
        scan += isolate_area(m, s, lru, pfn)
    m.sc[s].scanned_now += scan
    m.sc[s].total_scan += scan
    m.zone[m.node[m.sc[s].node].end_zone - 1].pages_scanned += scan
    give_back_skipped(m, src)
    return scan


def give_back_skipped(m: Memory, src: int) -> None:
    """What was passed over goes to the head of its list."""
    skipped = m.scratch_heads + FOLIOS_SKIPPED
    while not list_empty(m, skipped):
        pfn = m.page[skipped].prev
        list_del(m, pfn)
        list_add(m, pfn, src)
