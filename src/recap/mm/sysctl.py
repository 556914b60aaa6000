"""Kernel parameters by their sysctl names: read from a recording, changed by the user, applied to a machine."""

from __future__ import annotations

from collections.abc import Mapping

from recap import kernel
from recap.errors import InputError
from recap.pages import Memory

DEFAULTS = {
    "vm.min_free_kbytes": -1,  # -1: from the size of memory
    "vm.watermark_scale_factor": 10,
    "vm.watermark_boost_factor": 15000,
    "vm.swappiness": 60,
    "vm.dirty_background_ratio": 10,
    "vm.compaction_proactiveness": 20,
    "vm.extfrag_threshold": 500,
}
LIMITS = {
    "vm.min_free_kbytes": (1, 1 << 30),
    "vm.watermark_scale_factor": (1, 3000),
    "vm.watermark_boost_factor": (0, 1 << 30),
    "vm.swappiness": (0, 200),
    "vm.dirty_background_ratio": (0, 100),
    "vm.compaction_proactiveness": (0, 100),
    "vm.extfrag_threshold": (0, 1000),
}


def settings(recorded: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, int]:
    """The value of each known parameter: the user's, else the recorded one, else the kernel's default.

    Errors:
        InputError: an unknown name, or a value that is no number or out of range.
    """
    values = DEFAULTS | {name: int(recorded[name]) for name in DEFAULTS if recorded.get(name, "").isdigit()}
    for name, text in wanted.items():
        if name not in LIMITS:
            raise InputError("-w", name, "recap does not know this parameter", f"take one of {', '.join(LIMITS)}")
        low, high = LIMITS[name]
        if not text.strip().isdigit() or not low <= int(text) <= high:
            raise InputError("-w", name, f"{text!r} is not a number from {low} to {high}", "change the value")
        values[name] = int(text)
    return values


def apply(memory: Memory, values: Mapping[str, int], wanted: Mapping[str, str]) -> None:
    """Set a machine's parameters. Watermarks are only computed anew when the user changed what they follow from."""
    memory.watermark_boost_factor = values["vm.watermark_boost_factor"]
    memory.swappiness = values["vm.swappiness"]
    memory.compaction_proactiveness = values["vm.compaction_proactiveness"]
    memory.extfrag_threshold = values["vm.extfrag_threshold"]
    if "vm.min_free_kbytes" in wanted or "vm.watermark_scale_factor" in wanted:
        setup_per_zone_wmarks(memory, values["vm.min_free_kbytes"], values["vm.watermark_scale_factor"])


def setup_per_zone_wmarks(memory: Memory, min_free_kbytes: int, scale_factor: int) -> None:
    """New watermarks, and the per-cpu limits that follow from the low one (setup_per_zone_wmarks, zone_highsize)."""
    managed = [int(pages) for pages in memory.array("zone")["managed"]]
    least = min_free_kbytes if min_free_kbytes > 0 else kernel.min_free_kbytes(4 * sum(managed))
    for zone, marks in enumerate(kernel.setup_per_zone_wmarks(managed, least, scale_factor)):
        memory.set_watermarks(zone, marks)
        for cpu in range(memory.nr_cpus):
            batch = kernel.zone_batchsize(managed[zone])
            memory.set_pcp_high(zone, cpu, kernel.zone_highsize(marks[kernel.WMARK_LOW], batch, memory.nr_cpus))
