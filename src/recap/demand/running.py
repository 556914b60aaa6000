"""How long a task had run by each of its events."""

from __future__ import annotations

import numpy as np

from recap.pages import Array
from recap.trace import Event, Events


def own_time(events: Events, pid: int) -> tuple[Array, Array]:
    """(rows, ns): the events of a task and the switches to it, and how long it had run by each."""
    own = events.pid == pid
    rows = np.flatnonzero(own | ((events.event == np.uint8(Event.SCHED_SWITCH)) & (events.b == pid)))
    gone = np.diff(events.time[rows], prepend=events.time[rows[:1]])
    gone[~own[rows]] = 0  # it was not running before it is switched to
    return rows, np.cumsum(gone)
