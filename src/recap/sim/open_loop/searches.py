"""Compaction takes free pages: its free scanner reports a range and a sum, its quick searches nothing.

A quick search goes along a movable free list, takes at most one block from it, and turns it like a ring, so that the
next search begins where this one ended (fast_isolate_freepages, fast_find_migrateblock, 5.1). Those that cannot be
followed (`compactors`) are inferred here: each list can have been turned once for each search that may have been made
since it was last seen in use.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import COMPACT_CLUSTER_MAX, MIGRATE_MOVABLE, NONE, STATE_ALLOCATED, STATE_BUDDY, STATE_PCP
    from recap.mm.free_area import free_list
    from recap.pages import page_zone
    from recap.sim.open_loop.evidence import used_untaken
    from recap.sim.open_loop.operations import NEVER
    from recap.sim.open_loop.percpu import take_unreported
    from recap.sim.open_loop.quick_searches import own_isolated
    from recap.sim.open_loop.replay import (
        ISOLATED_PAGES,
        ISOLATION,
        SEARCHED_PAGES,
        TURNED_LISTS,
        Replay,
        deviate,
    )
    from recap.sim.open_loop.truth import free_block_over, isolate_free_page, pcp_of, turn_list
    from recap.trace.event import Event


def searched(r: Replay, i: int) -> None:
    """Compaction may have searched the free lists of the zone it is at."""
    if r.pfn[i] != NONE:
        r.compacting[r.cpu[i]] = page_zone(r.m, r.pfn[i])
    r.turned[r.compacting[r.cpu[i]]] = (1 << r.m.max_order) - 1
    r.searches[r.compacting[r.cpu[i]]] += 1


def isolate(r: Replay, i: int) -> None:
    """Take the free blocks of a range (isolate_freepages_block).

    Asynchronous compaction looks only at frames some distance apart. How far follows from the pages that it got and
    looked at. Where no distance fits, its quick search took a block of the range before, and all are gone.
    """
    searched(r, i)
    stride = fitting_stride(r, i, True)
    if stride > COMPACT_CLUSTER_MAX:
        stride = fitting_stride(r, i, False)
    if stride > COMPACT_CLUSTER_MAX:
        stride = 1
        if isolate_range(r, i, 1, False) < r.b[i]:
            deviate(r, ISOLATION, i, r.pfn[i])
    r.inferred[ISOLATED_PAGES] += isolate_range(r, i, stride, True)


def fitting_stride(r: Replay, i: int, looks_too: bool) -> int:
    """The first stride that finds as many free pages as the kernel did, and with as many looks if `looks_too`."""
    stride = 1
    while stride <= COMPACT_CLUSTER_MAX:
        if isolate_range(r, i, stride, False) == r.b[i] and (not looks_too or looks(r, i, stride) == r.flags[i]):
            return stride
        stride *= 2
    return stride


def looks(r: Replay, i: int, stride: int) -> int:
    """How many frames of a range are looked at (nr_scanned): large pages in use are passed over at once."""
    at = r.pfn[i]
    count = 0
    while at < r.a[i] and at < r.m.nr_frames:
        count += 1
        if r.m.page[at].state == STATE_BUDDY or r.m.page[at].state == STATE_ALLOCATED:
            pages = 1 << r.m.page[at].order
            count += (pages - 1) * (r.m.page[at].state == STATE_BUDDY)
            at += pages - 1
        at += stride
    return count


def isolate_range(r: Replay, i: int, stride: int, take: bool) -> int:
    """The pages of the free blocks found at every `stride` frames of a range; take them or only count."""
    at = r.pfn[i]
    taken = 0
    while at < r.a[i] and at < r.m.nr_frames:
        if r.m.page[at].state == STATE_BUDDY:
            order = r.m.page[at].order
            taken += 1 << order
            if take:
                isolate_free_page(r.m, at)
                own_isolated(r, i, at, order)
            at += (1 << order) - 1
        elif r.m.page[at].state == STATE_ALLOCATED:
            at += (1 << r.m.page[at].order) - 1
        at += stride
    return taken


def take_searched(r: Replay, block: int) -> None:
    """Take a free block for a quick search."""
    r.inferred[SEARCHED_PAGES] += 1 << r.m.page[block].order
    isolate_free_page(r.m, block)


def used_unreported(r: Replay, pfn: int) -> None:
    """A frame that the model holds free is used: a quick search took its block, or a bulk allocation the frame."""
    block = free_block_over(r.m, pfn)
    if block == NONE:
        return
    if r.m.page[block].state == STATE_PCP:
        take_unreported(r, pcp_of(r.m, block), block)
    else:
        take_searched(r, block)


def find_turned_lists(r: Replay, i: int) -> None:
    """A run of steps takes the first block of each list it comes to: if that is another, the list was turned."""
    zone = page_zone(r.m, r.pfn[i])
    if r.turned[zone] == 0:
        return
    met = 0
    while i != NEVER:
        block = r.pfn[i]
        if r.event[i] == Event.MM_PAGE_ALLOC_ZONE_LOCKED and r.m.page[block].state == STATE_BUDDY:
            order = r.m.page[block].order
            if not met & (1 << order) and r.m.page[block].migratetype == MIGRATE_MOVABLE:
                bring_to_head(r, page_zone(r.m, block), block, order)
            met |= 1 << order
        i = r.ops.next_step[i]


def bring_to_head(r: Replay, zone: int, block: int, order: int) -> None:
    """Make a block the first of its list: those ahead that are used without being taken go, then the list is turned."""
    if not r.turned[zone] & (1 << order):
        return
    r.turned[zone] &= ~(1 << order)
    head = free_list(r.m, zone, order, MIGRATE_MOVABLE)
    pfn = r.m.page[head].next
    while pfn != block and pfn != head and used_untaken(r, pfn, order):
        take_searched(r, pfn)
        pfn = r.m.page[head].next
    if pfn != block:
        r.inferred[TURNED_LISTS] += 1
        turn_list(r.m, zone, block)
