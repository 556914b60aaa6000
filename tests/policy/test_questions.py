"""Every question goes all the way: declared once, asked by the engine, forwarded by what stands between the two."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recap.demand.demand import Demand
from recap.demand.kinds import Kind, Op
from recap.demand.reclaim_costs import ReclaimCosts
from recap.kernel import LINUX_2_6_27
from recap.mm import boot
from recap.policy.catalogue import CLASSES
from recap.policy.plain import PlainPolicy
from recap.policy.policy import Policy
from recap.policy.questions import QUESTIONS
from recap.policy.together import Together
from recap.sim.closed_loop import Simulation
from tests.sim.test_closed_loop import MEBIBYTES, demand

ROOT = Path(__file__).parents[2]
ABOUT_CAPTURE = {
    "enters_reclaim",
    "releases",
    "looks_around",
    "takes_neighbour",
    "takes_outsider",
    "merged",
    "batch_ended",
    "counts_twice",
}
ANSWERS: dict[str, Callable[[int], bool]] = {  # by how often it was asked; no to what is not here
    "enters_reclaim": lambda times: times % 4 != 0,
    "releases": bool,
    "takes_neighbour": bool,
    "takes_outsider": bool,
    "batch_ended": lambda times: times % 4 == 0,
    "closes_pcp": lambda times: times % 2 == 0,
    "isolates": bool,
    "queues": bool,
    "waits": lambda times: times % 8 == 0,
}


class Diary:
    """Notes what it is asked, and says no to all but some questions."""

    def __init__(self, answers: Iterable[str]) -> None:
        self.answers = set(answers)
        self.asked: list[tuple[str, tuple[int, ...]]] = []
        self.times: Counter[str] = Counter()

    def __getattr__(self, question: str) -> Callable[..., bool]:
        if question not in QUESTIONS:
            raise AttributeError(question)

        def answer(*arguments: int) -> bool:
            self.asked.append((question, arguments))
            self.times[question] += 1
            return question in self.answers & ANSWERS.keys() and ANSWERS[question](self.times[question])

        return answer


def objects(demand: Demand, first: int, orders: Iterable[int]) -> Demand:
    """The kernel's own pages in place of some objects."""
    wanted = np.fromiter(orders, np.uint8)
    order, kind = demand.obj_order.copy(), demand.obj_kind.copy()
    order[first : first + len(wanted)] = wanted
    kind[first : first + len(wanted)] = Kind.KERNEL
    return replace(demand, obj_order=order, obj_kind=kind)


def reclaim_under(policy: Policy) -> None:
    """Page cache fills the memory, then blocks are wanted, while another CPU's small pages come and go."""
    cache, blocks, small = 3000, 40, 2000
    wants_blocks = [(Op.ALLOC, obj) for obj in range(cache + blocks)]
    others = range(cache + blocks, cache + blocks + small)
    comes_and_goes = [(op, obj) for op in (Op.ALLOC, Op.FREE) for obj in others]
    load = demand(wants_blocks, comes_and_goes, kind=Kind.FILE)
    load = objects(load, cache, [4] * blocks + [0] * small)
    second = np.arange(len(load.op_cpu)) >= len(wants_blocks)
    load = replace(load, op_cpu=second.astype(np.uint8), op_run=np.where(second, 5000, load.op_run), cpus=2)
    load = replace(load, reclaim_costs=ReclaimCosts(scanned=20_000))
    simulation = Simulation(boot.empty_machine(MEBIBYTES, 2, 31, policy, profile=LINUX_2_6_27), load, 0)
    while simulation.advance(1 << 20):
        pass


@pytest.fixture(scope="module")
def alone() -> list[tuple[str, tuple[int, ...]]]:
    """What a user's policy is asked."""
    diary = Diary(QUESTIONS)
    policy = PlainPolicy(diary)
    reclaim_under(policy)
    assert policy.error is None
    return diary.asked


