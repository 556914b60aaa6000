"""A machine of one zone of a failure report: its free blocks, its marks and reserves, under the rules of its kernel.

Nothing is allocated on it: it exists to be asked. The rest of the zone's memory is not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from recap import kernel
from recap.kernel import LINUX_6_1, NR_ORDERS, Profile, linux
from recap.lab.zone_layout import highest_zone, layout_of, place_of
from recap.mm.machine import Machine
from recap.pages import PAGE, PCP, ZONE, Memory
from recap.policy.policy import Policy
from recap.trace.failure_report import FailureReport, ReportedZone

TYPES = {  # by the letters of the report, the first that serves everybody first
    "U": kernel.MIGRATE_UNMOVABLE,
    "M": kernel.MIGRATE_MOVABLE,
    "E": kernel.MIGRATE_RECLAIMABLE,
    "R": kernel.MIGRATE_UNMOVABLE,  # MIGRATE_RESERVE, before 4.4: the last resort of everybody
    "H": kernel.MIGRATE_HIGHATOMIC,
}
FOR_ALL = "UMER"
X86_ORDERS = 11
ATOMIC_IS_A_BIT = ((4, 4), (6, 3))  # d0164adc89f6, 2973d8229b78: only __GFP_ATOMIC tried harder
BOOST_SPARES_ATOMIC = (5, 9)  # f80b08fc4453: an atomic request of order 0 ignores the boost
NOMEMALLOC_MATTERS = (2, 6, 38)  # "thp: don't alloc harder for gfp nomemalloc even if nowait"


def machine_of(zone: ReportedZone, report: FailureReport, marks: Sequence[int] | None = None) -> Machine:
    """The machine; `marks` (min, low, high, promo) replace the reported ones."""
    amounts = zone.amounts
    blocks = folded(zone.blocks) or [(amounts.get("free", 0), "")]
    profile = replace(rules_of(report), max_order=min(NR_ORDERS, max(X86_ORDERS, len(blocks), report.order + 1)))
    page = np.zeros(
        1 << profile.max_order, PAGE
    )  # room for one block of each order: the tests ask whether there is any
    record = np.zeros(1, ZONE)
    record["end"] = len(page)
    record["managed"] = amounts.get("managed", amounts.get("present", 0))
    record["free_pages"] = amounts.get("free", 0) - cma_out_of_reach(zone, report)
    record["nr_reserved_highatomic"] = highatomic_of(zone, report)
    boost = amounts.get("boost", 0)  # the printed marks have it in them
    record["watermark_boost"] = boost
    plain = [amounts.get(name, 0) - boost for name in ("min", "low", "high")]
    record["watermark"][0] = marks or [*plain, plain[-1]]
    record["lowmem_reserve"][0] = [reserve_of(zone, report)] * kernel.MAX_NR_ZONES
    record["nr_free"][0] = [count for count, _ in blocks] + [0] * (NR_ORDERS - len(blocks))
    pcp = np.zeros(1, PCP)
    pageblocks = np.full(max(1, len(page) >> LINUX_6_1.pageblock_order), kernel.MIGRATE_MOVABLE, np.uint8)
    memory = Memory(page, record, pcp, pageblocks, 0, Policy(), profile)
    for order, (count, types) in enumerate(blocks):
        if count:
            memory.fill(memory.free_head(0, order, type_of(types, report)), np.array([1 << order]))
    return Machine(memory)


def highatomic_of(zone: ReportedZone, report: FailureReport) -> int:
    """The reserve for high-order atomic requests; since c928807f6f6b (6.13) what is free of it (printed since 6.16)."""
    reserved = zone.amounts.get("reserved_highatomic", 0)
    return reserved if report.is_before(6, 13) is not False else zone.amounts.get("free_highatomic", reserved)


def folded(blocks: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """At most as many orders as the engine has: larger blocks counted as several of its largest."""
    kept = list(blocks[:NR_ORDERS])
    for order, (count, types) in enumerate(blocks[NR_ORDERS:], 1):
        kept[-1] = (kept[-1][0] + (count << order), kept[-1][1] or types)
    return kept


def rules_of(report: FailureReport) -> Profile:
    """The allocator's rules of the report's kernel; where it names none, of one that prints so, or 6.1's."""
    highatomic = any("H" in types for zone in report.zones for _, types in zone.blocks)
    per_order = bool(report.is_before(4, 4)) and not highatomic
    profile = linux(*report.likely) if report.likely else LINUX_6_1
    return profile.having(watermark_per_order=per_order, counts_free_reserve=False)


