"""highalloc: a flow of huge page requests on a machine that is busy building kernels (mmtests' stress-highalloc).

Timeline, formulas and passes are those of the script: memory / 400 MiB + 1 builds that start one after the other; then
the first pass, a request every so often whether served or not, each block kept until the pass ends; the second pass 5 s
later; 180 s after it the builds are killed, their trees deleted, and a last pass runs on the machine at rest. The 2008
covers used a test of this family; which one, on what machine, was not published.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from recap.demand.compilation import SLAB_EVERY, TREE_FILE_PAGES, Tree, compile_tree, copy_tree, make_tree
from recap.demand.demand import Demand
from recap.demand.disk_times import REQUEST_PAGES, DiskTimes
from recap.demand.kinds import Kind, Op
from recap.demand.program import FREE_NS, GFP_HIGHUSER_MOVABLE, SECOND, ObjectTable, Task, join
from recap.kernel import PAGE_SIZE

SEEK_NS = 8_000_000
WRITE_NS = 2_100_000  # 128 KiB at 60 MB/s
PAGE_NS = WRITE_NS // REQUEST_PAGES
SWAP_CLUSTER = 8  # pages that a swap-in reads together (1 << vm.page-cluster)
SWAP_IN_NS = SEEK_NS // SWAP_CLUSTER + PAGE_NS
DISK = DiskTimes(
    write=(WRITE_NS, WRITE_NS, WRITE_NS, WRITE_NS + SEEK_NS),
    read_page=int(SEEK_NS / TREE_FILE_PAGES) + PAGE_NS,
    swap_in=SWAP_IN_NS,
)
DIRTY_EXPIRE_NS = 30 * SECOND
PASSES = ("pass 1", "pass 2", "at rest")
ASSUMPTIONS = [
    "a compilation as recorded with gcc 12: 7,084 own pages in the median, a quarter used again in each eighth",
    "it reads 250 headers, 1.2 MB; the CPU of 2008 takes three times as long as ours",
    "a page of inodes and dentries for 7 of files; 7 % of these hold an object in use for good, as measured in a guest",
    "all builds together use 1.5 times the memory, as mmtests aims at",
    "one disk of 60 MB/s with a seek of 8 ms for every fourth write, each file read, and every 8 pages swapped in",
    "one memory zone; daemons and the test itself take no memory",
]


@dataclass(frozen=True)
class Highalloc:
    """Size of the machine and of the test; the defaults are mmtests' on a machine of 3 GiB.

    `rate` is in MiB/s, `percent` of memory is asked for as huge pages of `order`. `warm_seconds` pass before the first
    pass, `cool_seconds` between the second and the last.
    """

    mebibytes: int = 3072
    cpus: int = 4
    order: int = 9
    page_size: int = PAGE_SIZE
    rate: int = 16
    percent: int = 95
    warm_seconds: int = 300
    cool_seconds: int = 180
    load: float = 1.5  # demand of all builds together, as a multiple of memory
    slab_every: float = SLAB_EVERY  # pages of files for which inodes and the like fill one
    passes: int = 3

    @property
    def builds(self) -> int:
        """Kernel trees under compilation: K + 1."""
        return self.mebibytes // 400 + 1

    @property
    def attempts(self) -> int:
        """Requests of a pass."""
        huge = self.page_size << self.order
        return ((self.mebibytes << 20) // huge) * self.percent // 100

    @property
    def interval_ns(self) -> int:
        """Between two requests: 125 ms for 2 MiB at 16 MiB/s."""
        bytes_per_ms = self.rate * 1048576 // 1000
        return (self.page_size << self.order) // bytes_per_ms * 1_000_000

    def pages(self, mebibytes: float) -> int:
        """Pages of this machine that hold that amount."""
        return int(mebibytes * 1048576) // self.page_size

    @property
    def tree_pages(self) -> int:
        """Files of one build, sources and objects."""
        return max(self.pages(8), self.pages(self.load * self.mebibytes / self.builds - 24))


@lru_cache(2)
def highalloc(size: Highalloc, seed: int) -> Demand:
    """The demand of one run; the seed draws sizes and the order of files. Runs only read it, and may share it."""
    rng = np.random.default_rng(seed)
    objects = ObjectTable()
    load_ends = (
        size.warm_seconds * SECOND + 2 * (size.attempts * size.interval_ns + 5 * SECOND) + size.cool_seconds * SECOND
    )
    trees: list[Tree] = []
    tasks = [build(size, objects, i, load_ends, rng, trees) for i in range(size.builds)]
    tasks += passes(size, objects, len(tasks), trees)
    return join(
        objects,
        tasks,
        size.cpus,
        assumptions=ASSUMPTIONS,
        dirty_ratio=10,
        dirty_expire_ns=DIRTY_EXPIRE_NS,
        **DISK.fields(),
    )


def build(
    size: Highalloc, objects: ObjectTable, number: int, until: int, rng: np.random.Generator, trees: list[Tree]
) -> Task:
    """Copy a kernel tree, then compile its files one after the other until killed."""
    task = Task(f"make {number}", until=until)
    tree = make_tree(objects, size.tree_pages, size.slab_every, rng)
    trees.append(tree)
    copy_tree(task, tree, number * size.warm_seconds * SECOND // (2 * size.builds))
    task.loop = task.count
    compile_tree(task, objects, tree, size.page_size, rng)
    return task


def passes(size: Highalloc, objects: ObjectTable, first: int, trees: list[Tree]) -> list[Task]:
    """One task a pass; each starts the next when it has freed its blocks."""
    tasks = [Task(name, forked=i > 0) for i, name in enumerate(PASSES[: size.passes])]
    for i, task in enumerate(tasks):
        wanted = objects.make(size.attempts, Kind.KERNEL, size.order)
        wait = (size.warm_seconds, 5, size.cool_seconds + 5)[i] * SECOND
        task.do(Op.PACE, wanted[:1], 0, 0, 0)
        if i == 2:
            for tree in trees:
                task.do(Op.FREE, tree.pages, 0, FREE_NS, wait if tree is trees[0] else 0)
                task.do(Op.FREE, objects.of_kind(tree.slab, Kind.SLAB), 0, FREE_NS)
            task.do(Op.MIN_FREE, np.array([size.pages(1)]))
        else:
            task.do(Op.PACE, wanted[:1], 0, 0, wait)
        task.mix((Op.PACE, wanted, 0), (Op.ALLOC, wanted, GFP_HIGHUSER_MOVABLE), run_ns=1000, wait_ns=size.interval_ns)
        task.do(Op.FREE, wanted, 0, FREE_NS)
        if i + 1 < len(tasks):
            task.do(Op.FORK, np.array([first + i + 1]), 0, 0)
    return tasks
