"""`recap explain` on what people paste, each log cut to the lines that show one kind of report (tests/lab/pasted).

Most are of public lists and trackers; where a log left zones out they are composed in the kernel's format.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from recap.lab.explain import Diagnosis, explain
from recap.lab.zone_verdict import ZoneVerdict

PASTED = Path(__file__).parent / "pasted"


def only(start: str) -> Diagnosis:
    (path,) = PASTED.glob(f"{start}-*.txt")
    (found,) = explain(path)
    return found


def zone(found: Diagnosis, name: str) -> ZoneVerdict:
    return next(one for one in found.zones if one.name == f"Node {name}")


def helps(found: Diagnosis) -> dict[str, bool | None]:
    return {change.change: change.helps for change in found.what_if}


def test_free_cma_pages_are_not_for_the_kernels_own_requests() -> None:
    found = only("02")
    dma32 = zone(found, "0 DMA32")
    assert found.cause == "watermark"
    assert (dma32.free, dma32.out_of_reach, dma32.needed - 1, dma32.short) == (132256, 130962, 1349, 56)
    assert "130,962 of the 132,256 free pages are CMA" in found.verdict
    assert next(iter(helps(found).items())) == ("a smaller CMA area (cma= at boot, or the device tree)", True)


def test_a_movable_request_may_have_cma_pages() -> None:
    log = (PASTED / "02-cma-is-not-for-gfp-kernel.txt").read_text()
    (found,) = explain(log.replace("0x400dc0(GFP_KERNEL_ACCOUNT|__GFP_ZERO)", "0x100cca(GFP_HIGHUSER_MOVABLE)"))
    assert found.zones[0].served
    assert found.zones[0].out_of_reach == 0


def test_high_memory_is_not_for_the_kernel_and_reserves_have_a_column_for_each_zone() -> None:
    found = only("03")
    assert found.cause == "watermark"
    dma, normal, high = (zone(found, f"0 {name}") for name in ("DMA", "Normal", "HighMem"))
    assert (dma.free, dma.needed - 1, dma.short) == (1029, 197 + 833, 2)
    assert (normal.free, normal.needed - 1, normal.short) == (10601, 10604, 4)
    assert not high.allowed
    assert "low memory ran out" in found.verdict
    assert "30,229" in found.verdict


def test_dma32_means_normal_where_there_is_no_such_zone() -> None:
    found = only("04")
    assert {one.name: one.short for one in found.zones if one.allowed} == {"Node 0 DMA": 2, "Node 0 Normal": 4}


@pytest.mark.parametrize(
    ("case", "path", "version", "usage", "limit", "failures"),
    [
        ("07", "/docker/a1", 1, 204800, 204800, 4563),
        ("09", "/kubepods.slice/pod1.slice", 2, 1048576, 1048576, 311),
        ("32", "/foo", None, 102400, 102400, 181),
    ],
)
def test_a_memory_cgroup_at_its_limit(
    case: str, path: str, version: int | None, usage: int, limit: int, failures: int
) -> None:
    found = only(case)
    assert found.cause == "memcg"
    assert found.group is not None
    group = found.group
    assert (group.path, group.version, group.usage, group.limit, group.failures) == (
        *(path, version, usage, limit, failures),
    )
    assert f"{path} is at its limit: {usage:,} of {limit:,} kB" in found.verdict
    assert f"failcnt {failures:,}" in found.verdict


def test_the_victim_of_a_cgroup_and_where_its_limit_is_set() -> None:
    found = only("09")
    assert [(one.name, one.pid, one.anon) for one in found.victims] == [("node", 4242, 1022856)]
    assert "node (pid 4242, anon-rss 1,022,856 kB)" in found.verdict
    assert "resources.limits.memory" in found.verdict


def test_a_vmalloc_larger_than_memory_is_not_the_page_allocators_matter() -> None:
    found = only("13")
    assert (found.kind, found.cause, found.task) == ("vmalloc", "vmalloc", "syz-executor7")
    assert "17,178,820,608 bytes" in found.verdict
    assert "RAM is 7.5 GiB (1,965,969 pages)" in found.verdict


def test_a_vmalloc_error_gives_the_kernels_reason_and_64_kib_pages_are_read() -> None:
    found = only("14")
    assert (found.kind, found.cause, found.page_kib) == ("vmalloc", "vmalloc", 64)
    assert "vm_struct allocation failed" in found.because
    assert found.zones[0].served
    assert found.zones[0].free == 2035072 // 64


def test_a_stall_is_a_request_that_waits() -> None:
    found = only("15")
    assert (found.kind, found.cause) == ("stall", "watermark")
    dma32, normal = found.zones
    assert (dma32.free, dma32.needed - 1) == (11389, 6737 + 4734)
    assert (normal.free, normal.needed - 1) == (10105, 10125)
    assert "10,048 ms" in found.verdict


def test_a_memory_policy_binds_to_a_node() -> None:
    found = only("17")
    assert found.cause == "watermark"
    assert not zone(found, "0 Normal").allowed
    assert zone(found, "1 Normal").short == 251
    assert "bound to node 1 by a memory policy" in found.because


def test_a_zone_without_memory() -> None:
    found = only("19")
    assert found.cause == "no_memory"
    assert "managed:0kB" in found.because
    assert "since 5.17" in found.verdict


def test_a_requests_own_pages_are_taken_away_before_the_mark_is_looked_at() -> None:
    found = only("20")
    assert found.zones[0].short == 984
    assert "by 984 pages" in found.because


def test_reserved_blocks_are_named_where_they_are() -> None:
    found = only("21")
    assert found.cause == "reserved"
    assert "Node 0 Normal had blocks large enough, but only reserved ones: for high-order atomic" in found.because
    assert "Node 0 DMA32 had none of 32 pages" in found.because
    assert "Node 0 DMA has such blocks (3,972 pages free), but must leave 32,070" in found.because
    changes = helps(found)
    assert changes["vm.lowmem_reserve_ratio=0 for lower zones"] is True
    assert changes["asking for order 4"] is True
    assert any(change.startswith("compaction") for change in changes)


def test_where_each_order_has_a_mark_a_lower_one_lets_the_request_pass() -> None:
    found = only("22")
    assert (found.cause, found.flags) == ("fragmentation", "GFP_KERNEL|__GFP_COMP|__GFP_ZERO|__GFP_KMEMCG")
    assert "before 4.4 each order had a mark" in found.because
    least = next(change for change in found.what_if if change.change.startswith("vm.min_free_kbytes="))
    assert least.helps
    assert least.change in found.verdict


def test_what_held_memory_before_2_6_32() -> None:
    found = only("24")
    assert (found.held["programs_in_use"], found.held["programs_idle"], found.held["slab"]) == (290797, 97034, 13776)
    assert sum(found.held.values()) == found.ram == 507136
    assert found.held["unaccounted"] == 83926
    assert found.swap is not None
    assert (found.swap.free, found.swap.total) == (0, 979956)
    assert "swap is full (0 of 979,956 kB free)" in found.verdict
    assert "89 pages of page cache are left" in found.verdict
    assert not any("lowmem_reserve" in one or "min_free" in one for one in helps(found))


def test_shared_memory_is_not_programs() -> None:
    found = only("25")
    assert (found.held["shmem"], found.held["programs"]) == (14241, 16)
    assert "shmem" in found.verdict


def test_an_atomic_request_is_helped_by_more_free_memory_on_2_6_32() -> None:
    found = only("26")
    assert (found.cause, found.flags) == ("watermark", "GFP_ATOMIC|__GFP_COMP")
    assert [one.needed for one in found.zones] == [5375, 676]
    first = found.what_if[0]
    assert first.change.startswith("raise vm.min_free_kbytes (about 11,328 now) to 22,656")
    assert not any(change.startswith("vm.min_free_kbytes=") for change in helps(found))
    told = f"{found.verdict} {found.what_if}"
    for later in ("watermark_scale_factor", "compaction", "kvmalloc", "lowmem_reserve_ratio=0"):
        assert later not in told
