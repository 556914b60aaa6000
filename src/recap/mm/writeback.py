"""Dirty pages, swap slots and pages on their way to the block device.

The device itself is the simulator's: pages to be written are handed to it through Memory.submitted.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import (
        NONE,
        PG_ACTIVE,
        PG_DIRTY,
        PG_HELD,
        PG_JOURNALLED,
        PG_LRU,
        PG_RECLAIM,
        PG_SWAPBACKED,
        PG_SWAPCACHE,
        PG_WRITEBACK,
        STATE_ALLOCATED,
        STATE_ISOLATED,
    )
    from recap.mm.lru import lruvec_add, lruvec_del
    from recap.mm.vmstat import NR_DIRTY, NR_VMSCAN_WRITE, NR_WRITEBACK, NR_WRITTEN, PGROTATED, PSWPOUT
    from recap.pages import Memory, list_del


def set_page_dirty(m: Memory, pfn: int) -> None:
    """A page's content differs from its file's (folio_mark_dirty)."""
    if m.page[pfn].flags & PG_DIRTY:
        return
    m.page[pfn].flags |= PG_DIRTY
    if not m.page[pfn].flags & PG_SWAPBACKED:
        m.vmstat[NR_DIRTY] += 1 << m.page[pfn].order


def clear_page_dirty(m: Memory, pfn: int) -> None:
    """The content is written, being written, or thrown away."""
    if m.page[pfn].flags & PG_DIRTY and not m.page[pfn].flags & PG_SWAPBACKED:
        m.vmstat[NR_DIRTY] -= 1 << m.page[pfn].order
    m.page[pfn].flags &= ~PG_DIRTY


def start_writeback(m: Memory, pfn: int) -> None:
    """Hand a page to the block device."""
    clear_page_dirty(m, pfn)
    m.page[pfn].flags |= PG_WRITEBACK
    m.vmstat[NR_WRITEBACK] += 1 << m.page[pfn].order
    m.submitted[m.nr_submitted] = pfn
    m.nr_submitted += 1


def hold_page(m: Memory, pfn: int) -> None:
    """A transaction of the filesystem's journal has changed a block of metadata, and holds it until it is committed."""
    m.page[pfn].flags |= PG_HELD | PG_JOURNALLED


def add_to_swap(m: Memory, pfn: int) -> bool:
    """Give an anonymous page a swap slot, which makes it dirty; False when swap is full (add_to_swap)."""
    if m.page[pfn].flags & PG_SWAPCACHE:
        return True
    if m.nr_swap_pages <= 0:
        return False
    m.nr_swap_pages -= 1
    m.page[pfn].flags |= PG_SWAPCACHE
    m.page[pfn].flags |= PG_DIRTY
    return True


def pageout(m: Memory, pfn: int) -> None:
    """Reclaim starts to write a page; it will be freed when it comes by again, clean (pageout)."""
    m.page[pfn].flags |= PG_RECLAIM
    m.vmstat[NR_VMSCAN_WRITE] += 1
    if m.page[pfn].flags & PG_SWAPBACKED:
        m.vmstat[PSWPOUT] += 1
    start_writeback(m, pfn)


def end_page_writeback(m: Memory, pfn: int) -> None:
    """The device is done; a page that reclaim waits for goes to where the next scan begins
    (folio_rotate_reclaimable)."""
    if not m.page[pfn].flags & PG_WRITEBACK:
        return
    m.page[pfn].flags &= ~PG_WRITEBACK
    m.vmstat[NR_WRITEBACK] -= 1 << m.page[pfn].order
    m.vmstat[NR_WRITTEN] += 1 << m.page[pfn].order
    if not m.page[pfn].flags & PG_RECLAIM:
        return
    m.page[pfn].flags &= ~PG_RECLAIM
    if m.page[pfn].flags & PG_LRU and not m.page[pfn].flags & PG_DIRTY and rotates(m, pfn):
        lruvec_del(m, pfn)
        m.page[pfn].flags &= ~PG_ACTIVE
        lruvec_add(m, pfn, True)
        m.vmstat[PGROTATED] += 1 << m.page[pfn].order


def rotates(m: Memory, pfn: int) -> bool:
    """Does a written page go to the end of the inactive list, though it may have been activated meanwhile?
    (lru_move_tail_fn)"""
    return m.rules.rotates_activated or not m.page[pfn].flags & PG_ACTIVE


def leave_memory(m: Memory, pfn: int, where: int) -> None:
    """A page's content goes elsewhere (`where`: IN_SWAP or NONE); all that is counted for the page is taken back."""
    clear_page_dirty(m, pfn)
    if m.page[pfn].flags & PG_WRITEBACK:
        m.vmstat[NR_WRITEBACK] -= 1 << m.page[pfn].order
    if m.page[pfn].flags & PG_LRU:
        lruvec_del(m, pfn)
    elif m.page[pfn].state == STATE_ISOLATED:  # a reclaimer waits for it in lumpy reclaim's second pass
        list_del(m, pfn)
        m.page[pfn].state = STATE_ALLOCATED
    m.page[pfn].flags = 0
    m.page[pfn].gen = 0
    if m.frame[pfn].object >= 0:
        m.resident[m.frame[pfn].object] = where
        m.frame[pfn].object = -1


def forget_page(m: Memory, pfn: int) -> None:
    """A page's content is given up by its owner, and its swap slot with it."""
    if m.page[pfn].flags & PG_SWAPBACKED and m.page[pfn].flags & PG_SWAPCACHE:
        m.nr_swap_pages += 1
    leave_memory(m, pfn, NONE)
