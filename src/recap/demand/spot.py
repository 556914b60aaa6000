"""Where in a trace the first snapshot was taken."""

from __future__ import annotations

import numpy as np

from recap.errors import InputError
from recap.trace import Event, Events


def snapshot_spot(events: Events) -> int:
    """The first event after the snapshot: the guest stood still for it, so the widest silence before START marks it.

    Errors:
        InputError: there is no START mark, or nothing was traced before it.
    """
    marks = np.flatnonzero(events.event == np.uint8(Event.TRACE_MARKER))
    starts = [int(i) for i in marks if events.marks[int(events.a[i])] == "START"]
    if not starts or starts[0] < 2:
        mend = "write START to trace_marker after the snapshot, before the load"
        raise InputError("trace.dat", "trace markers", "nothing marks the spot of the snapshot", mend)
    return int(np.diff(events.time[: starts[0] + 1]).argmax()) + 1
