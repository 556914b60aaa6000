"""reclaimers: very many tasks that want a huge page at the same moment, on a full machine with others at work.

KOSAKI's worst case (20080904162900.B262.KOSAKI.MOTOHIRO@jp.fujitsu.com): very many processes in shrink_zone at once,
each not giving back a few pages.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recap.demand.demand import Demand
from recap.demand.disk_times import REQUEST_PAGES, DiskTimes
from recap.demand.highalloc import DIRTY_EXPIRE_NS, SEEK_NS, SWAP_IN_NS, WRITE_NS
from recap.demand.kinds import Kind, Op
from recap.demand.program import FREE_NS, GFP_HIGHUSER_MOVABLE, SECOND, ObjectTable, Task, join
from recap.kernel import GFP_KERNEL

DISK = DiskTimes(
    write=(WRITE_NS, WRITE_NS + SEEK_NS), read_page=(SEEK_NS + WRITE_NS) // REQUEST_PAGES, swap_in=SWAP_IN_NS
)


@dataclass(frozen=True)
class Reclaimers:
    """`tasks` ask for a block of `order` each, `rounds` times, on a machine whose memory is `full` in use."""

    tasks: int
    mebibytes: int = 512
    cpus: int = 4
    order: int = 9
    rounds: int = 2
    full: float = 0.97
    anonymous: float = 0.9  # of what is in use
    workers: int = 8  # tasks that go on asking for single pages: they read files
    seconds: int = 60  # how long they do


def reclaimers(size: Reclaimers, seed: int) -> Demand:
    """The demand of one run; the seed draws when each task comes, within 10 ms."""
    rng = np.random.default_rng(seed)
    objects = ObjectTable()
    pages = size.mebibytes << 8
    filled = int(pages * size.full)
    fill = Task("fill")
    kinds = rng.random(filled) < size.anonymous
    anon, file = objects.make(int(kinds.sum()), Kind.ANON), objects.make(int((~kinds).sum()), Kind.FILE)
    order = np.empty(filled, np.int64)
    order[kinds], order[~kinds] = anon, file
    fill.do(Op.ALLOC, order, GFP_HIGHUSER_MOVABLE, 500)
    fill.do(Op.TOUCH, anon[:1], GFP_HIGHUSER_MOVABLE, 0, size.seconds * SECOND)
    tasks = [fill, *(worker(objects, pages // 8, size.seconds) for _ in range(size.workers))]
    for i in range(size.tasks):
        task = Task(f"reclaimer {i}")
        wanted = objects.make(size.rounds, Kind.KERNEL, size.order)
        task.do(Op.ALLOC, wanted, GFP_HIGHUSER_MOVABLE, 1000, 2 * SECOND + int(rng.integers(10_000_000)))
        task.do(Op.FREE, wanted, 0, FREE_NS, SECOND)
        tasks.append(task)
    return join(
        objects,
        tasks,
        size.cpus,
        dirty_ratio=10,
        dirty_expire_ns=DIRTY_EXPIRE_NS,
        **DISK.fields(),
    )


def worker(objects: ObjectTable, pages: int, seconds: int) -> Task:
    """Reads files, a page after the other and round again, with a page of the kernel's for eight of them."""
    task = Task("worker", until=seconds * SECOND)
    kernel, file = objects.make(pages // 8, Kind.KERNEL), objects.make(pages, Kind.FILE)
    task.do(Op.TOUCH, file[:1], GFP_HIGHUSER_MOVABLE, 0, SECOND)
    for part, some in zip(np.array_split(kernel, 16), np.array_split(file, 16), strict=True):
        task.do(Op.ALLOC, part, GFP_KERNEL, 20_000)
        task.do(Op.ALLOC, some, GFP_HIGHUSER_MOVABLE, 50_000)
        task.do(Op.FREE, part, 0, FREE_NS)
    return task
