"""Synthetic workloads by name: a machine, its kernel, and what is asked of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from recap.demand import highalloc
from recap.demand.demand import Demand
from recap.demand.highalloc import Highalloc
from recap.demand.kernel_build import KernelBuild, kernel_build
from recap.demand.reclaimers import Reclaimers, reclaimers
from recap.demand.thp_fio_scale import ThpFioScale, thp_fio_scale
from recap.errors import InputError
from recap.kernel import (
    LINUX_2_6_27,
    LINUX_2_6_27_MM,
    LINUX_6_1,
    PAGE_SIZE,
    Profile,
    powerpc,
    recommended_min_free_kbytes,
)
from recap.mm import sysctl
from recap.sim.run import Synthetic

HIGHALLOC_KERNELS = {
    "highalloc": LINUX_2_6_27_MM,
    "highalloc-2.6.27": LINUX_2_6_27,
    "highalloc-6.1": LINUX_6_1,
    "highalloc-ppc64": powerpc(LINUX_2_6_27_MM),
    "highalloc-ppc64-64k": powerpc(LINUX_2_6_27_MM, 16 * PAGE_SIZE),
}
DEFAULT_MIB = 3072
LEAST_MIB = 128
MOST_MIB = 65536
MISSING = [
    "NUMA and more than one zone; the pagevecs between a fault and the LRU lists; daemons' memory",
    "the elevator but for reads before writes; where objects of slab in use for good lie is drawn",
    "accesses to anonymous pages are drawn, not followed; a compilation that is slowed down touches no more pages",
]


@dataclass(frozen=True)
class Workload:
    """A workload that can be named: how it is made for a size in MiB and kernel parameters, and what it assumes."""

    make: Callable[[int, Mapping[str, str]], Synthetic]
    assumptions: list[str]


def is_workload(source: Path | str) -> bool:
    """Is this the name of a synthetic workload, with or without a size, and not a file?"""
    return str(source).partition(":")[0] in WORKLOADS and not Path(source).exists()


def workload(name: str, wanted: Mapping[str, str]) -> Synthetic:
    """The workload of a name: `highalloc`, or `highalloc:512` for a machine of 512 MiB.

    Errors:
        InputError: a size that is no number or out of range, or an unknown kernel parameter.
    """
    base, _, mebibytes = name.partition(":")
    if mebibytes and not (mebibytes.isdigit() and LEAST_MIB <= int(mebibytes) <= MOST_MIB):
        raise InputError(
            name, "size", f"{mebibytes!r} is not a number of MiB from {LEAST_MIB} to {MOST_MIB}", f"write {base}:512"
        )
    return WORKLOADS[base].make(int(mebibytes or DEFAULT_MIB), wanted)


def assumptions(name: str) -> list[str]:
    """What the workload of a name assumes."""
    return WORKLOADS[name.partition(":")[0]].assumptions


def stress_highalloc(kernel: Profile, size: Highalloc, wanted: Mapping[str, str]) -> Synthetic:
    """Huge pages wanted on a machine that builds kernels."""
    return machine(kernel, size.mebibytes, size.cpus, wanted, partial(highalloc.highalloc, size))


def highalloc_of(kernel: Profile, mebibytes: int, wanted: Mapping[str, str]) -> Synthetic:
    """The same with huge pages of the kernel's pageblocks."""
    size = Highalloc(mebibytes=mebibytes, order=kernel.pageblock_order, page_size=kernel.page_size)
    return stress_highalloc(kernel, size, wanted)


def crowd(size: Reclaimers) -> Synthetic:
    """Very many tasks that reclaim at once, on the kernel the capture series was made against."""
    return machine(LINUX_2_6_27_MM, size.mebibytes, size.cpus, {}, partial(reclaimers, size), size.tasks)


def kernel_builds(size: KernelBuild) -> Synthetic:
    """Kernel builds and bursts of huge pages, on a 6.1 kernel."""
    return machine(LINUX_6_1, size.mebibytes, size.cpus, huge_pages(size.mebibytes), partial(kernel_build, size))


def fio_and_huge_pages(size: ThpFioScale) -> Synthetic:
    """Files read at random and huge page faults of many tasks at once, on a 6.1 kernel."""
    wanted = huge_pages(size.mebibytes)
    return machine(LINUX_6_1, size.mebibytes, size.cpus, wanted, partial(thp_fio_scale, size), sum(size.rows))


def huge_pages(mebibytes: int) -> dict[str, str]:
    """What transparent huge pages being on changes: khugepaged runs, and wants more kept free."""
    return {"vm.min_free_kbytes": str(recommended_min_free_kbytes(256 * mebibytes))}


def machine(
    kernel: Profile,
    mebibytes: int,
    cpus: int,
    wanted: Mapping[str, str],
    demand: Callable[[int], Demand],
    tasks: int = 0,
) -> Synthetic:
    """A machine of this kernel with its defaults: swap of twice the memory, dirty limits of 5 and 10 %."""
    values = sysctl.settings({"vm.dirty_background_ratio": "5"}, wanted)
    sysctl.check_kernel(kernel, wanted)
    reclaimers = min(8000, max(255, tasks + 64))
    return Synthetic(demand, kernel, mebibytes, cpus, 2 * mebibytes, values, wanted, reclaimers)


WORKLOADS = {
    name: Workload(partial(highalloc_of, kernel), highalloc.ASSUMPTIONS) for name, kernel in HIGHALLOC_KERNELS.items()
}
