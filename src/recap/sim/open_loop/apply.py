"""Every operation of the trace done on the model: what it would hand out is predicted, compared, then set right."""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import MIGRATE_PCPTYPES, NONE, PG_LRU, STATE_ALLOCATED, STATE_PCP
    from recap.mm.migratetype import unreserve_highatomic_pageblock
    from recap.mm.page_alloc import (
        free_pages,
        free_to_buddy,
        free_unref_page,
        gfp_migratetype,
        gfp_zone,
        preferred_zone,
    )
    from recap.mm.pcplist import (
        decay_pcp_high,
        drain_pages_zone,
        order_to_pindex,
        pcp_allowed_order,
        refill_batch,
        rmqueue_bulk,
        would_drain,
    )
    from recap.mm.tracepoints import discard_emitted
    from recap.pages import get_pageblock_migratetype, list_empty, page_zone, pcp_list, zone_pcp
    from recap.sim.open_loop.captures import apply_capture, captured, joined, left_alone
    from recap.sim.open_loop.compactors import follow, forget_hints, frame_used, page_moved
    from recap.sim.open_loop.counters import believe_zone, predict
    from recap.sim.open_loop.evidence import may_be_of
    from recap.sim.open_loop.interrupts import (
        FOUND_LOCK,
        NO_INTERRUPT,
        choose_factor,
        done_after_interrupt,
        enter_interrupt,
        interrupted_this,
        locked_out,
        made_before_interrupt,
        made_before_switch,
        taken_past_lists,
    )
    from recap.sim.open_loop.operations import (
        ALLOC,
        CAPTURE,
        CAPTURE_OWNED,
        DECAY,
        DRAIN,
        FOLLOW,
        FREE,
        INSERTION,
        ISOLATE,
        KSWAPD_SLEEP,
        KSWAPD_WAKE,
        NEVER,
        NO_ROLE,
        PASS_BY,
        PREPARE,
        SEARCH,
        TAKE,
    )
    from recap.sim.open_loop.percpu import catch_up, put_away, settle_heads, settle_list
    from recap.sim.open_loop.replay import (
        ALLOCATION,
        DRAIN_STEPS,
        EARLY_SLEEPS,
        EMPTIED_LISTS,
        LATE_FREES,
        LOCKED_LISTS,
        REFILL,
        STRAY_FRAME,
        UNKNOWN_FREE,
        Replay,
        deviate,
        pcp_number,
        requested_pindex,
    )
    from recap.sim.open_loop.searches import find_turned_lists, isolate, searched, used_unreported
    from recap.sim.open_loop.steps import compare_drained, compare_taken
    from recap.sim.open_loop.truth import any_free, give_back, make_whole, pcp_of, put_on_pcp, take_frame
    from recap.trace.event import IN_INTERRUPT, Event


def advance(r: Replay, start: int, stop: int) -> None:
    """Replay the events from `start` up to `stop`."""
    with cython.nogil:
        run(r, start, stop)


def run(r: Replay, start: int, stop: int) -> None:
    """`advance` without the interpreter."""
    for i in range(start, stop):
        if r.event[i] <= Event.MM_LRU_INSERTION and r.pfn[i] != NONE and r.event[i] != Event.MM_PAGE_ALLOC_EXTFRAG:
            r.ops.upcoming[r.pfn[i]] = r.ops.following[i]
        if r.ops.role[i] != NO_ROLE:
            apply(r, i)


def apply(r: Replay, i: int) -> None:
    """Do what an event sets off."""
    role = r.ops.role[i]
    r.now = i
    if role > DRAIN:
        apply_other(r, i, role)
        return
    c = r.cpu[i]
    in_interrupt = r.context[i] & IN_INTERRUPT != 0
    if r.put_off[c] != NEVER and not in_interrupt:
        free_put_off(r, c)
    if r.passing_by[c] != NEVER and not in_interrupt and role != PREPARE:
        free_passing_by(r, c)
    if in_interrupt and r.interrupt[c] == NO_INTERRUPT:
        enter_interrupt(r, i)
    cause = r.ops.partner[i] if role == DRAIN else i
    apply_allocator(r, i, role)
    if r.compactors.nr_busy > 0 and role != PREPARE and cause != NEVER and r.event[cause] == Event.MM_PAGE_FREE:
        page_moved(r, cause)
        frame_used(r, cause)
    if r.m.nr_capture_steps > 0:
        joined(r, i)
    if not in_interrupt:
        r.interrupt[c] = NO_INTERRUPT


