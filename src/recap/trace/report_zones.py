"""Zones as show_free_areas prints them, and the counts of memory by use around them."""

from __future__ import annotations

import re

from recap.trace.failure_report import FailureReport, ReportedZone

NAMES = "DMA32|DMA|Normal|HighMem|Movable|Device"
ZONE = re.compile(rf"^(?:Node (\d+) )?({NAMES}) free:\d")
BEGINNINGS = ("Node ", "lowmem_reserve", *NAMES.split("|"))
NODE = re.compile(r"^Node (\d+) (?:active_anon|[a-z_]+:)")
NODE_ALONE = re.compile(r"^Node (\d+)$")
RESERVE = re.compile(r"lowmem_reserve\[\]:((?: +\d+)*)")
BLOCKS = re.compile(rf"^(?:Node (\d+) )?({NAMES}): ?(\d+[*_]\d+kB.*)")
BLOCK = re.compile(r"(\d+)[*_](\d+)kB(?: \(([A-Z]+)\))?")
SUM = re.compile(r"= (\d+)kB")
AMOUNT = re.compile(r"\b([A-Za-z_]+(?:\([a-z]+\))?): ?(\d+)(kB|KB)?(?![\w])")
TOTAL = re.compile(r"^(\d+) (?:pages (?:of )?(RAM|reserved|cma reserved|HighMem)\b|(reserved) pages)")
SWAP = re.compile(r"^(Free|Total) swap +(?:= *|: *)?(\d+) ?kB")
HUGE = re.compile(r"hugepages_total=(\d+) hugepages_free=(\d+) .*hugepages_size=(\d+)kB")
COUNTED = {  # of the lines under Mem-Info, those that say where memory is
    *("active_anon", "inactive_anon", "isolated_anon", "active_file", "inactive_file", "isolated_file", "unevictable"),
    *("slab", "slab_reclaimable", "slab_unreclaimable", "kernel_misc_reclaimable", "pagetables", "sec_pagetables"),
    *("shmem", "free", "free_pcp", "free_cma", "dirty", "writeback", "active", "inactive"),
}
OF_NODES = {  # since 4.8
    **{name: name for name in ("active_anon", "inactive_anon", "active_file", "inactive_file", "unevictable", "shmem")},
    "isolated(anon)": "isolated_anon",
    "isolated(file)": "isolated_file",
    "pagetables": "pagetables",
}
IN_KIB = ("kernel_stack", "zspages", "balloon")  # of zones or nodes, and of no line for the machine
DAMAGED = re.compile(r"\d{14}|\*0kB")  # more than any machine has, or blocks of nothing
TOTALS = {"RAM": "ram", "HighMem": "highmem", "reserved": "reserved", "cma reserved": "cma"}


def add_zone(report: FailureReport, text: str) -> bool:
    """A line of one zone: its amounts, its reserve, or its free list."""
    if not text.startswith(BEGINNINGS):
        return False
    if DAMAGED.search(text):
        return bool(ZONE.match(text) or BLOCKS.match(text) or "lowmem_reserve" in text)
    zone = ZONE.match(text)
    if zone:
        if not zone_of(report, zone[1], zone[2]):
            amounts = {name: int(value) for name, value, _ in AMOUNT.findall(text[zone.start(2) :])}
            report.zones.append(ReportedZone(int(zone[1] or 0), zone[2], amounts))
        return True
    if "lowmem_reserve" in text:
        add_reserve(report, text)
        return True
    blocks = BLOCKS.match(text)
    if blocks:
        add_blocks(report, zone_of(report, blocks[1], blocks[2]), blocks[3])
    return bool(blocks)


def add_reserve(report: FailureReport, text: str) -> None:
    """What the zone before keeps for those who can use nothing else; without numbers it is not known."""
    reserve = RESERVE.search(text)
    if reserve and report.zones and report.zones[-1].lowmem_reserve is None:
        report.zones[-1].lowmem_reserve = [int(pages) for pages in reserve[1].split()] or None


