"""What the kernel log tells when memory could not be had: warn_alloc's and the OOM killer's reports, as data.

Both print who asked for what, then every zone with its watermarks (show_free_areas). Amounts are pages of 4 KiB, or of
the size the free lists begin with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from recap.trace.gfp import PLAIN, VALUES
from recap.trace.kernel_log import LogLine

FAILURE = re.compile(
    r"([^\s\]>:][^\]>]*?): page allocation failure[:.] order:(\d+), mode:(0x[0-9a-f]+)(?:\(([^)]*)\))?"
)
OOM = re.compile(r"([^\s\]>:][^\]>]*?) invoked oom-killer: gfp_mask=(0x[0-9a-f]+)(?:\(([^)]*)\))?.*?order=(-?\d+)")
RELEASE = re.compile(r"(?:CPU: \d+|Pid: \d+).*?(?:ainted:? ?[A-Z \[\]=]*|\))\s*\(?(\d+\.\d+[\w.+-]*)")
ZONE = re.compile(r"(?:Node (\d+) )?\b(DMA|DMA32|Normal|HighMem|Movable) free:\d")
RESERVE = re.compile(r"lowmem_reserve\[\]:((?: \d+)+)")
BLOCKS = re.compile(r"(?:Node (\d+) )?\b(DMA|DMA32|Normal|HighMem|Movable): (\d+\*\d+kB.*)")
BLOCK = re.compile(r"(\d+)\*(\d+)kB(?: \(([A-Z]+)\))?")
AMOUNT = re.compile(r"\b([a-z_]+(?:\([a-z]+\))?): ?(\d+)(kB|KB)?\b")
TOTAL = re.compile(r"(\d+) pages RAM|(Free|Total) swap +(?:= *)?(\d+)kB")
CONSTRAINT = re.compile(r"constraint=CONSTRAINT_([A-Z_]+)")
ALLOWED = re.compile(r"mems_allowed=([\d,-]+)")
COUNTED = {  # of the lines under Mem-Info, those that say where memory is
    *("active_anon", "inactive_anon", "active_file", "inactive_file", "unevictable"),
    *("slab_reclaimable", "slab_unreclaimable", "pagetables", "free"),
}
OLD_BITS = (
    *("DMA", "HIGHMEM", "DMA32", "MOVABLE", "RECLAIM", "HIGH", "IO", "FS", "COLD", "NOWARN", "RETRY_MAYFAIL", "NOFAIL"),
    *("NORETRY", "MEMALLOC", "COMP", "ZERO", "NOMEMALLOC", "HARDWALL", "THISNODE", "RECLAIMABLE"),
)


@dataclass
class ReportedZone:
    """A zone as the report shows it; `blocks` are (number, types) by order, empty where the log does not have them."""

    node: int
    name: str
    amounts: dict[str, int]  # pages: free, boost, min, low, high, reserved_highatomic, managed, free_pcp, ...
    lowmem_reserve: list[int] = field(default_factory=list)  # pages, by the highest zone a request may use
    blocks: list[tuple[int, str]] = field(default_factory=list)


@dataclass
class FailureReport:
    """One request that failed, and memory as it was then."""

    line: int  # of the file, from 1
    seconds: float | None  # since boot
    kind: str  # failure or oom
    task: str
    order: int
    gfp: int
    flags: str  # as the kernel printed them
    release: str = ""
    nodes: list[int] | None = None  # that the task may use; None: not told
    constraint: str = ""  # of an OOM: none, cpuset, memory_policy or memcg
    page_kib: int = 4
    memory: dict[str, int] = field(default_factory=dict)  # pages by use: active_anon, slab_unreclaimable, free, ...
    zones: list[ReportedZone] = field(default_factory=list)


def failures(lines: Iterable[LogLine]) -> list[FailureReport]:
    """Every report of a kernel log, in order; what follows a report's first line belongs to it."""
    found: list[FailureReport] = []
    for line in lines:
        started = begin(line)
        if started:
            found.append(started)
        elif found:
            add(found[-1], line.text)
    for report in found:
        in_pages(report)
    return found


