"""Page capture replayed: which page is captured, what it merges with, what is handed over and given back.

The trace says when a direct reclaim opens a capture, which pages it releases, and when it settles; what becomes of the
pages is the model's to say (`mm/capture.py`), step by step, and is held against the kernel's steps.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import ALLOC_WMARK_MASK, CAPTURE_IDLE, NONE, PG_LRU, PG_SHMEM, STATE_ALLOCATED
    from recap.mm.capture import capture_alloc_or_return, capture_page, close_capture, open_capture, wants_page
    from recap.mm.page_alloc import gfp_to_alloc_flags, gfp_zone
    from recap.mm.watermark import wmark_pages, zone_watermark_ok
    from recap.pages import list_empty, page_zone
    from recap.sim.open_loop.capture_truth import believe, believe_verdict, undo
    from recap.sim.open_loop.counters import unseen
    from recap.sim.open_loop.operations import (
        CAPTURE_CLOSE,
        CAPTURE_CLOSED,
        CAPTURE_OPEN,
        CAPTURE_SETTLE,
        CAPTURE_WRITE,
        NEVER,
        NO_ROLE,
    )
    from recap.sim.open_loop.replay import CAPTURE_STEP, LAGGING_COUNTERS, Replay, deviate
    from recap.sim.open_loop.searches import used_unreported
    from recap.trace.event import CaptureMode, CaptureStep, Event


def apply_capture(r: Replay, i: int, role: int) -> None:
    """A capture begins, is settled, or ends."""
    t = r.ops.thread(i)
    if role == CAPTURE_OPEN:
        opened(r, i, t)
    elif role == CAPTURE_SETTLE:
        settled(r, i, t)
    elif role == CAPTURE_CLOSE:
        emptied(r, i, t)
    elif role == CAPTURE_CLOSED:
        closed(r, i, t)
    elif role == CAPTURE_WRITE:
        r.captures.off_lru_until[r.pfn[i]] = r.ops.partner[i]


def opened(r: Replay, i: int, t: int) -> None:
    """A direct reclaim opens a capture."""
    slot = 0
    while slot < len(r.captures.block) and r.m.capture[slot].state != CAPTURE_IDLE:
        slot += 1
    step = r.a[i]
    r.captures.counted[step] += 1
    if slot == len(r.captures.block) or open_capture(r.m, slot, r.flags[i], 1) < 0:
        deviate(r, CAPTURE_STEP, i, NONE)
        return
    r.captures.exact[step] += 1
    r.captures.slot[t] = slot
    r.captures.block[slot] = NONE
    r.captures.has_map[slot] = r.captures.order[i] == CaptureMode.KOSAKI_MAP
    r.captures.gfp[slot] = r.flags[r.ops.partner[i]] if r.ops.partner[i] != NEVER else 0


def captured(r: Replay, i: int) -> None:
    """The kernel captured a page that reclaim was about to release."""
    t = r.ops.thread(i)
    pfn = r.pfn[i]
    come_to(r, t, r.ops.partner[i])
    if r.m.page[pfn].state != STATE_ALLOCATED:
        used_unreported(r, pfn)
    r.freed_at[pfn] = i
    if r.captures.slot[t] >= 0 and r.m.page[pfn].state == STATE_ALLOCATED:
        note_mappings(r, r.captures.slot[t], pfn, True)
        capture_page(r.m, r.captures.slot[t], pfn)
        note_mappings(r, r.captures.slot[t], pfn, False)
    compare_steps(r, t, r.ops.partner[i])


def left_alone(r: Replay, i: int) -> None:
    """The kernel did not capture a page that reclaim releases: would the model?"""
    t = r.ops.thread(i)
    slot = r.captures.slot[t]
    if slot < 0:
        return
    note_mappings(r, slot, r.pfn[i], True)
    if wants_page(r.m, slot, r.pfn[i]):
        step = CaptureStep.OWN
        r.captures.extra[step] += 1
        deviate(r, CAPTURE_STEP, i, r.pfn[i])
    note_mappings(r, slot, r.pfn[i], False)


def note_mappings(r: Replay, slot: int, pfn: int, asking: bool) -> None:
    """Of the block around a page, while it is asked what reclaim can free there: which pages off their lists have a
    mapping?

    Those on their way to one do (lru_cache_add).
    """
    order = r.m.capture[slot].wanted
    at = pfn & ~((1 << order) - 1)
    end = at + (1 << order)
    while at < end:
        next_use = r.ops.upcoming[at]
        if r.m.page[at].state == STATE_ALLOCATED and next_use != NEVER and r.event[next_use] == Event.MM_LRU_INSERTION:
            r.m.page[at].flags |= PG_LRU
        if at != pfn and lost_mapping(r, slot, at):
            if asking:
                r.m.page[at].flags &= ~PG_LRU
            else:
                r.m.page[at].flags |= PG_LRU
        at += 1


def lost_mapping(r: Replay, slot: int, pfn: int) -> bool:
    """Is a page of shared memory being written to swap? It has left its mapping (shmem_writepage).

    A map of the pages that reclaim cannot free takes no notice.
    """
    return (
        not r.captures.has_map[slot] and r.captures.off_lru_until[pfn] > r.now and r.m.page[pfn].flags & PG_SHMEM != 0
    )


def settled(r: Replay, i: int, t: int) -> None:
    """A batch is over: a block may be handed over, all else goes free."""
    come_to(r, t, i)
    slot = r.captures.slot[t]
    if slot >= 0:
        alloc_flags = gfp_to_alloc_flags(r.m, r.captures.gfp[slot], r.m.capture[slot].wanted)
        settle_counter(r, verdict_of(r, i), t, alloc_flags)
        r.captures.block[slot] = capture_alloc_or_return(r.m, slot, alloc_flags, r.captures.gfp[slot])
        for zone in range(r.m.nr_zones):
            r.m.zone[zone].vm_stat_diff = 0
    compare_steps(r, t, i)


def verdict_of(r: Replay, head: int) -> int:
    """The step of a settlement that hands its block over or refuses it; NEVER if there was none that fits."""
    at = head
    while of_group(r, at, head):
        if r.a[at] == CaptureStep.HANDED or r.a[at] == CaptureStep.REFUSED:
            return at
        at = r.ops.next_step[at]
    return NEVER


def settle_counter(r: Replay, verdict: int, t: int, alloc_flags: int) -> None:
    """The block's zone passes its watermark as the kernel's did; if need be its counter is let lag, within limits.

    The test comes when all else has gone free.
    """
    if verdict == NEVER:
        return
    slot = r.captures.slot[t]
    zone = page_zone(r.m, r.pfn[verdict])
    wanted = r.a[verdict] == CaptureStep.HANDED
    mark = wmark_pages(r.m, zone, alloc_flags & ALLOC_WMARK_MASK)
    highest = gfp_zone(r.captures.gfp[slot])
    released = pages_in_zone(r, slot, zone) - (1 << r.m.capture[slot].wanted)
    r.m.zone[zone].vm_stat_diff = -released
    if zone_watermark_ok(r.m, zone, 0, mark, highest, alloc_flags) == wanted:
        r.m.zone[zone].vm_stat_diff = 0
        return
    r.m.zone[zone].vm_stat_diff = -unseen(r, zone, 1) if wanted else unseen(r, zone, -1)
    r.m.zone[zone].vm_stat_diff -= released
    if zone_watermark_ok(r.m, zone, 0, mark, highest, alloc_flags) == wanted:
        r.inferred[LAGGING_COUNTERS] += 1
        r.m.zone[zone].vm_stat_diff += released
    else:
        r.m.zone[zone].vm_stat_diff = 0


def pages_in_zone(r: Replay, slot: int, zone: int) -> int:
    """The pages of a capture list that are a zone's."""
    head = r.m.capture_heads + slot
    pages = 0
    pfn = r.m.page[head].next
    while pfn != head:
        if page_zone(r.m, pfn) == zone:
            pages += 1 << r.m.page[pfn].order
        pfn = r.m.page[pfn].next
    return pages


