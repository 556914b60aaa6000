"""Kernel parameters: what each changes on a machine, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import pytest

from recap.errors import InputError
from recap.kernel import LINUX_2_6_27, LINUX_6_1, WMARK_LOW, ZONE_DMA, ZONE_DMA32
from recap.mm import sysctl
from recap.mm.machine import Machine
from tests.mm.scenes import machine_of, pcp_field
from tests.reference.state import ZoneShape

ZONES = (ZoneShape(ZONE_DMA, 128, (1, 2, 3, 4)), ZoneShape(ZONE_DMA32, 1024, (10, 12, 14, 16)))


class Acts(NamedTuple):
    """What a parameter sets on a machine: by default, and with another value."""

    look: Callable[[Machine], int]
    default: int
    value: str
    then: int


def low_mark(machine: Machine) -> int:
    return int(machine.memory.array("zone")[0]["watermark"][WMARK_LOW])


def reserve(machine: Machine) -> int:
    return int(machine.memory.array("zone")[0]["lowmem_reserve"][ZONE_DMA32])


ACTS = {
    "vm.min_free_kbytes": Acts(low_mark, 2, "1152", 40),
    "vm.watermark_scale_factor": Acts(low_mark, 2, "1000", 19),
    "vm.lowmem_reserve_ratio": Acts(reserve, 0, "16 16 32 0 0", 64),
    "vm.percpu_pagelist_high_fraction": Acts(lambda machine: pcp_field(machine, "high"), 1000, "8", 16),
    "vm.swappiness": Acts(lambda machine: machine.memory.swappiness, 60, "0", 0),
    "vm.watermark_boost_factor": Acts(lambda machine: machine.memory.watermark_boost_factor, 15000, "0", 0),
    "vm.compaction_proactiveness": Acts(lambda machine: machine.memory.compaction_proactiveness, 20, "0", 0),
    "vm.extfrag_threshold": Acts(lambda machine: machine.memory.extfrag_threshold, 500, "1000", 1000),
    "vm.defrag_mode": Acts(lambda machine: machine.memory.profile.rules.defrag_mode, 0, "1", 1),
    "vm.page_capture_compact": Acts(lambda machine: machine.memory.profile.rules.compaction, 1, "0", 0),
    "vm.page_capture_target": Acts(lambda machine: machine.memory.page_capture_target, 0, "-1", -1),
}
OF_THE_DEMAND = {"vm.dirty_ratio", "vm.dirty_background_ratio"}  # no machine has them


def with_(wanted: Mapping[str, str]) -> Machine:
    """A machine with these parameters."""
    machine = machine_of(*ZONES)
    sysctl.apply(machine.memory, sysctl.settings({}, wanted), wanted)
    return machine


@pytest.mark.parametrize("name", [name for name in sysctl.NAMES if name not in OF_THE_DEMAND])
def test_each_acts_by_its_own_name(name: str) -> None:
    look, default, value, then = ACTS[name]
    assert look(machine_of(*ZONES)) == look(with_({})) == default
    assert look(with_({name: value})) == then


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("vm.vfs_cache_pressure", "50", "changes nothing here: slab caches shrink as recorded"),
        ("vm.compact_unevictable_allowed", "0", "changes nothing here"),
        ("vm.overcommit_memory", "2", "changes nothing here"),
        ("vm.page_capture", "2", "a policy of its own, chosen with -p"),
        ("vm.page_capture_target", "-2", "not a number from -1 to"),
        ("vm.page_capture_compact", "yes", "not a number from 0 to 1"),
        ("vm.swapiness", "0", "does not know this parameter"),
        ("vm.swappiness", "300", "not a number from 0 to 200"),
        ("vm.percpu_pagelist_high_fraction", "3", "accepts 0, or at least 8"),
        ("vm.lowmem_reserve_ratio", "256 x", "not a list of numbers"),
    ],
)
def test_others_are_told_in_a_line(name: str, value: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        sysctl.settings({}, {name: value})


def test_the_knobs_that_a_kernel_with_page_capture_was_recorded_with() -> None:
    recorded = {"vm.page_capture": "2", "vm.page_capture_compact": "0", "vm.page_capture_target": "-1"}
    machine = machine_of(*ZONES)
    sysctl.apply(machine.memory, sysctl.settings(recorded, {}), {})
    assert not machine.memory.profile.rules.compaction
    assert machine.memory.page_capture_target == -1


def test_what_an_old_kernel_does_not_have() -> None:
    with pytest.raises(InputError, match=r"Linux 2\.6\.27 does not have it"):
        sysctl.check_kernel(LINUX_2_6_27, {"vm.defrag_mode": "1"})
    with pytest.raises(InputError, match=r"Linux 2\.6\.27 does not have it"):
        sysctl.check_kernel(LINUX_2_6_27, {"vm.page_capture_compact": "0"})
    sysctl.check_kernel(LINUX_6_1, {"vm.defrag_mode": "1", "vm.page_capture_compact": "0"})