def free_put_off(r: Replay, c: int) -> None:
    """Do a CPU's free that an interrupt came before."""
    i = r.put_off[c]
    r.put_off[c] = NEVER
    r.inferred[LATE_FREES] += 1
    r.interrupt[c] = NO_INTERRUPT
    free_quietly(r, i)


def apply_allocator(r: Replay, i: int, role: int) -> None:
    """An operation of the page allocator."""
    if role == ALLOC:
        allocate(r, i)
    elif role == FREE and done_after_interrupt(r, i):
        r.put_off[r.cpu[i]] = i
    elif role == FREE:
        free_quietly(r, i)
    elif role == PREPARE:
        prepare(r, i)
    elif role == TAKE:
        take_run(r, i)
    elif role == DRAIN:
        drain_run(r, i)


def apply_other(r: Replay, i: int, role: int) -> None:
    """Something that the allocator's rules depend on."""
    if role == INSERTION:
        inserted(r, i)
    elif role == PASS_BY:
        prepare(r, i)
        r.ops.next_step[i] = r.passing_by[r.cpu[i]]
        r.passing_by[r.cpu[i]] = i
    elif role in (FOLLOW, SEARCH, ISOLATE):
        compaction(r, i, role)
    elif role == CAPTURE:
        captured(r, i)
    elif role > CAPTURE_OWNED:
        apply_capture(r, i, role)
    elif role == DECAY:
        decay(r, i)
    elif role == KSWAPD_WAKE:
        kswapd_woke(r, i)
    elif role == KSWAPD_SLEEP:
        r.next_sleep += 1
        kswapd_sleeps(r)
        forget_hints(r)


def compaction(r: Replay, i: int, role: int) -> None:
    """A compaction goes on."""
    if role == SEARCH:
        searched(r, i)
    elif role == ISOLATE:
        isolate(r, i)
    follow(r, i)


def allocate(r: Replay, i: int) -> None:
    """An allocation that took nothing from the free lists: it is served by a per-cpu list."""
    if r.pfn[i] == NONE:
        r.failed += 1
        return
    if allocate_captured(r, i):
        return
    p = where_made(r, i)
    if pcp_allowed_order(r.m, r.order[i]):
        settle_list(r, p, requested_pindex(r, i), r.pfn[i])
    if interrupted_this(r, i) and made_before_interrupt(r, i, p):
        return
    if made_before_switch(r, i, p):
        return
    discard_emitted(r.m)
    predicted = predict(r, i, p % r.m.nr_cpus)
    if r.m.nr_emitted > 0:
        compare_taken(r, NEVER, p, predicted)
    allocated(r, i, predicted, False)


def allocate_captured(r: Replay, i: int) -> bool:
    """An allocation that page capture served: its direct reclaim was handed the block over."""
    predicted = r.captures.handed[r.ops.thread(i)]
    if predicted == NONE:
        return False
    r.captures.handed[r.ops.thread(i)] = NONE
    allocated(r, i, predicted, False)
    return True


def where_made(r: Replay, i: int) -> int:
    """Whose per-cpu lists served an allocation: its CPU's, or that one's where its task was before, if they hold the
    frame."""
    p = pcp_number(r, i)
    if r.m.nr_cpus > 1 and r.m.page[r.pfn[i]].state == STATE_PCP:
        q = pcp_of(r.m, r.pfn[i])
        if may_be_of(r, i, q % r.m.nr_cpus):
            return q
    return p


def take_run(r: Replay, i: int) -> None:
    """Blocks were taken from the free lists: for the allocation that gets the first, or for a bulk allocation."""
    alloc = r.ops.partner[i]
    for c in range(r.m.nr_cpus):
        if r.passing_by[c] != NEVER and taken_in(r, r.pfn[r.passing_by[c]], i):
            free_passing_by(r, c)
    find_turned_lists(r, i)
    first = r.ops.head(i)
    if alloc != NEVER and r.pfn[alloc] == r.pfn[first]:
        r.ops.role[alloc] = NO_ROLE
        at = allocate_taking(r, alloc, i)
        alloc = NEVER
    else:
        at = refill(r, first, i)
    run_goes_on(r, at, TAKE, alloc)


