"""What would have changed a refusal: each setting that could matter, put to the engine with all else as reported.

Nothing is offered that the kernel of the report lacks (features.py), or that does the request no good.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec

from recap import kernel
from recap.kernel import PAGE_ALLOC_COSTLY_ORDER
from recap.lab.callers import for_a_device, has_a_fallback, of_a_fork
from recap.lab.features import has
from recap.lab.memory_held import OF_THE_KERNEL, memory_held, programs, ram_of, share
from recap.lab.reported_zone import cma_out_of_reach, engine_gfp, machine_of, why_not_allowed
from recap.lab.zone_verdict import name_of
from recap.trace.failure_report import FailureReport, ReportedZone

MARKS = ("min", "low", "high", "high")
FULL = 0.75  # of RAM, held by programs and the kernel
KERNEL_FULL = 0.5  # of RAM, held by the kernel alone
LEFT = 0.05  # of RAM, in caches
CAUSES = ("watermark", "fragmentation", "reserved", "unclear", "recovered")


class WhatIf(msgspec.Struct, frozen=True):
    """One thing changed, everything else as reported."""

    change: str
    helps: bool | None  # would the request have been served? None: a report cannot tell
    why: str


def what_if(report: FailureReport, cause: str) -> list[WhatIf]:
    """Each setting that could matter, what helps first; only where the report tells enough."""
    if (
        cause not in CAUSES
        or not report.flags.strip("0")
        or not any(not why_not_allowed(zone, report) for zone in report.zones)
    ):
        return []
    if cause == "recovered":
        return [one for one in [higher_min(report, cause)] if one]
    settings = [
        higher_min(report, cause),
        boost_off(report),
        smaller_cma(report),
        free_reserve_only(report),
        *eager(report, cause),
    ]
    settings += [
        no_reserve(report),
        less_min(report, cause),
        smaller(report),
        stack_in_pieces(report),
        *persistent(report),
    ]
    found = [one for one in settings if one]
    rank = {True: 0, None: 1, False: 2}
    first = [one for one in found if one.change.startswith("raise")]
    rest = sorted((one for one in found if one not in first), key=lambda one: rank[one.helps])
    return first + rest


def serves(report: FailureReport, zones: list[ReportedZone], marks: list[list[int]] | None = None) -> bool:
    """Would any zone serve the request after a change?"""
    for i, zone in enumerate(zones):
        if why_not_allowed(zone, report) or (report.order and not zone.blocks):
            continue
        if machine_of(zone, report, marks[i] if marks else None).watermark_ok(0, report.order, engine_gfp(report)):
            return True
    return False


def waits(report: FailureReport) -> bool:
    """May the request wait for reclaim?"""
    return bool(report.gfp & kernel.GFP_DIRECT_RECLAIM)


def is_full(report: FailureReport) -> bool:
    """Do programs and the kernel hold nearly all, or has an OOM kill nothing left to free? Then no setting helps."""
    held, ram = memory_held(report), ram_of(report)
    kernels = sum(held.get(name, 0) for name in OF_THE_KERNEL)
    if share(programs(held) + kernels, held, ram) >= FULL or share(kernels, held, ram) >= KERNEL_FULL:
        return True
    total, free = (report.memory.get(name, 0) for name in ("swap_total", "swap_free"))
    left = held.get("page_cache", 0) + held.get("slab_reclaimable", 0)
    return report.kind == "oom" and "page_cache" in held and share(left, held, ram) < LEFT and free * 50 <= total


def min_free_kbytes(report: FailureReport) -> int:
    """What vm.min_free_kbytes is, about: the marks of the zones together, high memory aside."""
    zones = [zone for zone in report.zones if zone.name not in ("HighMem", "Movable")]
    return sum(zone.amounts.get("min", 0) - zone.amounts.get("boost", 0) for zone in zones) * report.page_kib


def higher_min(report: FailureReport, cause: str) -> WhatIf | None:
    """For a request that cannot wait: more must be free when it comes. It brings no large blocks."""
    if (
        waits(report)
        or not min_free_kbytes(report)
        or (cause != "watermark" and report.order > PAGE_ALLOC_COSTLY_ORDER)
    ):
        return None
    now = min_free_kbytes(report)
    also = ", or vm.watermark_scale_factor" if has(report, "watermark_scale_factor") else ""
    why = "it could not wait; what is free when it comes must do. kswapd then wakes sooner and leaves more free. "
    why += "Double is a start: how much it takes depends on how fast such requests come"
    return WhatIf(f"raise vm.min_free_kbytes (about {now:,} now) to {2 * now:,}{also}", None, why)


def boost_off(report: FailureReport) -> WhatIf | None:
    """Watermark boost, where a zone has one."""
    if not any(zone.amounts.get("boost") for zone in report.zones):
        return None
    zones = [
        replace(zone, amounts=unboosted(zone.amounts)) if zone.amounts.get("boost") else zone for zone in report.zones
    ]
    boosted = [f"{name_of(z)} {z.amounts['boost']:,} pages" for z in report.zones if z.amounts.get("boost")]
    why = f"the marks were raised for a while after a mixing of types ({', '.join(boosted)}); this leaves them alone"
    return WhatIf("vm.watermark_boost_factor=0", serves(report, zones), why)


def unboosted(amounts: dict[str, int]) -> dict[str, int]:
    """The marks without the boost."""
    boost = amounts["boost"]
    return amounts | {"boost": 0} | {name: amounts[name] - boost for name in ("min", "low", "high") if name in amounts}


def smaller_cma(report: FailureReport) -> WhatIf | None:
    """CMA pages would be everybody's if they were no CMA."""
    if not any(cma_out_of_reach(zone, report) for zone in report.zones):
        return None
    zones = [
        replace(
            zone, amounts=zone.amounts | {"free_cma": 0}, blocks=[(n, "M" if t == "C" else t) for n, t in zone.blocks]
        )
        for zone in report.zones
    ]
    reserved = f"{report.memory['cma']:,} pages are reserved for it; " if "cma" in report.memory else ""
    why = f"{reserved}only movable requests may use its free pages meanwhile"
    return WhatIf("a smaller CMA area (cma= at boot, or the device tree)", serves(report, zones), why)


