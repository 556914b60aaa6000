"""What compaction costs, measured in traces whose stages take known times."""

import pytest

from recap.demand.compaction_costs import compaction_costs
from recap.kernel import COMPACT_CONTENDED, COMPACT_SUCCESS
from recap.trace import Event, Events
from tests.demand.test_streams import TASK, trace

ASYNC, SYNC = 0, 1


def compacting(*stages: tuple[int, dict[str, int]]) -> Events:
    """Stages of one task, each given by the us it takes and the event that ends it."""
    events = trace(*(fields for _, fields in stages))
    us = 0
    for i, (took, _) in enumerate(stages):
        us += took
        events.time[i] = 1000 * us
    return events


def compaction(status: int, mode: int) -> list[tuple[int, dict[str, int]]]:
    """64 pages scanned in 128 us, 32 of them moved in 320, to frames found among 128 in 256."""
    return [
        (5, {"event": Event.MM_COMPACTION_BEGIN}),
        (128, {"event": Event.MM_COMPACTION_ISOLATE_MIGRATEPAGES, "flags": 64, "b": 32}),
        (0, {"event": Event.MM_MIGRATE_PAGES_START}),
        (256, {"event": Event.MM_COMPACTION_ISOLATE_FREEPAGES, "flags": 128, "b": 40}),
        (320, {"event": Event.MM_MIGRATE_PAGES, "a": 32}),
        (7, {"event": Event.MM_COMPACTION_END, "a": status, "b": mode}),
    ]


def test_scanning_and_moving_are_priced_apart() -> None:
    found = compaction_costs(compacting(*compaction(COMPACT_SUCCESS, SYNC)))
    assert found is not None
    assert (found.scanned, found.moved) == (2000, 10_000)


def test_waiting_for_a_cpu_costs_nothing() -> None:
    first, *rest = compaction(COMPACT_SUCCESS, SYNC)
    away = [
        (0, {"event": Event.SCHED_SWITCH, "b": 7}),
        (5000, {"event": Event.SCHED_SWITCH, "pid": 7, "b": TASK}),
    ]
    found = compaction_costs(compacting(first, *away, *rest))
    assert found is not None
    assert (found.scanned, found.moved) == (2000, 10_000)


def test_locks_are_met_by_batches_that_must_not_wait() -> None:
    runs = [
        *compaction(COMPACT_CONTENDED, ASYNC),
        *compaction(COMPACT_SUCCESS, ASYNC) * 3,
        *compaction(COMPACT_SUCCESS, SYNC),
    ]
    found = compaction_costs(compacting(*runs))
    assert found is not None
    assert found.contended == pytest.approx(1 / 4)


def test_where_nothing_was_moved_nothing_is_known() -> None:
    assert compaction_costs(compacting((5, {"event": Event.MM_COMPACTION_BEGIN}))) is None
