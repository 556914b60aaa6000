"""What /proc tells of a machine's memory at one moment: of one that was recorded, or of one in a snapshot."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from recap.demand.nodes import LoadsNode
from recap.errors import InputError
from recap.kernel import MIGRATE_HIGHATOMIC, MIGRATE_TYPES, NR_ORDERS, NR_WMARK
from recap.pages import Array
from recap.trace import PageTypes, PcpState, Recording, Snapshot, ZoneInfo, ZoneState
from recap.trace.kpageflags import KPF, Words, has, of_snapshot
from recap.trace.snapshot import FREE, PAGEBLOCK_PAGES

AGAIN = "make a recording with `recap record -o DIR -- COMMAND` and compare that folder"
# pagetypeinfo's names of migratetypes; the model has no CMA, whose free pages serve movable requests
NUMBERS = {"Unmovable": 0, "Movable": 1, "Reclaimable": 2, "HighAtomic": 3, "CMA": 1, "Isolate": 4}
ACTIVE = ("nr_zone_active_anon", "nr_zone_active_file")
RELEASE = re.compile(r"\b\d+\.\d+[\w.+~-]*")


@dataclass(frozen=True, eq=False)
class Seen:
    """One node's memory as /proc shows it.

    Args:
        path: where the flags are from.
        flags: /proc/kpageflags, index = pfn; it reaches to the last zone's end.
        zones, pcps: as in a snapshot, without what /proc does not tell.
        free: free blocks by zone index, order and migratetype; None where pagetypeinfo was not saved.
        blocks: pageblocks by zone index and migratetype; likewise.
        active: pages on the two active LRU lists, anonymous and of files, as the counters have them.
        kernel: its release.
        notes: what had to be left out.
    """

    path: Path
    flags: Words
    zones: tuple[ZoneState, ...]
    pcps: tuple[PcpState, ...]
    free: Mapping[int, Array] | None
    blocks: Mapping[int, Array] | None
    active: tuple[int, int]
    kernel: str
    notes: tuple[str, ...] = ()


def seen_in(recording: Recording, loads: LoadsNode | None = None) -> Seen:
    """What was saved beside a trace, of the load's node.

    Errors:
        InputError: the page flags or zoneinfo were not saved.
    """
    flags, zoneinfo = recording.page_flags(), recording.zoneinfo(0)
    folder = recording.folder or recording.path
    if flags is None or not zoneinfo:
        problem = f"there is no {'kpageflags.0.npz' if flags is None else 'zoneinfo.0'}, and no snap0.npz"
        raise InputError(folder, "", f"{problem}: the memory at the start is unknown", AGAIN)
    node = zoneinfo[0].node if loads is None else loads.number
    mine = [zone for zone in zoneinfo if zone.node == node]
    types = recording.pagetypeinfo(0)
    zones = tuple(zone_state(index, zone, types) for index, zone in enumerate(mine) if zone.counters.get("present"))
    end = max((zone.start_pfn + zone.spanned for zone in zones), default=0)
    return Seen(
        path=folder / "kpageflags.0.npz",
        flags=reaching(settled(flags), end),
        zones=zones,
        pcps=tuple(pcp for index, zone in enumerate(mine) for pcp in pcp_states(index, zone)),
        free=free_blocks(zones, node, types),
        blocks=pageblocks(zones, node, types),
        active=(sum(z.counters.get(ACTIVE[0], 0) for z in mine), sum(z.counters.get(ACTIVE[1], 0) for z in mine)),
        kernel=release(recording),
        notes=() if loads is None else (loads.told(),),
    )


def settled(flags: Words) -> Words:
    """The flags, where a frame that is free is nothing else: it may have been freed while they were read."""
    for only in (KPF.BUDDY, KPF.NOPAGE):
        flags = np.where(has(flags, only), np.uint64(1 << only), flags)
    return flags


def reaching(flags: Words, end: int) -> Words:
    """The flags up to a frame, with no page behind the last that was saved."""
    missing = max(0, end - len(flags))
    return np.concatenate((flags[:end], np.full(missing, 1 << KPF.NOPAGE, np.uint64)))


def zone_state(index: int, zone: ZoneInfo, types: PageTypes) -> ZoneState:
    """A zone by zoneinfo; its marks are shown with the boost on top."""
    count = zone.counters
    boost = count.get("boost", 0)
    marks = [count.get(name, boost) - boost for name in ("min", "low", "high")]
    reserved = types.blocks.get((zone.node, zone.name), {}).get("HighAtomic", 0) * PAGEBLOCK_PAGES
    return ZoneState(
        index=index,
        name=zone.name,
        start_pfn=count.get("start_pfn", 0),
        spanned=count.get("spanned", 0),
        present=count.get("present", 0),
        managed=count.get("managed", 0),
        watermark=with_promo(marks),
        watermark_boost=boost,
        lowmem_reserve=zone.protection,
        nr_reserved_highatomic=reserved,
        vm_stat=(),
    )


def with_promo(marks: list[int]) -> tuple[int, ...]:
    """WMARK_PROMO is as far above high as high is above low (__setup_per_zone_wmarks)."""
    low, high = marks[-2:]
    return (*marks, high + high - low)[:NR_WMARK]


def pcp_states(index: int, zone: ZoneInfo) -> list[PcpState]:
    """A zone's per-cpu lists; a CPU that was off may have none."""
    names = ("count", "high", "batch", "high_min", "high_max")
    found = {cpu: {name: lists.get(name, 0) for name in names} for cpu, lists in zone.pagesets.items()}
    if not zone.counters.get("present"):
        return []
    return [PcpState(index, cpu, **{**numbers, "batch": max(1, numbers["batch"])}) for cpu, numbers in found.items()]


