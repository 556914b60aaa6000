"""The test of 2019: what its size says is what its demand asks for, and the shrunken test runs."""

from __future__ import annotations

import numpy as np
import pytest

from recap.demand.kinds import Kind, Op
from recap.demand.thp_fio_scale import ThpFioScale, thp_fio_scale
from recap.lab.workloads import fio_and_huge_pages
from recap.policy import load
from recap.sim.run import simulate

TINY = ThpFioScale(mebibytes=64, cpus=2, rows=(2, 3), row_seconds=2, warm_seconds=1)


def test_each_row_faults_half_of_the_working_set() -> None:
    found = thp_fio_scale(TINY, 0)
    huge = np.unique(found.op_obj[(found.of_each("op_kind") == Op.ALLOC) & (found.obj_order[found.op_obj] == 9)])
    assert len(huge) == 2 * TINY.huge_pages(2) + 3 * TINY.huge_pages(3) == 2 * 6 + 3 * 4
    assert found.task_comm.count("thp of 3") == 3


def test_files_are_larger_than_memory_and_read_one_by_one() -> None:
    found = thp_fio_scale(TINY, 0)
    assert np.count_nonzero(found.obj_kind == Kind.FILE) == 64 * 256 * 3 // 2
    read = found.op_obj[(found.of_each("op_kind") == Op.TOUCH) & (found.obj_kind[found.op_obj] == Kind.FILE)]
    assert (np.diff(read[:16]) == 1).all()
    assert not (thp_fio_scale(TINY, 1).op_obj[: len(found.op_obj)] == found.op_obj[: len(found.op_obj)]).all()


@pytest.mark.compiled
def test_it_runs_and_readers_never_stop() -> None:
    found = simulate(fio_and_huge_pages(TINY), load("none"), 0)
    assert found["high_order_attempts"] == 24
    assert found["pgsteal_kswapd"] > 0
    assert found["simulated_seconds"] == pytest.approx(TINY.seconds, abs=1)
