"""What each shipped policy answers, by what the engine then does: compiled, it cannot be asked from Python."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from recap.mm.machine import Machine
from recap.mm.vmstat import CAPTURE_LOOKED_AT
from recap.policy import catalogue, load
from tests.mm.load import MOVABLE
from tests.mm.scenes import free, full_machine, reclaim


def keeps_a_page(machine: Machine) -> bool:
    """releases: all around is reclaimable."""
    return machine.reclaim_page(0, 0)


def keeps_a_page_beside_an_unreclaimable_one(machine: Machine) -> bool:
    machine.mark_lru(3, False)
    return machine.reclaim_page(0, 0)


def draws_in_a_free_neighbour(machine: Machine) -> bool:
    """takes_neighbour."""
    free(machine, 1)
    machine.reclaim_page(0, 0)
    return machine.capture_lists() == {0: [(0, 1)]}


def takes_what_others_free(machine: Machine) -> bool:
    """takes_outsider."""
    machine.reclaim_page(0, 0)
    free(machine, 1)
    return machine.capture_lists() == {0: [(0, 1)]}


def ends_with_the_wanted_block(machine: Machine) -> bool:
    """merged."""
    reclaim(machine, *range(16))
    return not machine.reclaim_page(16, 0)


def ends_before(machine: Machine) -> bool:
    reclaim(machine, *range(8))
    return not machine.reclaim_page(16, 0)


QUESTIONS = (
    keeps_a_page,
    keeps_a_page_beside_an_unreclaimable_one,
    draws_in_a_free_neighbour,
    takes_what_others_free,
    ends_with_the_wanted_block,
    ends_before,
)
ANSWERS = {
    "own-pages": (True, True, False, False, False, False),
    "neighbours": (True, True, True, False, False, False),
    "whitcroft": (True, True, True, True, False, False),
    "whitcroft-v1": (True, True, True, True, False, False),
    "kosaki": (True, False, True, True, True, False),
    "kosaki-map": (True, False, True, True, True, False),
    "bounded": (True, False, True, True, True, False),
}
CONTROL = "placebo"
WITHOUT_CAPTURE = {
    "none",
    "no-compaction-capture",
    "no-lumpy",
    "lumpy",
    "defrag-mode",
    "defrag-mode-v1",
    "order0-mark",
    "piggin",
    "lameter",
    "kamezawa",
}


@pytest.mark.parametrize(
    ("name", "question", "answer"),
    [(name, *pair) for name in ANSWERS for pair in zip(QUESTIONS, ANSWERS[name], strict=True)],
)
def test_answer(name: str, question: Callable[[Machine], bool], answer: bool) -> None:
    machine = full_machine(load(name))
    assert machine.open_capture(0, 4)
    assert question(machine) == answer


@pytest.mark.parametrize("order", range(8))
def test_who_captures_for_which_order(order: int) -> None:
    opened = {info.name for info in catalogue() if full_machine(load(info.name)).open_capture(0, order)}
    assert opened == ({*ANSWERS, CONTROL} if order > 3 else set())


def test_every_shipped_policy_is_asked() -> None:
    assert {info.name for info in catalogue()} == WITHOUT_CAPTURE | {*ANSWERS, CONTROL}


def test_bounded_withholds_two_wanted_blocks_at_most() -> None:
    machine = full_machine(load("bounded"))
    machine.open_capture(0, 4)
    machine.open_capture(1, 5)
    kept = [pfn for pfn in range(0, 128, 2) if machine.reclaim_page(pfn, 0)]
    assert len(kept) == 2 << 4
    assert machine.reclaim_page(1, 1)


@pytest.mark.parametrize(("name", "served"), [("whitcroft", True), ("whitcroft-v1", False)])
def test_v1_counts_the_block_twice_at_the_hand_over(name: str, served: bool) -> None:
    """20 pages are free beside the block of 16: above the mark of 10, but not when 16 more are taken away."""
    machine = full_machine(load(name))
    machine.memory.set_watermarks(0, [10, 10, 10, 10])
    free(machine, *range(64, 104, 2))
    machine.open_capture(0, 4)
    reclaim(machine, *range(16))
    assert (machine.settle(0, MOVABLE, 4) is not None) == served


@pytest.mark.parametrize(
    ("name", "looks"), [("whitcroft", 0), ("kosaki", 16), ("bounded", 16), ("kosaki-map", 0), (CONTROL, 16)]
)
def test_who_looks_at_each_page_of_the_block(name: str, looks: int) -> None:
    machine = full_machine(load(name))
    machine.open_capture(0, 4)
    assert machine.reclaim_page(0, 0) == (name != CONTROL)
    assert machine.memory.array("vmstat")[CAPTURE_LOOKED_AT] == looks
    assert machine.memory.array("capture")["looked_now"][0] == looks


def test_a_look_ends_with_the_first_page_that_reclaim_cannot_free() -> None:
    """Of a free block it is the first page: 2 and 3 are free, the others are in use, 7 stays."""
    machine = full_machine(load("kosaki"))
    machine.open_capture(0, 4)
    machine.mark_lru(7, False)
    free(machine, 2, 3)
    assert not machine.reclaim_page(0, 0)
    assert machine.memory.array("vmstat")[CAPTURE_LOOKED_AT] == len((0, 1, 2, 4, 5, 6, 7))
