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
    from recap.mm.tracepoints import emit_capture
    from recap.mm.vmstat import CAPTURE_HANDED_OVER, CAPTURE_LOOKED_AT, CAPTURE_REFUSED, CAPTURED_PAGES
    from recap.mm.watermark import wmark_pages, zone_watermark_ok
    from recap.pages import Memory, get_pageblock_migratetype, page_zone
    from recap.trace.event import CaptureStep


def open_capture(m: Memory, owner: int, wanted: int, request: int) -> int:
    """Start collecting for a request, if the policy wants that; the list, or -1."""
    if not m.policy.enters_reclaim(wanted):
        return -1
    m.capture[owner].wanted = wanted
    m.capture[owner].request = request
    m.capture[owner].largest = -1
    m.capture[owner].state = CAPTURE_OPEN
    return owner


def frames_not_in_the_way(m: Memory, at: int) -> int:
    """How many frames from here on are of one block that is free, captured or can be reclaimed; 0: this page cannot be.

    What is on an LRU list, or off it for a while, can be reclaimed, large folios as a whole.
    """
    if m.page[at].state in (STATE_BUDDY, STATE_CAPTURED, STATE_PCP):
        return 1 << m.page[at].order
    if m.page[at].state == STATE_ALLOCATED and m.page[at].flags & PG_LRU:
        return 1 << m.page[at].order
    return 1 if m.page[at].flags & PG_LRU or m.page[at].state == STATE_ISOLATED else 0


def unreclaimable_pages(m: Memory, pfn: int, wanted: int) -> int:
    """Pages in use that reclaim cannot free, in the aligned block of the wanted order around a frame."""
    at = pfn & ~((1 << wanted) - 1)
    end = at + (1 << wanted)
    count = 0
    while at < end:
        frames = frames_not_in_the_way(m, at)
        if frames == 0 and at != pfn:
            count += 1
        at += max(frames, 1)
    return count


def pages_looked_at(m: Memory, pfn: int, wanted: int) -> int:
    """How many struct pages a kernel looks at to know whether there are any: up to the first that it finds.

    It knows the size of a free or captured block, and looks at each page of others (block_is_hopeless in kernel/).
    """
    at = pfn & ~((1 << wanted) - 1)
    end = at + (1 << wanted)
    looked = 0
    while at < end:
        frames = max(frames_not_in_the_way(m, at), 1)
        looked += 1 if m.page[at].state in (STATE_BUDDY, STATE_CAPTURED) else frames
        if at != pfn and frames_not_in_the_way(m, at) == 0:
            return looked
        at += frames
    return looked


def wants_page(m: Memory, owner: int, pfn: int) -> bool:
    """Does a list still collect, and is a page that is about to be released of use to it?"""
    if m.capture[owner].state != CAPTURE_OPEN:
        return False
    wanted = m.capture[owner].wanted
    if m.policy.looks_around(wanted):
        looked = pages_looked_at(m, pfn, wanted)
        m.capture[owner].looked_now += looked
        m.vmstat[CAPTURE_LOOKED_AT] += looked
    return m.policy.releases(wanted, unreclaimable_pages(m, pfn, wanted), m.capture[owner].pages, m.withheld)


def capture_page(m: Memory, owner: int, pfn: int) -> bool:
    """Keep a page that is about to be released, if it is of use; False: let it go the normal way."""
    if not wants_page(m, owner, pfn):
        return False
    m.page[pfn].state = STATE_TAIL
    m.page[pfn].flags = 0
    m.vmstat[CAPTURED_PAGES] += 1
    emit_capture(m, CaptureStep.OWN, pfn, 0)
    zone = page_zone(m, pfn)
    if capture_one_page(m, zone, pfn, 0, owner):
        release_surplus(m, owner, zone)
    return True


def capture_alloc_or_return(m: Memory, owner: int, alloc_flags: int, gfp: int) -> int:
    """Settle the list (rule 8), zone by zone from the highest down: each has a lock of its own.

    Returns the first frame of the block handed over, or NONE. The list is empty afterwards; without success it may go
    on collecting.
    """
    m.capture[owner].state = CAPTURE_OVER
    handed = NONE
    for zone in range(m.nr_zones - 1, -1, -1):
        m.zone[zone].pages_scanned = 0
        m.zone[zone].all_unreclaimable = 0
        kept = settle_zone(m, owner, zone, handed == NONE)
        if kept != NONE and hand_over(m, kept, m.capture[owner].wanted, alloc_flags, gfp):
            handed = kept
    m.capture[owner].largest = -1
    if handed == NONE:
        m.capture[owner].state = CAPTURE_OPEN
    return handed


def settle_zone(m: Memory, owner: int, zone: int, keep: bool) -> int:
    """Empty the list of a zone's blocks, oldest first: the first that is large enough is kept, all others go free."""
    head = m.capture_heads + owner
    kept = NONE
    pfn = m.page[head].prev
    while pfn != head:
        before = m.page[pfn].prev
        if page_zone(m, pfn) != zone:
            pfn = before
            continue
        if keep and kept == NONE and m.page[pfn].order >= m.capture[owner].wanted:
            trim_captured(m, pfn, m.capture[owner].wanted)
            remove_captured(m, pfn)
            kept = pfn
        else:
            release_captured(m, pfn)
        pfn = before
    return kept


def hand_over(m: Memory, pfn: int, wanted: int, alloc_flags: int, gfp: int) -> bool:
    """Give the block kept to the request if its zone stays above the mark, else free it (rule 9).

    The mark is tested for order 0, as the block is outside the free count already; v1 tested it for the order wanted.
    """
    zone = page_zone(m, pfn)
    tested = wanted if m.policy.counts_twice(wanted) else 0
    mark = wmark_pages(m, zone, alloc_flags & ALLOC_WMARK_MASK)
    if zone_watermark_ok(m, zone, tested, mark, gfp_zone(gfp), alloc_flags):
        m.page[pfn].state = STATE_ALLOCATED
        m.vmstat[CAPTURE_HANDED_OVER] += 1
        emit_capture(m, CaptureStep.HANDED, pfn, wanted)
        return True
    m.vmstat[CAPTURE_REFUSED] += 1
    emit_capture(m, CaptureStep.REFUSED, pfn, wanted)
    free_one_page(m, zone, pfn, m.page[pfn].order, get_pageblock_migratetype(m, pfn), False)
    return False


def close_capture(m: Memory, owner: int) -> None:
    """The reclaimer returns: nothing may be withheld any longer."""
    m.capture[owner].state = CAPTURE_OVER
    for zone in range(m.nr_zones - 1, -1, -1):
        settle_zone(m, owner, zone, False)
    m.capture[owner].state = CAPTURE_IDLE
