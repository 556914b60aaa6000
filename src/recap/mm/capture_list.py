"""The private list of a reclaimer: captured blocks coalesce on it, out of every free list and every free count.

Follows __capture_one_page of the 2008 series (rules 5, 6, 12 and 13 of its description in docs/capture.md): the merge
draws in free buddies and captured ones alike, so a piece can move from one reclaimer's list to another's, and goes on
past the wanted order. Which neighbours join is the policy's to say; that a reserved pageblock (HIGHATOMIC, 4.4) merges
with its like only is the kernel's.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import CAPTURE_OPEN, STATE_CAPTURED, STATE_TAIL
    from recap.mm.free_area import del_page_from_free_list, may_merge_blocks, page_is_buddy
    from recap.mm.tracepoints import emit_capture
    from recap.pages import Memory, get_pageblock_migratetype, list_add, list_del
    from recap.trace.event import CaptureStep


def page_is_captured(m: Memory, pfn: int, order: int) -> bool:
    """Is this frame the head of a captured block of exactly this order, on a list that still collects?"""
    return (
        m.page[pfn].state == STATE_CAPTURED
        and m.page[pfn].order == order
        and m.capture[m.page[pfn].capture].state == CAPTURE_OPEN
    )


def remove_captured(m: Memory, pfn: int) -> None:
    """Take a block off the capture list it is on."""
    list_del(m, pfn)
    m.page[pfn].state = STATE_TAIL
    m.capture[m.page[pfn].capture].pages -= 1 << m.page[pfn].order
    m.withheld -= 1 << m.page[pfn].order


def add_captured(m: Memory, pfn: int, order: int, owner: int) -> None:
    """Put a block at the head of a capture list."""
    m.page[pfn].state = STATE_CAPTURED
    m.page[pfn].order = order
    m.page[pfn].capture = owner
    list_add(m, pfn, m.capture_heads + owner)
    m.capture[owner].pages += 1 << order
    m.capture[owner].largest = max(m.capture[owner].largest, order)
    m.withheld += 1 << order
    m.withheld_peak = max(m.withheld_peak, m.withheld)


def draw_in(m: Memory, zone: int, buddy: int, order: int, owner: int) -> bool:
    """Take a buddy from where it is, if it is captured or free and the policy lets it join."""
    captured = page_is_captured(m, buddy, order)
    if not captured and not page_is_buddy(m, buddy, order):
        return False
    if captured and m.page[buddy].capture == owner:
        remove_captured(m, buddy)
        return True
    if not m.policy.takes_neighbour(m.capture[owner].wanted, order):
        return False
    emit_capture(m, CaptureStep.STOLEN if captured else CaptureStep.NEIGHBOUR, buddy, order)
    if captured:
        remove_captured(m, buddy)
    else:
        del_page_from_free_list(m, zone, buddy)
        m.zone[zone].free_pages -= 1 << order
    return True


def capture_one_page(m: Memory, zone: int, pfn: int, order: int, owner: int) -> bool:
    """Merge a block upwards and put it at the head of a capture list.

    Returns True when the policy says that capture is over with this merge: the caller then releases the surplus.
    """
    while order < m.max_order - 1:
        buddy = pfn ^ (1 << order)
        if order >= m.pageblock_order and not may_merge_blocks(m, buddy, get_pageblock_migratetype(m, pfn)):
            break
        if not draw_in(m, zone, buddy, order, owner):
            break
        pfn &= buddy
        order += 1
    add_captured(m, pfn, order, owner)
    return m.policy.merged(m.capture[owner].wanted, order)