def begin(line: LogLine) -> FailureReport | None:
    """The first line of a report."""
    failure, oom = FAILURE.search(line.text), OOM.search(line.text)
    if failure:
        kind, (task, order, mask, names) = "failure", failure.groups()
    elif oom:
        kind, (task, mask, names, order) = "oom", oom.groups()
    else:
        return None
    report = FailureReport(
        line=line.number,
        seconds=line.seconds,
        kind=kind,
        task=task.strip(),
        order=max(0, int(order)),
        gfp=flag_word(int(mask, 16), names),
        flags=names or mask,
    )
    allow(report, line.text)
    return report


def flag_word(mask: int, names: str | None) -> int:
    """The flags with the bits of today, from their names or from a mask of before 4.6."""
    if names is not None:
        word = 0
        for name in names.split("|"):
            word |= VALUES.get(name, 0)  # what later kernels do not know changes nothing here
        return word
    bits = [name for bit, name in enumerate(OLD_BITS) if mask >> bit & 1]
    today = {"RECLAIM": PLAIN["__GFP_DIRECT_RECLAIM"] | PLAIN["__GFP_KSWAPD_RECLAIM"], "COLD": 0}
    word = PLAIN["__GFP_KSWAPD_RECLAIM"]  # kswapd was woken unless __GFP_NO_KSWAPD, a bit that moved, said no
    for name in bits:
        word |= today[name] if name in today else PLAIN[f"__GFP_{name}"]
    if "HIGH" in bits and "RECLAIM" not in bits:
        word |= PLAIN["__GFP_ATOMIC"]
    return word


def add(report: FailureReport, line: str) -> None:
    """One more line of a report."""
    allow(report, line)
    constraint = CONSTRAINT.search(line)
    if constraint:
        report.constraint = constraint[1].lower()
    release, zone, blocks, reserve = (pattern.search(line) for pattern in (RELEASE, ZONE, BLOCKS, RESERVE))
    if release and not report.release:
        report.release = release[1]
    if zone:
        if not zone_of(report, zone[1], zone[2]):
            amounts = {name: int(value) for name, value, _ in AMOUNT.findall(line[zone.start(2) :])}
            report.zones.append(ReportedZone(int(zone[1] or 0), zone[2], amounts))
    elif reserve and report.zones:
        report.zones[-1].lowmem_reserve = report.zones[-1].lowmem_reserve or [
            int(pages) for pages in reserve[1].split()
        ]
    elif blocks:
        there = zone_of(report, blocks[1], blocks[2])
        if there and not there.blocks:
            there.blocks = [(int(count), types) for count, _, types in BLOCK.findall(blocks[3])]
            report.page_kib = int(BLOCK.findall(blocks[3])[0][1])
    elif not report.zones:
        counts = [(name, int(value)) for name, value, unit in AMOUNT.findall(line) if not unit]
        report.memory |= {name: value for name, value in counts if name in COUNTED}
    else:
        totals(report, line)


def allow(report: FailureReport, line: str) -> None:
    """The nodes a task may use: `0-1,4`."""
    allowed = ALLOWED.search(line)
    if allowed and report.nodes is None:
        report.nodes = list(listed(allowed[1]))


def listed(text: str) -> Iterator[int]:
    """The numbers of a list of ranges."""
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        if first:
            yield from range(int(first), min(int(last or first), int(first) + 1023) + 1)


def zone_of(report: FailureReport, node: str | None, name: str) -> ReportedZone | None:
    """The zone that was already begun."""
    return next((zone for zone in report.zones if (zone.node, zone.name) == (int(node or 0), name)), None)


def totals(report: FailureReport, line: str) -> None:
    """RAM and swap, from the end of a report; swap is in kB until `in_pages`."""
    for ram, kind, kib in TOTAL.findall(line):
        if ram:
            report.memory.setdefault("ram", int(ram))
        else:
            report.memory.setdefault(f"swap_{kind.lower()}", int(kib))


def in_pages(report: FailureReport) -> None:
    """Zones and swap are told in kB; we count pages."""
    for zone in report.zones:
        zone.amounts = {name: kib // report.page_kib for name, kib in zone.amounts.items()}
    for name in ("swap_free", "swap_total"):
        if name in report.memory:
            report.memory[name] //= report.page_kib
