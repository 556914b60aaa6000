"""The model's steps under the zone lock (its own tracepoints) held against the kernel's, and set right where they
differ."""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import MIGRATE_MOVABLE, MIGRATE_PCPTYPES, NONE, STATE_ALLOCATED, STATE_BUDDY, STATE_PCP
    from recap.mm.free_area import move_to_free_list, page_is_buddy
    from recap.mm.pcplist import order_to_pindex, pcp_allowed_order, refill_batch, rmqueue_bulk
    from recap.mm.tracepoints import discard_emitted
    from recap.pages import Memory, page_zone, pcp_list
    from recap.sim.open_loop.counters import under_way
    from recap.sim.open_loop.operations import NEVER
    from recap.sim.open_loop.percpu import put_away_strays
    from recap.sim.open_loop.reordering import clear_smaller, put_in_order
    from recap.sim.open_loop.replay import DRAIN_STEPS, REFILL, Replay, deviate
    from recap.sim.open_loop.truth import free_block_over, give_back, put_on_pcp, take_frame, turn_list
    from recap.trace.event import Event


def same(r: Replay, at: int, k: int) -> bool:
    """Is the model's k-th step the kernel's?"""
    return (
        at != NEVER
        and r.pfn[at] == r.m.emitted[k].pfn
        and r.event[at] == r.m.emitted[k].event
        and r.order[at] == r.m.emitted[k].order
        and r.migratetype[at] == r.m.emitted[k].migratetype
    )