def run_goes_on(r: Replay, at: int, role: int, partner: int) -> None:
    """What is left of a run of steps is another operation."""
    if at != NEVER:
        r.ops.role[at] = role
        r.ops.partner[at] = partner


def allocate_taking(r: Replay, alloc: int, at: int) -> int:
    """An allocation that took blocks from the free lists; the step after its own."""
    p = zone_pcp(r.m, page_zone(r.m, r.pfn[alloc]), r.cpu[at])
    wrong = False
    r.m.pcp[p].locked = taken_past_lists(r, alloc, at, p)
    r.inferred[LOCKED_LISTS] += r.m.pcp[p].locked
    if not r.m.pcp[p].locked and pcp_allowed_order(r.m, r.order[alloc]):
        wrong = holds_strays(r, p, requested_pindex(r, alloc))
    discard_emitted(r.m)
    r.m.pcp[p].last_refill = r.m.pcp[p].locked
    predicted = predict(r, alloc, r.cpu[at])
    r.m.pcp[p].locked = False
    at = compare_taken(r, at, p, predicted)
    allocated(r, alloc, predicted, wrong)
    return at


def refill(r: Replay, first: int, at: int) -> int:
    """A per-cpu list was filled for a bulk allocation; the step after it."""
    zone = page_zone(r.m, r.pfn[first])
    p = pcp_number(r, first)
    order = r.order[first]
    if not pcp_allowed_order(r.m, order) or r.migratetype[first] >= MIGRATE_PCPTYPES:
        return take_unasked(r, first)
    pindex = order_to_pindex(r.migratetype[first], order)
    holds_strays(r, p, pindex)
    discard_emitted(r.m)
    batch = refill_batch(r.m, zone, p, order)
    taken = rmqueue_bulk(r.m, zone, order, batch, pcp_list(r.m, p, pindex), r.migratetype[first], 0)
    r.m.pcp[p].count += taken << order
    return compare_taken(r, at, p, NONE)


def take_unasked(r: Replay, at: int) -> int:
    """A block that no per-cpu list holds was taken, and no allocation of it is reported; the step after it."""
    r.taken += 1
    deviate(r, REFILL, at, NONE)
    take_frame(r.m, r.pfn[at], r.order[at])
    return r.ops.next_step[at]


def holds_strays(r: Replay, p: int, pindex: int) -> bool:
    """The kernel fills a list, so that its own is empty: does the model's hold frames that nothing explains?

    They are put away: the model would have handed out the first.
    """
    head = pcp_list(r.m, p, pindex)
    if list_empty(r.m, head):
        return False
    settle_list(r, p, pindex, NONE)
    if list_empty(r.m, head):
        return False
    deviate(r, STRAY_FRAME, r.now, r.m.page[head].next)
    put_away(r, p, pindex, True)
    return True


def allocated(r: Replay, i: int, predicted: int, wrong: bool) -> None:
    """Compare the model's choice with the kernel's; `wrong` if it is known to be another."""
    r.allocations += 1
    if predicted == r.pfn[i]:
        r.exact += not wrong
        r.mismatched += wrong
        if r.m.page[predicted].state == STATE_ALLOCATED:
            return
    else:
        r.mismatched += 1
        deviate(r, ALLOCATION, i, predicted)
        if predicted != NONE:
            believe_zone(r, r.pfn[i], predicted)
        if predicted != NONE and r.m.page[predicted].state == STATE_ALLOCATED:
            put_aside(r, i, predicted)
    take_frame(r.m, r.pfn[i], r.order[i])


def put_aside(r: Replay, i: int, predicted: int) -> None:
    """Put a block that the kernel did not choose back to the end of where it came from."""
    migratetype = gfp_migratetype(r.flags[i])
    if pcp_allowed_order(r.m, r.order[i]):
        put_on_pcp(r.m, zone_pcp(r.m, page_zone(r.m, predicted), r.cpu[i]), predicted, r.order[i], migratetype)
    else:
        give_back(r.m, predicted, r.order[i], migratetype)


