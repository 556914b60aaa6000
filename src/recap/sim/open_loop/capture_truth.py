"""Setting captured blocks to the kernel's truth after the model went another way.

The parts of a block that merged in the kernel only are held apart; they become one when the kernel gives it back.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import CAPTURE_IDLE, CAPTURE_OPEN, CAPTURE_OVER, NONE
    from recap.mm.buddy import free_one_page
    from recap.mm.capture_list import add_captured
    from recap.pages import get_pageblock_migratetype, page_zone
    from recap.sim.open_loop.operations import CAPTURE_SETTLE
    from recap.sim.open_loop.replay import Replay
    from recap.sim.open_loop.truth import make_whole, take_frame
    from recap.trace.event import CaptureStep

    PAUSED = 3  # a list that nothing joins for the moment


def set_free(r: Replay, pfn: int, order: int) -> None:
    """Put a block on a free list, past all captures."""
    take_frame(r.m, pfn, order)
    make_whole(r.m, pfn, order)
    for slot in range(len(r.m.capture)):
        if r.m.capture[slot].state == CAPTURE_OPEN:
            r.m.capture[slot].state = PAUSED
    migratetype = get_pageblock_migratetype(r.m, pfn)
    free_one_page(r.m, page_zone(r.m, pfn), pfn, order, migratetype, False)
    for slot in range(len(r.m.capture)):
        if r.m.capture[slot].state == PAUSED:
            r.m.capture[slot].state = CAPTURE_OPEN


def list_of(r: Replay, t: int) -> int:
    """The list a thread's blocks go to: its own, else, as it frees beside somebody's, any that is open; -1 if none."""
    if r.captures.slot[t] >= 0:
        return r.captures.slot[t]
    for slot in range(len(r.m.capture)):
        if r.m.capture[slot].state != CAPTURE_IDLE:
            return slot
    return -1


def hold(r: Replay, t: int, pfn: int, order: int) -> None:
    """Make a block a captured one."""
    take_frame(r.m, pfn, order)
    slot = list_of(r, t)
    if slot >= 0:
        add_captured(r.m, pfn, order, slot)


def undo(r: Replay, t: int, k: int) -> None:
    """Take the model's k-th step back."""
    step = r.m.capture_steps[k].event
    pfn = r.m.capture_steps[k].pfn
    order = r.m.capture_steps[k].order
    if step == CaptureStep.OWN:
        take_frame(r.m, pfn, order)
    elif step in (CaptureStep.NEIGHBOUR, CaptureStep.OUTSIDER):
        set_free(r, pfn, order)
    elif step != CaptureStep.STOLEN:
        hold(r, t, pfn, order)


def believe(r: Replay, t: int, at: int) -> None:
    """Do a step of the kernel's that the model did not do."""
    step = r.a[at]
    pfn = r.pfn[at]
    order = r.order[at]
    if step == CaptureStep.TRIMMED:
        believe_trim(r, t, pfn, order, r.flags[at])
    elif step in (CaptureStep.RETURNED, CaptureStep.REFUSED):
        set_free(r, pfn, order)
    elif step == CaptureStep.HANDED:
        take_frame(r.m, pfn, order)
        slot = r.captures.slot[t]
        if slot >= 0:
            r.captures.block[slot] = pfn
            r.m.capture[slot].state = CAPTURE_OVER
    else:
        hold(r, t, pfn, order)


def believe_trim(r: Replay, t: int, pfn: int, order: int, wanted: int) -> None:
    """Cut a block down: its upper halves go free."""
    hold(r, t, pfn, order)
    high = order
    while high > wanted:
        high -= 1
        set_free(r, pfn + (1 << high), high)


def believe_verdict(r: Replay, t: int, head: int) -> None:
    """Of a settlement nothing is handed over until the kernel says so."""
    slot = r.captures.slot[t]
    if slot >= 0 and r.ops.role[head] == CAPTURE_SETTLE:
        r.captures.block[slot] = NONE
        r.m.capture[slot].state = CAPTURE_OPEN
