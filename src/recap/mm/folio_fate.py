"""What becomes of a page that reclaim has taken off its list, on 6.1 (the loop of shrink_folio_list)."""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import (
        GFP_IO,
        PAGE_ALLOC_COSTLY_ORDER,
        PG_DIRTY,
        PG_HELD,
        PG_RECLAIM,
        PG_REFERENCED,
        PG_SWAPBACKED,
        PG_WRITEBACK,
        PG_YOUNG,
    )
    from recap.mm.lru_gen import lru_gen_set_refs
    from recap.mm.page_fate import PAGE_ACTIVATE, PAGE_KEEP, PAGE_OUT, PAGE_RECLAIMED, may_enter_fs
    from recap.mm.vmstat import NR_VMSCAN_IMMEDIATE_RECLAIM
    from recap.mm.writeback import add_to_swap, pageout
    from recap.pages import Memory

    NOT_IN_USE, IN_USE, IN_SHARED_USE = range(3)


def found_in_use(m: Memory, pfn: int) -> int:
    """Would its page tables, or who holds it, say that a page is in use? Known where recorded reclaim found it so.

    It is found so as often as it was then, sooner or later, and up to when it was.
    """
    obj = m.frame[pfn].object
    if obj < 0 or obj >= len(m.looks) or (m.looks[obj] == 0 and m.now > m.in_use_until[obj]):
        return NOT_IN_USE
    m.looks[obj] -= 1 if m.looks[obj] else 0
    return IN_SHARED_USE if m.shared[obj] else IN_USE


def folio_check_references(m: Memory, pfn: int) -> int:
    """Used since the last scan? Twice means active, once one more round (folio_check_references)."""
    use = found_in_use(m, pfn)
    young = m.page[pfn].flags & PG_YOUNG != 0 or use != NOT_IN_USE
    referenced = m.page[pfn].flags & PG_REFERENCED != 0
    m.page[pfn].flags &= ~PG_YOUNG
    if m.rules.multi_gen_lru and m.rules.gens_by_workingset:
        return PAGE_RECLAIMED if not young else PAGE_ACTIVATE if lru_gen_set_refs(m, pfn, referenced) else PAGE_KEEP
    m.page[pfn].flags &= ~PG_REFERENCED
    if not young:
        return PAGE_RECLAIMED
    m.page[pfn].flags |= PG_REFERENCED
    return PAGE_ACTIVATE if referenced or use == IN_SHARED_USE else PAGE_KEEP


def note_dirty(m: Memory, s: int, pfn: int) -> None:
    """Count what tells reclaim that it waits for the device (folio_check_dirty_writeback)."""
    pages = 1 << m.page[pfn].order
    dirty = m.page[pfn].flags & PG_DIRTY != 0 and not m.page[pfn].flags & PG_SWAPBACKED
    writeback = m.page[pfn].flags & PG_WRITEBACK != 0
    if dirty or writeback:
        m.sc[s].nr_dirty += pages
    if dirty and not writeback:
        m.sc[s].nr_unqueued_dirty += pages
    if writeback and m.page[pfn].flags & PG_RECLAIM:
        m.sc[s].nr_congested += pages


def meet_writeback(m: Memory, s: int, pfn: int) -> int:
    """A page under writeback is never waited for: it is marked and set aside (shrink_folio_list, cases 1 and 2)."""
    pages = 1 << m.page[pfn].order
    if m.sc[s].kswapd and m.page[pfn].flags & PG_RECLAIM and m.node[m.sc[s].node].writeback:
        m.sc[s].nr_immediate += pages
    else:
        m.page[pfn].flags |= PG_RECLAIM
        m.sc[s].nr_writeback += pages
    return PAGE_ACTIVATE


def meet_dirty(m: Memory, s: int, pfn: int, references: int) -> int:
    """Only kswapd writes file pages, and only when the flusher cannot keep up (ee72886d8ed5, 3.2)."""
    if not m.page[pfn].flags & PG_SWAPBACKED and not (
        m.sc[s].kswapd and m.page[pfn].flags & PG_RECLAIM and m.node[m.sc[s].node].dirty
    ):
        m.vmstat[NR_VMSCAN_IMMEDIATE_RECLAIM] += 1
        m.page[pfn].flags |= PG_RECLAIM
        return PAGE_ACTIVATE
    if references or not may_enter_fs(m, s, pfn) or not m.sc[s].may_writepage:
        return PAGE_KEEP
    pageout(m, pfn)
    return PAGE_OUT


def folio_fate(m: Memory, s: int, pfn: int) -> int:
    """What becomes of one isolated page (the loop of shrink_folio_list).

    A large folio of a file is reclaimed whole. Anonymous ones are not split here: they stay active.
    """
    m.sc[s].nr_scanned += 1 << m.page[pfn].order
    note_dirty(m, s, pfn)
    if m.page[pfn].flags & PG_WRITEBACK:
        return meet_writeback(m, s, pfn)
    references = 1 if m.page[pfn].flags & PG_REFERENCED else 0
    fate = folio_check_references(m, pfn)
    if m.rules.lumpy_reclaim and m.sc[s].order > PAGE_ALLOC_COSTLY_ORDER:  # page_check_references of 3.4
        m.page[pfn].flags &= ~PG_REFERENCED
        fate = PAGE_RECLAIMED
    if fate != PAGE_RECLAIMED:
        return fate
    if m.page[pfn].flags & PG_SWAPBACKED:
        if m.page[pfn].order > 0:
            return PAGE_ACTIVATE
        references = 0
        if not m.sc[s].gfp & GFP_IO:
            return PAGE_KEEP
        if not add_to_swap(m, pfn):
            return PAGE_ACTIVATE
    if m.page[pfn].flags & PG_DIRTY:
        return meet_dirty(m, s, pfn, references)
    if m.page[pfn].flags & PG_HELD:  # filemap_release_folio fails
        return PAGE_ACTIVATE
    return PAGE_RECLAIMED