def test_a_users_policy_is_asked_every_question(alone: list[tuple[str, tuple[int, ...]]]) -> None:
    assert {question for question, _ in alone} == QUESTIONS.keys()
    for question, arguments in alone:
        assert len(arguments) == len(QUESTIONS[question].arguments)


def test_together_forwards_every_question(alone: list[tuple[str, tuple[int, ...]]]) -> None:
    """Shared between two, the answers are the same: so the run is, and so is what is asked."""
    capturing, other = Diary(ABOUT_CAPTURE), Diary(QUESTIONS.keys() - ABOUT_CAPTURE)
    reclaim_under(Together(PlainPolicy(capturing), PlainPolicy(other)))
    assert capturing.asked == alone
    assert other.asked == [asked for asked in alone if asked[0] not in ABOUT_CAPTURE]


def test_together_asks_the_second_only_where_the_first_says_no(alone: list[tuple[str, tuple[int, ...]]]) -> None:
    capturing, other = Diary(QUESTIONS), Diary(())
    reclaim_under(Together(PlainPolicy(capturing), PlainPolicy(other)))
    assert capturing.asked == alone
    assert other.times["queues"] == 0
    assert 0 < other.times["waits"] < capturing.times["waits"]


@pytest.mark.parametrize("question", sorted(ABOUT_CAPTURE))
def test_a_no_about_capture_is_final(question: str) -> None:
    capturing, other = Diary(QUESTIONS.keys() - {question}), Diary(QUESTIONS)
    reclaim_under(Together(PlainPolicy(capturing), PlainPolicy(other)))
    assert question in capturing.times
    assert not ABOUT_CAPTURE & other.times.keys()


def test_without_answers_it_is_the_unchanged_kernel() -> None:
    """A class that says what each question declares runs like one that says nothing."""

    class Unchanged:
        """Each answer as declared."""

        def __getattr__(self, question: str) -> Callable[..., bool]:
            if question not in QUESTIONS:
                raise AttributeError(question)
            return lambda *_: QUESTIONS[question].unchanged

    asked = []
    for capturing in (Policy(), PlainPolicy(Unchanged()), Together(Policy(), Policy())):
        other = Diary(())
        reclaim_under(Together(capturing, PlainPolicy(other)))
        asked.append(other.asked)
    assert asked[0] == asked[1] == asked[2] != []


def test_every_method_that_the_engine_can_call_is_a_question() -> None:
    """One that answers by itself would never reach a user's class."""
    header = (ROOT / "src/recap/policy/policy.pxd").read_text()
    methods = re.findall(r"cdef bint (\w+)\(self, (.*)\) noexcept nogil", header)
    declared = {name: types for name, types in methods if "const char *question" not in types}
    assert {name: tuple(re.findall(r"(\w+)(?:,|$)", types)) for name, types in declared.items()} == {
        name: question.arguments for name, question in QUESTIONS.items()
    }


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_touches_the_files_that_the_docs_name(question: str) -> None:
    """Beside them only shipped policies know it, and enters_reclaim says who captures."""
    package = ROOT / "src/recap"
    asking = {path for path in package.rglob("*.py") if f"m.policy.{question}(" in path.read_text()}
    named = re.compile(rf'\b(?:def|bint) {question}\(|"{question}"|\.{question}\(')
    touched = {path for path in package.glob("policy/*.p*") if named.search(path.read_text())}
    shipped = {module.rpartition(".")[2] for module, _ in CLASSES.values()} - {"policy"}
    touched = {path for path in touched if path.stem not in shipped}
    if question == "enters_reclaim":
        touched.remove(package / "policy/plain.py")
    section = (ROOT / "docs/extending.md").read_text().partition("## A question")[2].partition("\n## ")[0]
    assert touched == {package / path for path in re.findall(r"`(policy/\w+\.\w+)`", section)}
    assert len(asking) == 1
