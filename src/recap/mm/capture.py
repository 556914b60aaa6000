"""Reclaim page capture: what a direct reclaimer does with its private list (Whitcroft 2008, rules 3, 4 and 7 to 10).

A list is opened when a request enters reclaim, filled while it reclaims, settled after a batch and empty when it
returns.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import (
        ALLOC_WMARK_MASK,
        CAPTURE_IDLE,
        CAPTURE_OPEN,
        CAPTURE_OVER,
        NONE,
        PG_LRU,
        STATE_ALLOCATED,
        STATE_BUDDY,
        STATE_CAPTURED,
        STATE_ISOLATED,
        STATE_PCP,
        STATE_TAIL,
    )
    from recap.mm.buddy import free_one_page, release_captured, release_surplus, trim_captured
    from recap.mm.capture_list import capture_one_page, remove_captured
    from recap.mm.page_alloc import gfp_zone
    from recap.mm.vmstat import CAPTURE_HANDED_OVER, CAPTURE_REFUSED, CAPTURED_PAGES
    from recap.mm.watermark import wmark_pages, zone_watermark_ok
    from recap.pages import Memory, get_pageblock_migratetype, list_empty, page_zone


def open_capture(m: Memory, owner: int, wanted: int, request: int) -> int:
    """Start collecting for a request, if the policy wants that; the list, or -1."""
    if not m.policy.enters_reclaim(wanted):
        return -1
    m.capture[owner].wanted = wanted
    m.capture[owner].request = request
    m.capture[owner].largest = -1
    m.capture[owner].state = CAPTURE_OPEN
    return owner


def unreclaimable_pages(m: Memory, pfn: int, wanted: int) -> int:
    """Pages in use that reclaim cannot free, in the aligned block of the wanted order around a frame."""
    at = pfn & ~((1 << wanted) - 1)
    end = at + (1 << wanted)
    count = 0
    while at < end:
        if m.page[at].state in (STATE_BUDDY, STATE_CAPTURED, STATE_PCP):
            at += 1 << m.page[at].order
            continue
        if at != pfn and not m.page[at].flags & PG_LRU and m.page[at].state != STATE_ISOLATED:
            count += 1
        at += 1
    return count


def capture_page(m: Memory, owner: int, pfn: int) -> bool:
    """Keep a page that is about to be released, if it is of use; False: let it go the normal way."""
    if m.capture[owner].state != CAPTURE_OPEN:
        return False
    wanted = m.capture[owner].wanted
    if not m.policy.releases(wanted, unreclaimable_pages(m, pfn, wanted), m.capture[owner].pages, m.withheld):
        return False
    m.page[pfn].state = STATE_TAIL
    m.page[pfn].flags = 0
    m.vmstat[CAPTURED_PAGES] += 1
    if capture_one_page(m, page_zone(m, pfn), pfn, 0, owner):
        release_surplus(m, owner)
    return True


def capture_alloc_or_return(m: Memory, owner: int, alloc_flags: int, gfp: int) -> int:
    """Settle the list, oldest entry first: the first that is large enough is kept, everything else goes free (rule 8).

    Returns the first frame of the block handed over, or NONE. The list is empty afterwards; without success it may
    go on collecting.
    """
    m.capture[owner].state = CAPTURE_OVER
    for zone in range(m.nr_zones):
        m.zone[zone].pages_scanned = 0
        m.zone[zone].all_unreclaimable = 0
    head = m.capture_heads + owner
    kept = NONE
    while not list_empty(m, head):
        pfn = m.page[head].prev
        if kept == NONE and m.page[pfn].order >= m.capture[owner].wanted:
            trim_captured(m, pfn, m.capture[owner].wanted)
            remove_captured(m, pfn)
            kept = pfn
        else:
            release_captured(m, pfn)
    m.capture[owner].largest = -1
    tested = m.capture[owner].wanted if m.policy.counts_twice(m.capture[owner].wanted) else 0
    if kept != NONE and hand_over(m, kept, tested, alloc_flags, gfp):
        return kept
    m.capture[owner].state = CAPTURE_OPEN
    return NONE


def hand_over(m: Memory, pfn: int, tested: int, alloc_flags: int, gfp: int) -> bool:
    """Give the block kept to the request if its zone stays above the mark, else free it (rule 9).

    The mark is tested for order 0, as the block is outside the free count already; v1 tested it for the order wanted.
    """
    zone = page_zone(m, pfn)
    mark = wmark_pages(m, zone, alloc_flags & ALLOC_WMARK_MASK)
    if zone_watermark_ok(m, zone, tested, mark, gfp_zone(gfp), alloc_flags):
        m.page[pfn].state = STATE_ALLOCATED
        m.vmstat[CAPTURE_HANDED_OVER] += 1
        return True
    m.vmstat[CAPTURE_REFUSED] += 1
    free_one_page(m, zone, pfn, m.page[pfn].order, get_pageblock_migratetype(m, pfn), False)
    return False


def close_capture(m: Memory, owner: int) -> None:
    """The reclaimer returns: nothing may be withheld any longer."""
    head = m.capture_heads + owner
    m.capture[owner].state = CAPTURE_OVER
    while not list_empty(m, head):
        release_captured(m, m.page[head].prev)
    m.capture[owner].state = CAPTURE_IDLE
