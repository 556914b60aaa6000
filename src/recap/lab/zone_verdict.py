"""What the engine says to a request in one reported zone: what was free for it, what it must leave, which blocks."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from recap.lab.reported_zone import engine_gfp, ignores_marks, machine_of, reserve_is_known, why_not_allowed
from recap.mm.machine import Machine
from recap.trace.failure_report import FailureReport, ReportedZone


class ZoneVerdict(msgspec.Struct, frozen=True):
    """One zone and what the model's rules say to the request; amounts in pages.

    The watermark test takes the request's own pages but one away first: `free - out_of_reach - (2**order - 1)` must be
    at least `needed`.
    """

    name: str
    allowed: bool  # may the request use this zone?
    why_not: str  # else the reason
    free: int
    out_of_reach: int  # of these, pages of CMA and of the reserve for high-order atomic requests
    needed: int  # free pages below which not even one page would be given to this request
    short: int  # pages that were lacking for this request; 0: the watermark is kept
    largest_order: int | None  # of a block it could have had; None: none at all, or not told
    enough: bool  # the watermark is kept
    served: bool  # and a block is there
    known: bool  # the log has what it takes: the free list (above order 0) and the zone's reserve
    fragmentation_index: int | None  # times 1000; None where a block is there, or order 0
    compaction: bool  # would direct compaction have tried this zone?


def verdicts_of(report: FailureReport) -> list[ZoneVerdict]:
    """Every zone of a report."""
    return [verdict(zone, report) for zone in report.zones]


def verdict(zone: ReportedZone, report: FailureReport) -> ZoneVerdict:
    """The engine's answer for one zone."""
    machine, order, gfp = machine_of(zone, report, *unmarked(report)), report.order, engine_gfp(report)
    free, usable = zone.amounts.get("free", 0), free_in(machine)
    least = needed(machine, gfp)
    reserve = reserve_out_of_reach(zone, report, least)
    least -= reserve
    short = max(0, least + (1 << order) - 1 - (usable - reserve))
    told = bool(zone.blocks) or order == 0
    orders = [o for o in range(len(zone.blocks) or 1) if machine.watermark_ok(0, o, gfp)]
    index = machine.fragmentation_index(order) if zone.blocks and order else -1000
    why_not = why_not_allowed(zone, report)
    return ZoneVerdict(
        name=name_of(zone),
        allowed=not why_not,
        why_not=why_not,
        free=free,
        out_of_reach=free - usable + reserve,
        needed=least,
        short=short,
        largest_order=max(orders, default=None),
        enough=short == 0,
        served=told and machine.watermark_ok(0, order, gfp),
        known=(bool(short) or told) and (bool(short) or reserve_is_known(zone, report)),
        fragmentation_index=index if index >= 0 else None,
        compaction=bool(order and zone.blocks and machine.compaction_helps(order, 0, gfp)),
    )


def unmarked(report: FailureReport) -> tuple[list[int], ...]:
    """No marks for a request that ignores them (ALLOC_NO_WATERMARKS)."""
    return ([0, 0, 0, 0],) if ignores_marks(report) else ()


def free_in(machine: Machine) -> int:
    """Pages the machine counts as free."""
    return int(machine.memory.array("zone")["free_pages"][0])


def with_free(machine: Machine, pages: int, gfp: int) -> bool:
    """Would a page be allocated with this much free?"""
    before = free_in(machine)
    machine.set_free_pages(0, pages)
    answer = machine.watermark_ok(0, 0, gfp)
    machine.set_free_pages(0, before)
    return answer


def needed(machine: Machine, gfp: int) -> int:
    """The fewest free pages with which the engine gives one to this request."""
    low, high = 0, 1 << 40
    while low < high:
        middle = (low + high) // 2
        if with_free(machine, middle, gfp):
            high = middle
        else:
            low = middle + 1
    return low


def reserve_out_of_reach(zone: ReportedZone, report: FailureReport, least: int) -> int:
    """Pages kept for high-order atomic requests that this one may not have: by what it must leave without them."""
    if not zone.amounts.get("reserved_highatomic"):
        return 0
    without = replace(zone, amounts=zone.amounts | {"reserved_highatomic": 0, "free_highatomic": 0})
    return least - needed(machine_of(without, report, *unmarked(report)), engine_gfp(report))


def name_of(zone: ReportedZone) -> str:
    """As the kernel names it."""
    return f"Node {zone.node} {zone.name}"