def free_reserve_only(report: FailureReport) -> WhatIf | None:
    """c928807f6f6b (6.13): of the reserve for high-order atomic requests only what is free is out of reach."""
    kept = any(zone.amounts.get("reserved_highatomic") for zone in report.zones)
    if not kept or report.is_before(6, 13) is False or not any(zone.blocks for zone in report.zones):
        return None
    zones = [replace(zone, amounts=zone.amounts | {"reserved_highatomic": 0}) for zone in report.zones]
    if not serves(report, zones) or serves(report, report.zones):
        return None
    some = any("H" in types for zone in report.zones for _, types in zone.blocks)
    why = "what is in use of the reserve for high-order atomic requests no longer counts as free and kept"
    return WhatIf("Linux 6.13 or later", None if some else True, why)


def no_reserve(report: FailureReport) -> WhatIf | None:
    """What lower zones keep for those who can use nothing else."""
    if is_full(report) or not any(any(zone.lowmem_reserve or ()) for zone in report.zones):
        return None
    zones = [replace(zone, lowmem_reserve=[0]) for zone in report.zones]
    if not serves(report, zones):
        return None
    if has(report, "reserve off"):
        return WhatIf("vm.lowmem_reserve_ratio=0 for lower zones", True, "what they keep would be used too")
    why = "what they keep would be used too; before 4.17 a 0 is taken as 1, which keeps the most"
    return WhatIf("vm.lowmem_reserve_ratio=1000000 for lower zones", True, why)


