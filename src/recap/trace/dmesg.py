"""What the kernel log tells when memory could not be had: each report as data.

A report begins with who asked for what (report_headers.py); every zone with its watermarks follows (report_zones.py),
and after an OOM the tasks (report_tasks.py). Amounts are pages of 4 KiB, or of the size the free lists begin with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from recap.trace.failure_report import FailureReport
from recap.trace.gfp import PLAIN, VALUES
from recap.trace.gfp_masks import names_of_mask, printed, word_of
from recap.trace.kernel_log import LogLine
from recap.trace.release import bits_of, release_in
from recap.trace.report_headers import CONSTRAINT, KILL, begin, kill, may_use
from recap.trace.report_tasks import TaskReader, add_cache
from recap.trace.report_zones import NODE_ALONE, add_counts, add_node, add_totals, add_zone, in_pages

CALLER = re.compile(
    r"(?:\[<([0-9a-f]+)>\] *)?\(?(\??) *([A-Za-z_][\w.]*)(?:\+0x[0-9a-f]+/0x[0-9a-f]+|\) from)(?: (\[\w+\]))?"
)
ADDRESS = re.compile(r"\[<([0-9a-f]{8}|[0-9a-f]{16})>\]")
TOGETHER = 5.0  # seconds within which a kill belongs to the report before it
OF_A_CGROUP = ("mem_cgroup_out_of_memory", "mem_cgroup_oom")  # in the call trace, where the group's lines are missing
OLD_ATOMIC = (6, 3)  # since 2973d8229b78 __GFP_HIGH says what __GFP_ATOMIC said


def failures(lines: Iterable[LogLine]) -> list[FailureReport]:
    """Every report of a kernel log, in order; what follows a report's first line belongs to it.

    Where the kernel says who printed a line (CONFIG_PRINTK_CALLER), to the last report of the same caller.
    """
    found: list[Reader] = []
    current: dict[str, Reader] = {}
    release = ""
    for line in lines:
        reader = current.get(line.caller) or (current.get("") if line.caller else found[-1] if found else None)
        started = begin(line)
        if started and not (reader and reader.takes(started)):
            current[line.caller] = Reader(started, release, reader)
            found.append(current[line.caller])
        elif starts_a_kill(reader, line):
            current[line.caller] = Reader(FailureReport(line.number, line.seconds, "oom", ""), release)
            found.append(current[line.caller])
            found[-1].add(line)
        elif reader and not started:
            reader.add(line)
        named = release_in(line.text)
        if named and reader and not reader.report.release:
            reader.report.release = named
        release = named or release
    return finished(found, release)


def finished(found: list[Reader], release: str) -> list[FailureReport]:
    """The reports that were read, without those that tell less than others of the same request."""
    for reader in found:
        finish(reader.report, reader.booted or release)
    reports = [reader.report for reader in found]
    bits = {report.release: report.bits for report in reports if report.bits}
    for report in reports:
        report.bits = report.bits or bits.get(report.release)
    whole = {(report.task, report.order) for report in reports if not is_bare(report)}
    kept = [one for one in reports if not (is_kill(one) or (is_bare(one) and (one.task, one.order) in whole))]
    return kept or reports


def is_kill(report: FailureReport) -> bool:
    """Is it the end of an OOM report whose beginning is not in the log? It tells less than any whole one."""
    return report.kind == "oom" and not (report.task or report.constraint)


def is_bare(report: FailureReport) -> bool:
    """Is it a first line and no more, as in a subject or in prose?"""
    told = (report.zones, report.memory, report.callers, report.tasks, report.victims, report.cgroup)
    return not any(told) and report.kind in ("failure", "oom", "stall")


def starts_a_kill(reader: Reader | None, line: LogLine) -> bool:
    """Is a line a kill that belongs to no report before it?"""
    if "ill" not in line.text or not kill(line):
        return False
    return reader is None or not reader.kills(line)


class Reader:
    """One report while its lines are read."""

    def __init__(self, report: FailureReport, booted: str, before: Reader | None = None) -> None:
        self.report = report
        self.unfinished = before if before and not before.report.zones else None
        self.began = False  # telling of memory
        self.booted = booted  # the release that the log named before, for a report without one
        self.tasks = TaskReader(report)
        self.node = ""  # begun on a line of its own, as 4.9 printed them

    def takes(self, started: FailureReport) -> bool:
        """Is what begins here a part of this report? vmalloc fails in two lines, and a cache after its pages."""
        mine = self.report
        if mine.kind == "vmalloc" and not mine.zones:
            if started.kind == "failure" and started.order == 0 and not mine.flags and mine.mask is None:
                mine.task, mine.mask, mine.flags = started.task, started.mask, started.flags
                return True
            if started.kind == "vmalloc" and not mine.task:
                mine.task, mine.mask, mine.flags = started.task, started.mask, started.flags
                return bool(mine.task) or (started.bytes is not None and started.reason != mine.reason)
        return started.kind == "slab" and mine.kind in ("failure", "oom", "stall") and self.is_near(started.seconds)

    def is_near(self, seconds: float | None) -> bool:
        """Did it happen together with this report?"""
        return seconds is None or self.report.seconds is None or seconds - self.report.seconds < TOGETHER

    def kills(self, line: LogLine) -> bool:
        """Is a kill that of this report?"""
        report = self.report
        if report.kind != "oom":
            return False
        if not report.victims:
            return True
        named = KILL.match(line.text)
        if named is None or report.victims[-1].pid == int(named[2]):
            return CONSTRAINT.match(line.text) is None
        return bool(report.task) and self.is_near(line.seconds)  # a whole cgroup dies (memory.oom.group)

    def add(self, line: LogLine) -> None:
        """One more line."""
        text, report = line.text.strip(), self.report
        if "+0x" in text or "[<" in text:
            self.add_caller(text)
            return
        alone = NODE_ALONE.match(text) if text.startswith("Node") else None
        if alone:
            self.node = alone[0]
            return
        if self.node and not text.startswith("Node"):
            text, self.node = f"{self.node} {text}", ""
        if text.startswith("Mem-"):
            self.begin_memory()
        may_use(report, text)
        if add_zone(report, text) or add_node(report, text):
            return
        if report.cache is None and add_cache(report, text):
            return
        if not self.tasks.add(text) and not add_totals(report, text):
            add_counts(report, text)

    def begin_memory(self) -> None:
        """`Mem-Info:`; a second one is of the report that this one cut in two."""
        if self.began and self.unfinished:
            self.report.mixed = self.unfinished.report.mixed = True
        self.began = True

    def add_caller(self, text: str) -> None:
        """A line of the call trace."""
        address = ADDRESS.search(text) if "[<" in text else None
        if address and self.report.bits is None:
            self.report.bits = 4 * len(address[1])
        caller = CALLER.search(text)
        if caller and not caller[2] and len(self.report.callers) < 64:
            self.report.callers.append(f"{caller[3]} {caller[4]}" if caller[4] else caller[3])


def finish(report: FailureReport, release: str) -> None:
    """What could not be read before the whole log was: amounts in pages, flags by the release."""
    report.release = report.release or release
    report.bits = bits_of(report.release) or report.bits or (32 if report.memory.get("highmem") else None)
    in_pages(report)
    if report.mask is not None:
        names = names_of_mask(report.mask, report.version)
        report.flags, report.gfp = printed(names), word_of(names)
    else:
        report.gfp = named_flags(report)
    if report.kind == "oom" and (report.mask == 0 or report.flags == "0"):
        report.flags, report.gfp = "0", VALUES["GFP_HIGHUSER_MOVABLE"]  # of a page fault that failed before
    if report.cgroup is not None or any(name.startswith(OF_A_CGROUP) for name in report.callers):
        report.constraint = "memcg"


def named_flags(report: FailureReport) -> int:
    """The bits of today behind the names; what other kernels know and we do not changes nothing here."""
    word = 0
    for name in report.flags.split("|"):
        word |= VALUES.get(name, 0)
        if name == "GFP_ATOMIC" and report.is_before(*OLD_ATOMIC):
            word |= PLAIN["__GFP_ATOMIC"]
    return word
