"""When each CPU's ticks came, from the tasks it switches to then: those a timer wakes, and those that waited for a
slice to end.
"""

from __future__ import annotations

import numpy as np

from recap.kernel import TICK_NS
from recap.pages import Array
from recap.trace import Event, Events
from recap.trace.event import TASK_REPORT_MAX, TASK_STATES

BINS = 20  # of a tick's time
CLEAR = 2.5  # times as many preemptions as on average in one of them: there the tick is
BEFORE_PERCENT = 10  # of these that come sooner after it than usual


def tick_phases(events: Events) -> Array:
    """ns from the start to each CPU's first tick; empty if one of them has no clear one.

    Most preemptions come with a tick; others come at any time between two.
    """
    preempted = (events.event == np.uint8(Event.SCHED_SWITCH)) & (events.pid > 0)
    preempted &= ((events.a & TASK_STATES) == 0) | ((events.a & TASK_REPORT_MAX) != 0)
    rows = np.flatnonzero(preempted)
    found = [phase(events.time[rows[events.cpu[rows] == cpu]] - events.time[0]) for cpu in range(events.cpus)]
    return np.array([] if None in found else found, np.int64)


def phase(times: Array) -> int | None:
    """The time since the last tick, if most of these times come with one; None if they do not."""
    if not len(times):
        return None
    width = TICK_NS // BINS
    since = times % TICK_NS
    count = np.bincount(since // width, minlength=BINS)
    most = int(np.argmax(count))
    if count[most] < CLEAR * len(times) / BINS:
        return None
    return int(np.percentile(since[since // width == most], BEFORE_PERCENT))
