"""What reclaim costs, measured in traces whose batches take known times."""

from recap.demand.reclaim_costs import reclaim_costs
from recap.trace import Event, Events
from tests.demand.test_streams import KSWAPD, TASK, trace

INACTIVE, ACTIVE = Event.MM_VMSCAN_LRU_SHRINK_INACTIVE, Event.MM_VMSCAN_LRU_SHRINK_ACTIVE


def kswapd_trace(*batches: tuple[int, dict[str, int]]) -> Events:
    """kswapd wakes and does batches, each given by the us it takes and the event that ends it."""
    rows = [{"event": Event.MM_VMSCAN_KSWAPD_WAKE, "pid": KSWAPD}]
    times = [0]
    for us, fields in batches:
        rows.append({"pid": KSWAPD, **fields})
        times.append(times[-1] + 1000 * us)
    events = trace(*rows)
    events.time[:] = times
    return events


def usual_batches() -> list[tuple[int, dict[str, int]]]:
    """2 us a page scanned, 4 more if it is stolen, 1 a page deactivated; with 10 batches of each kind."""
    idle = (64, {"event": INACTIVE, "a": 32, "b": 0})
    stolen = (192, {"event": INACTIVE, "a": 32, "b": 32})
    active = (32, {"event": ACTIVE, "a": 32, "b": 32})
    return [idle, stolen, active] * 10


def test_each_kind_of_batch_has_its_price() -> None:
    found = reclaim_costs(kswapd_trace(*usual_batches()))
    assert found is not None
    assert (found.scanned, found.stolen, found.deactivated) == (2000, 4000, 1000)
    assert found.delays.tolist() == [0] * 30


def test_a_long_batch_changes_no_price_but_is_kept_as_a_delay() -> None:
    found = reclaim_costs(kswapd_trace(*usual_batches(), (50_064, {"event": INACTIVE, "a": 32})))
    assert found is not None
    assert found.scanned == 2000
    assert found.delays[-1] == 50_000_000


def test_pages_passed_over_are_told_from_pages_judged() -> None:
    found = reclaim_costs(kswapd_trace(*usual_batches(), (64 + 100, {"event": INACTIVE, "a": 32 + 1000})))
    assert found is not None
    assert found.skipped == 100


def test_while_kswapd_waits_for_a_cpu_nothing_is_charged() -> None:
    waiting = [
        (10, {"event": Event.SCHED_SWITCH, "b": TASK}),
        (900, {"event": Event.SCHED_SWITCH, "pid": TASK, "b": KSWAPD}),
        (54, {"event": INACTIVE, "a": 32}),
    ]
    found = reclaim_costs(kswapd_trace(*usual_batches(), *waiting))
    assert found is not None
    assert found.delays.tolist() == [0] * 31


def test_a_kswapd_that_hardly_worked_tells_nothing() -> None:
    assert reclaim_costs(kswapd_trace((192, {"event": INACTIVE, "a": 32, "b": 32}))) is None
