"""Recorded reclaims and compactions repeated by the model, one by one."""

from pathlib import Path

import pytest

from recap.errors import InputError
from recap.lab.episode_tests import COMPACTION, RECLAIM, Episode, spans, summary, try_episodes
from recap.mm import boot
from recap.pages import COMPILED
from recap.sim.open_loop.trials import compact_once, reclaim_once, take_over
from recap.trace import Event
from tests.sim.open_loop.tape import USER, Tape, machine

EXAMPLE = Path(__file__).parents[2] / "src/recap/example"


def test_a_machine_is_taken_over_whole() -> None:
    kernel, other = machine(), machine()
    held = [kernel.alloc_pages(order) for order in (0, 3, 9)]
    take_over(other.memory, kernel.memory)
    assert other.free_lists() == kernel.free_lists()
    kernel.free_pages(held[2] or 0, 9)
    assert other.free_lists() != kernel.free_lists()


@pytest.mark.skipif(not COMPILED, reason="records of uncompiled memory are copies")
def test_a_zone_that_has_the_block_is_not_compacted() -> None:
    result, moved = compact_once(boot.empty_machine(16, captures=1), 0, 9, USER, 0, True, True)
    assert (result, moved) == (8, 0)


@pytest.mark.skipif(not COMPILED, reason="records of uncompiled memory are copies")
def test_a_reclaim_leaves_a_zone_that_compaction_can_do_alone() -> None:
    assert reclaim_once(boot.empty_machine(16, captures=1), 9, USER, 0)[:2] == (1, 0)  # 1: so that compaction is tried


def test_a_machine_without_room_for_reclaimers_is_refused() -> None:
    for once in (lambda m: compact_once(m, 0, 9, USER, 0, True, True), lambda m: reclaim_once(m, 9, USER, 0)):
        with pytest.raises(ValueError, match="no room"):
            once(machine().memory)


def test_episodes_that_were_cut_off_do_not_count() -> None:
    tape = Tape()
    tape.report(Event.MM_VMSCAN_DIRECT_RECLAIM_BEGIN, order=9)
    tape.report(Event.MM_VMSCAN_DIRECT_RECLAIM_END, a=40)
    tape.alloc(9)
    tape.report(Event.MM_COMPACTION_BEGIN, pid=7, pfn=0, a=1024)
    found = spans(tape.events())
    assert [(span.begin, span.end) for span in found] == [(0, 1)]
    assert tape.events().order[found[0].request] == 9


def episode(kind: str, kernel: int, model: int, block: bool = True) -> Episode:
    return Episode(1.0, 7, kind, 9, kernel, model, model, kernel, model, True, block)


def test_episodes_are_summed_up_by_kind_and_the_worst_come_first() -> None:
    result = summary([episode(RECLAIM, 40, 40), episode(RECLAIM, 10, 90, False), episode(COMPACTION, 5, 6)])
    assert [(g.kind, g.episodes, g.same, g.same_pages) for g in result.groups] == [
        (COMPACTION, 1, 1, 0),
        (RECLAIM, 2, 1, 1),
    ]
    assert [one.kernel_pages for one in result.worst] == [10, 5, 40]
    assert result.groups[1].kernel_pages[0] == 25
    assert result.unknown


@pytest.mark.skipif(not COMPILED, reason="takes minutes uncompiled")
def test_the_reclaims_of_a_recording_end_as_the_kernels() -> None:
    result = try_episodes(EXAMPLE)
    reclaims = [group for group in result.groups if group.kind == RECLAIM]
    assert sum(group.same for group in reclaims) >= 0.8 * sum(group.episodes for group in reclaims) > 0


def test_a_recording_without_episodes_is_refused() -> None:
    calm = Path(__file__).parents[2] / "recordings/calm-1cpu"
    with pytest.raises(InputError, match="nothing was reclaimed"):
        try_episodes(calm)
