"""What the trace tells later about a frame that the model holds free now: the ground every inference stands on."""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.sim.open_loop.operations import ALLOC, NEVER
    from recap.sim.open_loop.replay import Replay
    from recap.trace.event import Event


def freed_next(r: Replay, pfn: int) -> bool:
    """Is this frame freed next, so that somebody must take it before, unreported?"""
    i = r.ops.upcoming[pfn]
    return i != NEVER and Event.MM_PAGE_FREE <= r.event[i] <= Event.MM_PAGE_FREE_BATCHED


def unheard_of(r: Replay, pfn: int) -> bool:
    """May this frame have been taken unreported: is it freed next, or never heard of again?"""
    return r.ops.upcoming[pfn] == NEVER or freed_next(r, pfn)


def may_be_of(r: Replay, i: int, cpu: int) -> bool:
    """May an allocation have been made on this CPU: where it is reported, or where its task was before?"""
    return r.cpu[i] == cpu or (r.ops.asked[i] != NEVER and r.cpu[r.ops.asked[i]] == cpu)


def reported_late(r: Replay, p: int, pfn: int) -> bool:
    """May the allocation reported next of this frame have been made by now?

    It may if another thread reports it that is or was on the same CPU, and has reported nothing else since: no thread
    has more than one allocation under way.
    """
    i = r.ops.upcoming[pfn]
    return (
        i != NEVER
        and r.event[i] == Event.MM_PAGE_ALLOC
        and may_be_of(r, i, p % r.m.nr_cpus)
        and r.ops.role[i] == ALLOC
        and r.ops.asked[i] < r.now
        and not (r.context[i] == r.context[r.now] and r.pid[i] == r.pid[r.now])
    )


def first_use(r: Replay, block: int, order: int) -> int:
    """The first event to come about a frame of a block; NEVER if there is none."""
    first = len(r.event)
    for pfn in range(block, block + (1 << order)):
        if r.ops.upcoming[pfn] != NEVER and r.ops.upcoming[pfn] < first:
            first = r.ops.upcoming[pfn]
    return first if first < len(r.event) else NEVER


def used_untaken(r: Replay, block: int, order: int) -> bool:
    """Is a frame of this free block freed, or put on an LRU list, before any is taken from the free lists?"""
    i = first_use(r, block, order)
    return i != NEVER and (r.event[i] == Event.MM_PAGE_FREE or r.event[i] == Event.MM_LRU_INSERTION)


def used_taken(r: Replay, block: int, order: int) -> bool:
    """Is a frame of this free block used before it is freed or put on an LRU list, so that it must stay free now?"""
    i = first_use(r, block, order)
    return i != NEVER and r.event[i] != Event.MM_PAGE_FREE and r.event[i] != Event.MM_LRU_INSERTION
