"""Order within a CPU: an interrupt may come between an operation and its report, or find the lists' lock taken."""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import STATE_PCP
    from recap.mm.free_area import free_list
    from recap.mm.page_alloc import gfp_migratetype
    from recap.mm.pcplist import nr_pcp_free, nr_pcp_high, pcp_allowed_order, refill_batch, would_drain
    from recap.pages import get_pageblock_migratetype, list_empty, page_zone, pcp_list, zone_pcp
    from recap.sim.open_loop.operations import FREE, LOCKED_OUT, MAYBE_LOCKED_OUT, NEVER
    from recap.sim.open_loop.percpu import take_told_late
    from recap.sim.open_loop.replay import LATE_REPORTS, Replay, pcp_number, requested_pindex
    from recap.trace.event import IN_INTERRUPT, Event

    NO_INTERRUPT, IN_INTERRUPT_NOW, FOUND_LOCK = range(3)  # what a CPU is doing


def enter_interrupt(r: Replay, i: int) -> None:
    """An interrupt's first operation: what it interrupts may have been done, and not yet reported."""
    c = r.cpu[i]
    r.interrupt[c] = IN_INTERRUPT_NOW
    r.interrupted[c] = r.pid[i]
    for zone in range(r.m.nr_zones):
        p = zone_pcp(r.m, zone, c)
        r.factor_before[p] = r.m.pcp[p].free_factor
        r.freed_since[p] = 0


def interrupted_this(r: Replay, i: int) -> bool:
    """Was the last that this CPU did an interrupt of the task that now reports?"""
    return r.interrupt[r.cpu[i]] != NO_INTERRUPT and r.interrupted[r.cpu[i]] == r.pid[i]


def made_before_interrupt(r: Replay, i: int, p: int) -> bool:
    """Make an allocation that was made before the interrupt which the trace shows first; False if it was not.

    If the interrupt freed frames onto the same list, the frame tells. If not, only how much the next drain gives back
    will tell, by the free factor: both values are kept until then.
    """
    if not pcp_allowed_order(r.m, r.order[i]):
        return False
    factor = (r.factor_before[p] >> 1) + r.m.pcp[p].free_factor - r.factor_before[p]
    head = pcp_list(r.m, p, requested_pindex(r, i))
    if r.m.page[head].next == r.pfn[i] or r.m.page[r.pfn[i]].state != STATE_PCP:
        r.other_factor[p] = factor
        return False
    pfn = r.m.page[head].next
    ahead = r.freed_since[p]
    while pfn != head and pfn != r.pfn[i] and ahead > 0:
        pfn = r.m.page[pfn].next
        ahead -= 1
    if pfn != r.pfn[i]:
        return False
    take_told_late(r, p, r.pfn[i])
    r.m.pcp[p].free_factor = factor
    return True


def made_before_switch(r: Replay, i: int, p: int) -> bool:
    """Make an allocation whose task was put aside before it could report it; False if it was not.

    All frames ahead of its own on the list must have been freed since the task did anything.
    """
    if not pcp_allowed_order(r.m, r.order[i]) or r.m.page[r.pfn[i]].state != STATE_PCP:
        return False
    head = pcp_list(r.m, p, requested_pindex(r, i))
    pfn = r.m.page[head].next
    if pfn == r.pfn[i]:
        return False
    while pfn != head and pfn != r.pfn[i] and r.freed_at[pfn] > r.ops.asked[i]:
        pfn = r.m.page[pfn].next
    if pfn != r.pfn[i]:
        return False
    take_told_late(r, p, r.pfn[i])
    r.m.pcp[p].free_factor >>= 1
    r.m.pcp[p].free_count >>= 1
    return True


def pages_of_run(r: Replay, i: int) -> int:
    """The pages of all blocks of a run of steps."""
    pages = 0
    while i != NEVER:
        pages += 1 << r.order[i]
        i = r.ops.next_step[i]
    return pages


