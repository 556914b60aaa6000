"""A queue of requests that reclaim, if the policy asks for it: nobody takes what they have freed before their turn.

Nick Piggin's sketch of 2008. Each that queues has a head start of its own: others are served before it until they have
taken so many pages as the policy grants, then they wait for it.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.pages import Memory


def join_queue(m: Memory, s: int) -> None:
    """A request that enters reclaim comes last, if the policy wants it to queue."""
    if m.policy.queues(m.sc[s].order):
        m.queue[m.queue_length] = s
        m.queue_length += 1
        m.sc[s].skipped = 0
        m.sc[s].queued = 1


def leave_queue(m: Memory, s: int) -> None:
    """A request is over; those behind it move up."""
    if not m.sc[s].queued:
        return
    m.sc[s].queued = 0
    kept = 0
    for i in range(m.queue_length):
        if m.queue[i] != s:
            m.queue[kept] = m.queue[i]
            kept += 1
    m.queue_length = kept


def must_wait(m: Memory, s: int, order: int) -> bool:
    """Is a request (in reclaim as `s`, or not yet: 0) behind one that has given way enough? Else it has skipped it."""
    if m.queue_length == 0 or m.queue[0] == s:
        return False
    head = m.queue[0]
    if m.policy.waits(order, m.sc[head].order, m.sc[head].skipped):
        return True
    m.sc[head].skipped += 1 << order
    return False
