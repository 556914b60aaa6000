"""Assumptions that change the demand, on a few operations."""

from dataclasses import replace

import numpy as np

from recap.demand.kinds import Kind, Op
from recap.demand.use_again import used_again
from recap.lab.assumptions import ASSUMPTIONS, assumed, pace
from tests.sim.test_closed_loop import allocs, demand


def test_anonymous_pages_are_used_again_halfway_through_their_life() -> None:
    taken = allocs(0, 4)
    wanted = demand([*taken, *((Op.FREE, obj) for _, obj in taken)], allocs(4, 2))
    wanted = replace(wanted, op_due=np.arange(10) * 10_000)
    again = used_again(wanted, 100)
    assert again.task_count.tolist() == [12, 2]
    touched = again.op_obj[again.op_kind == Op.TOUCH].tolist()
    assert sorted(touched) == [0, 1, 2, 3]
    first_task = list(zip(again.op_kind[:12].tolist(), again.op_obj[:12].tolist(), strict=True))
    for obj in range(4):
        asked, used, given = (first_task.index((op, obj)) for op in (Op.ALLOC, Op.TOUCH, Op.FREE))
        assert asked < used < given


def test_files_and_kernel_memory_are_not() -> None:
    wanted = demand([*allocs(0, 4), (Op.FREE, 0)], kind=Kind.FILE)
    assert used_again(wanted, 100).operations == wanted.operations


def test_without_pace_nothing_is_due_at_a_time() -> None:
    wanted = replace(demand(allocs(0, 4)), op_due=np.arange(4) * 10)
    assert pace(wanted, 0).op_due.tolist() == [0, 0, 0, 0]


def test_each_is_told_with_its_name() -> None:
    assert all(name in line for name, line in zip(ASSUMPTIONS, assumed(), strict=True))
