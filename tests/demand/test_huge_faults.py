"""Faults on memory that may have huge pages: one huge page, or small ones in its place."""

from __future__ import annotations

import numpy as np
import pytest

from recap import policy
from recap.demand.demand import Demand
from recap.demand.huge_faults import SMALL, Area
from recap.demand.kinds import Kind, Op
from recap.demand.program import ObjectTable, Task, join
from recap.kernel import GFP_DIRECT_RECLAIM, GFP_KERNEL
from recap.mm import boot, invariants
from recap.sim.closed_loop import Simulation
from recap.sim.run import metrics

MEBIBYTES = 8
PAGES = MEBIBYTES << 8
COUNT = 2


def faults(pinned: bool, asked_for: bool = True) -> Demand:
    """A task faults in two huge pages' worth; `pinned`: each pageblock holds pages that do not move."""
    objects = ObjectTable()
    kernel = objects.make(PAGES - 100, Kind.KERNEL)
    task = Task("t")
    if pinned:
        task.do(Op.ALLOC, kernel, GFP_KERNEL, 100)
        task.do(Op.FREE, kernel[np.arange(len(kernel)) % 200 > 0], 0, 100)
    Area.of(objects, COUNT).touch(task, asked_for=asked_for)
    return join(objects, [task], 1, write_ns=np.array([50_000], np.int64))


def run(demand: Demand) -> dict[str, float]:
    memory = boot.empty_machine(MEBIBYTES, 1, 31, policy.load("none"))
    simulation = Simulation(memory, demand, 0, 1000)
    while simulation.advance(500):
        invariants.check(memory)
    return metrics(simulation)


@pytest.mark.parametrize("asked_for", [True, False])
def test_a_huge_page_or_small_ones(asked_for: bool) -> None:
    huge, small = run(faults(False, asked_for)), run(faults(True, asked_for))
    assert huge["high_order_attempts"] == small["high_order_attempts"] == COUNT
    assert huge["high_order_successes"] == COUNT
    assert small["high_order_successes"] == 0
    for found in (huge, small):
        used = PAGES - found["nr_free_pages"]
        assert used >= COUNT * SMALL
        assert used < COUNT * SMALL + 300  # page tables, pinned pages, and what the per-cpu lists keep


def test_only_who_asked_for_it_waits() -> None:
    gfp = faults(False, asked_for=False).of_each("op_gfp")
    huge = faults(False, asked_for=False).obj_order[faults(False, asked_for=False).op_obj] > 0
    kinds = faults(False, asked_for=False).of_each("op_kind") == Op.ALLOC
    assert not (gfp[huge & kinds] & GFP_DIRECT_RECLAIM).any()


def test_what_failed_is_a_new_request_after_it_was_given_back() -> None:
    objects = ObjectTable()
    kernel = objects.make(PAGES - 100, Kind.KERNEL)
    task = Task("t")
    task.do(Op.ALLOC, kernel, GFP_KERNEL, 100)
    task.do(Op.FREE, kernel[np.arange(len(kernel)) % 200 > 0], 0, 100)
    area = Area.of(objects, COUNT)
    for _ in range(3):
        area.touch(task, asked_for=False)
        area.unmap(task)
    found = run(join(objects, [task], 1, write_ns=np.array([50_000], np.int64)))
    assert (found["high_order_attempts"], found["high_order_successes"]) == (3 * COUNT, 0)
