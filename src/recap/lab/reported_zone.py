"""A machine of one zone of a failure report: its free blocks, its marks and reserves, under the rules of its kernel.

Nothing is allocated on it: it exists to be asked. The rest of the zone's memory is not there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from recap import kernel
from recap.kernel import LINUX_6_1, NR_ORDERS, Profile
from recap.mm.machine import Machine
from recap.pages import PAGE, PCP, ZONE, Memory
from recap.policy.policy import Policy
from recap.trace.dmesg import FailureReport, ReportedZone

ZONES = {"DMA": 0, "DMA32": 1, "Normal": 2, "HighMem": 2, "Movable": 3}
TYPES = {  # by the letters of the report, the first that serves everybody first
    "U": kernel.MIGRATE_UNMOVABLE,
    "M": kernel.MIGRATE_MOVABLE,
    "E": kernel.MIGRATE_RECLAIMABLE,
    "H": kernel.MIGRATE_HIGHATOMIC,
}
LARGEST = 11  # orders of x86-64
PER_ORDER_UNTIL = (4, 4)  # the watermark test went through the orders before 97a16fc82a7c


def machine_of(zone: ReportedZone, report: FailureReport, marks: Sequence[int] | None = None) -> Machine:
    """The machine; `marks` (min, low, high, promo) replace the reported ones."""
    amounts = zone.amounts
    blocks = zone.blocks[:LARGEST] or [(amounts.get("free", 0), "")]
    page = np.zeros(1 << LARGEST, PAGE)  # room for one block of each order: the tests ask whether there is any
    record = np.zeros(1, ZONE)
    record["index"] = ZONES[zone.name]
    record["end"] = len(page)
    record["managed"] = amounts.get("managed", amounts.get("present", 0))
    record["free_pages"] = amounts.get("free", 0)
    record["nr_reserved_highatomic"] = amounts.get("reserved_highatomic", 0)
    boost = amounts.get("boost", 0)  # the printed marks have it in them
    record["watermark_boost"] = boost
    plain = [amounts.get(name, 0) - boost for name in ("min", "low", "high")]
    record["watermark"][0] = marks or [*plain, plain[-1]]
    reserve = zone.lowmem_reserve or [0]
    record["lowmem_reserve"][0] = [reserve[min(i, len(reserve) - 1)] for i in range(kernel.MAX_NR_ZONES)]
    record["nr_free"][0] = [count for count, _ in blocks] + [0] * (NR_ORDERS - len(blocks))
    pcp = np.zeros(1, PCP)
    pageblocks = np.full(len(page) >> LINUX_6_1.pageblock_order, kernel.MIGRATE_MOVABLE, np.uint8)
    memory = Memory(page, record, pcp, pageblocks, 0, Policy(), rules_of(report.release))
    for order, (count, types) in enumerate(blocks):
        if count:
            memory.fill(memory.free_head(0, order, type_of(types, report)), np.array([1 << order]))
    return Machine(memory)


def rules_of(release: str) -> Profile:
    """6.1's rules, with the watermark test of the time."""
    numbers = re.match(r"(\d+)\.(\d+)", release)
    old = bool(numbers) and (int(numbers[1]), int(numbers[2])) < PER_ORDER_UNTIL if numbers else False
    return LINUX_6_1.having(watermark_per_order=old)


def type_of(letters: str, report: FailureReport) -> int:
    """A type that stands for all on this list: one that anybody may take, if there is any."""
    if not letters:
        return kernel.MIGRATE_MOVABLE
    if "C" in letters and report.gfp & kernel.GFP_MOVABLE:
        return kernel.MIGRATE_MOVABLE
    return next((number for letter, number in TYPES.items() if letter in letters), kernel.MIGRATE_ISOLATE)


def open_to_all(letters: str) -> bool:
    """May anybody take a block of a list with these types? Without letters, of an old kernel, it is assumed."""
    return not letters or any(letter in letters for letter in "UME")


def allowed(machine: Machine, zone: ReportedZone, report: FailureReport) -> bool:
    """May the request use this zone at all?"""
    on_node = report.nodes is None or zone.node in report.nodes
    return on_node and zone.amounts.get("managed", 1) > 0 and machine.may_use(0, report.gfp)