def blocks_wanted(r: Replay, p: int, order: int) -> int:
    """How many blocks a per-cpu list was to be filled with, one where there is no list."""
    if not pcp_allowed_order(r.m, order):
        return 1
    if r.m.pcp[p].last_refill == 0:  # the kernel filled it, the model did not
        refill_batch(r.m, p // r.m.nr_cpus, p, order)
    return r.m.pcp[p].last_refill


def compare_taken(r: Replay, at: int, p: int, predicted: int) -> int:
    """Hold blocks the model took from the free lists against the kernel's steps from `at` on; the step after them.

    After a difference the kernel's step is taken for granted, and the rules go on from there.
    """
    left = blocks_wanted(r, p, r.order[at]) if at != NEVER else 0
    while True:
        n = r.m.nr_emitted
        k = 0
        while k < n and same(r, at, k):
            left -= count_taken(r, at, True)
            at = r.ops.next_step[at]
            k += 1
        if k == n and (n > 0 or at == NEVER):
            return at
        wrong = r.m.emitted[k].pfn if k < n else NONE
        deviate(r, REFILL, at, wrong)
        undo_taken(r, k, predicted)
        while at != NEVER and left > 0 and r.event[at] != Event.MM_PAGE_ALLOC_ZONE_LOCKED:
            at = r.ops.next_step[at]
        if at != NEVER:
            clear_smaller(r, at)
        if at == NEVER or not put_in_order(r, at):
            reorder(r, wrong, at)
        if at == NEVER or left <= 0:
            return at
        left -= count_taken(r, at, False)
        take_as_kernel(r, at, p)
        go_on_taking(r, at, p, left)
        at = r.ops.next_step[at]
        if left == 0:
            return at


def count_taken(r: Replay, at: int, exact: bool) -> int:
    """Count a block the kernel took, 1 if it is one; a step that only moves blocks between lists is none."""
    if r.event[at] != Event.MM_PAGE_ALLOC_ZONE_LOCKED:
        return 0
    r.taken += 1
    r.taken_exact += exact
    under_way(r, at, -(1 << r.order[at]))
    return 1


def undo_taken(r: Replay, k: int, predicted: int) -> None:
    """Give back what the model took, from its k-th step on."""
    for j in range(r.m.nr_emitted - 1, k - 1, -1):
        if r.m.emitted[j].event == Event.MM_PAGE_ALLOC_ZONE_LOCKED and (
            r.m.page[r.m.emitted[j].pfn].state == STATE_PCP or r.m.emitted[j].pfn == predicted
        ):
            give_back(r.m, r.m.emitted[j].pfn, r.m.emitted[j].order, r.m.emitted[j].migratetype)


def reorder(r: Replay, wrong: int, at: int) -> None:
    """Put a list into the kernel's order: turned to the block it took, or with the one it did not take at the end."""
    block = free_block_over(r.m, wrong) if wrong != NONE else NONE
    if block == NONE or r.m.page[block].state != STATE_BUDDY:
        return
    if at != NEVER and alike(r.m, r.pfn[at], block):
        turn_list(r.m, page_zone(r.m, block), r.pfn[at])
    else:
        move_to_free_list(r.m, page_zone(r.m, block), block, r.m.page[block].migratetype)


def alike(m: Memory, pfn: int, block: int) -> bool:
    """Is this frame the head of a free block that is on the same list?"""
    return (
        page_is_buddy(m, pfn, m.page[block].order)
        and m.page[pfn].migratetype == m.page[block].migratetype
        and page_zone(m, pfn) == page_zone(m, block)
    )


def take_as_kernel(r: Replay, at: int, p: int) -> None:
    """Put what the kernel took in one step on the per-cpu list."""
    take_frame(r.m, r.pfn[at], r.order[at])
    if pcp_allowed_order(r.m, r.order[at]) and r.migratetype[at] < MIGRATE_PCPTYPES:
        put_on_pcp(r.m, p, r.pfn[at], r.order[at], r.migratetype[at])


def go_on_taking(r: Replay, at: int, p: int, left: int) -> None:
    """Fill the per-cpu list with the rest of its batch by the rules."""
    discard_emitted(r.m)
    if left == 0 or not pcp_allowed_order(r.m, r.order[at]) or r.migratetype[at] >= MIGRATE_PCPTYPES:
        return
    head = pcp_list(r.m, p, order_to_pindex(r.migratetype[at], r.order[at]))
    taken = rmqueue_bulk(r.m, page_zone(r.m, r.pfn[at]), r.order[at], left, head, r.migratetype[at], 0)
    r.m.pcp[p].count += taken << r.order[at]


def compare_drained(r: Replay, at: int, p: int) -> int:
    """Hold blocks the model gave back against the kernel's steps from `at` on; the step after them."""
    n = r.m.nr_emitted
    k = 0
    while k < n and same(r, at, k):
        under_way(r, at, 1 << r.order[at])
        r.drain_until[p] = at
        at = r.ops.next_step[at]
        k += 1
    r.drained += k
    r.drained_exact += k
    if k == n:
        return at
    wrong = r.m.emitted[k].pfn
    deviate(r, DRAIN_STEPS, at, wrong)
    undo_drained(r, k, p)
    at = drain_as_kernel(r, at, n - k)
    put_away_strays(r, p)
    if r.ops.upcoming[wrong] == NEVER and r.m.page[wrong].state == STATE_PCP:
        give_back(r.m, wrong, r.m.page[wrong].order, r.m.page[wrong].migratetype)
    return at


def undo_drained(r: Replay, k: int, p: int) -> None:
    """Put what the model gave back, from its k-th step on, to the tails it came from."""
    for j in range(r.m.nr_emitted - 1, k - 1, -1):
        mt = r.m.emitted[j].migratetype
        take_frame(r.m, r.m.emitted[j].pfn, r.m.emitted[j].order)
        put_on_pcp(r.m, p, r.m.emitted[j].pfn, r.m.emitted[j].order, mt if mt < MIGRATE_PCPTYPES else MIGRATE_MOVABLE)


def drain_as_kernel(r: Replay, at: int, blocks: int) -> int:
    """Give back what the kernel gave, at most so many blocks; the step after it."""
    while at != NEVER and blocks > 0:
        r.drained += 1
        if r.m.page[r.pfn[at]].state == STATE_PCP or r.m.page[r.pfn[at]].state == STATE_ALLOCATED:
            give_back(r.m, r.pfn[at], r.order[at], r.migratetype[at])
        at = r.ops.next_step[at]
        blocks -= 1
    return at
