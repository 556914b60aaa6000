"""The engine does what the specification says: the same answers, the same lists in the same order."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from recap.kernel import LINUX_6_1, LINUX_6_18, Profile
from recap.pages import COMPILED
from tests.mm.differential import MACHINES, parts
from tests.mm.load import GFPS, MINIATURE, SHAPES, RandomLoad, break_up, single_pages
from tests.mm.twins import POLICIES, Twins
from tests.reference.state import Shape, State

frames = st.integers(0, 8191)
cpus = st.integers(0, 1)
orders = st.integers(0, 10)
numbers = st.integers(0, 1)
several = st.integers(1, 40)


class Differential(RuleBasedStateMachine):
    """Operations that Hypothesis chooses, and shortens to the fewest that show a difference."""

    policy = "none"
    profile = LINUX_6_1
    twins: Twins

    @property
    def state(self) -> State:
        return self.twins.state

    @initialize(shape=st.sampled_from(SHAPES if COMPILED else SHAPES[:1]), seed=st.none() | st.integers(0, 99))
    def boot(self, shape: Shape, seed: int | None) -> None:
        self.twins = Twins(replace(shape, profile=self.profile, pcp_high_max=4 * shape.pcp_high), self.policy)
        if seed is not None:
            break_up(self.twins, Random(seed))
        self.twins.compare()

    def cpu(self, cpu: int) -> int:
        return cpu % len(self.state.zones[0].pcps)

    def frame(self, pfn: int) -> int:
        return pfn % self.state.zones[-1].end

    @rule(order=orders, gfp=st.sampled_from(GFPS), cpu=cpus, times=several)
    def alloc(self, order: int, gfp: int, cpu: int, times: int) -> None:
        for _ in range(times):
            self.twins.alloc_pages(min(order, self.state.max_order - 1), gfp, self.cpu(cpu))
        self.twins.compare()

    @precondition(lambda self: self.state.used)
    @rule(first=frames, cpu=cpus, times=several)
    def free(self, first: int, cpu: int, times: int) -> None:
        blocks = list(self.state.used)
        at = first % len(blocks)
        for pfn in blocks[at : at + times]:
            self.twins.free_pages(pfn, self.cpu(cpu))
        self.twins.compare()

    @rule(pfn=frames, order=orders, on=st.booleans())
    def mark(self, pfn: int, order: int, on: bool) -> None:
        for page in single_pages(self.state, self.frame(pfn), order):
            self.twins.mark_lru(page, on)
        self.twins.compare()

    @rule(number=numbers, wanted=orders)
    def open(self, number: int, wanted: int) -> None:
        if self.state.captures[number].state == "idle":
            self.twins.open_capture(number, min(wanted, self.state.max_order - 1))
        self.twins.compare()

    @rule(number=numbers, pfn=frames, order=orders, cpu=cpus)
    def reclaim(self, number: int, pfn: int, order: int, cpu: int) -> None:
        for page in single_pages(self.state, self.frame(pfn), order):
            self.twins.reclaim_page(page, number, self.cpu(cpu))
        self.twins.compare()

    @rule(number=numbers, gfp=st.sampled_from(GFPS), order=orders)
    def settle(self, number: int, gfp: int, order: int) -> None:
        if self.state.captures[number].state != "idle":
            self.twins.settle(number, gfp, order)
        self.twins.compare()

    @rule(number=numbers)
    def close(self, number: int) -> None:
        if self.state.captures[number].state != "idle":
            self.twins.close_capture(number)
        self.twins.compare()

    @rule(zone=st.integers(0, 1), on=st.booleans())
    def reclaim_active(self, zone: int, on: bool) -> None:
        self.twins.set_reclaim_active(zone % len(self.state.zones), on)

    @rule(zone=st.integers(0, 1), mt=st.integers(0, 2), force=st.booleans())
    def unreserve(self, zone: int, mt: int, force: bool) -> None:
        self.twins.unreserve_highatomic(zone % len(self.state.zones), mt, force)
        self.twins.compare()

    @precondition(lambda self: self.state.new)
    @rule(cpu=cpus)
    def decay(self, cpu: int) -> None:
        self.twins.decay_pcp_high(self.cpu(cpu))
        self.twins.compare()

    @rule()
    def drain(self) -> None:
        self.twins.drain_all_pages()
        self.twins.compare()


def under(policy: str, profile: Profile = LINUX_6_1) -> Any:
    """The test case for a policy, or a kernel."""
    machine: Any = type(policy, (Differential,), {"policy": policy, "profile": profile})
    machine.TestCase.settings = settings(max_examples=20 if COMPILED else 3, stateful_step_count=40)
    return machine.TestCase


TestNone = under("none")
TestOwnPages = under("own-pages")
TestWhitcroft = under("whitcroft")
TestKosaki = under("kosaki")
TestPlain = under("plain")
TestLinux618 = under("none", LINUX_6_18)


@pytest.mark.slow
@pytest.mark.parametrize("machine", MACHINES)
def test_many_random_operations(machine: str) -> None:
    """A million over all machines; `make fuzz` does ten times as many."""
    count = 1_000_000 if COMPILED else 4_000
    mine = [part for part in parts(count) if part.machine == machine]
    assert sum(part.run() for part in mine) >= count // len(MACHINES)


def test_the_random_operations_reach_what_they_are_for() -> None:
    for policy in POLICIES:
        twins = Twins(MINIATURE, policy)
        RandomLoad(twins, seed=1).run(20_000 if COMPILED else 2_000)
        done = twins.state.events
        assert (policy == "none") == (done["captured_pages"] == 0)
        assert done["extfrag"] > 0
        assert not COMPILED or (policy == "none") == (done["handed_over"] == 0)
