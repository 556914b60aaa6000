"""A kernel tree that is copied, then compiled file by file: what that asks of memory.

Measured in a recording of `make kernel/sched/ kernel/time/ lib/` of Linux 6.1 with gcc 12 on Linux 6.18
(`tools/compile_parameters.py` tells how): medians over 18 runs of cc1. Of the years since 2008 only the speed is taken
back; compilers were smaller then.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recap.demand.kinds import Kind, Op
from recap.demand.program import FREE_NS, GFP_HIGHUSER_MOVABLE, GFP_SLAB, Array, ObjectTable, Task
from recap.kernel import GFP_KERNEL, PAGE_SIZE

ANON_PAGES = 7084  # that one run holds at most, of 4 KiB
ANON_SIGMA = 0.61  # of its logarithm
PAGE_TABLES = 46
KERNEL_PAGES = 16  # of the kernel's own beside page tables and stack
HOT = 4  # one page of four is used again in each eighth of a run
HEADERS = 300  # pages; 250 headers of together 1.2 MB
OUTPUT_PAGES = 7
RUN_NS = 900_000_000  # a CPU of 2008, three times as long as ours
TREE_FILE_PAGES = 2.7  # pages of a file of the tree, on average
SLAB_EVERY = 7.1  # file pages for which inodes, dentries, radix tree nodes and buffer heads fill one of slab
PINNED_SHARE = 0.07  # of slab pages that hold an object in use for good: 1.4 % of the objects, five a page
RUNS = 24  # compilations before the same ones come again


@dataclass(frozen=True)
class Tree:
    """The files of one copy, and the slab pages of their inodes, which lie in the same order."""

    pages: Array
    slab: Array

    def slab_of(self, pages: Array) -> Array:
        """The slab pages that go with these file pages."""
        first = int(self.pages[0])
        return np.unique(self.slab[(pages - first) * len(self.slab) // len(self.pages)])


def make_tree(objects: ObjectTable, pages: int, slab_every: float, rng: np.random.Generator) -> Tree:
    """A new copy of the tree, nowhere in memory yet, with one page of slab for each group of its files' pages."""
    slab = np.full(int(pages / slab_every) + 1, Kind.SLAB, np.uint8)
    slab[rng.random(len(slab)) < PINNED_SHARE] = Kind.PINNED
    return Tree(objects.make(pages, Kind.FILE), objects.make_kinds(slab))


def copy_tree(task: Task, tree: Tree, start_ns: int) -> None:
    """cp -r: every page is written, and stays in the page cache."""
    task.do(Op.ALLOC, tree.slab[:1], GFP_SLAB, 0, start_ns)
    for slab, pages in zip(np.array_split(tree.slab[1:], 64), np.array_split(tree.pages, 64), strict=True):
        task.do(Op.ALLOC, slab, GFP_SLAB, 1000)
        task.mix((Op.ALLOC, pages, GFP_HIGHUSER_MOVABLE), (Op.DIRTY, pages, 0), run_ns=2000)


def compile_tree(task: Task, objects: ObjectTable, tree: Tree, page_size: int, rng: np.random.Generator) -> None:
    """make -j1: one compilation after the other, round and round."""
    scale = PAGE_SIZE / page_size
    most = int(3.5 * ANON_PAGES * scale)
    anon = objects.make(most, Kind.ANON)
    kernel = objects.make(int(PAGE_TABLES * scale) + KERNEL_PAGES + most // 512, Kind.KERNEL)
    stack = objects.make(1, Kind.KERNEL, 1 if page_size == PAGE_SIZE else 0)
    headers = rng.choice(tree.pages, max(1, int(HEADERS * scale)), replace=False)
    for _ in range(RUNS):
        used = anon[: min(most, int(rng.lognormal(np.log(ANON_PAGES * scale), ANON_SIGMA)))]
        tables = KERNEL_PAGES + int(PAGE_TABLES * scale) * (1 + len(used) // max(1, most // 4)) // 2
        compile_file(task, used, kernel[:tables], stack, (tree, headers), rng)


def compile_file(
    task: Task, anon: Array, kernel: Array, stack: Array, files: tuple[Tree, Array], rng: np.random.Generator
) -> None:
    """One run of the compiler: read, allocate, use again, write, exit."""
    tree, headers = files
    sources = at(tree.pages, rng, max(1, len(headers) // 4))
    task.do(Op.ALLOC, stack, GFP_KERNEL, 50_000)
    task.do(Op.ALLOC, kernel, GFP_KERNEL, 5000)
    for read in (headers, sources):
        task.do(Op.TOUCH, tree.slab_of(read), GFP_SLAB, 500)
        task.do(Op.TOUCH, read, GFP_HIGHUSER_MOVABLE, 20_000)
    held = 0
    for part in np.array_split(anon, 8):
        task.do(Op.ALLOC, part, GFP_HIGHUSER_MOVABLE, RUN_NS // max(1, len(anon)))
        held += len(part)
        task.do(Op.TOUCH, anon[:held:HOT], GFP_HIGHUSER_MOVABLE, 200)
    output = at(tree.pages, rng, max(1, len(headers) * OUTPUT_PAGES // HEADERS))
    task.do(Op.TOUCH, tree.slab_of(output), GFP_SLAB, 500)
    task.mix((Op.TOUCH, output, GFP_HIGHUSER_MOVABLE), (Op.DIRTY, output, 0), run_ns=2000)
    for part in (anon, kernel, stack):
        task.do(Op.FREE, part, 0, FREE_NS)


def at(pool: Array, rng: np.random.Generator, count: int) -> Array:
    """A run of neighbours somewhere in a pool: files lie together."""
    count = min(count, len(pool))
    start = int(rng.integers(0, len(pool) - count + 1))
    return pool[start : start + count]
