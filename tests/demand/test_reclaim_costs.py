"""What reclaim costs, measured in traces whose batches take known times."""

import numpy as np

from recap.demand.reclaim_costs import Passes, reclaim_costs
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
    assert (found.first_delays.tolist(), found.delays.tolist()) == ([0], [0] * 29)


def test_batches_of_generations_have_64_pages_and_pass_over_more() -> None:
    """6 us a page evicted, 1 a page that was sorted into a younger generation."""
    evicted = (6 * 64, {"event": INACTIVE, "a": 64, "b": 64})
    between = (6 * 64 + 1000, {"event": INACTIVE, "a": 1064, "b": 64})
    found = reclaim_costs(kswapd_trace(*[evicted, between] * 10))
    assert found is not None
    assert (found.scanned + found.stolen, found.skipped, found.batch) == (6000, 1000, 64)


def test_a_long_batch_changes_no_price_but_is_kept_as_a_delay() -> None:
    found = reclaim_costs(kswapd_trace(*usual_batches(), (50_064, {"event": INACTIVE, "a": 32})))
    assert found is not None
    assert found.scanned == 2000
    assert found.delays[-1] == 50_000_000


def test_what_follows_a_pass_is_told_from_what_follows_a_batch() -> None:
    """A pass ends with a last, smaller batch of its list; the next begins 500 us and 2 ms later than a batch would."""
    whole, last = (192, {"event": INACTIVE, "a": 32, "b": 32}), (48, {"event": INACTIVE, "a": 8, "b": 8})
    passes = [whole, last, (192 + 500, whole[1]), whole, whole, whole, last, (192 + 2000, whole[1])]
    found = reclaim_costs(kswapd_trace(*usual_batches(), *passes))
    assert found is not None
    assert found.passes.pages.tolist() == [4 * 32 + 8, 31 * 32 + 8]
    assert found.passes.took.tolist() == [2_000_000, 500_000]
    assert found.delays.tolist() == [0] * 35


def test_a_pass_whose_first_batch_took_less_than_its_pages_account_for_is_followed_by_less_than_nothing() -> None:
    whole, last = (192, {"event": INACTIVE, "a": 32, "b": 32}), (48, {"event": INACTIVE, "a": 8, "b": 8})
    found = reclaim_costs(kswapd_trace(*usual_batches(), last, (192 - 20, whole[1])))
    assert found is not None
    assert found.passes.took.tolist() == [-20_000]


def test_the_first_batch_of_a_round_is_told_from_the_others() -> None:
    wake: tuple[int, dict[str, int]] = (0, {"event": Event.MM_VMSCAN_KSWAPD_WAKE})
    found = reclaim_costs(kswapd_trace(*usual_batches(), wake, (64 + 30, {"event": INACTIVE, "a": 32})))
    assert found is not None
    assert (found.first_delays.tolist(), found.delays.tolist()) == ([0, 30_000], [0] * 29)


def test_a_larger_pass_is_followed_by_more_in_proportion() -> None:
    passes = Passes(np.array([100, 200, 400]), np.array([1000, 2000, 4000]))
    assert passes.after(800).tolist() == [8000, 8000, 8000]
    assert Passes().after(800).tolist() == [0]


def test_every_recorded_pass_of_a_size_tells_what_follows_one() -> None:
    passes = Passes(np.array([1, *[100] * 20, 9000]), np.array([50, *range(20), 50]))
    assert passes.after(100).tolist() == list(range(20))


def test_direct_reclaim_has_delays_of_its_own() -> None:
    """Its batches take 10 us more each; what comes after the last one belongs to it."""
    begin, end = Event.MM_VMSCAN_DIRECT_RECLAIM_BEGIN, Event.MM_VMSCAN_DIRECT_RECLAIM_END
    batch = (202, {"pid": TASK, "event": INACTIVE, "a": 32, "b": 32})
    switch = (0, {"event": Event.SCHED_SWITCH, "b": TASK})
    direct = [switch, (5, {"pid": TASK, "event": begin}), *[batch] * 10, (7, {"pid": TASK, "event": end})]
    found = reclaim_costs(kswapd_trace(*usual_batches(), *direct))
    assert found is not None
    assert found.direct_delays.tolist() == [10_000] * 9 + [17_000]
    assert found.delays.tolist() == [0] * 29


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
    assert found.delays.tolist() == [0] * 30


def test_a_kswapd_that_hardly_worked_tells_nothing() -> None:
    assert reclaim_costs(kswapd_trace((192, {"event": INACTIVE, "a": 32, "b": 32}))) is None
