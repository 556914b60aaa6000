"""The seam for users' policies: what they are asked, what a missing answer means, and what an error does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recap.errors import InputError
from recap.mm.vmstat import CAPTURE_LOOKED_AT
from recap.policy.own_pages import OwnPages
from recap.policy.plain import PlainPolicy
from tests.mm.scenes import free, full_machine


class Diary:
    """Answers yes, except to `merged`, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[int, ...]]] = []

    def __getattr__(self, question: str) -> Any:
        def answer(*arguments: int) -> bool:
            self.asked.append((question, arguments))
            return question != "merged"

        return answer


class Failing(Diary):
    """Raises at the one question named."""

    def __init__(self, question: str) -> None:
        super().__init__()
        self.question = question

    def __getattr__(self, question: str) -> Any:
        if question != self.question:
            return super().__getattr__(question)

        def fail(*_: int) -> bool:
            raise ZeroDivisionError(question)

        return fail


def test_the_questions_and_their_numbers() -> None:
    diary = Diary()
    machine = full_machine(PlainPolicy(diary))
    free(machine, 1)
    machine.mark_lru(7, False)
    machine.open_capture(0, 4)
    machine.open_capture(1, 2)
    machine.reclaim_page(64, 1)
    machine.reclaim_page(0, 0)
    free(machine, 2)
    assert diary.asked == [
        ("enters_reclaim", (4,)),
        ("enters_reclaim", (2,)),
        ("looks_around", (2,)),
        ("releases", (2, 0, 0, 0)),
        ("merged", (2, 0)),
        ("looks_around", (4,)),
        ("releases", (4, 1, 0, 1)),
        ("takes_neighbour", (4, 0)),
        ("merged", (4, 1)),
    ]
    free(machine, 3)
    assert diary.asked[9:] == [("takes_outsider", (4, 1)), ("merged", (4, 2))]


def test_where_a_method_is_missing_the_base_class_answers() -> None:
    class EntersOnly:
        def enters_reclaim(self, order: int) -> bool:
            return order == 1

    machine = full_machine(PlainPolicy(EntersOnly()))
    free(machine, 1)
    assert not machine.open_capture(0, 2)
    assert machine.open_capture(0, 1)
    assert machine.reclaim_page(0, 0)
    assert machine.capture_lists() == {0: [(0, 0)]}


@pytest.mark.parametrize(
    ("question", "enters", "kept", "held"),
    [
        ("enters_reclaim", False, False, {}),
        ("releases", True, False, {}),
        ("takes_neighbour", True, True, {0: [(0, 0)]}),
        ("merged", True, True, {0: [(0, 1)]}),
    ],
)
def test_the_first_error_is_kept_and_every_further_answer_is_no(
    question: str, enters: bool, kept: bool, held: dict[int, list[tuple[int, int]]]
) -> None:
    user = Failing(question)
    policy = PlainPolicy(user)
    machine = full_machine(policy)
    free(machine, 1)
    assert machine.open_capture(0, 4) == enters
    assert machine.reclaim_page(0, 0) == kept
    assert isinstance(policy.error, InputError)
    assert f"{question} raised ZeroDivisionError: {question}" in str(policy.error)
    assert Path(policy.error.path) == Path(__file__)
    assert isinstance(policy.error.__cause__, ZeroDivisionError)
    assert machine.capture_lists() == held
    asked = len(user.asked)
    assert not machine.reclaim_page(32, 0)
    assert not machine.open_capture(1, 4)
    assert len(user.asked) == asked


def test_an_answer_is_taken_for_its_truth() -> None:
    class Numbers:
        def enters_reclaim(self, order: int) -> int:
            return order - 4

    machine = full_machine(PlainPolicy(Numbers()))
    assert not machine.open_capture(0, 4)
    assert machine.open_capture(0, 5)


def test_even_an_exit_waits_for_the_next_stop() -> None:
    class Leaves:
        def enters_reclaim(self, order: int) -> bool:
            raise SystemExit(order)

    policy = PlainPolicy(Leaves())
    assert not full_machine(policy).open_capture(0, 4)
    assert isinstance(policy.error, SystemExit)


def test_an_answer_that_is_neither_yes_nor_no_is_reported_by_its_line() -> None:
    class Forgetful:
        def enters_reclaim(self, order: int) -> None:
            """Without `return` the answer is None."""

    policy = PlainPolicy(Forgetful())
    assert not full_machine(policy).open_capture(0, 4)
    line = Forgetful.enters_reclaim.__code__.co_firstlineno
    assert str(policy.error) == f"{__file__}: line {line}: enters_reclaim answered None; return True or False"


def test_a_class_may_extend_a_shipped_policy() -> None:
    class Greedy(OwnPages):
        def takes_neighbour(self, wanted: int, order: int) -> bool:
            return order < wanted

    machine = full_machine(PlainPolicy(Greedy()))
    free(machine, 1)
    assert not machine.open_capture(0, 3)  # as OwnPages says
    assert machine.open_capture(0, 4)
    machine.reclaim_page(0, 0)
    assert machine.capture_lists() == {0: [(0, 1)]}


class KeepsAll:
    """Takes every page, whatever is around it."""

    def enters_reclaim(self, order: int) -> bool:
        return order > 3


class Chooses(KeepsAll):
    """Needs to know what is around."""

    def releases(self, _wanted: int, unreclaimable: int, *_pages: int) -> bool:
        return unreclaimable == 0


class KnowsAlready(Chooses):
    """And has another way to know."""

    def looks_around(self, _wanted: int) -> bool:
        return False


@pytest.mark.parametrize(("policy", "looked"), [(KeepsAll, 0), (Chooses, 16), (KnowsAlready, 0)])
def test_who_chooses_pays_for_looking(policy: type, looked: int) -> None:
    machine = full_machine(PlainPolicy(policy()))
    machine.open_capture(0, 4)
    assert machine.reclaim_page(0, 0)
    assert machine.memory.array("vmstat")[CAPTURE_LOOKED_AT] == looked