def engine_gfp(report: FailureReport) -> int:
    """The flags as the engine, which has the tests of 6.3, must see them to answer as the report's kernel did."""
    gfp = report.gfp
    first, last = ATOMIC_IS_A_BIT
    waits = gfp & (kernel.GFP_DIRECT_RECLAIM | kernel.GFP_ATOMIC_BIT)
    if not waits and report.is_before(*last) and not report.is_before(*first):
        gfp |= kernel.GFP_NOMEMALLOC
    if report.is_before(*BOOST_SPARES_ATOMIC):
        gfp &= ~kernel.GFP_ATOMIC_BIT
    if report.is_before(*NOMEMALLOC_MATTERS):
        gfp &= ~kernel.GFP_NOMEMALLOC
    return gfp


def cma_out_of_reach(zone: ReportedZone, report: FailureReport) -> int:
    """Free pages of CMA, which only movable requests may have (ALLOC_CMA)."""
    return 0 if report.gfp & kernel.GFP_MOVABLE else zone.amounts.get("free_cma", 0)


def reserve_of(zone: ReportedZone, report: FailureReport) -> int:
    """What the zone keeps from this request: the column of the highest zone that it may use."""
    row = zone.lowmem_reserve or [0]
    if ignores_marks(report):
        return 0
    return row[min(highest_zone(report.gfp, layout_of(report)), len(row) - 1)]


def ignores_marks(report: FailureReport) -> bool:
    """May the request take the last page? (__GFP_MEMALLOC)"""
    return bool(report.gfp & kernel.GFP_MEMALLOC) and not report.gfp & kernel.GFP_NOMEMALLOC


def reserve_is_known(zone: ReportedZone, report: FailureReport) -> bool:
    """Is it in the log? The highest zone a request may use keeps nothing from it."""
    layout = layout_of(report)
    return zone.lowmem_reserve is not None or place_of(zone.name, layout) >= top_zone(report, layout)


def top_zone(report: FailureReport, layout: tuple[str, ...]) -> int:
    """The highest zone that has memory and is for this request."""
    most = highest_zone(report.gfp, layout)
    places = [place_of(zone.name, layout) for zone in report.zones]
    return max((place for place in places if place <= most), default=most)


def type_of(letters: str, report: FailureReport) -> int:
    """A type that stands for all on this list: one that anybody may take, if there is any."""
    if not letters:
        return kernel.MIGRATE_MOVABLE
    if "C" in letters and report.gfp & kernel.GFP_MOVABLE:
        return kernel.MIGRATE_MOVABLE
    return next((number for letter, number in TYPES.items() if letter in letters), kernel.MIGRATE_ISOLATE)


def open_to_all(letters: str) -> bool:
    """May anybody take a block of a list with these types? Without letters, of an old kernel, it is assumed."""
    return not letters or any(letter in letters for letter in FOR_ALL)


def why_not_allowed(zone: ReportedZone, report: FailureReport) -> str:
    """Why the request may not use this zone; empty where it may."""
    layout = layout_of(report)
    if place_of(zone.name, layout) > highest_zone(report.gfp, layout):
        return "not for such a request"
    if zone.amounts.get("managed", 1) <= 0:
        return "has no memory of its own"
    if report.nodemask is not None and zone.node not in report.nodemask:
        return "not of the nodes its memory policy allows"
    in_cpuset = report.mems_allowed is None or zone.node in report.mems_allowed
    return "" if in_cpuset or leaves_cpuset(report) else "not of its cpuset"


def leaves_cpuset(report: FailureReport) -> bool:
    """An urgent request is not held to the cpuset of the task it came upon (ALLOC_CPUSET)."""
    return bool(report.gfp & kernel.GFP_HIGH) and not report.gfp & kernel.GFP_DIRECT_RECLAIM
