"""What each shipped policy answers, by what the engine then does: compiled, it cannot be asked from Python."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from recap.mm.machine import Machine
from recap.policy import catalogue, load
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
    "whitcroft": (True, True, True, True, False, False),
    "kosaki": (True, False, True, True, True, False),
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
    assert opened == (set(ANSWERS) if order > 3 else set())


def test_every_shipped_policy_is_asked() -> None:
    assert {info.name for info in catalogue()} == {"none", "no-compaction-capture", *ANSWERS}