def emptied(r: Replay, i: int, t: int) -> None:
    """Direct reclaim is over: what is on the list still goes free."""
    come_to(r, t, i)
    if r.captures.slot[t] >= 0:
        close_capture(r.m, r.captures.slot[t])
    compare_steps(r, t, i)


def closed(r: Replay, i: int, t: int) -> None:
    """A direct reclaim reports what it came to: the kernel's list is empty."""
    come_to(r, t, i)
    slot = r.captures.slot[t]
    if slot < 0:
        return
    if r.m.capture[slot].state != CAPTURE_IDLE or not list_empty(r.m, r.m.capture_heads + slot):
        close_capture(r.m, slot)
        compare_steps(r, t, i)
    r.captures.handed[t] = r.captures.block[slot]
    r.captures.slot[t] = -1


def come_to(r: Replay, t: int, head: int) -> None:
    """Before a group: steps of joining blocks that the model did not make are made now."""
    while r.captures.at[t] != NEVER and r.captures.at[t] < head:
        deviate(r, CAPTURE_STEP, r.captures.at[t], NONE)
        count_step(r, t, False)


def joined(r: Replay, i: int) -> None:
    """Blocks that were freed joined captured ones in the model: did they in the kernel?"""
    compare_steps(r, r.ops.thread(i), NEVER)


