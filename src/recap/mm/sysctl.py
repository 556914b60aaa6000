"""Kernel parameters by their sysctl names: read from a recording, changed by the user, applied to a machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recap import kernel
from recap.errors import InputError
from recap.pages import Memory


@dataclass(frozen=True)
class Parameter:
    """What a parameter is unless told otherwise, and what it may be."""

    default: int
    least: int
    most: int


PARAMETERS = {
    "vm.min_free_kbytes": Parameter(-1, 1, 1 << 30),  # -1: from the size of memory
    "vm.watermark_scale_factor": Parameter(10, 1, 3000),
    "vm.watermark_boost_factor": Parameter(15000, 0, 1 << 30),
    "vm.percpu_pagelist_high_fraction": Parameter(0, 0, 1 << 30),  # 0: from the low watermark
    "vm.swappiness": Parameter(60, 0, 200),
    "vm.dirty_ratio": Parameter(0, 0, 100),  # 0: writers wait as recorded, or as the workload says
    "vm.dirty_background_ratio": Parameter(10, 0, 100),
    "vm.compaction_proactiveness": Parameter(20, 0, 100),
    "vm.extfrag_threshold": Parameter(500, 0, 1000),
    "vm.defrag_mode": Parameter(0, 0, 1),
    "vm.page_capture_compact": Parameter(1, 0, 1),  # of a kernel with page capture, as is the next
    "vm.page_capture_target": Parameter(0, -1, 1 << 20),  # 0: a batch as ever; -1: the size of the block
}
RESERVE_RATIO = "vm.lowmem_reserve_ratio"  # a row of numbers, one a zone
NAMES = (*PARAMETERS, RESERVE_RATIO)
MARKS = ("vm.min_free_kbytes", "vm.watermark_scale_factor", "vm.percpu_pagelist_high_fraction")
LEAST_HIGH_FRACTION = 8
SINCE = {
    "vm.watermark_scale_factor": (4, 6),
    "vm.watermark_boost_factor": (5, 0),
    "vm.percpu_pagelist_high_fraction": (5, 14),
    "vm.compaction_proactiveness": (5, 9),
    "vm.extfrag_threshold": (2, 6, 35),
}  # vm.defrag_mode (6.15) may be tried on any kernel that compacts
IDLE = {
    "vm.page_capture": "each column is a policy of its own, chosen with -p",
    "vm.compact_unevictable_allowed": "no page of the model is mlocked",
    "vm.vfs_cache_pressure": "slab caches shrink as recorded",
    "vm.min_slab_ratio": "slab caches shrink as recorded",
    "vm.min_unmapped_ratio": "there is one node",
    "vm.numa_stat": "there is one node",
    "vm.zone_reclaim_mode": "there is one node",
    "vm.overcommit_memory": "address space is not modelled, only pages",
    "vm.overcommit_ratio": "address space is not modelled, only pages",
    "vm.overcommit_kbytes": "address space is not modelled, only pages",
    "vm.page-cluster": "swap-in is not modelled",
    "vm.dirty_bytes": "limits are ratios here: use vm.dirty_ratio",
    "vm.dirty_background_bytes": "limits are ratios here: use vm.dirty_background_ratio",
    "vm.dirty_expire_centisecs": "old pages are written as recorded",
    "vm.dirty_writeback_centisecs": "old pages are written as recorded",
    "vm.nr_hugepages": "the demand says how many huge pages are asked for",
}


def settings(recorded: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, int]:
    """The value of each known number: the user's, else the recorded one, else the kernel's default.

    Errors:
        InputError: an unknown name, one that changes nothing in the model, or a value that is no number or out of
            range.
    """
    values = {name: parameter.default for name, parameter in PARAMETERS.items()}
    kept = {name: int(text) for name, text in recorded.items() if name in values and is_number(text)}
    values |= kept | {"vm.dirty_ratio": 0}  # how writers were held up is in the recording
    for name, text in wanted.items():
        check_name(name)
        if name == RESERVE_RATIO:
            reserve_ratio(text)
        else:
            values[name] = number(name, text)
    return values


def check_name(name: str) -> None:
    """Refuse a parameter that would change nothing."""
    if name in IDLE:
        raise InputError("-w", name, f"it changes nothing here: {IDLE[name]}", "leave it out")
    if name not in NAMES:
        raise InputError("-w", name, "recap does not know this parameter", f"take one of {', '.join(NAMES)}")


def check_kernel(profile: kernel.Profile, wanted: Mapping[str, str]) -> None:
    """Refuse what a kernel does not have yet."""
    missing = {name for name, since in SINCE.items() if profile.version < since}
    if not profile.rules.compaction:
        missing |= {"vm.defrag_mode", "vm.page_capture_compact"}
    for name in wanted:
        if name in missing:
            raise InputError("-w", name, f"Linux {profile.name} does not have it", "leave it out")


def is_number(text: str) -> bool:
    """A whole number, perhaps negative; a row of numbers is none."""
    return text.strip().removeprefix("-").isdigit()


def number(name: str, text: str) -> int:
    """A parameter's value, within its limits."""
    low, high = PARAMETERS[name].least, PARAMETERS[name].most
    if not is_number(text) or not low <= int(text) <= high:
        raise InputError("-w", name, f"{text!r} is not a number from {low} to {high}", "change the value")
    value = int(text)
    if name == "vm.percpu_pagelist_high_fraction" and 0 < value < LEAST_HIGH_FRACTION:
        raise InputError("-w", name, f"the kernel accepts 0, or at least {LEAST_HIGH_FRACTION}", "change the value")
    return value


