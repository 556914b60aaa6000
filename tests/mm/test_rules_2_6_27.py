"""One short scenario for each rule of Linux 2.6.27 that differs from 6.1's, by its number in docs/linux-2.6.27.md."""

from __future__ import annotations

from typing import Any

import pytest

from recap import kernel
from recap.demand.highalloc import Highalloc, highalloc
from recap.demand.kinds import Kind, Op
from recap.errors import InputError
from recap.kernel import (
    GFP_HIGH,
    GFP_HIGHMEM,
    GFP_KERNEL,
    GFP_KSWAPD_RECLAIM,
    LINUX_2_6_27,
    LINUX_2_6_27_MM,
    MIGRATE_MOVABLE,
    MIGRATE_RECLAIMABLE,
    MIGRATE_RESERVE,
    MIGRATE_UNMOVABLE,
    powerpc,
)
from recap.mm import boot, invariants
from recap.mm.machine import Machine
from tests.mm import scenes
from tests.mm.load import MOVABLE, RECLAIMABLE
from tests.mm.scenes import alloc, fill, free, pageblock, pcp_field, zone_field
from tests.reference.gfp import gfp_migratetype


def machine_of(**shape: Any) -> Machine:
    return scenes.machine_of(profile=LINUX_2_6_27_MM, **shape)


@pytest.mark.parametrize(
    ("gfp", "expected"),
    [(GFP_KERNEL, MIGRATE_UNMOVABLE), (MOVABLE, MIGRATE_MOVABLE), (RECLAIMABLE, MIGRATE_RECLAIMABLE)],
)
def test_rules_5_29_a_request_says_its_type(gfp: int, expected: int) -> None:
    assert gfp_migratetype(gfp) == expected
    assert gfp & GFP_KERNEL == GFP_KERNEL


def test_rule_6_who_asks_for_what() -> None:
    demand = highalloc(Highalloc(mebibytes=128, warm_seconds=1, passes=1), 0)
    gfp, asks = demand.of_each("op_gfp"), demand.of_each("op_kind") == Op.ALLOC
    asked = {
        kind: set(gfp[asks & (demand.obj_kind[demand.op_obj] == kind)].tolist())
        for kind in (Kind.ANON, Kind.FILE, Kind.SLAB)
    }
    assert asked == {Kind.ANON: {MOVABLE | GFP_HIGHMEM}, Kind.FILE: {MOVABLE | GFP_HIGHMEM}, Kind.SLAB: {RECLAIMABLE}}


