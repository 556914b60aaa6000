"""thp-fio-scale: programs read files at random while more and more tasks fault huge pages at once.

After mmtests' thpfioscale (config and shellpack of 2019): four readers of files of 64 KiB, together one and a half
times as large as memory; a working set of three quarters of memory, of which each task faults half of its share. Its
machine had at least eight CPUs, by the numbers of tasks. Machine and disk are smaller here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recap.demand.compilation import Tree, make_tree
from recap.demand.demand import Demand
from recap.demand.disk_times import DiskTimes
from recap.demand.huge_faults import Area
from recap.demand.kinds import Op
from recap.demand.program import GFP_HIGHUSER_MOVABLE, GFP_SLAB, SECOND, Array, ObjectTable, Task, join

FILE_PAGES = 16
FILE_SLAB_BYTES = 960 + 192 + 576  # an inode, a dentry and a node of the page cache's tree, as a 64-bit kernel has them
SLAB_EVERY = FILE_PAGES * 4096 / FILE_SLAB_BYTES
READ_NS = 1_000  # CPU time to copy a page
DISK = DiskTimes(write=(320_000,), read_page=400_000)  # writes at 400 MB/s, reads at 10 MB/s
ROUNDS = 3  # the files a reader opens before it begins again, as a multiple of its files
ASSUMPTIONS = [
    "files are made at once and written already; then one is as likely to be read as another",
    "the tasks of a row begin within a millisecond, and give all back when the next row begins",
    "the disk reads 10 MB/s, so that the unchanged kernel gets about as many huge pages as published",
]


@dataclass(frozen=True)
class ThpFioScale:
    """The size of the test; shares are of memory."""

    mebibytes: int = 1024
    cpus: int = 8
    readers: int = 4
    files: float = 1.5
    working_set: float = 0.75
    rows: tuple[int, ...] = (3, 5, 7, 12, 18, 24, 30, 32)  # tasks that fault at once, as in the table of 2019
    row_seconds: int = 10
    warm_seconds: int = 8

    @property
    def seconds(self) -> int:
        """How long it takes."""
        return self.warm_seconds + len(self.rows) * self.row_seconds

    def huge_pages(self, tasks: int) -> int:
        """How many each of so many tasks faults."""
        return max(1, int(self.mebibytes * self.working_set) // tasks // 2 // 2)


def thp_fio_scale(size: ThpFioScale, seed: int) -> Demand:
    """The demand of one run; the seed draws which files are read, and when the tasks of a row begin."""
    rng = np.random.default_rng(seed)
    objects = ObjectTable()
    pages = int(size.mebibytes * 256 * size.files) // size.readers
    tasks = [reader(i, make_tree(objects, pages, SLAB_EVERY, rng), size.seconds, rng) for i in range(size.readers)]
    for row, count in enumerate(size.rows):
        begin = (size.warm_seconds + row * size.row_seconds) * SECOND
        tasks += [faulter(objects, size, count, begin + int(late)) for late in rng.integers(0, 1_000_000, count)]
    return join(objects, tasks, size.cpus, assumptions=ASSUMPTIONS, dirty_ratio=20, **DISK.fields())


def reader(number: int, tree: Tree, seconds: int, rng: np.random.Generator) -> Task:
    """All its files are made, then it reads one after the other, each to its end, until the test is over."""
    task = Task(f"fio {number}", until=seconds * SECOND)
    for slab, pages in zip(np.array_split(tree.slab, 64), np.array_split(tree.pages, 64), strict=True):
        task.do(Op.ALLOC, slab, GFP_SLAB, READ_NS)
        task.do(Op.ALLOC, pages, GFP_HIGHUSER_MOVABLE, READ_NS)
    task.loop = task.count
    files: Array = tree.pages[: len(tree.pages) // FILE_PAGES * FILE_PAGES].reshape(-1, FILE_PAGES)
    for file in rng.integers(0, len(files), ROUNDS * len(files)):
        task.do(Op.TOUCH, tree.slab_of(files[file]), GFP_SLAB, READ_NS)
        task.do(Op.TOUCH, files[file], GFP_HIGHUSER_MOVABLE, READ_NS)
    return task


def faulter(objects: ObjectTable, size: ThpFioScale, tasks: int, begin: int) -> Task:
    """A task's huge pages, one after the other; all of a row end together."""
    task = Task(f"thp of {tasks}")
    area = Area.of(objects, size.huge_pages(tasks))
    area.touch(task, begin)
    area.unmap(task, size.row_seconds // 2 * SECOND)
    return task
