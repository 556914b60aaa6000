"""The model's steps under the zone lock (its own tracepoints) held against the kernel's, and set right where they
differ."""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import MIGRATE_MOVABLE, MIGRATE_PCPTYPES, NONE, PG_ALLOCATED, PG_BUDDY, PG_PCP
    from recap.mm.free_area import move_to_free_list
    from recap.mm.pcplist import pcp_allowed_order
    from recap.pages import page_zone
    from recap.sim.open_loop.counters import under_way
    from recap.sim.open_loop.operations import MM_PAGE_ALLOC_ZONE_LOCKED, NEVER
    from recap.sim.open_loop.percpu import put_away_strays
    from recap.sim.open_loop.replay import DRAIN_STEPS, REFILL, Replay, deviate
    from recap.sim.open_loop.truth import free_block_over, give_back, put_on_pcp, take_frame


def same(r: Replay, at: int, k: int) -> bool:
    """Is the model's k-th step the kernel's?"""
    return (
        at != NEVER
        and r.pfn[at] == r.m.emitted[k].pfn
        and r.event[at] == r.m.emitted[k].event
        and r.order[at] == r.m.emitted[k].order
        and r.migratetype[at] == r.m.emitted[k].migratetype
    )


def refill_batch(r: Replay, p: int, order: int) -> int:
    """How many blocks a per-cpu list is filled with, one where there is no list (rmqueue_pcplist)."""
    if not pcp_allowed_order(r.m, order):
        return 1
    batch = r.m.pcp[p].batch
    return max(batch >> order, 2) if batch > 1 else 1


def compare_taken(r: Replay, at: int, p: int, predicted: int) -> int:
    """Hold blocks the model took from the free lists against the kernel's steps from `at` on; the step after them."""
    n = r.m.nr_emitted
    start = at
    k = 0
    while k < n and same(r, at, k):
        if r.event[at] == MM_PAGE_ALLOC_ZONE_LOCKED:
            r.taken += 1
            r.taken_exact += 1
        under_way(r, at, -(1 << r.order[at]))
        at = r.ops.next_step[at]
        k += 1
    if k == n and (n > 0 or at == NEVER):
        return at
    wrong = r.m.emitted[k].pfn if k < n else NONE
    deviate(r, REFILL, at, wrong)
    undo_taken(r, predicted)
    put_last(r, wrong)
    return take_as_kernel(r, start, p)


def undo_taken(r: Replay, predicted: int) -> None:
    """Give all that the model took back."""
    for k in range(r.m.nr_emitted - 1, -1, -1):
        if r.m.emitted[k].event == MM_PAGE_ALLOC_ZONE_LOCKED and (
            r.m.page[r.m.emitted[k].pfn].state == PG_PCP or r.m.emitted[k].pfn == predicted
        ):
            give_back(r.m, r.m.emitted[k].pfn, r.m.emitted[k].order, r.m.emitted[k].migratetype)


def put_last(r: Replay, pfn: int) -> None:
    """A free block that the kernel did not choose is further down its list."""
    if pfn == NONE:
        return
    block = free_block_over(r.m, pfn)
    if block != NONE and r.m.page[block].state == PG_BUDDY:
        move_to_free_list(r.m, page_zone(r.m, block), block, r.m.page[block].migratetype)


def take_as_kernel(r: Replay, at: int, p: int) -> int:
    """Put what the kernel took, at most a batch, on the per-cpu list; the step after it."""
    left = refill_batch(r, p, r.order[at]) if at != NEVER else 0
    while at != NEVER and left > 0:
        if r.event[at] == MM_PAGE_ALLOC_ZONE_LOCKED:
            left -= 1
            r.taken += 1
            take_frame(r.m, r.pfn[at], r.order[at])
            if pcp_allowed_order(r.m, r.order[at]) and r.migratetype[at] < MIGRATE_PCPTYPES:
                put_on_pcp(r.m, p, r.pfn[at], r.order[at], r.migratetype[at])
        at = r.ops.next_step[at]
    return at


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
    if r.ops.upcoming[wrong] == NEVER and r.m.page[wrong].state == PG_PCP:
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
        if r.m.page[r.pfn[at]].state == PG_PCP or r.m.page[r.pfn[at]].state == PG_ALLOCATED:
            give_back(r.m, r.pfn[at], r.order[at], r.migratetype[at])
        at = r.ops.next_step[at]
        blocks -= 1
    return at