def test_rule_7_reserve_blocks_cover_the_min_watermark() -> None:
    memory = boot.empty_machine(64, profile=LINUX_2_6_27_MM)
    least = int(memory.array("zone")["watermark"][0, 0])
    blocks = memory.array("pageblock").tolist()
    wanted = -(-least // 512)
    assert blocks == [MIGRATE_RESERVE] * wanted + [MIGRATE_MOVABLE] * (32 - wanted)
    invariants.check(memory)


def test_rule_10_a_freed_block_goes_to_the_head_even_when_a_merge_is_near() -> None:
    machine = machine_of(frames=128)
    fill(machine, order=4)
    free(machine, 32, 48, 64, 0, order=4)
    assert machine.free_lists()[0, 4, MIGRATE_MOVABLE] == [0, 64]


def test_rule_10_pageblocks_of_all_types_merge() -> None:
    machine = machine_of(frames=128)
    fill(machine, order=5)
    free(machine, 0, 32, order=5)
    assert alloc(machine, 5, GFP_KERNEL) == 0
    free(machine, 0, 64, 96, order=5)
    assert machine.free_lists() == {(0, 7, MIGRATE_MOVABLE): [0]}


def test_rules_11_12_the_smallest_fit_is_split_and_its_first_page_given() -> None:
    machine = machine_of(frames=128, pcp_batch=1)
    assert alloc(machine) == 0
    halves = {(0, order, MIGRATE_MOVABLE): [1 << order] for order in range(7)}
    assert machine.free_lists() == halves
    assert alloc(machine, 2) == 4


def test_rule_13_fallback_takes_the_largest_block_even_for_a_small_movable_request() -> None:
    machine = machine_of(frames=128)
    fill(machine, gfp=GFP_KERNEL)
    free(machine, 20, 21, 10)
    assert alloc(machine) == 20


def test_rule_13a_a_pageblock_changes_type_when_half_of_it_is_free_whatever_is_in_use() -> None:
    machine = machine_of(frames=128)
    fill(machine)
    free(machine, *range(15))
    alloc(machine, 0, RECLAIMABLE)
    assert pageblock(machine, 0) == MIGRATE_MOVABLE
    free(machine, *range(64, 80))
    alloc(machine, 4, RECLAIMABLE)
    assert pageblock(machine, 64) == MIGRATE_RECLAIMABLE


def test_rule_13a_small_blocks_are_split_without_their_pageblock() -> None:
    machine = machine_of(frames=128)
    fill(machine)
    free(machine, 0, 1, 4)
    assert alloc(machine, 0, GFP_KERNEL) == 0
    assert machine.free_lists() == {(0, 0, MIGRATE_MOVABLE): [1, 4]}


def test_rules_14_15_the_reserve_comes_last_and_is_open_to_all() -> None:
    machine = Machine(boot.empty_machine(16, profile=LINUX_2_6_27_MM))
    machine.memory.set_watermarks(0, [0, 0, 0, 0])
    got = list(iter(lambda: machine.alloc_pages(9, MOVABLE), None))
    assert pageblock_of_huge(machine, 0) == MIGRATE_RESERVE
    assert set(got[-2:]) == {0, 512}  # at boot they are one block of order 10, which moved as a whole
    assert len(got) == 8


def pageblock_of_huge(machine: Machine, pfn: int) -> int:
    return int(machine.memory.array("pageblock")[pfn >> 9])


def test_rule_16_one_list_holds_single_pages_of_all_types() -> None:
    machine = machine_of(pcp_batch=2)
    alloc(machine, 0, GFP_KERNEL)
    alloc(machine)
    assert [len(pfns) for pfns in machine.pcp_lists().values()] == [2]
    assert list(machine.pcp_lists()) == [(0, 0, 0)]


@pytest.mark.parametrize(("mebibytes", "batch", "high"), [(16, 1, 0), (256, 15, 90), (3072, 31, 186)])
def test_rule_17_sizes_of_the_per_cpu_lists(mebibytes: int, batch: int, high: int) -> None:
    assert kernel.pcp_sizes_2_6_27(mebibytes << 8) == (batch, high)


def test_rule_18_a_page_of_the_type_is_looked_for_on_the_list() -> None:
    machine = machine_of(pcp_batch=2)
    first = alloc(machine)
    other = alloc(machine, 0, GFP_KERNEL)
    assert alloc(machine) == first + 1
    assert alloc(machine, 0, GFP_KERNEL) == other + 1


def test_rule_19_what_overflows_goes_back_by_the_batch_from_the_tail() -> None:
    machine = machine_of(pcp_batch=4, pcp_high=8)
    pages = fill(machine)
    for pfn in pages[:16:2]:
        machine.free_pages(pfn)
    assert pcp_field(machine, "count") == 4
    assert machine.pcp_lists()[0, 0, 0] == pages[8:16:2][::-1]


def test_rule_20_high_orders_bypass_the_list() -> None:
    machine = machine_of()
    machine.free_pages(alloc(machine, 1), 1)
    assert machine.pcp_lists() == {}


def test_rule_25_a_lower_zone_is_kept_for_those_who_need_it() -> None:
    dma32 = 782_336
    reserve = kernel.setup_per_zone_lowmem_reserve({kernel.ZONE_DMA: 4096, kernel.ZONE_DMA32: dma32}, [256, 256, 32, 0])
    assert reserve[kernel.ZONE_DMA][kernel.ZONE_DMA32] == dma32 // 256 == 3056
    assert reserve[kernel.ZONE_DMA32][kernel.ZONE_DMA32] == 0


def test_rule_26_the_low_mark_refuses_first_and_the_min_mark_last() -> None:
    machine = machine_of(marks=(64, 80, 96, 96))
    fill(machine, gfp=GFP_KERNEL)
    assert machine.alloc_pages(0, GFP_KERNEL) is None
    assert zone_field(machine, "free_pages") == 64


@pytest.mark.parametrize(
    ("mebibytes", "marks"), [(512, [724, 905, 1086]), (3072, [1773, 2216, 2659]), (16384, [4096, 5120, 6144])]
)
def test_rules_22_23_watermarks(mebibytes: int, marks: list[int]) -> None:
    frames = mebibytes << 8
    least = kernel.min_free_kbytes(frames * 4)
    assert kernel.setup_per_zone_pages_min([frames], least)[0][:3] == marks


@pytest.mark.parametrize(("blocks", "served"), [(1, False), (2, True)])
def test_rule_24_the_last_block_of_an_order_is_not_handed_out_while_the_mark_is_high(blocks: int, served: bool) -> None:
    """Half of the mark is asked for at each order: of 64 pages, one must lie in other blocks of order 5 or more."""
    machine = machine_of(frames=512, marks=(64, 64, 64, 64))
    fill(machine)
    machine.memory.set_watermarks(0, [0, 0, 0, 0])
    rest = fill(machine)
    assert rest
    free(machine, *range(256, 512, 2))
    for block in range(blocks):
        free(machine, *range(64 * block, 64 * block + 32))
    machine.memory.set_watermarks(0, [64, 64, 64, 64])
    assert (machine.alloc_pages(5, MOVABLE) is not None) == served


@pytest.mark.parametrize(("gfp", "left"), [(GFP_KERNEL, 64), (GFP_KSWAPD_RECLAIM, 48), (GFP_KERNEL | GFP_HIGH, 32)])
def test_rule_24_who_cannot_wait_reaches_deeper_without_being_important(gfp: int, left: int) -> None:
    machine = machine_of(marks=(64, 80, 96, 96))
    fill(machine, gfp=gfp)
    assert zone_field(machine, "free_pages") == left


def test_the_powerpc_shapes_have_blocks_of_16_mib() -> None:
    for page_size, order in ((4096, 12), (65536, 8)):
        profile = kernel.powerpc(LINUX_2_6_27, page_size)
        machine = Machine(boot.empty_machine(256, profile=profile))
        assert (profile.pageblock_order, profile.max_order) == (order, order + 1)
        assert page_size << order == 16 << 20
        pfn = alloc(machine, order)
        machine.free_pages(pfn, order)
        invariants.check(machine.memory)


def test_unmovable_requests_turn_a_pageblock_of_their_own_size() -> None:
    machine = machine_of(frames=256)
    pfn = alloc(machine, 5, GFP_KERNEL)
    assert pageblock(machine, pfn) == MIGRATE_UNMOVABLE


@pytest.mark.compiled
@pytest.mark.parametrize("mebibytes", [2048, 16384, 32768])
def test_large_machines_give_nearly_all_they_have_as_huge_pages(mebibytes: int) -> None:
    memory = boot.empty_machine(mebibytes, profile=LINUX_2_6_27_MM)
    machine = Machine(memory)
    blocks = set()
    while (pfn := machine.alloc_pages(9, GFP_KERNEL | GFP_HIGHMEM)) is not None:
        blocks.add(pfn)
    low = int(memory.array("zone")["watermark"][0, 1])
    assert mebibytes // 2 - len(blocks) < 4 * low / 512  # what is kept back is of the size of the watermarks
    assert all(pfn % 512 == 0 and pfn < mebibytes << 8 for pfn in blocks)
    for pfn in blocks:
        machine.free_pages(pfn, 9)
    assert zone_field(machine, "free_pages") == mebibytes << 8
    invariants.check(memory)


@pytest.mark.parametrize("mebibytes", [1, 4, 8])
def test_a_machine_smaller_than_its_largest_block(mebibytes: int) -> None:
    """A block of 16 MiB, of 64 KiB pages."""
    profile = powerpc(LINUX_2_6_27_MM, 65536)
    with pytest.raises(InputError, match=f"{mebibytes} MiB: is less than the largest block of {profile.name}"):
        boot.empty_machine(mebibytes, profile=profile)
    invariants.check(boot.empty_machine(16, profile=profile))
