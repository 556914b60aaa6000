"""Isolated pageblocks: what is freed in them is handed out to nobody (MIGRATE_ISOLATE, rule 9).

The kernel has them for memory hotplug; that reclaim isolates the block it works on is KAMEZAWA's idea of 2008, and is
done only where the policy asks for it.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import (
        ALLOC_WMARK_MASK,
        MIGRATE_ISOLATE,
        MIGRATE_MOVABLE,
        NONE,
        STATE_ALLOCATED,
        STATE_BUDDY,
    )
    from recap.mm.buddy import expand
    from recap.mm.free_area import del_page_from_free_list
    from recap.mm.migratetype import move_freepages_block
    from recap.mm.page_alloc import gfp_zone
    from recap.mm.pcplist import drain_all_pages
    from recap.mm.watermark import wmark_pages, zone_watermark_ok
    from recap.pages import Memory, page_zone


def isolate_pageblock(m: Memory, s: int, pfn: int) -> None:
    """Isolate the movable pageblock that a high-order direct reclaimer begins on (set_migratetype_isolate)."""
    block = pfn >> m.pageblock_order
    if m.sc[s].kswapd or m.sc[s].isolated_block >= 0 or m.sc[s].page != NONE:
        return
    if m.pageblock[block] != MIGRATE_MOVABLE or not m.policy.isolates(m.sc[s].order):
        return
    if (block + 1) << m.pageblock_order > m.zone[page_zone(m, pfn)].end:
        return
    m.pageblock[block] = MIGRATE_ISOLATE
    move_freepages_block(m, page_zone(m, pfn), pfn, MIGRATE_ISOLATE)
    drain_all_pages(m)
    m.sc[s].isolated_block = block


def free_block_around(m: Memory, pfn: int, order: int) -> int:
    """The free block of at least this order that begins at or before an aligned frame and holds it; NONE: none does."""
    while order < m.max_order:
        at = pfn & ~((1 << order) - 1)
        if m.page[at].state == STATE_BUDDY and m.page[at].order == order:
            return at
        order += 1
    return NONE


def undo_isolation(m: Memory, s: int) -> int:
    """A batch ended: the isolated block goes to the request if all of it is free, else back to all; its frame or NONE.

    Like a captured block it is handed over if the zone stays above the mark without it.
    """
    if m.sc[s].isolated_block < 0:
        return NONE
    pfn = m.sc[s].isolated_block << m.pageblock_order
    zone = page_zone(m, pfn)
    drain_all_pages(m)
    m.pageblock[pfn >> m.pageblock_order] = MIGRATE_MOVABLE
    m.sc[s].isolated_block = -1
    move_freepages_block(m, zone, pfn, MIGRATE_MOVABLE)
    head = free_block_around(m, pfn, m.sc[s].order) if m.sc[s].order <= m.pageblock_order else NONE
    if head == NONE:
        return NONE
    m.zone[zone].free_pages -= 1 << m.sc[s].order
    mark = wmark_pages(m, zone, m.sc[s].alloc_flags & ALLOC_WMARK_MASK)
    if not zone_watermark_ok(m, zone, 0, mark, gfp_zone(m.sc[s].gfp), m.sc[s].alloc_flags):
        m.zone[zone].free_pages += 1 << m.sc[s].order
        return NONE
    order = m.page[head].order
    del_page_from_free_list(m, zone, head)
    expand(m, zone, head, m.sc[s].order, order, MIGRATE_MOVABLE)
    m.page[head].state = STATE_ALLOCATED
    m.page[head].order = m.sc[s].order
    return head
