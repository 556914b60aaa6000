"""Demand: which task asked for what, when, and freed it by itself. The rest is the model's to decide.

Operations are grouped by task, in each task's own order; objects are what memory is asked for. A file page is one
object by its place in its file: asking for it again while it is resident is a hit.

Of an operation, all but its object are its terms. Recorded operations have terms of their own. Those of a synthetic
load are much alike: there the terms are a table for each task, and an operation has a byte, its row in that table.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recap.demand.compaction_costs import CompactionCosts
from recap.demand.kinds import Op
from recap.demand.reclaim_costs import ReclaimCosts
from recap.trace import NO_PFN


@dataclass(frozen=True, eq=False)
class Demand:
    """A workload. Arrays starting with obj_ have one entry an object, op_ one an operation, task_ one a task.

    Where there is an op_term, all other op_ but op_obj have one entry for each row of the tables of terms instead.
    """

    obj_kind: npt.NDArray[np.uint8]  # Kind
    obj_order: npt.NDArray[np.uint8]
    obj_pfn: npt.NDArray[np.uint32]  # where it is at the start, NO_PFN if it is asked for later
    op_kind: npt.NDArray[np.uint8]  # Op
    op_obj: npt.NDArray[np.int32]  # the object, or what Op says
    op_gfp: npt.NDArray[np.uint32]  # the flags of the request, or what Op says
    op_cpu: npt.NDArray[np.uint8]
    op_run: npt.NDArray[np.uint64]  # ns on the CPU since the task's last operation
    op_wait: npt.NDArray[np.uint64]  # ns asleep since then
    op_due: npt.NDArray[np.int64]  # ns from the start to when it was recorded, without what the task lost in stalls
    op_result: npt.NDArray[np.uint8]  # of an ALLOC: did the recorded kernel serve it?
    task_pid: npt.NDArray[np.int32]
    task_first: npt.NDArray[np.int64]
    task_count: npt.NDArray[np.int64]
    task_forked: npt.NDArray[np.uint8]  # 1: starts with its parent's FORK, 0: at the start
    task_comm: list[str]
    cpus: int
    duration_ns: int
    read_ns: npt.NDArray[np.int64]  # recorded latencies of the block device, issue to completion
    write_ns: npt.NDArray[np.int64]
    reclaim_costs: ReclaimCosts | None  # CPU time of reclaim, None if it cannot be measured
    compaction_costs: CompactionCosts | None  # CPU time of compaction, None if nothing was moved
    compaction_wait: float  # ns that compaction waits for a CPU, preempted, for each ns it runs
    recorded: dict[str, float]  # what only the trace tells of the recorded kernel
    assumptions: list[str]
    obj_looks: npt.NDArray[np.uint8] | None = None  # how often recorded reclaim found it in use
    obj_in_use_until: npt.NDArray[np.int64] | None = None  # ns at which it did so last
    obj_shared: npt.NDArray[np.uint8] | None = None  # 1: in use by several tasks, or held by the kernel
    task_loop: npt.NDArray[np.int64] | None = None  # the operation a task goes on with when it is through
    task_until: npt.NDArray[np.int64] | None = None  # ns at which such a task is killed; 0: it ends when it is through
    read_page_ns: int = 0  # what a page costs that must be read, where the waits do not have it already
    swap_in_ns: int = 0  # the same of a page in swap
    request_pages: int = 0  # pages that a device writes in write_ns, one request after another; 0: as recorded
    dirty_expire_ns: int = 0  # age at which dirty pages are written in any case; 0: as recorded
    kcompactd_ns: int = 0  # when kcompactd looks for the first time whether memory is in pieces
    op_term: npt.NDArray[np.uint8] | None = None  # a row in the task's table of terms
    task_first_term: npt.NDArray[np.int64] | None = None  # where that table begins
    dirty_ratio: int = 0  # percent of memory above which writers wait for the device (0: they never do)
    tick_ns: npt.NDArray[np.int64] | None = None  # from the start to each CPU's first tick; none or empty: not known

    def residents(self) -> npt.NDArray[np.int64]:
        """The objects that are in memory at the start."""
        return np.flatnonzero(self.obj_pfn != NO_PFN)

    def of_each(self, name: str) -> npt.NDArray[np.generic]:
        """A column op_..., with an entry for each operation in any case."""
        column: npt.NDArray[np.generic] = getattr(self, name)
        if self.op_term is None or self.task_first_term is None or name == "op_obj":
            return column
        each: npt.NDArray[np.generic] = column[np.repeat(self.task_first_term, self.task_count) + self.op_term]
        return each

    def quiet_tasks(self) -> npt.NDArray[np.bool_]:
        """Which tasks never ask for memory: what wakes them is the timer."""
        asked = np.append(0, np.cumsum(self.of_each("op_kind") == Op.ALLOC))
        return np.asarray(asked[self.task_first + self.task_count] == asked[self.task_first])

    @property
    def operations(self) -> int:
        """How many operations there are."""
        return len(self.op_obj)
