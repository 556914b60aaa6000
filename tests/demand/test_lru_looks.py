"""Following the LRU lists: what recorded reclaim looked at and left, on a few events and on a recording."""

from pathlib import Path

import numpy as np
import pytest

from recap.demand.from_trace import number_tasks
from recap.demand.lru_looks import LruLooks, initial_orders, zones
from recap.demand.spot import from_snapshot_on
from recap.trace import Event, Recording
from tests.demand.test_streams import KSWAPD, TASK, alloc, free, trace

RECORDING = Path("recordings/hugetlb-1cpu")
ANON, FILE = 1, 2
KEPT, ACTIVATED = 1, 2
DMA, DMA32 = 0, 1


def followed(*rows: dict[str, int], inactive: list[int], active: list[int] | None = None) -> LruLooks:
    """The file lists, head first, after these events; frames below 8 are of the DMA zone."""
    events = trace(*rows)
    lists = [np.array(frames, np.int64) for frames in ([], [], inactive, active or [])]
    zone = np.where(np.arange(64) < 8, DMA, DMA32).astype(np.int8)
    looks = LruLooks(events, number_tasks(events).who, lists, np.zeros(64, np.uint8), zone)
    looks.follow(0, len(events))
    return looks


def left(looks: LruLooks) -> list[tuple[int, int]]:
    """(frame, what became of it)."""
    _, pfn, found = looks.result()
    return list(zip(pfn.tolist(), found.tolist(), strict=True))


def batch(scanned: int, freed: int = 0, activated: int = 0) -> dict[str, int]:
    """A batch of kswapd's from the inactive file list."""
    fields = {"a": scanned, "b": freed, "order": FILE, "migratetype": activated}
    return {"event": Event.MM_VMSCAN_LRU_SHRINK_INACTIVE, "pid": KSWAPD, **fields}


def test_what_a_batch_did_not_free_was_in_use_and_goes_to_the_head() -> None:
    looks = followed(free(13, pid=KSWAPD), batch(3, freed=1), inactive=[10, 11, 12, 13, 14])
    assert left(looks) == [(14, KEPT), (12, KEPT)]
    assert looks.list(2) == [12, 14, 10, 11]


def test_what_is_written_was_not_in_use() -> None:
    write = {"event": Event.MM_VMSCAN_WRITE_FOLIO, "pid": KSWAPD, "pfn": 14}
    looks = followed(write, batch(2), inactive=[10, 11, 12, 13, 14])
    assert left(looks) == [(13, KEPT)]
    assert looks.list(2) == [13, 14, 10, 11, 12]


def test_who_was_kept_before_is_activated_first() -> None:
    looks = followed(batch(1), batch(2, activated=1), inactive=[10, 11])
    assert left(looks) == [(11, KEPT), (10, KEPT), (11, ACTIVATED)]
    assert looks.list(3) == [11]


def test_pages_of_a_zone_that_is_not_wanted_are_passed_over() -> None:
    wake = {"event": Event.MM_VMSCAN_KSWAPD_WAKE, "pid": KSWAPD, "a": DMA}
    looks = followed(wake, batch(3), inactive=[10, 11, 4, 12])
    assert left(looks) == [(4, KEPT)]
    assert looks.list(2) == [11, 4, 12, 10]


def test_a_batch_of_an_active_list_goes_to_the_inactive_one() -> None:
    shrink = {"event": Event.MM_VMSCAN_LRU_SHRINK_ACTIVE, "pid": KSWAPD, "a": 2, "order": FILE}
    looks = followed(shrink, inactive=[10], active=[20, 21, 22])
    assert (looks.list(2), looks.list(3)) == ([21, 22, 10], [20])


def test_pages_come_and_go() -> None:
    joins = {"event": Event.MM_LRU_INSERTION, "pfn": 30, "a": 2}
    used = {"event": Event.MM_LRU_ACTIVATE, "pfn": 10}
    looks = followed(alloc(30), joins, used, free(11, pid=TASK), inactive=[10, 11])
    assert (looks.list(2), looks.list(3)) == ([30], [10])


def test_a_trace_that_does_not_say_which_list_tells_nothing() -> None:
    looks = followed(batch(2) | {"order": 0}, inactive=[10, 11])
    assert left(looks) == []
    assert looks.list(2) == [10, 11]


@pytest.mark.slow
@pytest.mark.compiled
def test_a_recordings_lists_end_as_its_second_snapshot_has_them() -> None:
    recording = Recording(RECORDING)
    beginning = from_snapshot_on(recording)
    snapshot, events = beginning.snapshot, beginning.events
    after = recording.snapshot(1)
    assert after is not None
    lists = [snapshot.lru_list(lru) for lru in range(4)]
    looks = LruLooks(events, number_tasks(events).who, lists, initial_orders(snapshot), zones(snapshot))
    looks.follow(0, len(events))
    for lru in range(4):
        ours, kernels = looks.list(lru), after.lru_list(lru).tolist()
        assert len(set(ours) ^ set(kernels)) <= len(kernels) // 100
    assert looks.list(0) == after.lru_list(0).tolist()
    assert looks.list(1) == after.lru_list(1).tolist()
