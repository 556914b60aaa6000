"""What becomes of a page that reclaim has taken off its list, on 2.6.27 (the loop of shrink_page_list, rule 39)."""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import (
        GFP_FS,
        GFP_IO,
        PAGE_ALLOC_COSTLY_ORDER,
        PG_DIRTY,
        PG_REFERENCED,
        PG_SWAPBACKED,
        PG_WRITEBACK,
        PG_YOUNG,
    )
    from recap.mm.writeback import add_to_swap, pageout
    from recap.pages import Memory

    PAGE_KEEP = 0
    PAGE_ACTIVATE = 1
    PAGE_RECLAIMED = 2
    PAGE_OUT = 3


def may_enter_fs(m: Memory, s: int, pfn: int) -> bool:
    """May the request wait for a page of this kind to be written? (may_enter_fs)"""
    if m.sc[s].gfp & GFP_FS:
        return True
    return m.page[pfn].flags & PG_SWAPBACKED != 0 and m.sc[s].gfp & GFP_IO != 0


def page_fate(m: Memory, s: int, pfn: int) -> int:
    """What becomes of one isolated page (the loop of shrink_page_list).

    For a costly order it does not matter that a page was used lately; dirty pages are written on the spot.
    """
    cheap = m.sc[s].order <= PAGE_ALLOC_COSTLY_ORDER
    mapped = m.page[pfn].flags & PG_SWAPBACKED != 0
    m.sc[s].nr_scanned += 2 if mapped else 1
    if m.page[pfn].flags & PG_WRITEBACK:
        return PAGE_KEEP
    referenced = m.page[pfn].flags & (PG_YOUNG | PG_REFERENCED) != 0
    m.page[pfn].flags &= ~(PG_YOUNG | PG_REFERENCED)
    if cheap and referenced and mapped:
        return PAGE_ACTIVATE
    if mapped and not add_to_swap(m, pfn):
        return PAGE_ACTIVATE
    if not m.page[pfn].flags & PG_DIRTY:
        return PAGE_RECLAIMED
    if cheap and referenced:
        return PAGE_KEEP
    if not may_enter_fs(m, s, pfn) or not m.sc[s].may_writepage or (m.write_congested and not m.sc[s].kswapd):
        return PAGE_KEEP
    pageout(m, pfn)
    return PAGE_OUT
