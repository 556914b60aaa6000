"""Demand: each rule on a trace of a few events."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from recap.demand.from_trace import blocks_named, files_of, identities, mark_restored, number_tasks
from recap.demand.kinds import Op, Role
from recap.demand.streams import Streams
from recap.demand.transactions import Holds, holds
from recap.kernel import GFP_WRITE
from recap.trace import NO_PFN, Event, Events, Lost

FRAMES = 2048
NO_DEVICE = -1
TASK, KSWAPD = 100, 30
KERNEL, ANON, FILE = range(3)
COMMS = {TASK: "wl", KSWAPD: "kswapd0", 101: "child"}


def trace(*rows: dict[str, int]) -> Events:
    """Events 1000 ns apart, each given by its fields; pid is TASK unless given."""
    n = len(rows)
    columns: dict[str, Any] = {
        "time": np.arange(n, dtype=np.int64) * 1000,
        "event": np.array([row["event"] for row in rows], np.uint8),
        "cpu": np.array([row.get("cpu", 0) for row in rows], np.uint16),
        "context": np.zeros(n, np.uint8),
        "pid": np.array([row.get("pid", TASK) for row in rows], np.int32),
        "pfn": np.array([row.get("pfn", NO_PFN) for row in rows], np.uint32),
        "order": np.array([row.get("order", 0) for row in rows], np.uint8),
        "migratetype": np.array([row.get("migratetype", 0) for row in rows], np.int8),
        "flags": np.array([row.get("flags", 0) for row in rows], np.uint32),
        "a": np.array([row.get("a", 0) for row in rows], np.int64),
        "b": np.array([row.get("b", 0) for row in rows], np.int64),
    }
    return Events(**columns, comms=COMMS, marks=[], lost=[], other={}, clock="mono", cpus=2, buffers=("",))


def streams(
    *rows: dict[str, int],
    in_use: tuple[int, ...] = (),
    device: int = NO_DEVICE,
    evicted_before: bool = True,
    lost: tuple[Lost, ...] = (),
) -> Streams:
    """The pass over these events; `in_use` are frames taken at the start by file pages."""
    events = replace(trace(*rows), lost=list(lost))
    tasks = number_tasks(events)
    initial = np.zeros(FRAMES, np.uint8)
    initial[list(in_use)] = 1
    identity, pages = identities(events)
    kind = np.full(FRAMES, FILE, np.uint8)
    passed = Streams(events, tasks.who, tasks.other, identity, tasks.role, initial, kind)
    passed.files(files_of(pages, device), evicted_before)
    passed.advance(0, len(events))
    return passed


def ops(passed: Streams) -> list[tuple[int, int]]:
    """(kind, object) of every operation."""
    kinds = passed.result("op_kind", passed.ops).tolist()
    return list(zip(kinds, passed.result("op_obj", passed.ops).tolist(), strict=True))


def alloc(pfn: int, **more: int) -> dict[str, int]:
    return {"event": Event.MM_PAGE_ALLOC, "pfn": pfn, **more}


def free(pfn: int, **more: int) -> dict[str, int]:
    return {"event": Event.MM_PAGE_FREE, "pfn": pfn, **more}


def test_a_free_by_the_owner_is_demand() -> None:
    passed = streams(alloc(5), free(5))
    assert ops(passed) == [(Op.ALLOC, 0), (Op.FREE, 0)]


def test_a_free_that_was_lost_happens_when_the_frame_is_allocated_again() -> None:
    add = {"event": Event.MM_FILEMAP_ADD_TO_PAGE_CACHE, "pfn": 9, "a": 7, "b": 1}
    rows = (alloc(5), alloc(9), add, alloc(4, order=1), alloc(9))
    lost, whole = streams(*rows, lost=(Lost(0, 2500, 1),)), ops(streams(*rows))
    at = whole.index((Op.ALLOC, 2))
    assert ops(lost) == [*whole[:at], (Op.FREE, 0), *whole[at:]]  # the file's page may have been reclaimed
    assert lost.unseen_frees == 1


def test_a_page_cache_page_freed_by_kswapd_is_the_models_to_decide() -> None:
    add = {"event": Event.MM_FILEMAP_ADD_TO_PAGE_CACHE, "pfn": 5, "a": 7, "b": 1}
    passed = streams(alloc(5), add, free(5, pid=KSWAPD))
    assert ops(passed) == [(Op.ALLOC, 0), (Op.TOUCH, 0)]
    assert passed.reclaimed == 1


def test_a_kernel_page_freed_by_kswapd_is_freed_when_it_was() -> None:
    passed = streams(alloc(5), free(5, pid=KSWAPD))
    assert ops(passed) == [(Op.ALLOC, 0), (Op.FREE, 0)]
    assert passed.slab_frees == 1


def test_a_file_page_read_again_is_the_same_object() -> None:
    add = {"event": Event.MM_FILEMAP_ADD_TO_PAGE_CACHE, "a": 7, "b": 1}
    passed = streams(alloc(5), {**add, "pfn": 5}, free(5, pid=KSWAPD), alloc(9), {**add, "pfn": 9})
    assert ops(passed) == [(Op.ALLOC, 0), (Op.TOUCH, 0)] * 2


def test_what_is_written_is_not_used_by_that() -> None:
    add = {"event": Event.MM_FILEMAP_ADD_TO_PAGE_CACHE, "pfn": 5, "a": 7, "b": 1}
    assert ops(streams(alloc(5, flags=GFP_WRITE), add)) == [(Op.ALLOC, 0)]


def test_a_truncated_file_is_forgotten_with_its_evicted_pages() -> None:
    """Of pages 0 and 1 of a file kswapd frees 0, and their owner 1: what is written as page 0 then is another page."""
    add = {"event": Event.MM_FILEMAP_ADD_TO_PAGE_CACHE, "a": 7}
    pages = [alloc(4, flags=GFP_WRITE), {**add, "pfn": 4, "b": 0}, alloc(5, flags=GFP_WRITE), {**add, "pfn": 5, "b": 1}]
    evicted, again = free(4, pid=KSWAPD), [alloc(6, flags=GFP_WRITE), {**add, "pfn": 6, "b": 0}]
    truncated = {"event": Event.MM_FILEMAP_DELETE_FROM_PAGE_CACHE, "pfn": 5, "a": 7, "b": 1}
    kept = streams(*pages, evicted, *again)
    assert ops(kept) == [(Op.ALLOC, 0), (Op.ALLOC, 1), (Op.ALLOC, 0)]
    passed = streams(*pages, evicted, truncated, free(5), *again)
    assert ops(passed) == [(Op.ALLOC, 0), (Op.ALLOC, 1), (Op.FREE, 1), (Op.FREE, 0), (Op.ALLOC, 2)]
    assert passed.forgotten == 1


def test_the_block_device_is_no_file_that_is_truncated() -> None:
    pages = np.array([[3, 1], [3, 2], [8, 0], [9, 0], [9, 5]])
    assert files_of(pages, 8).tolist() == [0, 0, -1, 2, 2]


def test_lru_insertion_tells_anonymous_from_file() -> None:
    insert = {"event": Event.MM_LRU_INSERTION}
    passed = streams(alloc(5), {**insert, "pfn": 5, "a": 0}, alloc(6), {**insert, "pfn": 6, "a": 2}, alloc(7))
    assert passed.result("obj_kind", passed.objects).tolist() == [ANON, FILE, KERNEL]


def test_a_request_repeated_with_other_flags_is_one_object() -> None:
    first, second = alloc(NO_PFN, order=9, flags=1), alloc(0, order=9, flags=2)
    passed = streams(first, second)
    assert ops(passed) == [(Op.ALLOC, 0), (Op.ALLOC, 0)]
    assert (passed.attempts, passed.successes) == (1, 1)


def test_a_request_repeated_with_the_same_flags_is_another_attempt() -> None:
    passed = streams(alloc(NO_PFN, order=9, flags=1), alloc(0, order=9, flags=1))
    assert ops(passed) == [(Op.ALLOC, 0), (Op.ALLOC, 1)]
    assert (passed.attempts, passed.successes) == (2, 1)


def test_what_failed_is_freed_with_the_next_of_its_order() -> None:
    passed = streams(alloc(NO_PFN, order=3, flags=1), alloc(8, order=3, flags=1), free(8, order=3))
    assert ops(passed) == [(Op.ALLOC, 0), (Op.ALLOC, 1), (Op.FREE, 1), (Op.FREE, 0)]


def test_allocations_inside_direct_reclaim_are_consequences() -> None:
    begin, end = Event.MM_VMSCAN_DIRECT_RECLAIM_BEGIN, Event.MM_VMSCAN_DIRECT_RECLAIM_END
    passed = streams({"event": begin}, alloc(5), {"event": end}, alloc(6))
    assert ops(passed) == [(Op.ALLOC, 0)]
    assert passed.dropped_allocs == 1


def test_a_page_freed_in_reclaim_and_taken_by_another_is_stolen() -> None:
    begin = Event.MM_VMSCAN_DIRECT_RECLAIM_BEGIN
    passed = streams({"event": begin}, free(5), alloc(5, pid=101, cpu=1), in_use=(5,))
    assert passed.stolen == 1


def test_a_page_freed_in_reclaim_and_taken_after_it_was_served_is_not_stolen() -> None:
    begin, end = Event.MM_VMSCAN_DIRECT_RECLAIM_BEGIN, Event.MM_VMSCAN_DIRECT_RECLAIM_END
    rows: tuple[dict[str, int], ...] = ({"event": begin}, free(5), {"event": end}, alloc(6), alloc(5, pid=101, cpu=1))
    assert streams(*rows, in_use=(5,)).stolen == 0


def switch(pid: int, state: int, to: int) -> dict[str, int]:
    return {"event": Event.SCHED_SWITCH, "pid": pid, "a": state, "b": to}


def test_sleep_is_counted_apart_from_running_and_preemption_is_neither() -> None:
    slept = streams(alloc(5), switch(TASK, 1, 101), switch(101, 1, TASK), alloc(6))
    preempted = streams(alloc(5), switch(TASK, 256, 101), switch(101, 1, TASK), alloc(6))
    waits = [passed.result("op_wait", passed.ops)[-1] for passed in (slept, preempted)]
    runs = [passed.result("op_run", passed.ops)[-1] for passed in (slept, preempted)]
    assert waits == [1000, 0]
    assert runs == [1000, 2000]


def test_a_task_that_goes_to_sleep_has_run_until_then_and_who_asks_for_nothing_runs_too() -> None:
    passed = streams(alloc(5), switch(TASK, 1, 101), switch(101, 1, TASK), alloc(6), switch(TASK, 256, 101))
    kinds = [kind for kind, _ in ops(passed)]
    assert kinds == [Op.ALLOC, Op.REST, Op.REST, Op.ALLOC]
    assert passed.result("op_run", passed.ops).tolist() == [0, 1000, 1000, 1000]


def test_the_time_of_the_recorded_kswapd_is_not_spent_again() -> None:
    passed = streams(alloc(5), switch(TASK, 1, KSWAPD), free(5, pid=KSWAPD), switch(KSWAPD, 1, TASK), alloc(6))
    assert ops(passed) == [(Op.ALLOC, 0), (Op.REST, -1), (Op.FREE, 0), (Op.ALLOC, 1)]
    assert passed.result("op_run", passed.ops).tolist() == [0, 1000, 0, 1000]


def test_every_task_has_a_number_and_the_idle_tasks_one_for_each_cpu() -> None:
    tasks = number_tasks(trace(alloc(1, pid=0), alloc(2, pid=0, cpu=1), alloc(3)))
    assert len(tasks.pid) == 3
    assert tasks.role[tasks.who[2]] == Role.USER


def test_a_forked_child_starts_with_its_parent() -> None:
    passed = streams({"event": Event.SCHED_PROCESS_FORK, "a": 101}, alloc(5, pid=101))
    assert passed.result("task_forked", 2).tolist() == [0, 1]
    assert ops(passed) == [(Op.FORK, 1), (Op.ALLOC, 0)]


def test_an_unmapping_gives_up_what_is_in_swap() -> None:
    insert = {"event": Event.MM_LRU_INSERTION, "a": 0}
    rows = (
        alloc(5),
        {**insert, "pfn": 5},
        alloc(6),
        {**insert, "pfn": 6},
        free(5, pid=KSWAPD),
        free(6),
        alloc(7),
    )
    passed = streams(*rows)
    assert ops(passed) == [(Op.ALLOC, 0), (Op.ALLOC, 1), (Op.FREE, 1), (Op.FREE, 0), (Op.ALLOC, 2)]
    assert passed.freed_from_swap == 1


def test_a_page_that_compaction_moves_is_followed_by_its_joining_the_lru() -> None:
    begin, end = Event.MM_COMPACTION_BEGIN, Event.MM_COMPACTION_END
    insert = {"event": Event.MM_LRU_INSERTION, "a": 0}
    passed = streams(
        alloc(5), {**insert, "pfn": 5}, {"event": begin}, free(5), {**insert, "pfn": 900}, {"event": end}, free(900)
    )
    assert ops(passed) == [(Op.ALLOC, 0), (Op.FREE, 0)]
    assert (passed.migrated, passed.reattached) == (1, 1)


def test_joining_the_lru_may_come_before_the_free_of_the_frame_left() -> None:
    begin, end = Event.MM_COMPACTION_BEGIN, Event.MM_COMPACTION_END
    insert = {"event": Event.MM_LRU_INSERTION, "a": 0}
    passed = streams(
        alloc(5), {**insert, "pfn": 5}, {"event": begin}, {**insert, "pfn": 900}, free(5), {"event": end}, free(900)
    )
    assert ops(passed) == [(Op.ALLOC, 0), (Op.FREE, 0)]


STALL: tuple[dict[str, int], ...] = (
    {"event": Event.MM_VMSCAN_WAKEUP_KSWAPD},
    {"event": Event.MM_VMSCAN_DIRECT_RECLAIM_BEGIN},
    {"event": Event.MM_VMSCAN_DIRECT_RECLAIM_END},
)


def test_what_a_stall_took_is_not_part_of_the_pace() -> None:
    """It begins with the call to kswapd, and ends when the request is served."""
    passed = streams(alloc(5), *STALL, alloc(6))
    assert passed.result("op_due", passed.ops).tolist() == [0, 1000]
    assert passed.result("op_run", passed.ops).tolist() == [0, 1000]


def test_what_a_stalled_task_waits_for_a_cpu_is() -> None:
    passed = streams(alloc(5), STALL[0], switch(TASK, 256, 101), switch(101, 256, TASK), *STALL[1:], alloc(6))
    assert passed.result("op_due", passed.ops).tolist() == [0, 2000]


def test_who_calls_kswapd_and_is_served_at_once_has_lost_nothing() -> None:
    passed = streams(alloc(5), STALL[0], alloc(6), alloc(7))
    assert passed.result("op_due", passed.ops).tolist() == [0, 1000, 2000]


def test_a_write_request_is_writeback_by_the_task() -> None:
    passed = streams(alloc(5), {"event": Event.BLOCK_RQ_ISSUE, "order": 1, "a": 80, "b": 24})
    assert ops(passed) == [(Op.ALLOC, 0), (6, 3)]


def test_a_page_read_for_the_first_time_that_joins_the_active_list_was_evicted_before() -> None:
    add = {"event": Event.MM_FILEMAP_ADD_TO_PAGE_CACHE, "a": 7, "b": 1}
    insert = {"event": Event.MM_LRU_INSERTION, "a": 3}
    first = (alloc(5), {**add, "pfn": 5}, {**insert, "pfn": 5})
    passed = streams(*first, free(5, pid=KSWAPD), alloc(9), {**add, "pfn": 9}, {**insert, "pfn": 9})
    read = [(Op.ALLOC, 0), (Op.TOUCH, 0)]
    assert ops(passed) == [*read, (Op.REFAULT, 0), *read]  # the second time the model knows by itself


@pytest.mark.parametrize("why", [{"evicted_before": False}, {"device": 7}])
def test_what_cannot_have_been_evicted_was_used_on_its_way_to_the_active_list(why: dict[str, Any]) -> None:
    """Nothing was reclaimed before the recording, or the page is a block of the device."""
    add = {"event": Event.MM_FILEMAP_ADD_TO_PAGE_CACHE, "pfn": 5, "a": 7, "b": 1}
    passed = streams(alloc(5), add, {"event": Event.MM_LRU_INSERTION, "pfn": 5, "a": 3}, **why)
    assert ops(passed)[-1] == (Op.JOIN_ACTIVE, 0)
    assert passed.came_back == 0


def test_of_the_pages_that_came_back_the_recorded_share_was_active_before() -> None:
    gfp = np.zeros(9, np.uint32)
    mark_restored(np.array([Op.REFAULT] * 8 + [Op.ALLOC], np.uint8), gfp, 0.75)
    assert gfp.sum() == 6
    assert gfp[8] == 0


DEVICE = 8 << 20


def commit(block: int) -> dict[str, int]:
    return {"event": Event.WRITEBACK_DIRTY_FOLIO, "a": DEVICE, "b": block}


def test_what_a_commit_makes_dirty_was_held_for_part_of_the_five_seconds_before() -> None:
    events = trace({"event": Event.SCHED_SWITCH}, *map(commit, range(200)), commit(300))
    seconds = np.array([0] + [20] * 200 + [22], np.int64)
    events.time[:] = 1_000_000_000 * seconds
    found = holds(events, identities(events)[0], events.event == Event.WRITEBACK_DIRTY_FOLIO, DEVICE)
    first = found.time[found.identity < 200] / 1e9
    assert (first >= 15).all()
    assert (first <= 20).all()
    assert 17 < first.mean() < 18
    assert 20 <= found.time[found.identity == 200][0] / 1e9 <= 22
    assert (np.diff(found.time) >= 0).all()


def test_a_block_in_memory_from_the_start_is_held_by_whoever_runs_then() -> None:
    events = trace(alloc(3), alloc(4), commit(70))
    tasks, (identity, pages) = number_tasks(events), identities(events)
    named, number = blocks_named(pages, DEVICE, np.array([60, 70]))
    assert (named.tolist(), number.tolist()) == ([1], [0])
    initial = np.ones(FRAMES, np.uint8)
    passed = Streams(events, tasks.who, tasks.other, identity, tasks.role, initial, np.full(FRAMES, FILE, np.uint8))
    passed.metadata(Holds(np.array([500]), number.astype(np.int32)), number, np.array([8]))
    passed.advance(0, len(events))
    assert ops(passed) == [(Op.ALLOC, 1), (Op.TOUCH, 0), (Op.HOLD, 0), (Op.ALLOC, 2), (Op.DIRTY, 0)]


def looks(passed: Streams) -> list[tuple[int, int, int]]:
    """Of each object: how often it was found in use, until when, and by several?"""
    names = "obj_looks", "obj_in_use_until", "obj_shared"
    return list(zip(*(passed.result(name, passed.objects).tolist() for name in names), strict=True))


def looked_at(*frames: tuple[int, int], rows: list[dict[str, int]]) -> Streams:
    """The pass with these frames left by a batch of reclaim (1: kept, 2: made active) at the last event."""
    events = trace(*rows)
    tasks = number_tasks(events)
    nothing = np.zeros(FRAMES, np.uint8)
    passed = Streams(events, tasks.who, tasks.other, identities(events)[0], tasks.role, nothing, nothing.copy())
    pfn, found = np.array([p for p, _ in frames], np.uint32), np.array([f for _, f in frames], np.uint8)
    passed.left_alone(np.full(len(frames), len(rows) - 1, np.int64), pfn, found, nothing.copy())
    passed.advance(0, len(events))
    return passed


def test_a_page_that_reclaim_left_is_in_use_until_then() -> None:
    batch = {"event": Event.MM_VMSCAN_LRU_SHRINK_INACTIVE, "pid": KSWAPD}
    passed = looked_at((5, 1), (6, 2), rows=[alloc(5), alloc(6), alloc(7), batch])
    assert looks(passed) == [(1, 3000, 0), (1, 3000, 1), (0, -1, 0)]


def test_a_page_that_was_written_to_was_left_for_the_flusher() -> None:
    add = {"event": Event.MM_FILEMAP_ADD_TO_PAGE_CACHE, "pfn": 5, "a": 7, "b": 1}
    dirty = {"event": Event.WRITEBACK_DIRTY_FOLIO, "a": 7, "b": 1}
    batch = {"event": Event.MM_VMSCAN_LRU_SHRINK_INACTIVE, "pid": KSWAPD}
    passed = looked_at((5, 2), rows=[alloc(5), add, dirty, batch])
    assert looks(passed) == [(0, -1, 0)]
