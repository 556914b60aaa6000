"""The kernel's formulas give what a real kernel computed."""

from __future__ import annotations

from pathlib import Path

import pytest

from recap import kernel
from recap.mm import vmstat
from recap.pages import NR_VMSTAT
from recap.trace import Recording, Snapshot

RECORDING = Path(__file__).parents[1] / "recordings" / "hugetlb-1cpu"


@pytest.fixture(scope="module")
def recording() -> Recording:
    return Recording(RECORDING)


@pytest.fixture(scope="module")
def snapshot(recording: Recording) -> Snapshot:
    found = recording.snapshot(0)
    assert found is not None
    return found


def test_counters_have_places_and_room() -> None:
    assert [getattr(vmstat, name.upper()) for name in vmstat.NAMES] == list(range(len(vmstat.NAMES)))
    assert len(vmstat.NAMES) == vmstat.NR_VMSTAT_ITEMS <= NR_VMSTAT


def test_watermarks(recording: Recording, snapshot: Snapshot) -> None:
    sysctl = recording.sysctl
    marks = kernel.setup_per_zone_wmarks(
        [zone.managed for zone in snapshot.zones],
        int(sysctl["vm.min_free_kbytes"]),
        int(sysctl["vm.watermark_scale_factor"]),
    )
    assert marks == [list(zone.watermark) for zone in snapshot.zones]
    shown = [[zone.counters[name] for name in ("min", "low", "high")] for zone in recording.zoneinfo(0)]
    assert [mark[:3] for mark in marks] == [row for row in shown if any(row)]


def test_per_cpu_lists(snapshot: Snapshot) -> None:
    cpus = len({pcp.cpu for pcp in snapshot.pcps})
    zones = {zone.index: zone for zone in snapshot.zones}
    for pcp in snapshot.pcps:
        zone = zones[pcp.zone]
        assert pcp.batch == kernel.zone_batchsize(zone.managed)
        assert pcp.high == kernel.zone_highsize(zone.watermark[kernel.WMARK_LOW], pcp.batch, cpus)


def test_lowmem_reserve(recording: Recording, snapshot: Snapshot) -> None:
    """The kernel computed it at boot and not again, when the initial ramdisk's pages were not yet managed."""
    ratio = [int(number) for number in recording.sysctl["vm.lowmem_reserve_ratio"].split()]
    now = kernel.setup_per_zone_lowmem_reserve({zone.index: zone.managed for zone in snapshot.zones}, ratio)
    for zone in snapshot.zones:
        for recorded, computed in zip(zone.lowmem_reserve, now[zone.index], strict=True):
            assert 0.95 * computed <= recorded <= computed
    assert any(now[0])


def test_lowmem_reserve_is_a_share_of_the_higher_zones() -> None:
    managed = {0: 3840, 1: 512000, 2: 256000}
    assert kernel.setup_per_zone_lowmem_reserve(managed, [256, 256, 32, 0, 0]) == {
        0: [0, 2000, 3000, 3000, 3000],
        1: [0, 0, 1000, 1000, 1000],
        2: [0] * 5,
    }


def test_no_ratio_no_reserve() -> None:
    assert kernel.setup_per_zone_lowmem_reserve({0: 100, 1: 100}, [10, 0]) == {0: [0, 10, 10, 10, 10], 1: [0] * 5}


@pytest.mark.parametrize(
    ("megabytes", "kbytes"),
    [(0, 128), (16, 512), (32, 724), (64, 1024), (128, 1448), (512, 2896), (4096, 8192), (1 << 24, 262144)],
)
def test_min_free_kbytes(megabytes: int, kbytes: int) -> None:
    """The table in the kernel's documentation, and its limits."""
    assert kernel.min_free_kbytes(megabytes << 10) == kbytes


def test_recommended_min_free_kbytes() -> None:
    """Eleven pageblocks a zone, but no more than a twentieth of memory: 13,108 kB on a recorded guest of 300 MB."""
    assert kernel.recommended_min_free_kbytes(1 << 18) == 4 * 11 * 512
    assert kernel.recommended_min_free_kbytes(20 * 3277) == 13_108


@pytest.mark.parametrize(("managed", "batch"), [(1024, 1), (16384, 3), (116222, 31), (1 << 24, 63)])
def test_zone_batchsize(managed: int, batch: int) -> None:
    assert kernel.zone_batchsize(managed) == batch


def test_a_per_cpu_list_holds_at_least_four_batches() -> None:
    assert kernel.zone_highsize(low_wmark=100, batch=63, cpus=4) == 252
    assert kernel.zone_highsize(low_wmark=4000, batch=63, cpus=4) == 1000