def of_group(r: Replay, at: int, head: int) -> bool:
    """Is a step one of the group with this head, and not of one that comes later?"""
    return at != NEVER and (at == head or r.ops.role[at] == NO_ROLE)


def same_step(r: Replay, t: int, head: int, k: int) -> bool:
    """Is the model's k-th step the next of the kernel's?"""
    at = r.captures.at[t]
    return (
        of_group(r, at, head)
        and r.pfn[at] == r.m.capture_steps[k].pfn
        and r.a[at] == r.m.capture_steps[k].event
        and r.order[at] == r.m.capture_steps[k].order
    )


def compare_steps(r: Replay, t: int, head: int) -> None:
    """Hold the model's steps against the kernel's; NEVER for the head: steps of joining blocks, whose group is open."""
    n = r.m.nr_capture_steps
    k = 0
    while k < n and same_step(r, t, head, k):
        count_step(r, t, True)
        k += 1
    if k < n or (head != NEVER and of_group(r, r.captures.at[t], head)):
        differ(r, t, head, k)
    r.m.nr_capture_steps = 0


def count_step(r: Replay, t: int, exact: bool) -> None:
    """Count the thread's next step, and go on to the one after it; one that the model did not make is believed."""
    at = r.captures.at[t]
    r.captures.counted[r.a[at]] += 1
    r.captures.exact[r.a[at]] += exact
    if not exact:
        believe(r, t, at)
    r.captures.at[t] = r.ops.next_step[at]


def differ(r: Replay, t: int, head: int, k: int) -> None:
    """From the model's k-th step on the two went different ways: the model's are undone, the kernel's believed."""
    at = r.captures.at[t]
    wrong = r.m.capture_steps[k].pfn if k < r.m.nr_capture_steps else NONE
    deviate(r, CAPTURE_STEP, at if of_group(r, at, head) else NEVER, wrong)
    for j in range(r.m.nr_capture_steps - 1, k - 1, -1):
        r.captures.extra[r.m.capture_steps[j].event] += 1
        undo(r, t, j)
    if head == NEVER:
        return
    believe_verdict(r, t, head)
    while of_group(r, r.captures.at[t], head):
        count_step(r, t, False)
