"""Building a demand by hand: tasks made of runs of operations on numbered objects, joined into one Demand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from recap.demand.demand import Demand
from recap.demand.kinds import Kind, Op
from recap.kernel import GFP_HIGHMEM, GFP_KERNEL, GFP_MOVABLE, GFP_RECLAIMABLE
from recap.trace import NO_PFN

Array = npt.NDArray[np.signedinteger]
SECOND = 1_000_000_000  # ns
FREE_NS = 300  # CPU time to free a page
MOST_TERMS = 256  # of a task
GFP_HIGHUSER_MOVABLE = GFP_KERNEL | GFP_HIGHMEM | GFP_MOVABLE
GFP_SLAB = GFP_KERNEL | GFP_RECLAIMABLE


@dataclass
class ObjectTable:
    """What memory is asked for: numbers are given out in runs."""

    kind: list[npt.NDArray[np.uint8]] = field(default_factory=list)
    order: list[npt.NDArray[np.uint8]] = field(default_factory=list)
    count: int = 0

    def make(self, count: int, kind: Kind, order: int = 0) -> Array:
        """New objects of a kind."""
        return self.make_kinds(np.full(count, kind, np.uint8), order)

    def make_kinds(self, kinds: npt.NDArray[np.uint8], order: int = 0) -> Array:
        """New objects, each of its own kind."""
        self.kind.append(kinds)
        self.order.append(np.full(len(kinds), order, np.uint8))
        self.count += len(kinds)
        return np.arange(self.count - len(kinds), self.count, dtype=np.int32)

    def of_kind(self, some: Array, kind: Kind) -> Array:
        """Those of some objects that are of a kind."""
        wanted: Array = some[np.concatenate(self.kind)[some] == kind]
        return wanted


class Terms(NamedTuple):
    """What an operation has beside its object; times in ns."""

    op: Op
    gfp: int
    run: int
    wait: int


@dataclass
class Task:
    """A task's operations in order; `until` > 0: it goes on from `loop` when it is through, and is killed then."""

    name: str
    forked: bool = False
    until: int = 0
    loop: int = 0
    runs: list[tuple[npt.NDArray[np.uint8], Array]] = field(default_factory=list)  # rows of `terms`, objects
    terms: dict[Terms, int] = field(default_factory=dict)
    count: int = 0

    def do(self, op: Op, objects: Array, gfp: int = 0, run_ns: int = 0, wait_ns: int = 0) -> None:
        """An operation on each object; `wait_ns` is slept before the first, `run_ns` computed before each."""
        if len(objects):
            rows = np.full(len(objects), self.row(Terms(op, gfp, run_ns, wait_ns if op == Op.PACE else 0)), np.uint8)
            rows[0] = self.row(Terms(op, gfp, run_ns, wait_ns))
            self.add(rows, objects)

    def mix(self, *steps: tuple[Op, Array, int], run_ns: int, wait_ns: int = 0) -> None:
        """Runs of the same length in turn: the first of each, then the second of each."""
        rows = [self.row(Terms(op, gfp, run_ns, wait_ns if op == Op.PACE else 0)) for op, _, gfp in steps]
        self.add(np.tile(np.array(rows, np.uint8), len(steps[0][1])), np.stack([one for _, one, _ in steps], 1).ravel())

    def row(self, terms: Terms) -> int:
        """Which row of the task's table has these terms."""
        row = self.terms.setdefault(terms, len(self.terms))
        assert row < MOST_TERMS, self.name
        return row

    def add(self, rows: npt.NDArray[np.uint8], objects: Array) -> None:
        """More operations."""
        self.runs.append((rows, objects))
        self.count += len(rows)


def join(objects: ObjectTable, tasks: list[Task], cpus: int, **rest: object) -> Demand:
    """One demand of these tasks; they take the CPUs in turn. `rest` are other fields of Demand."""
    runs = [run for task in tasks for run in task.runs]
    count = np.array([task.count for task in tasks], np.int64)
    first = np.cumsum(count) - count
    sizes = np.array([len(task.terms) for task in tasks], np.int64)
    table = np.array([tuple(terms) for task in tasks for terms in task.terms], np.int64).reshape(-1, 4)
    fields: dict[str, object] = {
        "obj_kind": np.concatenate(objects.kind),
        "obj_order": np.concatenate(objects.order),
        "obj_pfn": np.broadcast_to(np.uint32(NO_PFN), objects.count),
        "op_obj": np.concatenate([asked for _, asked in runs]).astype(np.int32, copy=False),
        "op_term": np.concatenate([rows for rows, _ in runs]),
        "op_kind": table[:, 0].astype(np.uint8),
        "op_gfp": table[:, 1].astype(np.uint32),
        "op_run": table[:, 2].astype(np.uint64),
        "op_wait": table[:, 3].astype(np.uint64),
        "op_cpu": np.repeat(np.arange(len(tasks)) % cpus, sizes).astype(np.uint8),
        "op_due": np.zeros(len(table), np.int64),
        "op_result": np.ones(len(table), np.uint8),
        "task_pid": np.arange(1, len(tasks) + 1, dtype=np.int32),
        "task_first": first,
        "task_count": count,
        "task_first_term": np.cumsum(sizes) - sizes,
        "task_forked": np.array([task.forked for task in tasks], np.uint8),
        "task_comm": [task.name for task in tasks],
        "cpus": cpus,
        "duration_ns": 0,
        "read_ns": np.zeros(0, np.int64),
        "reclaim_costs": None,
        "compaction_costs": None,
        "compaction_wait": 0.0,
        "recorded": {},
        "assumptions": [],
        "task_until": np.array([task.until for task in tasks], np.int64),
        "task_loop": first + np.array([task.loop for task in tasks], np.int64),
    }
    return Demand(**(fields | rest))  # type: ignore[arg-type]
