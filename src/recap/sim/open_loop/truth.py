"""Setting the model to the kernel's truth after it went another way: frames are moved to where the kernel has them."""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import (
        NONE,
        NR_PCP_LISTS,
        STATE_ALLOCATED,
        STATE_BUDDY,
        STATE_CAPTURED,
        STATE_PCP,
        STATE_TAIL,
    )
    from recap.mm.buddy import free_one_page
    from recap.mm.capture_list import add_captured, remove_captured
    from recap.mm.free_area import add_to_free_list, del_page_from_free_list, free_list
    from recap.mm.free_scanner import take_free_page
    from recap.mm.pcplist import order_to_pindex, way_back
    from recap.pages import Memory, list_add_tail, list_del, list_rotate_to_front, page_zone, pcp_list


def take_frame(m: Memory, pfn: int, order: int) -> None:
    """Make a block allocated, wherever the model has its frames: on per-cpu lists, captured or free."""
    zone = page_zone(m, pfn)
    at = pfn
    while at < pfn + (1 << order):
        block = free_block_over(m, at)
        if block == NONE:
            at += 1
        elif m.page[block].state == STATE_PCP:
            remove_from_pcp(m, block)
            free_one_page(m, zone, block, m.page[block].order, way_back(m, block), False)
        elif m.page[block].state == STATE_CAPTURED:
            at = block + (1 << m.page[block].order)
            cut_captured(m, block, pfn, order)
        elif m.page[block].order > order:
            cut_out(m, zone, block, pfn, order)
            break
        else:
            at = block + (1 << m.page[block].order)
            del_page_from_free_list(m, zone, block)
            m.zone[zone].free_pages -= 1 << m.page[block].order
    make_whole(m, pfn, order)
    m.page[pfn].state = STATE_ALLOCATED
    m.page[pfn].order = order


def make_whole(m: Memory, pfn: int, order: int) -> None:
    """Make one block of frames that are on no list, whatever each was before."""
    for at in range(pfn, pfn + (1 << order)):
        m.page[at].state = STATE_TAIL


def free_block_over(m: Memory, pfn: int) -> int:
    """The block in the buddy lists, on a per-cpu list or captured that a frame lies in; NONE if it is in use."""
    for order in range(m.max_order):
        block = pfn & ~((1 << order) - 1)
        if m.page[block].state in (STATE_BUDDY, STATE_PCP, STATE_CAPTURED) and m.page[block].order >= order:
            return block
    return NONE


def any_free(m: Memory, pfn: int, order: int) -> bool:
    """Does the model hold a frame of this block free?"""
    if m.page[pfn].state != STATE_ALLOCATED and free_block_over(m, pfn) != NONE:
        return True
    i = pfn + 1
    while i < pfn + (1 << order) and m.page[i].state not in (STATE_BUDDY, STATE_PCP, STATE_CAPTURED):
        i += 1
    return i < pfn + (1 << order)


def pcp_of(m: Memory, pfn: int) -> int:
    """Whose per-cpu list a frame is on (zone_pcp)."""
    head = m.page[pfn].next
    while head < m.nr_frames:
        head = m.page[head].next
    return (head - m.pcp_heads) // NR_PCP_LISTS


def remove_from_pcp(m: Memory, pfn: int) -> int:
    """Take a frame off a per-cpu list, whichever it is on; returns whose."""
    p = pcp_of(m, pfn)
    list_del(m, pfn)
    m.page[pfn].state = STATE_TAIL
    m.pcp[p].count -= 1 << m.page[pfn].order
    return p


def put_on_pcp(m: Memory, p: int, pfn: int, order: int, migratetype: int) -> None:
    """Put an allocated block at the tail of a per-cpu list."""
    m.page[pfn].state = STATE_PCP
    m.page[pfn].order = order
    m.page[pfn].migratetype = migratetype
    list_add_tail(m, pfn, pcp_list(m, p, order_to_pindex(migratetype, order)))
    m.pcp[p].count += 1 << order


def give_back(m: Memory, pfn: int, order: int, migratetype: int) -> None:
    """Put a block that the model took for somebody back into the free lists."""
    zone = page_zone(m, pfn)
    if m.page[pfn].state == STATE_PCP and m.page[pfn].order == order:
        remove_from_pcp(m, pfn)
    elif any_free(m, pfn, order):
        take_frame(m, pfn, order)
    make_whole(m, pfn, order)
    free_one_page(m, zone, pfn, order, migratetype, False)


def isolate_free_page(m: Memory, block: int) -> None:
    """Take a free block apart into single pages for compaction (__isolate_free_page, split_map_pages)."""
    zone = page_zone(m, block)
    order = m.page[block].order
    take_free_page(m, zone, block, order)
    for at in range(block, block + (1 << order)):
        m.page[at].state = STATE_ALLOCATED
        m.page[at].order = 0


def turn_list(m: Memory, zone: int, block: int) -> None:
    """Turn a free list, as one turns a ring, so that this block is its first."""
    head = free_list(m, zone, m.page[block].order, m.page[block].migratetype)
    list_rotate_to_front(m, block, head)


def cut_out(m: Memory, zone: int, block: int, pfn: int, order: int) -> None:
    """Split a free block around a part of it; the other parts stay free (break_down_buddy_pages)."""
    high = m.page[block].order
    migratetype = m.page[block].migratetype
    del_page_from_free_list(m, zone, block)
    while high > order:
        high -= 1
        half = block + (1 << high)
        if pfn >= half:
            add_to_free_list(m, zone, block, high, migratetype, False)
            block = half
        else:
            add_to_free_list(m, zone, half, high, migratetype, False)
    m.zone[zone].free_pages -= 1 << order


def cut_captured(m: Memory, block: int, pfn: int, order: int) -> None:
    """Take a part out of a captured block; the other parts stay on its list."""
    owner = m.page[block].capture
    high = m.page[block].order
    remove_captured(m, block)
    while high > order:
        high -= 1
        half = block + (1 << high)
        if pfn >= half:
            add_captured(m, block, high, owner)
            block = half
        else:
            add_captured(m, half, high, owner)
