"""Random operations on the engine and its specification, on ordinary machines and odd ones, under every kernel's rules.

    python -m tests.mm.differential COUNT [SEED]

Both do each operation and have to give the same answer; every so often all that they hold is compared. A machine, a
policy and a seed name the operations, so that a failure can be had again. All CPUs take part.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

from recap.kernel import (
    LINUX_2_6_27_MM,
    LINUX_6_1,
    LINUX_6_18,
    ZONE_DMA,
    ZONE_DMA32,
    ZONE_MOVABLE,
    ZONE_NORMAL,
    Profile,
    powerpc,
)
from tests.mm.load import MINIATURE, ONE_ZONE, REAL, RandomLoad
from tests.mm.twins import POLICIES, Twins
from tests.reference.state import Shape, ZoneShape

SEED = 2008
EVERY = 1000  # operations between two comparisons
KERNELS = {profile.name: profile for profile in (LINUX_6_1, LINUX_2_6_27_MM, LINUX_6_18)}
NO_RESERVE = (0, 0, 0, 0, 0)
NO_MARKS = (0, 0, 0, 0)
ZONE_SHAPE = MINIATURE.zones[1]


def one_zone(index: int) -> Shape:
    """The miniature with a single zone."""
    return replace(MINIATURE, zones=(replace(ZONE_SHAPE, index=index),))


SHAPES = {
    "miniature": MINIATURE,
    "whole pageblocks": REAL,
    "one CPU, one zone": ONE_ZONE,
    "DMA only": one_zone(ZONE_DMA),
    "Normal only": one_zone(ZONE_NORMAL),
    "Movable only": one_zone(ZONE_MOVABLE),
    "three zones": replace(MINIATURE, zones=tuple(ZoneShape(i, 256, (4, 5, 6, 7), (0, 2, 4, 4, 4)) for i in (0, 1, 2))),
    "64 CPUs": replace(MINIATURE, cpus=64, zones=(ZoneShape(ZONE_DMA32, 1024, (16, 20, 24, 28), NO_RESERVE),)),
    "order 0 only": replace(MINIATURE, max_order=1, pageblock_order=0),
    "orders 0 and 1 only": replace(
        MINIATURE, cpus=1, max_order=2, pageblock_order=1, zones=(replace(ZONE_SHAPE, pages=64),)
    ),
    "watermarks of 0": replace(
        MINIATURE, zones=tuple(ZoneShape(i, 512, NO_MARKS, NO_RESERVE) for i in (ZONE_DMA32, ZONE_NORMAL))
    ),
    "large per-cpu lists": replace(MINIATURE, pcp_batch=63, pcp_high=378, pcp_high_max=400),
    "no room on per-cpu lists": replace(MINIATURE, pcp_batch=1, pcp_high=0, pcp_high_max=0),
    "one capture list": replace(MINIATURE, captures=1),
}
PAGES_64K = replace(MINIATURE, max_order=9, pageblock_order=8, zones=(replace(ZONE_SHAPE, pages=1024),))


def machines() -> Iterator[tuple[str, Shape]]:
    """Every shape under every kernel, by name."""
    for name, shape in SHAPES.items():
        for kernel, profile in KERNELS.items():
            yield f"{name}, {kernel}", fitted(shape, profile)
    yield "64 KiB pages, 2.6.27-mm", fitted(PAGES_64K, powerpc(LINUX_2_6_27_MM, 65536))


def fitted(shape: Shape, profile: Profile) -> Shape:
    """A shape under a kernel."""
    return replace(shape, profile=profile, pcp_high_max=max(shape.pcp_high_max, shape.pcp_high))


MACHINES = dict(machines())


@dataclass(frozen=True)
class Part:
    """So many operations on a machine under a policy."""

    machine: str
    policy: str
    operations: int
    seed: int = SEED

    def run(self) -> int:
        """How many operations were done; AssertionError at the first difference."""
        twins = Twins(MACHINES[self.machine], self.policy)
        load = RandomLoad(twins, self.seed)
        while load.operations < self.operations:
            load.run(min(EVERY, self.operations - load.operations))
            twins.compare()
        return load.operations


def parts(count: int, seed: int = SEED) -> list[Part]:
    """That many operations over all machines and policies."""
    of_each = -(-count // (len(MACHINES) * len(POLICIES)))
    return [Part(machine, policy, of_each, seed) for machine in MACHINES for policy in POLICIES]


def attempt(part: Part) -> int:
    """Run a part; say which one failed."""
    try:
        return part.run()
    except BaseException:
        print(part, file=sys.stderr)
        raise


def run(count: int, seed: int = SEED) -> int:
    """That many operations on all CPUs; how many they were in the end."""
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        return sum(pool.map(attempt, parts(count, seed)))


if __name__ == "__main__":
    began = time.monotonic()
    done = run(*map(int, sys.argv[1:]))
    rate = done / (time.monotonic() - began)
    print(f"{done:,} operations on {len(MACHINES)} machines, {rate:,.0f} a second, no difference")