def free_quietly(r: Replay, i: int) -> None:
    """A free after which the kernel's per-cpu lists did not give back."""
    p = pcp_number(r, i)
    zone = p // r.m.nr_cpus
    if pcp_allowed_order(r.m, r.order[i]) and would_drain(r.m, zone, p, r.order[i]):
        catch_up(r, p, r.order[i])
        if would_drain(r.m, zone, p, r.order[i]) and kswapd_may_be_done(r):
            r.inferred[EARLY_SLEEPS] += 1
            kswapd_sleeps(r)
    discard_emitted(r.m)
    free(r, i)
    if r.m.nr_emitted > 0:
        compare_drained(r, NEVER, p)


def drain_run(r: Replay, i: int) -> None:
    """Blocks went back to the free lists: with a free, or unannounced as a CPU's lists are emptied whole."""
    cause = r.ops.partner[i]
    if cause != NEVER and r.event[cause] == Event.MM_VMSCAN_DIRECT_RECLAIM_BEGIN:
        unreserve_highatomic(r, cause)
        cause = NEVER
    at = i
    if cause != NEVER and r.event[cause] == Event.WORKQUEUE_EXECUTE_START:
        at = decay_run(r, cause, i)
    elif cause != NEVER:
        p = pcp_number(r, cause)
        discard_emitted(r.m)
        choose_factor(r, i, p)
        free(r, cause)
        at = compare_drained(r, i, p)
    if at == i:  # no free did it
        at = drain_unannounced(r, i)
    run_goes_on(r, at, DRAIN, NEVER)


def decay(r: Replay, i: int) -> None:
    """A CPU's idle lists may hold less; the kernel's gave nothing back."""
    if not r.m.rules.tuned_pcp:
        return
    discard_emitted(r.m)
    for zone in range(r.m.nr_zones):
        decay_pcp_high(r.m, zone, r.cpu[i])
    if r.m.nr_emitted > 0:
        compare_drained(r, NEVER, zone_pcp(r.m, page_zone(r.m, r.m.emitted[0].pfn), r.cpu[i]))


def decay_run(r: Replay, i: int, at: int) -> int:
    """A CPU's idle lists gave back what they may no longer hold; the step after it."""
    if not r.m.rules.tuned_pcp:
        return at
    discard_emitted(r.m)
    for zone in range(r.m.nr_zones):
        decay_pcp_high(r.m, zone, r.cpu[i])
    return compare_drained(r, at, pcp_number(r, at))


def drain_unannounced(r: Replay, at: int) -> int:
    """A CPU's lists of a zone are emptied (drain_pages_zone): those that hold the first block given back."""
    if r.m.page[r.pfn[at]].state != STATE_PCP:
        r.drained += 1
        deviate(r, DRAIN_STEPS, at, NONE)
        if r.m.page[r.pfn[at]].state == STATE_ALLOCATED:
            give_back(r.m, r.pfn[at], r.order[at], r.migratetype[at])
        return r.ops.next_step[at]
    zone = page_zone(r.m, r.pfn[at])
    p = pcp_of(r.m, r.pfn[at])
    r.inferred[EMPTIED_LISTS] += 1
    if passed_before(r, p - zone * r.m.nr_cpus, at):
        free_passing_by(r, p - zone * r.m.nr_cpus)
    settle_heads(r, p)
    discard_emitted(r.m)
    drain_pages_zone(r.m, zone, p - zone * r.m.nr_cpus)
    return compare_drained(r, at, p)


def unreserve_highatomic(r: Replay, i: int) -> None:
    """Before it empties the per-cpu lists a direct reclaimer gives up a reserved pageblock.

    (__alloc_pages_direct_reclaim)
    """
    zone = preferred_zone(r.m, gfp_zone(r.flags[i]))
    while zone >= 0 and not unreserve_highatomic_pageblock(r.m, zone, gfp_migratetype(r.flags[i]), False):
        zone -= 1


def taken_in(r: Replay, pfn: int, at: int) -> bool:
    """Does a run of steps take this frame?"""
    while at != NEVER and r.pfn[at] != pfn:
        at = r.ops.next_step[at]
    return at != NEVER


def passed_before(r: Replay, c: int, at: int) -> bool:
    """Had a CPU's page that found its lists locked gone free when the drain of these lists began, too?

    What is freed last is taken first: so it had, if a page of the drain is taken before it in the same refill.
    """
    if r.passing_by[c] == NEVER or r.ops.following[r.passing_by[c]] == NEVER:
        return False
    taken = r.ops.following[r.passing_by[c]]
    first = taken
    while r.ops.since[first] != NEVER and r.event[r.ops.since[first]] == Event.MM_PAGE_ALLOC_ZONE_LOCKED:
        first = r.ops.since[first]
    while at != NEVER:
        if first <= r.ops.following[at] < taken and r.pid[r.ops.following[at]] == r.pid[taken]:
            return True
        at = r.ops.next_step[at]
    return False


