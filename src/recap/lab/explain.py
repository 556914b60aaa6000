"""Why a request for memory failed: the kernel's own report, put to the model's rules zone by zone.

A report shows memory a moment after the refusal, and free blocks by order without saying how many are of which type; so
nothing is replayed here. The watermark test, the fragmentation index and compaction's test of a zone are the engine's.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from recap.errors import InputError
from recap.lab.reported_zone import LARGEST, allowed, machine_of, open_to_all, rules_of
from recap.lab.results import html_table, listed
from recap.lab.what_if import WhatIf, what_if
from recap.mm.machine import Machine
from recap.trace.dmesg import FailureReport, ReportedZone, failures
from recap.trace.kernel_log import log_lines
from recap.trace.packed import DamagedError

LOG_MIB = 256
HELD = {
    "active_anon": "memory of programs",
    "inactive_anon": "memory of programs, not used lately",
    "active_file": "page cache",
    "inactive_file": "page cache, not used lately",
    "unevictable": "locked",
    "slab_reclaimable": "kernel caches that can shrink",
    "slab_unreclaimable": "kernel objects",
    "pagetables": "page tables",
    "free": "free",
}
HOW = "name a file with the lines from `page allocation failure` or `invoked oom-killer` on, or - for standard input"


class ZoneVerdict(msgspec.Struct, frozen=True):
    """One zone and what the model's rules say to the request; amounts in pages."""

    name: str
    allowed: bool  # may the request use this zone?
    free: int
    needed: int  # free pages below which not even one page would be given to this request
    largest_order: int | None  # of a block it could have had; None: none at all, or not told
    enough: bool  # the watermark is kept
    served: bool  # and a block is there
    fragmentation_index: int | None  # times 1000; None where a block is there, or order 0
    compaction: bool  # would direct compaction have tried this zone?


class Diagnosis(msgspec.Struct, frozen=True):
    """A failed request explained: `cause` in a word, `because` in a sentence; `held` in pages, the most first.

    Example:
        >>> found = recap.explain_failures("tests/lab/reports/order-0-6.1.txt")[0]
        >>> found.cause, [zone.needed - zone.free for zone in found.zones]
        ('watermark', [27, 120])
    """

    line: int  # of the log
    seconds: float | None
    kind: str  # failure or oom
    task: str
    release: str
    order: int
    flags: str
    cause: str  # memcg, no_report, recovered, watermark, fragmentation, reserved
    because: str
    zones: list[ZoneVerdict]
    what_if: list[WhatIf]
    held: dict[str, int]  # where memory is: pages by use, most first

    def _repr_html_(self) -> str:
        """The zones, for notebooks; `recap explain` prints all."""
        rows = [[zone.name, f"{zone.free:,}", f"{zone.needed:,}", str(zone.largest_order)] for zone in self.zones]
        heads = ["zone", "free pages", "needed", "largest order"]
        return html_table(f"{self.task}, order {self.order}: {self.cause}; {self.because}", heads, rows)


def explain_failures(path: str | Path) -> list[Diagnosis]:
    """Every page allocation failure and OOM kill of a kernel log.

    Args:
        path: a file such as dmesg prints; `-` for standard input.

    Errors:
        InputError: the file cannot be read, or holds no such report.

    Example:
        >>> (found,) = recap.explain_failures("tests/lab/reports/order-4-4.8.txt")
        >>> found.task, found.order, found.cause
        ('modprobe', 4, 'fragmentation')
        >>> [(zone.name, zone.largest_order) for zone in found.zones if zone.enough]
        [('Node 0 DMA32', 3), ('Node 0 Normal', 2)]
    """
    try:
        found = failures(log_lines(pasted(path)))
    except DamagedError as error:
        raise InputError(path, "", str(error), HOW) from None
    if not found:
        raise InputError(path, "", "holds no report of a failed allocation", HOW)
    return [diagnosis(report) for report in found]


def pasted(path: str | Path) -> bytes:
    """What a log's file holds, whatever it is."""
    if str(path) == "-":
        return sys.stdin.buffer.read()
    file = Path(path)
    if file.is_file() and file.stat().st_size > LOG_MIB << 20:
        raise InputError(path, "size", f"is above {LOG_MIB} MiB", "cut out the report")
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(path, "", f"cannot be read: {error.strerror}", HOW) from error


