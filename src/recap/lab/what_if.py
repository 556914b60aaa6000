"""What would have changed a refusal: each setting that could matter, put to the engine with all else as reported."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from recap import kernel
from recap.kernel import PAGE_ALLOC_COSTLY_ORDER
from recap.lab.reported_zone import allowed, machine_of
from recap.trace.dmesg import FailureReport, ReportedZone

MARKS = ("min", "low", "high", "high")


class WhatIf(msgspec.Struct, frozen=True):
    """One thing changed, everything else as reported."""

    change: str
    helps: bool | None  # would the request have been served? None: a report cannot tell
    why: str


def what_if(report: FailureReport, cause: str) -> list[WhatIf]:
    """Each setting that could matter, put to the engine; only where the report tells enough."""
    if cause not in ("watermark", "fragmentation", "reserved"):
        return []
    tried = [boost_off(report), no_reserve(report), less_min(report)] if cause == "watermark" else [eager(report)]
    return [one for one in [*tried, smaller(report), *waiting(report)] if one]


def serves(report: FailureReport, zones: list[ReportedZone], marks: list[list[int]] | None = None) -> bool:
    """Would any zone serve the request after a change?"""
    for i, zone in enumerate(zones):
        machine = machine_of(zone, report, marks[i] if marks else None)
        if allowed(machine, zone, report) and machine.watermark_ok(0, report.order, report.gfp):
            return True
    return False


def boost_off(report: FailureReport) -> WhatIf | None:
    """Watermark boost, where a zone has one."""
    if not any(zone.amounts.get("boost") for zone in report.zones):
        return None
    zones = [
        replace(zone, amounts=unboosted(zone.amounts)) if zone.amounts.get("boost") else zone for zone in report.zones
    ]
    why = "the marks were raised for a while after a mixing of types; this leaves them as they are"
    return WhatIf("vm.watermark_boost_factor=0", serves(report, zones), why)


def unboosted(amounts: dict[str, int]) -> dict[str, int]:
    """The marks without the boost."""
    boost = amounts["boost"]
    return amounts | {"boost": 0} | {name: amounts[name] - boost for name in ("min", "low", "high") if name in amounts}


def no_reserve(report: FailureReport) -> WhatIf | None:
    """What lower zones keep for those who can use nothing else."""
    if not any(any(zone.lowmem_reserve) for zone in report.zones):
        return None
    zones = [replace(zone, lowmem_reserve=[]) for zone in report.zones]
    return WhatIf("vm.lowmem_reserve_ratio=0 for lower zones", serves(report, zones), "they would be used too")


def less_min(report: FailureReport) -> WhatIf:
    """The largest vm.min_free_kbytes, with which all marks shrink alike, that would have let the request pass."""
    marks = [[zone.amounts.get(name, 0) - zone.amounts.get("boost", 0) for name in MARKS] for zone in report.zones]
    present = sum(low for low, *_ in marks) * report.page_kib

    def passes(kib: int) -> bool:
        less = [[mark * kib // max(1, present) for mark in zone] for zone in marks]
        return serves(report, report.zones, less)

    if not passes(0):
        why = f"it is about {present:,} now; not even 0 would have been low enough"
        return WhatIf("a lower vm.min_free_kbytes", False, why)
    low, high = 0, present
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if passes(middle) else (low, middle - 1)
    why = f"about {present:,} now; it passes up to {low:,}, and urgent requests find so much less"
    return WhatIf(f"vm.min_free_kbytes={low}", True, why)


def eager(report: FailureReport) -> WhatIf | None:
    """Would compaction have been tried, and with another threshold?"""
    if not report.order:
        return None
    machines = [machine_of(zone, report) for zone in report.zones]
    mine = [m for m, zone in zip(machines, report.zones, strict=True) if allowed(m, zone, report)]
    change = "compaction (echo 1 > /proc/sys/vm/compact_memory, or vm.compaction_proactiveness)"
    if any(machine.compaction_helps(report.order, 0, report.gfp) for machine in mine):
        return WhatIf(
            change, None, "a zone is fit for it: enough is free to move pages to; if a block comes of it is open"
        )
    for machine in mine:
        machine.memory.extfrag_threshold = 0
    if any(machine.compaction_helps(report.order, 0, report.gfp) for machine in mine):
        return WhatIf(
            "vm.extfrag_threshold=0", None, "compaction was left out: lack of memory seemed the likelier cause"
        )
    return WhatIf(change, False, "too few pages are free for compaction to move others to; reclaim must come first")


def smaller(report: FailureReport) -> WhatIf | None:
    """A request for less: the largest order that was to be had."""
    if not report.order:
        return None
    for order in range(report.order - 1, -1, -1):
        if serves(replace(report, order=order), report.zones):
            pages = f"{1 << order} pages" if order else "one page"
            return WhatIf(f"asking for order {order}", True, f"{pages} in one piece could be had (kvmalloc asks so)")
    return WhatIf("asking for less", False, "not even one page could be had")


def waiting(report: FailureReport) -> list[WhatIf]:
    """What follows from whether the request could wait."""
    if not report.gfp & kernel.GFP_DIRECT_RECLAIM:
        why = "it could not wait (no direct reclaim); what is free when it comes must do. Whether kswapd waking sooner "
        why += "is enough depends on how fast such requests come: record and compare with -w"
        return [WhatIf("a higher vm.min_free_kbytes or vm.watermark_scale_factor", None, why)]
    if report.order > PAGE_ALLOC_COSTLY_ORDER and report.gfp & kernel.GFP_NORETRY:
        return [WhatIf("without __GFP_NORETRY", None, "it gave up after one round; without the flag it tries harder")]
    return []