def free_passing_by(r: Replay, c: int) -> None:
    """Free those pages of a CPU's list that found its per-cpu lists locked.

    That is before the list goes on, and before such a page is taken; sooner only if another CPU's drain tells so.
    """
    while r.passing_by[c] != NEVER:
        i = r.passing_by[c]
        r.passing_by[c] = r.ops.next_step[i]
        if any_free(r.m, r.pfn[i], r.order[i]):
            r.frees_unknown += 1
            deviate(r, UNKNOWN_FREE, i, r.pfn[i])
        else:
            r.inferred[LOCKED_LISTS] += 1
            free_to_buddy(r.m, r.pfn[i], r.order[i])


def free(r: Replay, i: int) -> None:
    """Free a frame where the kernel did; one that the model holds free already is counted, not freed twice."""
    pfn = r.pfn[i]
    if r.order[i] == 0 and r.m.page[pfn].state != STATE_ALLOCATED:
        used_unreported(r, pfn)
    if any_free(r.m, pfn, r.order[i]):
        r.frees_unknown += 1
        deviate(r, UNKNOWN_FREE, i, pfn)
        return
    r.freed_at[pfn] = i
    if r.order[i] > 0:
        make_whole(r.m, pfn, r.order[i])
    if r.interrupt[r.cpu[i]] != NO_INTERRUPT:
        r.freed_since[pcp_number(r, i)] += 1
    if locked_out(r, i):
        r.inferred[LOCKED_LISTS] += 1
        r.interrupt[r.cpu[i]] = FOUND_LOCK
        free_to_buddy(r.m, pfn, r.order[i])
    elif r.event[i] == Event.MM_PAGE_FREE_BATCHED and pcp_allowed_order(r.m, r.order[i]):
        free_unref_page(r.m, r.cpu[i], pfn, r.order[i])
    else:
        free_pages(r.m, r.cpu[i], pfn, r.order[i])


def prepare(r: Replay, i: int) -> None:
    """The pageblock's type is read before a list of pages is put on per-cpu lists (free_unref_page_prepare)."""
    if r.m.page[r.pfn[i]].state != STATE_ALLOCATED:
        used_unreported(r, r.pfn[i])
    if r.ops.partner[i] != NEVER:
        left_alone(r, i)
    r.m.page[r.pfn[i]].migratetype = get_pageblock_migratetype(r.m, r.pfn[i])
    r.m.page[r.pfn[i]].flags = 0


def inserted(r: Replay, i: int) -> None:
    """A page is on an LRU list: fallback takes it for movable."""
    if r.compactors.nr_busy > 0:
        frame_used(r, i)
    if r.m.page[r.pfn[i]].state != STATE_ALLOCATED:
        used_unreported(r, r.pfn[i])
    r.m.page[r.pfn[i]].flags |= PG_LRU


def kswapd_may_be_done(r: Replay) -> bool:
    """Has kswapd nothing more to do before it sleeps, so that it may be done, and only not asleep yet?"""
    return (
        r.next_sleep < r.ops.nr_sleeps
        and r.ops.partner[r.ops.sleeps[r.next_sleep]] < r.now
        and r.m.zone[0].reclaim_active != 0
    )


def kswapd_woke(r: Replay, i: int) -> None:
    """kswapd reclaims: per-cpu lists hold less (set_reclaim_active), and the boost is noted (balance_pgdat)."""
    for z in range(r.m.nr_zones):
        if r.m.zone[z].index <= r.a[i]:
            r.m.zone[z].kswapd_boost = r.m.zone[z].watermark_boost
            r.m.zone[z].reclaim_active = 1


def kswapd_sleeps(r: Replay) -> None:
    """kswapd is done: the boost it found is taken back (balance_pgdat)."""
    for z in range(r.m.nr_zones):
        r.m.zone[z].reclaim_active = 0
        r.m.zone[z].watermark_boost -= min(r.m.zone[z].watermark_boost, r.m.zone[z].kswapd_boost)
        r.m.zone[z].kswapd_boost = 0