def free_blocks(zones: tuple[ZoneState, ...], node: int, types: PageTypes) -> dict[int, Array] | None:
    """pagetypeinfo's free blocks: for each zone, orders by migratetypes."""
    if not types.free:
        return None
    found = {zone.index: np.zeros((NR_ORDERS, MIGRATE_TYPES), np.int64) for zone in zones}
    index = {zone.name: zone.index for zone in zones}
    for (of, name, migratetype), counts in types.free.items():
        if of == node and name in index and migratetype in NUMBERS:
            found[index[name]][: len(counts), NUMBERS[migratetype]] += counts[:NR_ORDERS]
    return found


def pageblocks(zones: tuple[ZoneState, ...], node: int, types: PageTypes) -> dict[int, Array] | None:
    """pagetypeinfo's pageblocks: for each zone, by migratetype."""
    if not types.blocks:
        return None
    found = {zone.index: np.zeros(MIGRATE_TYPES, np.int64) for zone in zones}
    for zone in zones:
        for name, count in types.blocks.get((node, zone.name), {}).items():
            if name in NUMBERS:
                found[zone.index][NUMBERS[name]] += count
    return found


def release(recording: Recording) -> str:
    """The kernel's release, as whoever recorded it noted."""
    path = recording.beside("uname")
    found = RELEASE.search(path.read_text(errors="replace")) if path else None
    return found[0] if found else "unknown"


def seen_of(snapshot: Snapshot) -> Seen:
    """What /proc would have told at the moment of a snapshot."""
    flags = of_snapshot(snapshot)
    blocks = {zone.index: types_in(snapshot, zone, flags) for zone in snapshot.zones}
    hidden = {"free_factor": 0, "alloc_factor": 0, "free_count": 0, "flags": 0}
    reserved = {index: int(count[MIGRATE_HIGHATOMIC]) * PAGEBLOCK_PAGES for index, count in blocks.items()}
    zones = [replace(z, vm_stat=(), below_high=0, nr_reserved_highatomic=reserved[z.index]) for z in snapshot.zones]
    return Seen(
        path=snapshot.path,
        flags=flags,
        zones=tuple(replace(zone, nr_free_highatomic=0) for zone in zones),
        pcps=tuple(replace(pcp, **hidden) for pcp in snapshot.pcps),
        free={zone.index: free_in(snapshot, zone) for zone in snapshot.zones},
        blocks=blocks,
        active=(len(snapshot.lru_list(1)), len(snapshot.lru_list(3))),
        kernel=snapshot.kernel,
    )


def types_in(snapshot: Snapshot, zone: ZoneState, flags: Words) -> Array:
    """How many pageblocks of a zone have each migratetype."""
    pfns = np.arange(zone.start_pfn, zone.start_pfn + zone.spanned)
    there = np.unique(pfns[~has(flags[pfns], KPF.NOPAGE)] // PAGEBLOCK_PAGES)
    return np.bincount(snapshot.pageblock[there], minlength=MIGRATE_TYPES)[:MIGRATE_TYPES]


def free_in(snapshot: Snapshot, zone: ZoneState) -> Array:
    """How many free blocks a zone has, orders by migratetypes."""
    found = np.zeros((NR_ORDERS, MIGRATE_TYPES), np.int64)
    rows = snapshot.lists[(snapshot.lists[:, 0] == FREE) & (snapshot.lists[:, 1] == zone.index)]
    np.add.at(found, (rows[:, 2], rows[:, 3]), 1)
    return found