def add_blocks(report: FailureReport, zone: ReportedZone | None, text: str) -> None:
    """The free blocks by order: whole when it goes up to the kernel's own sum, which it must add up to."""
    found = BLOCK.findall(text)
    if zone is None or zone.blocks or not found:
        return
    kib = sum(int(count) * int(size) for count, size, _ in found)
    total = SUM.search(text)
    said = int(total[1]) if total else zone.amounts.get("free", 0)
    if kib == said:
        report.page_kib = int(found[0][1])
    doubled = all(int(size) == report.page_kib << order for order, (_, size, _) in enumerate(found))
    if doubled and (total or kib == said):
        zone.blocks = [(int(count), types) for count, _, types in found]
    if kib != said or not doubled:
        zone.cut = (kib, said)


def zone_of(report: FailureReport, node: str | None, name: str) -> ReportedZone | None:
    """The zone that was already begun."""
    return next((zone for zone in report.zones if (zone.node, zone.name) == (int(node or 0), name)), None)


def add_counts(report: FailureReport, text: str) -> bool:
    """Pages by use, of the whole machine; amounts in kB are a node's and are counted here already."""
    if report.zones:
        return False
    counts = [(name.lower(), int(value)) for name, value, unit in AMOUNT.findall(text) if not unit]
    counts = [(name, value) for name, value in counts if name in COUNTED]
    for name, value in counts:
        report.memory.setdefault(name, value)
    return bool(counts)


def add_node(report: FailureReport, text: str) -> bool:
    """A line of one node, in kB until `in_pages`: stacks (since 5.9) and balloons are counted nowhere else."""
    if not text.startswith("Node ") or not NODE.match(text):
        return False
    for name, value, _ in AMOUNT.findall(text):
        if name in ("kernel_stack", "Balloon"):
            report.memory[name.lower()] = report.memory.get(name.lower(), 0) + int(value)
        elif name in OF_NODES:
            report.nodes_kib[OF_NODES[name]] = report.nodes_kib.get(OF_NODES[name], 0) + int(value)
    return True


def add_totals(report: FailureReport, text: str) -> bool:
    """RAM, swap and huge pages, from the end of a report; swap is in kB until `in_pages`."""
    total = TOTAL.match(text)
    if total:
        report.memory.setdefault(TOTALS[total[2] or total[3]], int(total[1]))
        return True
    swap = SWAP.match(text)
    if swap:
        report.memory.setdefault(f"swap_{swap[1].lower()}", int(swap[2]))
        return True
    huge = HUGE.search(text) if "hugepages_total" in text else None
    if huge:
        report.huge_kib += int(huge[1]) * int(huge[3])
    return bool(huge)


def in_pages(report: FailureReport) -> None:
    """The report has zones, stacks and swap in kB; here they are in pages."""
    for name in IN_KIB:
        of_zones = sum(zone.amounts.get(name, 0) for zone in report.zones)
        if of_zones:
            report.memory[name] = report.memory.get(name, 0) + of_zones
    if not any(zone.blocks for zone in report.zones):
        report.page_kib = page_size(report)
    for zone in report.zones:
        zone.amounts = {name: kib // report.page_kib for name, kib in zone.amounts.items()}
    for name in ("swap_free", "swap_total", *IN_KIB):
        if name in report.memory:
            report.memory[name] //= report.page_kib
    if "active_anon" not in report.memory:  # without the lines under Mem-Info
        report.memory |= {name: kib // report.page_kib for name, kib in report.nodes_kib.items()}
    if report.huge_kib:
        report.memory["huge_pages"] = report.huge_kib // report.page_kib


def page_size(report: FailureReport) -> int:
    """KiB of a page, where no free list shows it: of 4, 16 and 64 that with which zones add up to the free pages."""
    free = sum(zone.amounts.get("free", 0) for zone in report.zones)
    pages = report.memory.get("free", 0)
    if not free or not pages:
        return report.page_kib
    return min((4, 8, 16, 64), key=lambda size: abs(free - pages * size))
