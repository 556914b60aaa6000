"""What /proc says of memory: vmstat, meminfo, zoneinfo, buddyinfo, pagetypeinfo, and the vm sysctls."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from recap.errors import InputError
from recap.trace.bounded import bounded_content

LARGEST = 16 << 20  # bytes; zoneinfo of a thousand CPUs has about a tenth of it
AGAIN = "save the /proc file again"
COUNTER = re.compile(r"\s*(\S+?):?\s+(\d{1,20})(?: kB)?\s*")
NODE_ZONE = re.compile(r"Node\s+(\d{1,20}), zone\s+(\w+)")
FREE_BLOCKS = re.compile(NODE_ZONE.pattern + r"((?:\s+\d{1,20})+)\s*")
TYPED_BLOCKS = re.compile(NODE_ZONE.pattern + r", type\s+(\w+)((?:\s+>?\d{1,20})+)\s*")
PROTECTION = re.compile(r"\s*protection: \(((?:\d{1,20}, )*\d{0,20})\)\s*")
PAGES_FREE = re.compile(r"\s*pages free\s+(\d{1,20})\s*")
OF_A_PAGESET = ("count", "high", "batch", "high_min", "high_max")  # the last two since 6.7
EVERY_ZONE, LAST_LINE = ("free", "min", "low", "high", "spanned", "present"), "start_pfn"
PAGESET_CPU = re.compile(r"\s*cpu:\s*(\d{1,20})\s*")

Zone = tuple[int, str]  # node, name


@dataclass
class ZoneInfo:
    """One zone of zoneinfo: `counters` are all its lines of a name and a number, `free` first."""

    node: int
    name: str
    counters: dict[str, int] = field(default_factory=dict)
    protection: tuple[int, ...] = ()
    pagesets: dict[int, dict[str, int]] = field(default_factory=dict)


@dataclass
class PageTypes:
    """pagetypeinfo: free blocks of each order, and pageblocks, by zone and migratetype."""

    free: dict[tuple[int, str, str], tuple[int, ...]] = field(default_factory=dict)
    blocks: dict[Zone, dict[str, int]] = field(default_factory=dict)


def lines_of(path: Path) -> list[str]:
    """A text file's lines."""
    text = bounded_content(path, LARGEST, AGAIN, ", which no file of /proc has").decode(errors="replace")
    if text and not text.endswith("\n"):
        raise InputError(path, f"line {text.count(chr(10)) + 1}", "has no end: the file is cut short", AGAIN)
    return text.split("\n")[:-1]


def wrong(path: Path, number: int, wanted: str) -> InputError:
    """A line that is not what it should be."""
    return InputError(path, f"line {number}", f"is not {wanted}", AGAIN)


def read_counters(path: Path) -> dict[str, int]:
    """vmstat or meminfo: a name and a number on every line."""
    counters: dict[str, int] = {}
    for number, line in enumerate(lines_of(path), 1):
        match = COUNTER.fullmatch(line)
        if match is None:
            raise wrong(path, number, "a name and a number")
        count_once(path, number, counters, match)
    return counters


def count_once(path: Path, number: int, counters: dict[str, int], match: re.Match[str]) -> None:
    """A counter that occurs twice has no value."""
    if match[1] in counters:
        raise InputError(path, f"line {number}", f"has {match[1]} twice", AGAIN)
    counters[match[1]] = int(match[2])


def read_sysctl(path: Path) -> dict[str, str]:
    """The output of `sysctl vm`: values are texts, as some hold several numbers."""
    found = {}
    for number, line in enumerate(lines_of(path), 1):
        name, equals, value = line.partition(" = ")
        if not equals and not line.endswith(" ="):
            raise wrong(path, number, "`name = value`")
        found[name.removesuffix(" =").strip()] = value.strip()
    return found


def read_swaps(path: Path) -> list[str]:
    """The devices and files of /proc/swaps, whose first line is a heading."""
    return [line.split()[0] for line in lines_of(path)[1:] if line.strip()]


def read_buddyinfo(path: Path) -> dict[Zone, tuple[int, ...]]:
    """The free blocks of each order, by zone."""
    found = {}
    for number, line in enumerate(lines_of(path), 1):
        match = FREE_BLOCKS.fullmatch(line)
        if match is None:
            raise wrong(path, number, "a zone and its free blocks")
        found[int(match[1]), match[2]] = tuple(map(int, match[3].split()))
    return found


def read_pagetypeinfo(path: Path) -> PageTypes:
    """Free blocks and pageblocks by migratetype; a count the kernel gave up on (`>100000`) is that number."""
    found, types = PageTypes(), list[str]()
    for number, line in enumerate(lines_of(path), 1):
        if match := TYPED_BLOCKS.fullmatch(line):
            found.free[int(match[1]), match[2], match[3]] = tuple(int(n.lstrip(">")) for n in match[4].split())
        elif match := FREE_BLOCKS.fullmatch(line):
            counts = [int(n) for n in match[3].split()]
            if len(counts) != len(types):
                raise wrong(path, number, f"a zone and {len(types)} counts of pageblocks")
            found.blocks[int(match[1]), match[2]] = dict(zip(types, counts, strict=True))
        elif line.startswith("Number of blocks type"):
            types = line.split()[4:]
    if not found.free:
        raise InputError(path, "", "names no zone", AGAIN)
    return found


def read_zoneinfo(path: Path) -> list[ZoneInfo]:
    """Every zone, in the file's order; the `per-node stats` stay with the zone they follow."""
    zones: list[ZoneInfo] = []
    for number, line in enumerate(lines_of(path), 1):
        if match := NODE_ZONE.fullmatch(line):
            zones.append(ZoneInfo(int(match[1]), match[2]))
        elif not zones:
            raise wrong(path, number, "a zone")
        else:
            add_zone_line(path, number, zones[-1], line)
    for zone in zones:
        missing = [name for name in wanted_of(zone) if name not in zone.counters]
        if missing:
            where = f"node {zone.node}, zone {zone.name}"
            raise InputError(path, where, f"lacks {missing[0]}: the file is cut short", AGAIN)
    return zones


def wanted_of(zone: ZoneInfo) -> tuple[str, ...]:
    """What the kernel tells of every zone (zoneinfo_show_print), the last line of one that has memory included."""
    return (*EVERY_ZONE, LAST_LINE) if zone.counters.get("present") else EVERY_ZONE


def add_zone_line(path: Path, number: int, zone: ZoneInfo, line: str) -> None:
    """One line below a zone's heading; a pageset's lines follow its `cpu:`."""
    if match := PAGES_FREE.fullmatch(line):
        zone.counters["free"] = int(match[1])
    elif match := PROTECTION.fullmatch(line):
        zone.protection = tuple(int(pages) for pages in match[1].split(",") if pages.strip())
    elif match := PAGESET_CPU.fullmatch(line):
        zone.pagesets[int(match[1])] = {}
    elif match := COUNTER.fullmatch(line):
        pageset = match[1] in OF_A_PAGESET and ":" in line
        target = list(zone.pagesets.values())[-1] if pageset and zone.pagesets else zone.counters
        count_once(path, number, target, match)
