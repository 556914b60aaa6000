"""CPUs and memory that came or went while a machine was recorded, and what the model makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from recap.trace import Events, Recording, Snapshot, ZoneInfo


def with_all_cpus(snapshot: Snapshot, cpus: int) -> Snapshot:
    """The snapshot with as many CPUs as the trace has: those that came later begin with empty lists."""
    first = {pcp.zone: pcp for pcp in reversed(snapshot.pcps)}
    known = {(pcp.zone, pcp.cpu) for pcp in snapshot.pcps}
    new = [
        replace(pcp, cpu=cpu, count=0, free_factor=0, free_count=0)
        for zone, pcp in sorted(first.items())
        for cpu in range(cpus)
        if (zone, cpu) not in known
    ]
    return replace(snapshot, pcps=(*snapshot.pcps, *new)) if new else snapshot


def memory_end(recording: Recording, snapshot: Snapshot) -> int:
    """Behind the last frame that the machine had at the start, or got while it was recorded."""
    grown = [
        after.counters["start_pfn"] + after.counters["spanned"]
        for before, after in zone_pairs(recording)
        if after.counters.get("present", 0) > before.counters.get("present", 0)
        and {"start_pfn", "spanned"} <= after.counters.keys()
    ]
    return max([len(snapshot.flags), *grown])


def zone_pairs(recording: Recording) -> Iterator[tuple[ZoneInfo, ZoneInfo]]:
    """Each zone before and after."""
    before = {(zone.node, zone.name): zone for zone in recording.zoneinfo(0)}
    for after in recording.zoneinfo(1):
        if (after.node, after.name) in before:
            yield before[after.node, after.name], after


def changes(recording: Recording, events: Events) -> list[str]:
    """What changed of the machine, as far as /proc tells, and what the model makes of it."""
    there = {cpu for zone in recording.zoneinfo(0) for cpu in zone.pagesets}
    told = []
    if 0 < len(there) < events.cpus:
        new = events.cpus - len(there)
        told.append(f"{new} of {events.cpus} CPUs came later: their per-cpu lists are empty at first")
    pairs = zone_pairs(recording)
    grown = sum(after.counters.get("present", 0) - before.counters.get("present", 0) for before, after in pairs)
    if grown:
        what = "added" if grown > 0 else "removed"
        told.append(f"{abs(grown)} pages of memory were {what} meanwhile: the model has what there was at the start")
    return told
