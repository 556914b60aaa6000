"""Frames that leave per-cpu lists unreported, or are reported late, and those that are there in the model only.

Bulk allocations take from the head of a list and report nothing (__alloc_pages_bulk); other allocations are reported
after the page was cleared, which gives interrupts and other CPUs time to be reported first.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import MIGRATE_PCPTYPES, NONE, NR_PCP_LISTS, STATE_ALLOCATED
    from recap.mm.pcplist import take_from_list, would_drain
    from recap.pages import pcp_list
    from recap.sim.open_loop.evidence import freed_next, may_be_of, reported_late, unheard_of
    from recap.sim.open_loop.operations import NEVER, NO_ROLE
    from recap.sim.open_loop.replay import BULK_ALLOCATIONS, LATE_REPORTS, Replay
    from recap.sim.open_loop.truth import give_back, remove_from_pcp
    from recap.trace.event import Event


def take_unreported(r: Replay, p: int, pfn: int) -> None:
    """Take a frame off its per-cpu list for a bulk allocation."""
    take_from_list(r.m, p, pfn, r.m.page[pfn].order)
    r.inferred[BULK_ALLOCATIONS] += 1


def allocate_early(r: Replay, p: int, pfn: int) -> None:
    """Make the allocation of a list's first frame now; the trace reports it later."""
    r.ops.role[r.ops.upcoming[pfn]] = NO_ROLE
    r.m.pcp[p].free_factor >>= 1
    r.m.pcp[p].free_count >>= 1
    take_told_late(r, p, pfn)


def take_told_late(r: Replay, p: int, pfn: int) -> None:
    """Take the frame of an allocation that was made before what the trace shows first."""
    take_from_list(r.m, p, pfn, r.m.page[pfn].order)
    r.inferred[LATE_REPORTS] += 1
    r.allocations += 1
    r.exact += 1


def take(r: Replay, p: int, pfn: int) -> None:
    """Take a list's first frame for whom the trace says had it."""
    if reported_late(r, p, pfn):
        allocate_early(r, p, pfn)
    else:
        take_unreported(r, p, pfn)


def settle_list(r: Replay, p: int, pindex: int, until: int) -> None:
    """Take the frames ahead of `until` (NONE: all) off a list, if every one of them may be gone by now."""
    head = pcp_list(r.m, p, pindex)
    pfn = r.m.page[head].next
    while pfn != head and pfn != until and (unheard_of(r, pfn) or reported_late(r, p, pfn)):
        pfn = r.m.page[pfn].next
    if pfn != (head if until == NONE else until):
        return
    while r.m.page[head].next != pfn:
        take(r, p, r.m.page[head].next)


def settle_heads(r: Replay, p: int) -> None:
    """A CPU's lists are about to be emptied whole: what will not come from their heads had been taken before."""
    for pindex in range(NR_PCP_LISTS):
        head = pcp_list(r.m, p, pindex)
        while r.m.page[head].next != head and (
            freed_next(r, r.m.page[head].next) or reported_late(r, p, r.m.page[head].next)
        ):
            take(r, p, r.m.page[head].next)


def catch_up(r: Replay, p: int, order: int) -> None:
    """The kernel freed without giving back, and the model would give back: something was taken meanwhile.

    By an allocation that is reported late, or by bulk allocations. These take from the head. A frame freed next that
    lies below one which stays longer must be gone by now; of those at the heads as many are taken as it needs.
    """
    zone = p // r.m.nr_cpus
    for pindex in range(NR_PCP_LISTS):
        if would_drain(r.m, zone, p, order):
            catch_up_late(r, p, pindex)
    if not would_drain(r.m, zone, p, order):
        return
    for mt in range(MIGRATE_PCPTYPES):
        catch_up_below(r, p, mt)
    for mt in range(MIGRATE_PCPTYPES):
        catch_up_head(r, p, mt, order)


def catch_up_late(r: Replay, p: int, pindex: int) -> None:
    """Make the allocation of a frame that is reported late and was the list's first when it can have been made."""
    head = pcp_list(r.m, p, pindex)
    pfn = r.m.page[head].next
    since = len(r.event)  # when the first of those ahead was freed
    while pfn != head and since >= 0:
        if reported_late(r, p, pfn) and r.ops.asked[r.ops.upcoming[pfn]] < since:
            allocate_early(r, p, pfn)
            return
        since = min(since, r.freed_at[pfn])
        pfn = r.m.page[pfn].next


def catch_up_below(r: Replay, p: int, pindex: int) -> None:
    """Take those that lie below others."""
    head = pcp_list(r.m, p, pindex)
    pfn = r.m.page[head].next
    seen = NEVER  # until when one of those above stays
    while pfn != head:
        after = r.m.page[pfn].next
        if not freed_next(r, pfn):
            seen = len(r.event) if r.ops.upcoming[pfn] == NEVER else max(seen, r.ops.upcoming[pfn])
        elif seen > r.ops.upcoming[pfn]:
            take_unreported(r, p, pfn)
        pfn = after


def catch_up_head(r: Replay, p: int, pindex: int, order: int) -> None:
    """Take from the head until nothing is given back."""
    head = pcp_list(r.m, p, pindex)
    zone = p // r.m.nr_cpus
    while r.m.page[head].next != head and would_drain(r.m, zone, p, order) and freed_next(r, r.m.page[head].next):
        take_unreported(r, p, r.m.page[head].next)


def put_away_strays(r: Replay, p: int) -> None:
    """After a difference: what cannot be on a CPU's lists, by what is reported of it next, goes where it must be."""
    for pindex in range(NR_PCP_LISTS):
        put_away(r, p, pindex, False)


def belongs(r: Replay, p: int, pfn: int) -> bool:
    """Is the next that is reported of a frame what happens to frames on this CPU's lists?"""
    i = r.ops.upcoming[pfn]
    return (
        i == NEVER
        or r.event[i] == Event.MM_PAGE_PCPU_DRAIN
        or (r.event[i] == Event.MM_PAGE_ALLOC and may_be_of(r, i, p % r.m.nr_cpus))
    )


def put_away(r: Replay, p: int, pindex: int, whole: bool) -> None:
    """Clear one list of strays, or of all it holds, where the kernel's is known to be empty."""
    head = pcp_list(r.m, p, pindex)
    pfn = r.m.page[head].next
    while pfn != head:
        after = r.m.page[pfn].next
        if not whole and belongs(r, p, pfn):
            pfn = after
            continue
        if r.ops.upcoming[pfn] == NEVER or r.event[r.ops.upcoming[pfn]] == Event.MM_PAGE_ALLOC_ZONE_LOCKED:
            give_back(r.m, pfn, r.m.page[pfn].order, r.m.page[pfn].migratetype)
        else:
            remove_from_pcp(r.m, pfn)
            r.m.page[pfn].state = STATE_ALLOCATED
        pfn = after