def reserve_ratio(text: str) -> list[int]:
    """The row of vm.lowmem_reserve_ratio, by zone index; zones that are not named keep nothing for lower ones."""
    parts = text.replace(",", " ").split()
    if not parts or len(parts) > kernel.MAX_NR_ZONES or not all(part.isdigit() for part in parts):
        raise InputError("-w", RESERVE_RATIO, f"{text!r} is not a list of numbers", "write '256 256 32 0 0'")
    return [int(part) for part in parts] + [0] * (kernel.MAX_NR_ZONES - len(parts))


def apply(memory: Memory, values: Mapping[str, int], wanted: Mapping[str, str]) -> None:
    """Set a machine's parameters. Watermarks are recomputed only when a parameter they depend on has changed."""
    memory.watermark_boost_factor = values["vm.watermark_boost_factor"]
    memory.swappiness = values["vm.swappiness"]
    memory.compaction_proactiveness = values["vm.compaction_proactiveness"]
    memory.extfrag_threshold = values["vm.extfrag_threshold"]
    memory.page_capture_target = values["vm.page_capture_target"]
    if not values["vm.page_capture_compact"]:
        memory.follow(memory.profile.having(compaction=False))
    if "vm.defrag_mode" in wanted:
        memory.follow(memory.profile.having(defrag_mode=values["vm.defrag_mode"] == 1))
    if RESERVE_RATIO in wanted:
        setup_per_zone_lowmem_reserve(memory, reserve_ratio(wanted[RESERVE_RATIO]))
    if any(name in wanted for name in MARKS):
        setup_per_zone_wmarks(memory, values["vm.min_free_kbytes"], values["vm.watermark_scale_factor"])
        set_pcp_highs(memory, values["vm.percpu_pagelist_high_fraction"])


def setup_per_zone_lowmem_reserve(memory: Memory, ratio: list[int]) -> None:
    """What each zone keeps from requests that could have used a higher one."""
    zones = memory.array("zone")
    managed = {int(index): int(pages) for index, pages in zip(zones["index"], zones["managed"], strict=True)}
    rows = kernel.setup_per_zone_lowmem_reserve(managed, ratio)
    for zone, index in enumerate(managed):
        memory.set_lowmem_reserve(zone, rows[index])


def setup_per_zone_wmarks(memory: Memory, min_free_kbytes: int, scale_factor: int) -> None:
    """New watermarks (setup_per_zone_wmarks)."""
    managed = [int(pages) for pages in memory.array("zone")["managed"]]
    least = min_free_kbytes if min_free_kbytes > 0 else kernel.min_free_kbytes(4 * sum(managed))
    for zone, marks in enumerate(kernel.setup_per_zone_wmarks(managed, least, scale_factor)):
        memory.set_watermarks(zone, marks)


def set_pcp_highs(memory: Memory, fraction: int) -> None:
    """How many pages the per-cpu lists may hold: the low watermark shared by the CPUs, or a fraction of the zone
    (zone_highsize)."""
    for zone, record in enumerate(memory.array("zone")):
        managed, low = int(record["managed"]), int(record["watermark"][kernel.WMARK_LOW])
        total = managed // fraction if fraction else low
        for cpu in range(memory.nr_cpus):
            memory.set_pcp_high(zone, cpu, kernel.zone_highsize(total, kernel.zone_batchsize(managed), memory.nr_cpus))
