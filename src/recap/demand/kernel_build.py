"""kernel-build: a machine that builds kernels while another program wants memory in bursts of huge pages.

After the test of defrag_mode (2025), whose sizes were not published. The builds are those of highalloc; besides, slab
caches grow and shrink as they do when trees are walked and deleted: what they leave behind is what mixes pageblocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recap.demand.compilation import Tree
from recap.demand.demand import Demand
from recap.demand.disk_times import DiskTimes
from recap.demand.highalloc import Highalloc, build
from recap.demand.huge_faults import Area
from recap.demand.kinds import Kind, Op
from recap.demand.program import GFP_SLAB, SECOND, Array, ObjectTable, Task, join

DISK = DiskTimes(write=(320_000,), read_page=10_000)  # 400 MB/s
SLAB_PARTS = 32
TREE_SLAB_EVERY = 90  # pages of files: the slab caches are a task of their own here
ASSUMPTIONS = [
    "builds as in highalloc; every burst asks for a share of the memory as huge pages and holds it for two seconds",
    "slab caches grow to a share of the memory and shrink by nine tenths, page by page in no order",
    "the disk reads and writes 400 MB/s",
]


@dataclass(frozen=True)
class KernelBuild:
    """The size of the test; shares are of memory. The share of slab was set so that the unchanged kernel falls back to
    small pages in about a third of the faults, as was published.
    """

    mebibytes: int = 1024
    cpus: int = 4
    builds: int = 4
    load: float = 1.0  # files of all builds, as a multiple of memory
    slab: float = 0.06
    slab_cycle_seconds: int = 40
    seconds: int = 200
    burst: float = 0.25
    pause_seconds: int = 8
    hold_seconds: int = 2
    warm_seconds: int = 30

    @property
    def bursts(self) -> int:
        """How many fit in."""
        return (self.seconds - self.warm_seconds) // (self.pause_seconds + self.hold_seconds)


def kernel_build(size: KernelBuild, seed: int) -> Demand:
    """The demand of one run; the seed draws what the compilers do, which slab pages go, and when bursts come."""
    rng = np.random.default_rng(seed)
    objects = ObjectTable()
    trees: list[Tree] = []
    shape = Highalloc(
        mebibytes=size.mebibytes,
        cpus=size.cpus,
        load=size.load,
        warm_seconds=size.warm_seconds,
        slab_every=TREE_SLAB_EVERY,
    )
    end = size.seconds * SECOND
    tasks = [build(shape, objects, i, end, rng, trees) for i in range(size.builds)]
    tasks.append(slab_cache(size, objects, end, rng))
    starts = rng.integers(0, SECOND, size.bursts)
    tasks.append(bursts(size, objects, starts))
    return join(objects, tasks, size.cpus, assumptions=ASSUMPTIONS, dirty_ratio=20, **DISK.fields())


def slab_cache(size: KernelBuild, objects: ObjectTable, until: int, rng: np.random.Generator) -> Task:
    """Inodes and dentries: they come bit by bit, and most go again, in no order."""
    task = Task("slab", until=until)
    pages = objects.make(int(size.mebibytes * 256 * size.slab), Kind.KERNEL)
    nap = size.slab_cycle_seconds * SECOND // (2 * SLAB_PARTS)
    for _ in range(4):
        for part in np.array_split(rng.permutation(pages), SLAB_PARTS):
            task.do(Op.TOUCH, part, GFP_SLAB, 5_000, nap)
        for part in np.array_split(rng.permutation(pages)[: len(pages) * 9 // 10], SLAB_PARTS):
            task.do(Op.FREE, part, 0, 500, nap)
    return task


def bursts(size: KernelBuild, objects: ObjectTable, starts: Array) -> Task:
    """Huge pages again and again, by a program that does not wait for them."""
    task = Task("hugealloc")
    area = Area.of(objects, max(1, int(size.mebibytes * size.burst) // 2))
    for i, start in enumerate(starts):
        pause = size.pause_seconds * SECOND + (0 if i else size.warm_seconds * SECOND)
        area.touch(task, pause + int(start), asked_for=False)
        area.unmap(task, size.hold_seconds * SECOND)
    return task
