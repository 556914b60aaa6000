"""Compaction on tapes: its quick searches are followed, and lists that they left in another order are set right."""

from __future__ import annotations

import numpy as np

from recap.kernel import STATE_ALLOCATED
from recap.mm.machine import Machine
from recap.trace import Event
from tests.sim.open_loop.tape import TASK, Tape
from tests.sim.open_loop.test_replay import inferred, same_memory, split, whole

KCOMPACTD = 7
FREE_SCANNER, PAGEBLOCK = 1024, 512


def single_pages(memory: Machine) -> list[int]:
    """The movable list of order 0."""
    m = memory.memory
    return [int(pfn) for pfn in m.walk(m.free_head(0, 0, 1))]


def set_single_pages(memory: Machine, pfns: list[int]) -> None:
    m = memory.memory
    m.fill(m.free_head(0, 0, 1), np.array(pfns))


def take_away(memory: Machine, pfn: int) -> None:
    """Somebody takes a free page, and nothing tells."""
    set_single_pages(memory, [other for other in single_pages(memory) if other != pfn])
    m = memory.memory
    m.array("page")["state"][pfn] = STATE_ALLOCATED
    m.array("zone")["free_pages"][0] -= 1
    m.array("zone")["nr_free"][0, 0] -= 1


def quick_search(memory: Machine) -> int:
    """The rule of fast_isolate_freepages for a list of single pages, where the first look is at a page high enough.

    The list is looked through from its end for a page in the upper quarter, and begins behind this page afterwards.
    """
    pfns = single_pages(memory)
    low = FREE_SCANNER * 3 // 4 // PAGEBLOCK * PAGEBLOCK
    found = next(pfn for pfn in reversed(pfns[-PAGEBLOCK // 2 :]) if pfn >= low)
    place = pfns.index(found)
    take_away(memory, found)
    set_single_pages(memory, pfns[place + 1 :] + pfns[:place])
    return found


def compact(tape: Tape, old: int) -> int:
    """kcompactd moves one page; the page that it moves it to."""
    tape.report(Event.MM_COMPACTION_KCOMPACTD_WAKE, pid=KCOMPACTD, order=1)
    tape.report(Event.MM_COMPACTION_BEGIN, pid=KCOMPACTD, pfn=0, a=FREE_SCANNER, b=1)
    start = old // PAGEBLOCK * PAGEBLOCK
    tape.report(
        Event.MM_COMPACTION_ISOLATE_MIGRATEPAGES, pid=KCOMPACTD, pfn=start, a=start + PAGEBLOCK, flags=PAGEBLOCK, b=1
    )
    tape.report(Event.MM_MIGRATE_PAGES_START, pid=KCOMPACTD)
    found = quick_search(tape.kernel)
    tape.report(Event.MM_LRU_INSERTION, pid=KCOMPACTD, pfn=found)
    tape.free(old, pid=KCOMPACTD)
    tape.report(Event.MM_MIGRATE_PAGES, pid=KCOMPACTD, a=1)
    tape.report(Event.MM_COMPACTION_END, pid=KCOMPACTD, a=8, b=1)
    return found


def test_a_quick_search_is_done_as_the_kernel_did_it() -> None:
    tape = Tape()
    old = tape.alloc()
    split(tape)
    compact(tape, old)
    for _ in range(300):
        tape.alloc()
    replay = tape.replayed()
    assert replay.inferences()["searched_pages"] == 1
    whole(replay, "searched_pages", "emptied_lists")
    same_memory(replay, tape)


def test_a_search_that_took_another_page_is_undone() -> None:
    tape = Tape()
    old = tape.alloc()
    split(tape)
    pfns = single_pages(tape.kernel)
    set_single_pages(tape.kernel, pfns[40:] + pfns[:40])  # so that it finds another page than the model does
    compact(tape, old)
    for _ in range(300):
        tape.alloc()
    replay = tape.replayed()
    assert replay.inferences()["searched_pages"] == 1
    assert [kind for kind, *_ in replay.deviations() if kind != "refill"] == ["isolation"]
    assert replay.taken - replay.taken_exact < 5


def test_a_page_that_is_gone_costs_one_step() -> None:
    tape = Tape()
    count = split(tape)
    take_away(tape.kernel, single_pages(tape.kernel)[-1])
    for _ in range(2 * count):
        tape.alloc()
    replay = tape.replayed()
    assert [kind for kind, *_ in replay.deviations()] == ["refill", "allocation"]
    assert replay.taken - replay.taken_exact == 1


def pieces(tape: Tape, searches: int) -> None:
    """A list is cut in three and joined in another order; the trace reports this many searches."""
    split(tape)
    pfns = single_pages(tape.kernel)
    set_single_pages(tape.kernel, pfns[200:300] + pfns[:100] + pfns[300:] + pfns[100:200])
    for _ in range(searches):
        tape.report(Event.MM_COMPACTION_ISOLATE_MIGRATEPAGES, pid=TASK, pfn=0, a=512, flags=512, b=0)
    for _ in range(600):
        tape.alloc()


def test_a_list_that_searches_cut_up_is_put_in_order() -> None:
    tape = Tape()
    pieces(tape, 10)
    replay = tape.replayed()
    assert replay.inferences()["reordered_lists"] == 1
    assert replay.taken - replay.taken_exact == 1
    assert inferred(replay) <= {"reordered_lists", "turned_lists", "emptied_lists"}
    same_memory(replay, tape)


def test_a_list_is_not_put_in_order_by_fewer_searches_than_it_has_cuts() -> None:
    tape = Tape()
    pieces(tape, 1)
    replay = tape.replayed()
    assert replay.inferences()["reordered_lists"] == 0
    assert replay.taken - replay.taken_exact > 1
