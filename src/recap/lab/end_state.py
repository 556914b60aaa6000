"""The model's memory held against the kernel's second snapshot: every list in its order, every counter."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

import numpy as np

from recap.lab.results import Counter, EndState
from recap.mm.machine import Lists, Machine
from recap.trace import Snapshot

FREE_LIST, PCP_LIST = 0, 1
ZONE_COUNTERS = ("watermark_boost", "nr_reserved_highatomic")
PCP_COUNTERS = ("count", "high", "batch", "free_factor")
TUNED_COUNTERS = ("count", "high", "batch", "alloc_factor", "free_count", "flags")  # since 6.7


def end_state(machine: Machine, snapshot: Snapshot) -> EndState:
    """The two side by side."""
    free, pcp = kernel_lists(snapshot, FREE_LIST), kernel_lists(snapshot, PCP_LIST)
    mine = {(zone, cpu, pindex): pfns for (zone, cpu, pindex), pfns in machine.pcp_lists().items()}
    blocks = machine.memory.array("pageblock")[: len(snapshot.pageblock)]
    return EndState(
        free_lists_exact=share(members(free), members(machine.free_lists())),
        free_lists_in_place=share(neighbours(free), neighbours(machine.free_lists())),
        pcp_lists_exact=share(members(pcp), members(mine)),
        pcp_lists_in_place=share(neighbours(pcp), neighbours(mine)),
        pageblocks_exact=float(np.mean(blocks == snapshot.pageblock)) if len(blocks) else 1.0,
        counters=counter_pairs(machine, snapshot),
    )


def kernel_lists(snapshot: Snapshot, kind: int) -> Lists:
    """The snapshot's lists by the model's names: (zone, order, type) or (zone, cpu, list number)."""
    zones = {zone.index: number for number, zone in enumerate(snapshot.zones)}
    lists = {}
    for (listed, zone, b, c), pfns in snapshot.groups.items():
        if listed == kind:
            lists[(zones[zone], b, c) if kind == FREE_LIST else (zones[zone], c, b)] = pfns.tolist()
    return lists


def members(lists: Lists) -> set[tuple[object, int]]:
    """Every block with the list it is on."""
    return {(key, pfn) for key, pfns in lists.items() for pfn in pfns}


def neighbours(lists: Lists) -> set[tuple[object, int, int]]:
    """Every block with the one ahead of it on its list; -1 ahead of the first."""
    return {(key, ahead, pfn) for key, pfns in lists.items() for ahead, pfn in zip([-1, *pfns], pfns, strict=False)}


def share(kernel: AbstractSet[object], model: AbstractSet[object]) -> float:
    """How much of the kernel's the model has too."""
    return len(kernel & model) / len(kernel) if kernel else 1.0


def counter_pairs(machine: Machine, snapshot: Snapshot) -> list[Counter]:
    """The counters of zones and per-cpu lists."""
    found = []
    free = machine.memory.array("zone")["free_pages"]
    for number, state in enumerate(snapshot.zones):
        record = machine.memory.array("zone")[number]
        found.append(Counter(f"{state.name} free_pages", int(free[number]), free_pages(snapshot, state.index)))
        found += [
            Counter(f"{state.name} {name}", int(record[name]), int(getattr(state, name))) for name in ZONE_COUNTERS
        ]
    names = {zone.index: (number, zone.name) for number, zone in enumerate(snapshot.zones)}
    pcps = machine.memory.array("pcp")
    for pcp in snapshot.pcps:
        number, name = names[pcp.zone]
        record = pcps[number * int(machine.memory.nr_cpus) + pcp.cpu]
        found += [
            Counter(f"{name} cpu {pcp.cpu} {field}", int(record[field]), int(getattr(pcp, field)))
            for field in (TUNED_COUNTERS if pcp.high_max else PCP_COUNTERS)
        ]
    return found


def free_pages(snapshot: Snapshot, zone: int | None = None) -> int:
    """Pages on the free lists of a snapshot, of one zone (by the kernel's index) or of all."""
    free = snapshot.lists[snapshot.lists[:, 0] == FREE_LIST]
    if zone is not None:
        free = free[free[:, 1] == zone]
    return int((np.int64(1) << free[:, 2]).sum())
