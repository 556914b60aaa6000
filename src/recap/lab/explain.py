"""Why a request for memory failed: the kernel's own report, put to the model's rules zone by zone.

A report shows memory a moment after the refusal, and free blocks by order without saying how many are of which type; so
nothing is replayed here. The watermark test, the fragmentation index and compaction's test of a zone are the engine's.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from recap.errors import InputError
from recap.lab.answer import answer, uncertain
from recap.lab.callers import asked_by
from recap.lab.causes import causes
from recap.lab.cgroup_oom import GroupMemory, group_of
from recap.lab.memory_held import memory_held, ram_of
from recap.lab.oom_answer import largest_tasks, of_group
from recap.lab.storms import Alike, groups_of
from recap.lab.what_if import WhatIf, what_if
from recap.lab.zone_verdict import ZoneVerdict, verdicts_of
from recap.printable import html_table
from recap.trace.bounded import bounded_content
from recap.trace.dmesg import failures
from recap.trace.failure_report import FailureReport, ListedTask, Victim
from recap.trace.kernel_log import LARGEST_LOG, log_lines
from recap.trace.packed import DamagedError

SCHEMA = 2  # of Diagnosis, raised when a field changes its meaning
HOW = "name a file with the lines from `page allocation failure` or `invoked oom-killer` on, or - for standard input"


class Swap(msgspec.Struct, frozen=True):
    """In kB."""

    total: int
    free: int


class Diagnosis(msgspec.Struct, frozen=True):
    """A failed request explained: `verdict` for people, `cause` in a word, `because` in a sentence.

    If a log has more than three reports, similar ones are shown as one (`alike`), by the worst.

    Causes: memcg, watermark, fragmentation, reserved (blocks that the request may not have), recovered (it would be
    served by now), unclear (the report cannot tell), no_memory (its only zone has none), no_report (lines are missing),
    vmalloc, manual, hung, spins, kasan, too_large.

    Example:
        >>> found = recap.explain("tests/lab/reports/order-0-6.1.txt")[0]
        >>> found.cause, [zone.short for zone in found.zones]
        ('watermark', [27, 120])
    """

    line: int  # of the log
    seconds: float | None
    kind: str  # failure, oom, stall, vmalloc, slab, hung, spins, kasan or warning
    task: str
    release: str
    order: int
    flags: str
    cause: str
    because: str
    verdict: str  # what was lacking and what to do
    uncertain: list[str]
    zones: list[ZoneVerdict]
    what_if: list[WhatIf]
    held: dict[str, int]  # where memory is: pages by use, most first (recap.lab.memory_held.USES)
    ram: int  # pages; 0: not told
    page_kib: int
    swap: Swap | None  # None: not told
    group: GroupMemory | None  # the memory cgroup whose limit was reached
    victims: list[Victim]
    largest_tasks: list[ListedTask]
    asked_by: str  # the function that asked, where the log has the call trace
    alike: Alike  # how many such reports the log has: this is the worst of them
    schema: int = SCHEMA

    def _repr_html_(self) -> str:
        """The zones, for notebooks; `recap explain` prints all."""
        rows = [[zone.name, f"{zone.free:,}", f"{zone.needed:,}", str(zone.largest_order)] for zone in self.zones]
        heads = ["zone", "free pages", "needed", "largest order"]
        return html_table(f"{self.task}, order {self.order}: {self.cause}; {self.verdict}", heads, rows)


def explain(log: str | Path) -> list[Diagnosis]:
    """Every page allocation failure and OOM kill of a kernel log; of many that are alike, the worst.

    Args:
        log: a file such as dmesg prints, `-` for standard input, or the text itself.

    Errors:
        InputError: the file cannot be read, or holds no such report.

    Example:
        >>> (found,) = recap.explain("tests/lab/reports/order-4-4.8.txt")
        >>> found.task, found.order, found.cause
        ('modprobe', 4, 'fragmentation')
        >>> [(zone.name, zone.largest_order) for zone in found.zones if zone.enough]
        [('Node 0 DMA32', 3), ('Node 0 Normal', 2)]
        >>> recap.explain("Out of memory: Killed process 12 (hog) total-vm:9kB, anon-rss:8kB")[0].victims[0].name
        'hog'
    """
    try:
        found = failures(log_lines(pasted(log)))
    except DamagedError as error:
        raise InputError(named(log), "", str(error), HOW) from None
    if not found:
        raise InputError(named(log), "", "contains no report of a failed allocation", HOW)
    return [diagnosis(group.worst, group.alike) for group in groups_of(found)]


def is_text(log: str | Path) -> bool:
    """Is it the log itself, and no name of a file?"""
    return isinstance(log, str) and ("\n" in log or "\r" in log or (" " in log and not Path(log[:255]).exists()))


def named(log: str | Path) -> str:
    """For messages."""
    return "the text" if is_text(log) else str(log)


def pasted(log: str | Path) -> bytes:
    """What was given, whatever it is."""
    if is_text(log):
        return str(log).encode(errors="replace")
    if str(log) != "-":
        return bounded_content(Path(log), LARGEST_LOG, HOW)
    content = sys.stdin.buffer.read(LARGEST_LOG + 1)
    if len(content) > LARGEST_LOG:
        raise InputError("-", "", f"has more than {LARGEST_LOG >> 20} MiB", HOW)
    return content


def diagnosis(report: FailureReport, alike: Alike) -> Diagnosis:
    """One report, which stands for those that are alike."""
    zones = verdicts_of(report)
    cause, because = causes(report, zones)
    group = group_of(report)
    changes = what_if(report, cause)
    total, free = (report.memory.get(name) for name in ("swap_total", "swap_free"))
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
        verdict=of_group(group, report.victims) if group else answer(report, cause, because, zones, changes),
        uncertain=uncertain(report, cause, zones),
        zones=zones,
        what_if=changes,
        held=memory_held(report),
        ram=ram_of(report),
        page_kib=report.page_kib,
        swap=None if total is None or free is None else Swap(total * report.page_kib, free * report.page_kib),
        group=group,
        victims=report.victims,
        largest_tasks=largest_tasks(report),
        asked_by=asked_by(report),
        alike=alike,
    )