def less_min(report: FailureReport, cause: str) -> WhatIf | None:
    """The largest vm.min_free_kbytes, with which all marks shrink alike, that would have let the request pass.

    Never for a request that cannot wait: the next one would find less.
    """
    present = min_free_kbytes(report)
    if not waits(report) or is_full(report) or not present:
        return None
    marks = [[zone.amounts.get(name, 0) - zone.amounts.get("boost", 0) for name in MARKS] for zone in report.zones]

    def passes(kib: int) -> bool:
        less = [[mark * kib // max(1, present) for mark in zone] for zone in marks]
        return serves(report, report.zones, less)

    if not passes(0):
        why = f"it is about {present:,} now; not even 0 would have been low enough"
        return WhatIf("a lower vm.min_free_kbytes", False, why) if cause == "watermark" else None
    low, high = 0, present
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if passes(middle) else (low, middle - 1)
    why = f"about {present:,} now; it passes up to {low:,}, but urgent requests then find as much less, "
    return WhatIf(f"vm.min_free_kbytes={low}", True, why + "and memory is no more than before")


def eager(report: FailureReport, cause: str) -> list[WhatIf]:
    """Would compaction have been tried, and with another threshold?"""
    if not report.order or cause == "watermark" or not has(report, "compaction"):
        return []
    fit = [zone for zone in report.zones if zone.blocks and not why_not_allowed(zone, report)]
    mine = [machine_of(zone, report) for zone in fit]
    gfp = engine_gfp(report)
    often = ", or vm.compaction_proactiveness" if has(report, "compaction_proactiveness") else ""
    change = f"compaction (echo 1 > /proc/sys/vm/compact_memory{often})"
    if any(machine.compaction_helps(report.order, 0, gfp) for machine in mine):
        why = "a zone is fit for it: enough is free to move pages to; if a block comes of it is open"
        return [WhatIf(change, None, why)]
    for machine in mine:
        machine.memory.extfrag_threshold = 0
    if any(machine.compaction_helps(report.order, 0, gfp) for machine in mine):
        why = "compaction was left out: lack of memory seemed the likelier cause"
        return [WhatIf("vm.extfrag_threshold=0", None, why)]
    why = "too few pages are free for compaction to move others to; reclaim must come first"
    return [WhatIf(change, False, why)]


def smaller(report: FailureReport) -> WhatIf | None:
    """A request for less: the largest order that was available."""
    if not report.order:
        return None
    for order in range(report.order - 1, -1, -1):
        if serves(replace(report, order=order), report.zones):
            block = f"a block of {1 << order} pages" if order else "a page"
            return WhatIf(f"asking for order {order}", True, f"{block} was available{piecewise(report)}")
    return WhatIf("asking for less", False, "not even one page was available")


def stack_in_pieces(report: FailureReport) -> WhatIf | None:
    """A new task's kernel stack."""
    if not report.order or not of_a_fork(report) or has(report, "virtually mapped stacks"):
        return None
    pages = serves(replace(report, order=0), report.zones)
    return WhatIf("Linux 4.9 or later with CONFIG_VMAP_STACK", pages, "a kernel stack is then made of single pages")


def piecewise(report: FailureReport) -> str:
    """Can the caller use pages that are not contiguous?"""
    if for_a_device(report):
        return "; the device must be able to use several pieces"
    if has_a_fallback(report):
        return "; kvmalloc, which it came through, takes pages in pieces next"
    return " (kvmalloc takes pages in pieces)" if has(report, "kvmalloc") else " (vmalloc takes pages in pieces)"


def persistent(report: FailureReport) -> list[WhatIf]:
    """A large request that gave up early."""
    if waits(report) and report.order > PAGE_ALLOC_COSTLY_ORDER and report.gfp & kernel.GFP_NORETRY:
        return [WhatIf("without __GFP_NORETRY", None, "it gave up after one round; without the flag it tries harder")]
    return []