def diagnosis(report: FailureReport) -> Diagnosis:
    """One report."""
    machines = {i: machine_of(zone, report) for i, zone in enumerate(report.zones)}
    verdicts = [verdict(machines[i], zone, report) for i, zone in enumerate(report.zones)]
    cause, because = causes(report, verdicts)
    held = {name: pages for name, pages in report.memory.items() if name in HELD and pages}
    return Diagnosis(
        line=report.line,
        seconds=report.seconds,
        kind=report.kind,
        task=report.task,
        release=report.release,
        order=report.order,
        flags=report.flags,
        cause=cause,
        because=because,
        zones=verdicts,
        what_if=what_if(report, cause),
        held=dict(sorted(held.items(), key=lambda item: -item[1])),
    )


def verdict(machine: Machine, zone: ReportedZone, report: FailureReport) -> ZoneVerdict:
    """The engine's answer for one zone."""
    order, gfp = report.order, report.gfp
    told = bool(zone.blocks) or order == 0
    enough = machine.watermark_ok(0, 0, gfp) and spare(machine, zone, gfp, order)
    served = told and machine.watermark_ok(0, order, gfp)
    orders = [o for o in range(LARGEST if zone.blocks else 1) if machine.watermark_ok(0, o, gfp)]
    index = machine.fragmentation_index(order) if zone.blocks and order else -1000
    return ZoneVerdict(
        name=name_of(zone),
        allowed=allowed(machine, zone, report),
        free=zone.amounts.get("free", 0),
        needed=needed(machine, gfp),
        largest_order=max(orders, default=None),
        enough=enough,
        served=served,
        fragmentation_index=index if index >= 0 else None,
        compaction=bool(order and zone.blocks and machine.compaction_helps(order, 0, gfp)),
    )


def with_free(machine: Machine, pages: int, gfp: int) -> bool:
    """Would a page be allocated with this much free?"""
    before = int(machine.memory.array("zone")["free_pages"][0])
    machine.set_free_pages(0, pages)
    answer = machine.watermark_ok(0, 0, gfp)
    machine.set_free_pages(0, before)
    return answer


def spare(machine: Machine, zone: ReportedZone, gfp: int, order: int) -> bool:
    """Is the mark kept when a block of this order is taken away?"""
    return with_free(machine, zone.amounts.get("free", 0) - ((1 << order) - 1), gfp)


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


def causes(report: FailureReport, zones: list[ZoneVerdict]) -> tuple[str, str]:
    """The cause in a word, and in a sentence."""
    mine = [zone for zone in zones if zone.allowed]
    if report.constraint == "memcg":
        return "memcg", "the limit of a memory cgroup was reached; the machine's own memory is not the matter"
    if not mine:
        return "no_report", "the log has no zone this request may use: the lines from Mem-Info on are missing"
    if report.order and not any(zone.blocks for zone in report.zones):
        return "no_report", "the log lacks the free lists by order, so a missing block cannot be told"
    served = [zone.name for zone in mine if zone.served]
    if served:
        return "recovered", f"when the report was printed {listed(served)} could have served it: memory came free after"
    enough = [zone for zone in mine if zone.enough]
    if not enough:
        lacks = f"every zone it may use was below what this request must leave: {shortfalls(mine)}"
        more = "; reclaim had found nothing more, and what helps below helps this request, not the next"
        return "watermark", lacks + (more if report.kind == "oom" else "")
    names = listed([zone.name for zone in enough])
    blocks = {name_of(zone): zone.blocks[report.order :] for zone in report.zones}
    there = [types for zone in enough for count, types in blocks[zone.name] if count]
    if rules_of(report.release).rules.watermark_per_order and any(open_to_all(types) for types in there):
        return (
            "fragmentation",
            f"{names} had such a block, but too little in large ones: before 4.4 each order had a mark",
        )
    if there:
        return "reserved", f"{names} had blocks large enough, but only reserved or isolated ones (types H, C or I)"
    return "fragmentation", f"{names} had enough free memory, but no block of {1 << report.order} pages in one piece"


def name_of(zone: ReportedZone) -> str:
    """As the kernel names it."""
    return f"Node {zone.node} {zone.name}"


def shortfalls(zones: list[ZoneVerdict]) -> str:
    """`Node 0 Normal by 120 pages`."""
    return ", ".join(f"{zone.name} by {max(1, zone.needed - zone.free):,} pages" for zone in zones)
