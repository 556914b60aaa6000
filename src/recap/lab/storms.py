"""Similar reports, shown as one: a storm is one kind of request that fails again and again, in any task."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import msgspec

from recap.trace.failure_report import FailureReport

FEW = 3  # reports that are shown one by one, however similar
NAMED = 5  # tasks and victims that are named
FAMILY = re.compile(r"[/:]?[\d:/u+-]*$")


class Alike(msgspec.Struct, frozen=True):
    """How often a report was seen, from where to where, and by whom."""

    times: int
    first_line: int
    first_seconds: float | None  # since boot
    last_line: int
    last_seconds: float | None
    tasks: dict[str, int]  # by name without a CPU's or worker's number, the most often first
    victims: dict[str, int]  # tasks that were killed


class Group(msgspec.Struct, frozen=True):
    """Reports that are alike, in the order of the log, and the one with the least memory free."""

    reports: list[FailureReport]
    worst: FailureReport
    alike: Alike


def groups_of(reports: Sequence[FailureReport]) -> list[Group]:
    """By kind, order, flags, and what limited the request; a few reports are each a group."""
    if len(reports) <= FEW:
        return [group([report]) for report in reports]
    found: dict[tuple[object, ...], list[FailureReport]] = {}
    for report in reports:
        found.setdefault(likeness(report), []).append(report)
    return [group(alike) for alike in found.values()]


def likeness(report: FailureReport) -> tuple[object, ...]:
    """Two reports with the same key are shown as one."""
    path = report.cgroup.path if report.cgroup else ""
    cache = report.cache.name if report.cache and report.kind == "slab" else ""
    nodes = tuple(report.nodemask or ())
    return (report.kind, report.order, report.flags, report.release, report.constraint, path, cache, nodes)


def group(reports: list[FailureReport]) -> Group:
    """One group."""
    first, last = reports[0], reports[-1]
    victims = Counter(victim.name for report in reports for victim in report.victims)
    alike = Alike(
        times=len(reports),
        first_line=first.line,
        first_seconds=first.seconds,
        last_line=last.line,
        last_seconds=last.seconds,
        tasks=dict(Counter(family(report.task) for report in reports if report.task).most_common(NAMED)),
        victims=dict(victims.most_common(NAMED)),
    )
    return Group(reports, min(reports, key=free_pages), alike)


def free_pages(report: FailureReport) -> int:
    """What was free in all zones; a report without zones is never the worst."""
    return sum(zone.amounts.get("free", 0) for zone in report.zones) if report.zones else 1 << 60


def family(task: str) -> str:
    """`swapper/12` is swapper, `kworker/u8:3` kworker."""
    return FAMILY.sub("", task) or task