def amount_with(r: Replay, p: int, factor: int) -> int:
    """How much a CPU's lists would give back if their free factor were this."""
    kept = r.m.pcp[p].free_factor
    r.m.pcp[p].free_factor = factor
    amount = nr_pcp_free(r.m, p, nr_pcp_high(r.m, p // r.m.nr_cpus, p, False), False)
    r.m.pcp[p].free_factor = kept
    return amount


def distance(a: int, b: int) -> int:
    """How far two amounts are apart."""
    return a - b if a > b else b - a


def choose_factor(r: Replay, i: int, p: int) -> None:
    """Of two free factors take the one that explains how much the kernel gave back."""
    factor = r.m.pcp[p].free_factor
    if r.other_factor[p] >= 0 and r.other_factor[p] != factor:
        pages = pages_of_run(r, i)
        if distance(pages, amount_with(r, p, r.other_factor[p])) < distance(pages, amount_with(r, p, factor)):
            r.m.pcp[p].free_factor = r.other_factor[p]
            r.inferred[LATE_REPORTS] += 1
    r.other_factor[p] = -1


def last_before_return(r: Replay, i: int) -> int:
    """The last free of the interrupt that comes right behind this free of a task; NEVER if there is none."""
    c = r.cpu[i]
    last = NEVER
    j = i + 1
    while j < len(r.event) and (r.cpu[j] != c or r.context[j] & IN_INTERRUPT != 0):
        if r.cpu[j] == c and r.event[j] == Event.MM_PAGE_FREE:
            last = j
        j += 1
    return last


def taken_next(r: Replay, i: int, c: int) -> bool:
    """Is the next that is told of a freed frame that this CPU allocates it?"""
    k = r.ops.following[i]
    return k != NEVER and r.event[k] == Event.MM_PAGE_ALLOC and r.cpu[k] == c


def same_list(r: Replay, i: int, k: int) -> bool:
    """Do two freed frames go to the same per-cpu list?"""
    a = r.pfn[i]
    b = r.pfn[k]
    return (
        r.order[i] == r.order[k]
        and page_zone(r.m, a) == page_zone(r.m, b)
        and get_pageblock_migratetype(r.m, a) == get_pageblock_migratetype(r.m, b)
    )


def done_after_interrupt(r: Replay, i: int) -> bool:
    """Was this free, reported before those of an interrupt, done after them? Then its frame is taken first.

    A per-cpu list hands out first what was freed last; the frame is put there after the free is reported.
    """
    if r.event[i] != Event.MM_PAGE_FREE or r.context[i] & IN_INTERRUPT:
        return False
    k = last_before_return(r, i)
    if k == NEVER or not same_list(r, i, k):
        return False
    if not taken_next(r, i, r.cpu[i]) or not taken_next(r, k, r.cpu[i]):
        return False
    if r.ops.since[r.ops.following[i]] == i:  # the task's own: it may have taken the frame before the interrupt
        return False
    return r.ops.following[i] < r.ops.following[k]


def look_ahead(r: Replay, i: int) -> None:
    """Go through the frees of an interrupt, of which this is the first: does a frame's next use tell that they found
    the lists locked, and no other's that they did not? It is the same for all of them."""
    c = r.cpu[i]
    locked = False
    reached = False
    j = i
    while j < len(r.event) and (r.cpu[j] != c or r.context[j] & IN_INTERRUPT != 0):
        k = r.ops.following[j]
        if r.cpu[j] == c and r.event[j] == Event.MM_PAGE_FREE and k != NEVER:
            locked = locked or r.event[k] == Event.MM_PAGE_ALLOC_ZONE_LOCKED
            reached = reached or r.event[k] == Event.MM_PAGE_ALLOC or r.event[k] == Event.MM_PAGE_PCPU_DRAIN
        j += 1
    r.looked_until[c] = j
    r.all_locked_out[c] = locked and not reached


def locked_out(r: Replay, i: int) -> bool:
    """Did this free find the per-cpu lists locked, so that it went to the free lists? (free_unref_page)

    What the trace says of its frame next may decide: from a per-cpu list it is taken or drained, else it is taken from
    the free lists. It did while another CPU emptied them. In an interrupt it did where the lock is known to have been
    held; and where a frame of the interrupt's is taken from the free lists next, not drained before. Where the lock may
    have been held, it did if the lists would have given back otherwise, and the kernel's did not; and so did what else
    the interrupt freed.
    """
    k = r.ops.following[i]
    if k != NEVER and (r.event[k] == Event.MM_PAGE_ALLOC or r.event[k] == Event.MM_PAGE_PCPU_DRAIN):
        return False
    if r.ops.role[i] == FREE and r.m.nr_cpus > 1 and r.drain_until[pcp_number(r, i)] > i:
        return True
    if not r.context[i] & IN_INTERRUPT:
        passed = k != NEVER and r.m.nr_cpus > 1 and r.event[k] == Event.MM_PAGE_ALLOC_ZONE_LOCKED
        return passed and pcp_allowed_order(r.m, r.order[i])
    if i >= r.looked_until[r.cpu[i]]:
        look_ahead(r, i)
    if r.ops.partner[i] == LOCKED_OUT or r.interrupt[r.cpu[i]] == FOUND_LOCK or r.all_locked_out[r.cpu[i]]:
        return True
    if k != NEVER and r.event[k] == Event.MM_PAGE_ALLOC_ZONE_LOCKED:
        return True
    if r.ops.partner[i] != MAYBE_LOCKED_OUT:
        return False
    if r.ops.role[i] != FREE or not pcp_allowed_order(r.m, r.order[i]):
        return False
    p = pcp_number(r, i)
    return would_drain(r.m, p // r.m.nr_cpus, p, r.order[i])


def blocks_taken(r: Replay, at: int) -> int:
    """How many blocks a run of steps takes."""
    blocks = 0
    while at != NEVER:
        blocks += r.event[at] == Event.MM_PAGE_ALLOC_ZONE_LOCKED
        at = r.ops.next_step[at]
    return blocks


def more_to_take(r: Replay, zone: int, order: int, migratetype: int) -> bool:
    """Could a second block of this order be taken without falling back to another type?"""
    for current in range(order, r.m.max_order):
        head = free_list(r.m, zone, current, migratetype)
        first = r.m.page[head].next
        if first != head and (current > order or r.m.page[first].next != head):
            return True
    return False


def usual_batch(r: Replay, p: int, order: int) -> int:
    """How many blocks a list would be filled with now."""
    factor = r.m.pcp[p].alloc_factor
    noted = r.m.pcp[p].last_refill
    batch = refill_batch(r.m, p // r.m.nr_cpus, p, order)
    r.m.pcp[p].alloc_factor = factor
    r.m.pcp[p].last_refill = noted
    return batch


def taken_past_lists(r: Replay, alloc: int, at: int, p: int) -> bool:
    """Did an allocation find its per-cpu lists locked, so that it went to the free lists? (rmqueue_pcplist, rmqueue)

    It took one block, where an empty list is filled with more; or, where lists are filled by single blocks, its list
    was not empty, and its task did nothing between another CPU's drain of the lists and this.
    """
    order = r.order[alloc]
    zone = p // r.m.nr_cpus
    if not pcp_allowed_order(r.m, order) or (r.m.nr_cpus == 1 and not r.context[alloc] & IN_INTERRUPT):
        return False
    if blocks_taken(r, at) != 1:
        return False
    if usual_batch(r, p, order) > 1:
        return more_to_take(r, zone, order, gfp_migratetype(r.flags[alloc]))
    return r.ops.since[at] < r.drain_until[p] and not list_empty(r.m, pcp_list(r.m, p, requested_pindex(r, alloc)))
