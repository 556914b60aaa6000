"""Building a demand by hand: tasks made of runs of operations on numbered objects, joined into one Demand."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from recap.demand.demand import Demand
from recap.demand.kinds import Kind, Op
from recap.kernel import GFP_HIGHMEM, GFP_KERNEL, GFP_MOVABLE, GFP_RECLAIMABLE
from recap.trace import NO_PFN

Array = npt.NDArray[np.int64]
SECOND = 1_000_000_000  # ns
FREE_NS = 300  # CPU time to free a page
GFP_HIGHUSER_MOVABLE = GFP_KERNEL | GFP_HIGHMEM | GFP_MOVABLE
GFP_SLAB = GFP_KERNEL | GFP_RECLAIMABLE


@dataclass
class ObjectTable:
    """What memory is asked for: numbers are given out in runs."""

    kind: list[npt.NDArray[np.uint8]] = field(default_factory=list)
    order: list[npt.NDArray[np.uint8]] = field(default_factory=list)
    count: int = 0

    def make(self, count: int, kind: Kind, order: int = 0) -> Array:
        """So many new objects of a kind."""
        return self.make_kinds(np.full(count, kind, np.uint8), order)

    def make_kinds(self, kinds: npt.NDArray[np.uint8], order: int = 0) -> Array:
        """New objects, each of its own kind."""
        self.kind.append(kinds)
        self.order.append(np.full(len(kinds), order, np.uint8))
        self.count += len(kinds)
        return np.arange(self.count - len(kinds), self.count)

    def of_kind(self, some: Array, kind: Kind) -> Array:
        """Those of some objects that are of a kind."""
        wanted: Array = some[np.concatenate(self.kind)[some] == kind]
        return wanted


@dataclass
class Task:
    """A task's operations in order; `until` > 0: it goes on from `loop` when it is through, and is killed then."""

    name: str
    forked: bool = False
    until: int = 0
    loop: int = 0
    runs: list[tuple[Array, ...]] = field(default_factory=list)
    count: int = 0

    def do(self, op: Op | Array, objects: Array, gfp: int = 0, run_ns: int = 0, wait_ns: int = 0) -> None:
        """An operation on each object; `wait_ns` is slept before the first, `run_ns` computed before each."""
        n = len(objects)
        wait = np.zeros(n, np.int64)
        if op == Op.PACE:
            wait[:] = wait_ns
        elif n:
            wait[0] = wait_ns
        self.runs.append((np.full(n, op, np.int64), objects, np.full(n, gfp), np.full(n, run_ns), wait))
        self.count += n

    def mix(self, *steps: tuple[Op, Array, int], run_ns: int, wait_ns: int = 0) -> None:
        """Runs of the same length in turn: the first of each, then the second of each."""
        n = len(steps[0][1])
        op = np.stack([np.full(n, step, np.int64) for step, _, _ in steps], 1).ravel()
        objects = np.stack([objects for _, objects, _ in steps], 1).ravel()
        gfp = np.stack([np.full(n, gfp, np.int64) for _, _, gfp in steps], 1).ravel()
        paced = np.where(op == Op.PACE, wait_ns, 0)
        self.runs.append((op, objects, gfp, np.full(len(op), run_ns), paced))
        self.count += len(op)


def join(objects: ObjectTable, tasks: list[Task], cpus: int, **rest: object) -> Demand:
    """One demand of these tasks; they take the CPUs in turn. `rest` are other fields of Demand."""
    columns = [np.concatenate(column) for column in zip(*(run for task in tasks for run in task.runs), strict=True)]
    op, obj, gfp, run, wait = columns
    count = np.array([task.count for task in tasks], np.int64)
    first = np.cumsum(count) - count
    fields: dict[str, object] = {
        "obj_kind": np.concatenate(objects.kind),
        "obj_order": np.concatenate(objects.order),
        "obj_pfn": np.full(objects.count, NO_PFN, np.uint32),
        "op_kind": op.astype(np.uint8),
        "op_obj": obj.astype(np.int32),
        "op_gfp": gfp.astype(np.uint32),
        "op_cpu": np.repeat(np.arange(len(tasks)) % cpus, count).astype(np.uint8),
        "op_run": run.astype(np.uint64),
        "op_wait": wait.astype(np.uint64),
        "op_due": np.zeros(len(op), np.int64),
        "op_result": np.ones(len(op), np.uint8),
        "task_pid": np.arange(1, len(tasks) + 1, dtype=np.int32),
        "task_first": first,
        "task_count": count,
        "task_forked": np.array([task.forked for task in tasks], np.uint8),
        "task_comm": [task.name for task in tasks],
        "cpus": cpus,
        "duration_ns": 0,
        "read_ns": np.zeros(0, np.int64),
        "reclaim_costs": None,
        "compaction_costs": None,
        "reclaim_wait": 0.0,
        "compaction_wait": 0.0,
        "recorded": {},
        "assumptions": [],
        "task_until": np.array([task.until for task in tasks], np.int64),
        "task_loop": first + np.array([task.loop for task in tasks], np.int64),
    }
    return Demand(**(fields | rest))  # type: ignore[arg-type]
