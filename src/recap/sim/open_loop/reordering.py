"""A free list that compaction's quick searches left in another order: set right at the first difference.

Each search turns a list once, so that there is a place more where it has been cut. If the order in which the trace
takes its blocks from now on, until the next search, needs no more cuts than there were searches that have not explained
any, the list is put into this order. Other differences are not explained so.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import MIGRATE_MOVABLE, NONE, STATE_BUDDY
    from recap.mm.free_area import free_list
    from recap.pages import list_add, list_del, page_zone
    from recap.sim.open_loop.evidence import first_use
    from recap.sim.open_loop.operations import ISOLATE, NEVER, SEARCH
    from recap.sim.open_loop.replay import REORDERED_LISTS, Replay
    from recap.sim.open_loop.truth import free_block_over, isolate_free_page
    from recap.trace.event import Event

    NEAR = 16  # events


def put_in_order(r: Replay, at: int) -> bool:
    """Put the list that the kernel takes a block from into the kernel's order, if searches explain it."""
    block = free_block_over(r.m, r.pfn[at])
    if block == NONE or r.m.page[block].state != STATE_BUDDY or r.m.page[block].migratetype != MIGRATE_MOVABLE:
        return False
    zone = page_zone(r.m, block)
    order = r.m.page[block].order
    explained = r.searches[zone] - r.explained[zone * r.m.max_order + order]
    if explained == 0:
        return False
    until = next_search(r, at)
    needed = cuts(r, at, until, zone, order)
    if needed > explained:
        return False
    arrange(r, at, until, zone, order)
    r.explained[zone * r.m.max_order + order] += needed
    r.inferred[REORDERED_LISTS] += 1
    return True


def clear_smaller(r: Replay, at: int) -> None:
    """The kernel splits a block, so that its lists of smaller ones are empty: what the model has there is elsewhere.

    That it splits one is sure where the next step takes what is left of the block. (__rmqueue_smallest, expand)
    """
    block = r.pfn[at]
    if r.m.page[block].state != STATE_BUDDY or r.m.page[block].order <= r.order[at]:
        return
    if r.pfn[next_alike(r, at)] != block + (1 << r.order[at]):
        return
    for order in range(r.order[at], r.m.page[block].order):
        head = free_list(r.m, page_zone(r.m, block), order, r.m.page[block].migratetype)
        while r.m.page[head].next != head:
            isolate_free_page(r.m, r.m.page[head].next)
            r.counter_lag[page_zone(r.m, block)] += 1 << order  # they may be free all the same


def next_alike(r: Replay, at: int) -> int:
    """The next step that takes a block of the same order and type; this one if there is none near."""
    for i in range(at + 1, min(at + NEAR, len(r.event))):
        if r.event[i] == r.event[at] and r.order[i] == r.order[at] and r.migratetype[i] == r.migratetype[at]:
            return i
    return at


def next_search(r: Replay, at: int) -> int:
    """The next event at which compaction may have searched."""
    i = at + 1
    while i < len(r.event) and r.ops.role[i] != SEARCH and r.ops.role[i] != ISOLATE:
        i += 1
    return i


def on_list(r: Replay, i: int, zone: int, order: int) -> int:
    """The block of this list that an event takes, as a whole or a part; NONE if it takes none of them."""
    if r.event[i] != Event.MM_PAGE_ALLOC_ZONE_LOCKED or r.pfn[i] == NONE:
        return NONE
    block = free_block_over(r.m, r.pfn[i])
    if block == NONE or r.m.page[block].state != STATE_BUDDY or r.m.page[block].order != order:
        return NONE
    if r.m.page[block].migratetype != MIGRATE_MOVABLE or page_zone(r.m, block) != zone:
        return NONE
    return block if first_use(r, block, order) == i or i == r.now else NONE


def next_taken(r: Replay, block: int, order: int, until: int, head: int) -> int:
    """The next on the list that is taken from the free lists until then; the head if there is none."""
    block = r.m.page[block].next
    while block != head:
        i = first_use(r, block, order)
        if i != NEVER and i < until and r.event[i] == Event.MM_PAGE_ALLOC_ZONE_LOCKED:
            return block
        block = r.m.page[block].next
    return head


def cuts(r: Replay, at: int, until: int, zone: int, order: int) -> int:
    """At how many places the list must be cut."""
    head = free_list(r.m, zone, order, MIGRATE_MOVABLE)
    last = head
    found = 0
    for i in range(at, until):
        block = on_list(r, i, zone, order)
        if block != NONE:
            found += next_taken(r, last, order, until, head) != block
            last = block
    return found


def arrange(r: Replay, at: int, until: int, zone: int, order: int) -> None:
    """Put those that are taken first, in their order."""
    last = free_list(r.m, zone, order, MIGRATE_MOVABLE)
    for i in range(at, until):
        block = on_list(r, i, zone, order)
        if block != NONE and block != last:
            list_del(r.m, block)
            list_add(r.m, block, last)
            last = block
