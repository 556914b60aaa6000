"""The buddy system: freeing merges a block with its free buddies, allocating splits the smallest block that fits.

List order (head or tail) follows the kernel exactly; that is what makes a replay name the very page frame. A freed
block whose buddy is captured joins the capture list instead of a free list.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import CAPTURE_OVER, NONE, STATE_ALLOCATED
    from recap.mm.capture_list import capture_one_page, page_is_captured, remove_captured
    from recap.mm.compact_capture import compaction_capture
    from recap.mm.free_area import (
        add_to_free_list,
        change_pageblock_range,
        del_page_from_free_list,
        free_list,
        may_merge_blocks,
        page_is_buddy,
    )
    from recap.mm.tracepoints import emit, emit_capture
    from recap.pages import Memory, get_pageblock_migratetype, page_zone
    from recap.trace.event import CaptureStep, Event


def buddy_merge_likely(m: Memory, pfn: int, buddy: int, order: int) -> bool:
    """Is the pair's own buddy free, so that a merge is near once this block's buddy comes back? (buddy_merge_likely)"""
    if not m.rules.tail_if_merge_near or order >= m.max_order - 2:
        return False
    above = (pfn & buddy) ^ (2 << order)
    return page_is_buddy(m, above, order + 1)


def free_one_page(m: Memory, zone: int, pfn: int, order: int, migratetype: int, to_tail: bool) -> None:
    """Give a block back to the free lists, merged as far as it goes (__free_one_page).

    A captured buddy (2008 series, rule 6) takes the block, as merged so far, onto its owner's list.
    """
    buddy = pfn
    m.zone[zone].free_pages += 1 << order
    m.zone[zone].pages_scanned = 0
    m.zone[zone].all_unreclaimable = 0
    while order < m.max_order - 1:
        if m.zone[zone].capc and compaction_capture(m, zone, pfn, order, migratetype):
            m.zone[zone].free_pages -= 1 << order
            return
        buddy = pfn ^ (1 << order)
        if order >= m.pageblock_order and not may_merge_blocks(m, buddy, migratetype):
            break
        if not page_is_buddy(m, buddy, order):
            if page_is_captured(m, buddy, order) and join_captured(m, zone, pfn, order, m.page[buddy].capture):
                return
            break
        del_page_from_free_list(m, zone, buddy)
        if order >= m.pageblock_order and m.rules.types_by_pageblock:
            change_pageblock_range(m, buddy, order, migratetype)
        pfn &= buddy
        order += 1
    add_to_free_list(m, zone, pfn, order, migratetype, to_tail or buddy_merge_likely(m, pfn, buddy, order))


def join_captured(m: Memory, zone: int, pfn: int, order: int, owner: int) -> bool:
    """A freed block goes onto the capture list that its buddy is on, if the policy takes it (2008 series, rule 6)."""
    if not m.policy.takes_outsider(m.capture[owner].wanted, order):
        return False
    m.zone[zone].free_pages -= 1 << order
    emit_capture(m, CaptureStep.OUTSIDER, pfn, order)
    if capture_one_page(m, zone, pfn, order, owner):
        release_surplus(m, owner, zone)
    return True


def expand(m: Memory, zone: int, pfn: int, low: int, high: int, migratetype: int) -> None:
    """Halve a block down to order `low`; the upper halves go to the heads of the free lists (expand)."""
    while high > low:
        high -= 1
        add_to_free_list(m, zone, pfn + (1 << high), high, migratetype, False)


def page_del_and_expand(m: Memory, zone: int, pfn: int, order: int, start_type: int, rest_type: int) -> None:
    """Take a free block for a type; what is more than the order goes to the lists of another (page_del_and_expand)."""
    high = m.page[pfn].order
    del_page_from_free_list(m, zone, pfn)
    expand(m, zone, pfn, order, high, rest_type)
    m.page[pfn].state = STATE_ALLOCATED
    m.page[pfn].order = order
    m.page[pfn].migratetype = start_type
    if m.tracing:
        emit(m, Event.MM_PAGE_ALLOC_ZONE_LOCKED, pfn, order, start_type)


def rmqueue_smallest(m: Memory, zone: int, order: int, migratetype: int) -> int:
    """Take the smallest block of this type that fits; NONE if there is none (__rmqueue_smallest).

    The caller accounts for the free pages, as in the kernel.
    """
    for current in range(order, m.max_order):
        head = free_list(m, zone, current, migratetype)
        pfn = m.page[head].next
        if pfn == head:
            continue
        page_del_and_expand(m, zone, pfn, order, migratetype, migratetype)
        return pfn
    return NONE


def release_captured(m: Memory, pfn: int) -> None:
    """Give one captured block back to the free lists of its pageblock's type."""
    zone = page_zone(m, pfn)
    order = m.page[pfn].order
    emit_capture(m, CaptureStep.RETURNED, pfn, order)
    remove_captured(m, pfn)
    free_one_page(m, zone, pfn, order, get_pageblock_migratetype(m, pfn), False)


def trim_captured(m: Memory, pfn: int, wanted: int) -> None:
    """Cut a captured block down to the wanted order; the rest goes free."""
    zone = page_zone(m, pfn)
    order = m.page[pfn].order
    if order <= wanted:
        return
    emit_capture(m, CaptureStep.TRIMMED, pfn, order)
    m.zone[zone].free_pages += (1 << order) - (1 << wanted)
    m.capture[m.page[pfn].capture].pages -= (1 << order) - (1 << wanted)
    m.withheld -= (1 << order) - (1 << wanted)
    m.page[pfn].order = wanted
    expand(m, zone, pfn, wanted, order, get_pageblock_migratetype(m, pfn))


def release_surplus(m: Memory, owner: int, zone: int) -> None:
    """A block is complete, capture is over (KOSAKI, 4 Sep 2008).

    Under the lock of the block's zone, so there: the newest that is large enough is kept, cut to size, all others go.
    """
    head = m.capture_heads + owner
    m.capture[owner].state = CAPTURE_OVER
    kept = NONE
    pfn = m.page[head].next
    while pfn != head:
        after = m.page[pfn].next
        if page_zone(m, pfn) != zone:
            pfn = after
            continue
        if kept == NONE and m.page[pfn].order >= m.capture[owner].wanted:
            trim_captured(m, pfn, m.capture[owner].wanted)
            kept = pfn
        else:
            release_captured(m, pfn)
        pfn = after
