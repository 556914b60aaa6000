"""Ticks, told by when tasks are preempted."""

import numpy as np

from recap.demand.ticks import tick_phases
from recap.kernel import TICK_NS
from recap.trace import Event, Events
from recap.trace.event import TASK_INTERRUPTIBLE, TASK_REPORT_MAX
from tests.demand.test_streams import trace


def preempted_at(times: np.ndarray[tuple[int], np.dtype[np.int64]], state: int = TASK_REPORT_MAX) -> Events:
    """A task that is taken off CPU 0 at these times, and off CPU 1 just then."""
    rows = [{"event": Event.SCHED_SWITCH, "a": state, "cpu": cpu} for _ in times for cpu in (0, 1)]
    events = trace({"event": Event.TRACE_MARKER}, *rows)
    events.time[1:] = np.repeat(times, 2)
    return events


def test_most_preemptions_tell_the_tick() -> None:
    ticks = 1_500_000 + TICK_NS * np.arange(40)
    others = np.random.default_rng(0).integers(40 * TICK_NS, size=20)
    found = tick_phases(preempted_at(np.sort(np.append(ticks, others))))
    assert (np.abs(found - 1_500_000) < 200_000).all()
    assert len(found) == 2


def test_preemptions_at_any_time_tell_none() -> None:
    assert not len(tick_phases(preempted_at(np.random.default_rng(0).integers(400 * TICK_NS, size=400))))


def test_going_to_sleep_tells_none() -> None:
    assert not len(tick_phases(preempted_at(TICK_NS * np.arange(40), TASK_INTERRUPTIBLE)))
