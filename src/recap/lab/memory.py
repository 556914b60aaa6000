"""What /proc tells of memory around a recording, or in a support archive: zones, and what was counted meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from recap.trace import Recording, ZoneInfo

HUGE_ORDER = 9
TOLD = (
    "allocstall_",
    "pgscan_",
    "pgsteal_",
    "compact_",
    "thp_fault_",
    "oom_kill",
    "kswapd_",
    "pswp",
    "workingset_refault",
)
WATERMARKS = ("min", "low", "high")


class ZoneMemory(msgspec.Struct, frozen=True):
    """One zone, before (0) or after (1): free pages, watermarks, and free pages in blocks below order 9, in percent."""

    when: int
    node: int
    zone: str
    free_pages: int
    watermarks: list[int]
    unusable_percent: float | None  # None where buddyinfo was not saved


def zones(recording: Recording) -> Iterator[ZoneMemory]:
    """Every zone that has memory, before and after."""
    for when in (0, 1):
        blocks = recording.buddyinfo(when)
        for zone in recording.zoneinfo(when):
            if zone.counters.get("managed", 1):
                yield zone_memory(when, zone, blocks.get((zone.node, zone.name)))


def zone_memory(when: int, zone: ZoneInfo, blocks: tuple[int, ...] | None) -> ZoneMemory:
    """The figures of one zone."""
    unusable = None
    if blocks is not None:
        pages = [count << order for order, count in enumerate(blocks)]
        unusable = 100 * sum(pages[:HUGE_ORDER]) / sum(pages) if sum(pages) else 0.0
    watermarks = [zone.counters.get(name, 0) for name in WATERMARKS]
    return ZoneMemory(when, zone.node, zone.name, zone.counters.get("free", 0), watermarks, unusable)


def vmstat_change(recording: Recording) -> dict[str, int]:
    """What /proc/vmstat counted between before and after; where there is but one, since boot. Zeros are left out."""
    before, after = recording.vmstat(0), recording.vmstat(1)
    if not after:
        before, after = {}, before
    both = after if not before else after.keys() & before  # one of the files may be cut short
    changes = {name: value - before.get(name, 0) for name, value in after.items() if name in both}
    changes = {name: change for name, change in changes.items() if name.startswith(TOLD)}
    return {name: change for name, change in changes.items() if change}
