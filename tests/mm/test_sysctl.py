"""Kernel parameters: what each changes on a machine, and what is refused."""

from __future__ import annotations

import pytest

from recap.errors import InputError
from recap.kernel import LINUX_2_6_27, LINUX_6_1, ZONE_DMA, ZONE_DMA32
from recap.mm import sysctl
from tests.mm.scenes import machine_of, pcp_field
from tests.reference.state import ZoneShape

ZONES = (ZoneShape(ZONE_DMA, 128, (1, 2, 3, 4)), ZoneShape(ZONE_DMA32, 1024, (10, 12, 14, 16)))


def with_(**wanted: str) -> tuple[int, ...]:
    """Fields of the lower zone and attributes of the machine with these parameters."""
    machine = machine_of(*ZONES)
    names = {f"vm.{name}": value for name, value in wanted.items()}
    sysctl.apply(machine.memory, sysctl.settings({}, names), names)
    memory = machine.memory
    lower = memory.array("zone")[0]
    return (
        int(lower["watermark"][1]),
        int(lower["lowmem_reserve"][ZONE_DMA32]),
        pcp_field(machine, "high"),
        memory.swappiness,
        memory.watermark_boost_factor,
        memory.compaction_proactiveness,
        memory.extfrag_threshold,
        memory.profile.rules.defrag_mode,
    )


PLAIN = (2, 0, 1000, 60, 15000, 20, 500, 0)


@pytest.mark.parametrize(
    ("name", "value", "place", "found"),
    [
        ("min_free_kbytes", "1152", 0, 40),
        ("watermark_scale_factor", "1000", 0, 19),
        ("lowmem_reserve_ratio", "16 16 32 0 0", 1, 64),
        ("percpu_pagelist_high_fraction", "8", 2, 16),
        ("swappiness", "0", 3, 0),
        ("watermark_boost_factor", "0", 4, 0),
        ("compaction_proactiveness", "0", 5, 0),
        ("extfrag_threshold", "1000", 6, 1000),
        ("defrag_mode", "1", 7, 1),
    ],
)
def test_each_acts_by_its_own_name(name: str, value: str, place: int, found: int) -> None:
    assert with_() == PLAIN
    assert with_(**{name: value})[place] == found


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("vm.vfs_cache_pressure", "50", "changes nothing here: slab caches shrink as recorded"),
        ("vm.compact_unevictable_allowed", "0", "changes nothing here"),
        ("vm.overcommit_memory", "2", "changes nothing here"),
        ("vm.swapiness", "0", "does not know this parameter"),
        ("vm.swappiness", "300", "not a number from 0 to 200"),
        ("vm.percpu_pagelist_high_fraction", "3", "takes 0, or 8 and more"),
        ("vm.lowmem_reserve_ratio", "256 x", "not a row of numbers"),
    ],
)
def test_others_are_told_in_a_line(name: str, value: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        sysctl.settings({}, {name: value})


def test_what_an_old_kernel_does_not_have() -> None:
    with pytest.raises(InputError, match=r"Linux 2\.6\.27 does not have it"):
        sysctl.check_kernel(LINUX_2_6_27, {"vm.defrag_mode": "1"})
    sysctl.check_kernel(LINUX_6_1, {"vm.defrag_mode": "1"})
