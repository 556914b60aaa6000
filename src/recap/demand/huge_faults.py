"""Page faults on memory that asked for huge pages: a huge page, or, where there is none, small ones.

Memory that asked for it (madvise) may wait for a huge page; a kernel that knows of nodes asks twice then
(vma_alloc_folio): on this node without much effort, then in earnest. Other memory takes what is free at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recap.demand.kinds import Kind, Op
from recap.demand.program import FREE_NS, GFP_HIGHUSER_MOVABLE, Array, ObjectTable, Task
from recap.kernel import GFP_DIRECT_RECLAIM, GFP_KERNEL, GFP_KSWAPD_RECLAIM, GFP_NOMEMALLOC, GFP_NORETRY, GFP_THISNODE

HUGE_ORDER = 9
SMALL = 1 << HUGE_ORDER
GFP_TRANSHUGE = GFP_HIGHUSER_MOVABLE & ~GFP_KSWAPD_RECLAIM | GFP_NOMEMALLOC
FAULT_NS = 1_000
CLEAR_NS = 400  # a small page


@dataclass(frozen=True)
class Area:
    """Memory mapped for `count` huge pages, with what stands in for each, and its page tables."""

    huge: Array
    small: Array
    page_tables: Array

    @staticmethod
    def of(objects: ObjectTable, count: int) -> Area:
        """A new one."""
        return Area(
            objects.make(count, Kind.ANON, HUGE_ORDER),
            objects.make(count * SMALL, Kind.ANON),
            objects.make(count, Kind.KERNEL),
        )

    def touch(self, task: Task, wait_ns: int = 0, asked_for: bool = True) -> None:
        """Fault in all of it, one huge page after the other."""
        light = GFP_TRANSHUGE if asked_for else GFP_TRANSHUGE & ~GFP_DIRECT_RECLAIM
        for i, table in enumerate(self.page_tables):
            one, parts = self.huge[i : i + 1], self.small[i * SMALL : (i + 1) * SMALL]
            task.do(Op.ALLOC, np.array([table]), GFP_KERNEL, FAULT_NS, 0 if i else wait_ns)
            task.do(Op.ALLOC, one, light | GFP_THISNODE | GFP_NORETRY, FAULT_NS)
            if asked_for:
                task.do(Op.ALLOC, one, GFP_TRANSHUGE, FAULT_NS)
            task.do(Op.FALLBACK, one, SMALL, CLEAR_NS * SMALL)
            task.do(Op.ALLOC, parts, GFP_HIGHUSER_MOVABLE, FAULT_NS)

    def unmap(self, task: Task, wait_ns: int = 0) -> None:
        """Give all of it back."""
        task.do(Op.FREE, self.huge, 0, FREE_NS, wait_ns)
        task.do(Op.FREE, self.small, 0, FREE_NS)
        task.do(Op.FREE, self.page_tables, 0, FREE_NS)
