"""One short scenario for each rule of the page allocator, named after the rule."""

from __future__ import annotations

from typing import Any

import pytest

from recap import kernel
from recap.kernel import (
    GFP_ATOMIC_BIT,
    GFP_DMA32,
    GFP_HIGH,
    GFP_KERNEL,
    GFP_KSWAPD_RECLAIM,
    GFP_NOMEMALLOC,
    MIGRATE_HIGHATOMIC,
    MIGRATE_MOVABLE,
    MIGRATE_RECLAIMABLE,
    MIGRATE_UNMOVABLE,
    ZONE_DMA32,
    ZONE_NORMAL,
)
from recap.mm.machine import Machine
from tests.mm.load import ATOMIC, MOVABLE, RECLAIMABLE
from tests.mm.scenes import (
    BLOCK,
    NO_MARKS,
    alloc,
    fill,
    free,
    machine_of,
    pageblock,
    pcp_field,
    zone_field,
)
from tests.reference.gfp import gfp_migratetype, gfp_zone
from tests.reference.state import ZoneShape

# The buddy system


def test_free_one_page_merges_with_every_free_buddy() -> None:
    machine = machine_of(frames=128)
    free(machine, *fill(machine))
    assert machine.free_lists() == {(0, 7, MIGRATE_MOVABLE): [0]}


def test_rmqueue_smallest_takes_the_head_of_the_smallest_fitting_list() -> None:
    machine = machine_of(frames=128)
    fill(machine, order=4)
    free(machine, 0, 32, 48, 96, order=4)
    assert machine.free_lists() == {(0, 4, MIGRATE_MOVABLE): [96, 0], (0, 5, MIGRATE_MOVABLE): [32]}
    assert [alloc(machine, 4) for _ in range(4)] == [96, 0, 32, 48]


def test_buddy_merge_likely_puts_a_block_to_the_tail() -> None:
    machine = machine_of(frames=128)
    fill(machine, order=4)
    free(machine, 32, 48, 64, 0, order=4)
    assert machine.free_lists()[0, 4, MIGRATE_MOVABLE] == [64, 0]


def test_a_block_whose_merge_is_not_near_goes_to_the_head() -> None:
    machine = machine_of(frames=128)
    fill(machine, order=4)
    free(machine, 64, 0, order=4)
    assert machine.free_lists()[0, 4, MIGRATE_MOVABLE] == [0, 64]


def test_buddy_merge_likely_does_not_look_at_the_largest_order() -> None:
    machine = machine_of(frames=384)
    fill(machine, order=6)
    free(machine, 128, 192, 256, 0, order=6)
    assert machine.free_lists() == {(0, 6, MIGRATE_MOVABLE): [0, 256], (0, 7, MIGRATE_MOVABLE): [128]}


def test_reserved_pageblocks_do_not_merge_with_others() -> None:
    machine = machine_of(frames=128, marks=(0, 64, 64, 64))
    got = [alloc(machine, 5) for _ in range(2)]
    reserved = alloc(machine, 4, ATOMIC)
    free(machine, reserved, order=4)
    free(machine, *got, order=5)
    assert pageblock(machine, reserved) == MIGRATE_HIGHATOMIC
    assert (0, 5, MIGRATE_HIGHATOMIC) in machine.free_lists()
    assert (0, 7, MIGRATE_MOVABLE) not in machine.free_lists()


# Per-cpu lists


def test_a_per_cpu_list_is_filled_by_the_batch_and_last_in_is_first_out() -> None:
    machine = machine_of(pcp_batch=4)
    assert alloc(machine) == 0
    assert machine.pcp_lists() == {(0, 0, MIGRATE_MOVABLE): [1, 2, 3]}
    machine.free_pages(0)
    assert alloc(machine) == 0


def test_a_high_order_batch_is_smaller_but_never_below_two() -> None:
    machine = machine_of(pcp_batch=8)
    alloc(machine, 1)
    alloc(machine, 3)
    lists = machine.pcp_lists()
    assert len(lists[0, 0, 3 + MIGRATE_MOVABLE]) == 3
    assert len(lists[0, 0, 9 + MIGRATE_MOVABLE]) == 1


def test_a_batch_of_one_is_not_scaled() -> None:
    machine = machine_of(pcp_batch=1)
    alloc(machine, 3)
    assert machine.pcp_lists() == {}


@pytest.mark.parametrize(
    ("order", "gfp", "number"), [(0, MOVABLE, 1), (3, RECLAIMABLE, 11), (5, GFP_KERNEL, 12), (5, MOVABLE, 13)]
)
def test_order_to_pindex(order: int, gfp: int, number: int) -> None:
    machine = machine_of()
    machine.free_pages(alloc(machine, order, gfp), order)
    assert list(machine.pcp_lists()) == [(0, 0, number)]


@pytest.mark.parametrize("order", [4, 6, 7])
def test_other_orders_bypass_the_per_cpu_lists(order: int) -> None:
    machine = machine_of()
    machine.free_pages(alloc(machine, order), order)
    assert machine.pcp_lists() == {}


def test_each_overflow_doubles_what_is_given_back_and_leaves_a_batch() -> None:
    machine = machine_of(pcp_batch=4, pcp_high=16)
    pages = fill(machine)
    left = []
    for pfn in pages[:28]:
        before = pcp_field(machine, "count")
        machine.free_pages(pfn)
        if pcp_field(machine, "count") <= before:
            left.append(pcp_field(machine, "count"))
    assert left == [16 - 4, 16 - 8, 16 - 12]
    assert pcp_field(machine, "free_factor") == 2


def test_an_allocation_halves_the_free_factor() -> None:
    machine = machine_of(pcp_batch=4, pcp_high=16)
    for pfn in fill(machine)[:20]:
        machine.free_pages(pfn)
    assert pcp_field(machine, "free_factor") == 2
    alloc(machine)
    assert pcp_field(machine, "free_factor") == 1


@pytest.mark.parametrize(("high", "left"), [(10, 10 - 3), (7, 7), (5, 4)])
def test_tight_limits(high: int, left: int) -> None:
    """Less than two batches: what exceeds one batch is given back; less than one: a single page."""
    machine = machine_of(pcp_batch=7, pcp_high=high)
    for pfn in fill(machine)[:high]:
        machine.free_pages(pfn)
    assert pcp_field(machine, "count") == left


def test_a_high_order_free_in_a_run_of_frees_empties_the_lists() -> None:
    machine = machine_of(pcp_batch=4, pcp_high=16)
    large = alloc(machine, 1)
    machine.drain_all_pages()
    for pfn in fill(machine)[:16]:
        machine.free_pages(pfn)
    assert pcp_field(machine, "count") == 12
    machine.free_pages(large, 1)
    assert pcp_field(machine, "count") == 0


def test_reclaim_limits_the_per_cpu_lists_to_four_batches() -> None:
    machine = machine_of(pcp_batch=4, pcp_high=64)
    pages = fill(machine)
    machine.set_reclaim_active(0, True)
    for pfn in pages[:16]:
        machine.free_pages(pfn)
    assert pcp_field(machine, "count") == 12
    machine.set_reclaim_active(0, False)
    for pfn in pages[16:32]:
        machine.free_pages(pfn)
    assert pcp_field(machine, "count") == 28


def test_lists_drain_from_the_tail_and_in_a_circle_from_the_one_that_overflowed() -> None:
    machine = machine_of(pcp_batch=2, pcp_high=8)
    kernel_pages = [alloc(machine, 0, GFP_KERNEL) for _ in range(6)]
    movable = [alloc(machine) for _ in range(10)]
    machine.drain_all_pages()
    for pfn in [*kernel_pages[:4:2], *movable[:8:2], movable[8], kernel_pages[4]]:
        machine.free_pages(pfn)
    lists = machine.pcp_lists()
    assert lists[0, 0, MIGRATE_UNMOVABLE] == [kernel_pages[4]]
    assert lists[0, 0, MIGRATE_MOVABLE] == [movable[8], *movable[6:0:-2], movable[0]]


# Migratetypes


def test_fallback_takes_the_largest_block() -> None:
    machine = machine_of(frames=128)
    fill(machine, order=4)
    free(machine, 0, 64, 80, order=4)
    assert alloc(machine, 4, GFP_KERNEL) == 64


def test_a_movable_request_that_cannot_have_the_pageblock_takes_the_smallest() -> None:
    machine = machine_of(frames=128)
    fill(machine, gfp=GFP_KERNEL)
    free(machine, 20, 21, 10)
    assert alloc(machine) == 10
    assert pageblock(machine, 10) == MIGRATE_UNMOVABLE
    assert machine.free_lists() == {(0, 1, MIGRATE_UNMOVABLE): [20]}


@pytest.mark.parametrize(
    ("gfp", "other", "third"),
    [(GFP_KERNEL, RECLAIMABLE, MOVABLE), (MOVABLE, RECLAIMABLE, GFP_KERNEL), (RECLAIMABLE, GFP_KERNEL, MOVABLE)],
)
def test_the_order_of_fallbacks(gfp: int, other: int, third: int) -> None:
    machine = machine_of(frames=256)
    first = [alloc(machine, 4, third) for _ in range(8)]
    second = [alloc(machine, 4, other) for _ in range(8)]
    free(machine, first[0], second[0], order=4)
    assert alloc(machine, 4, gfp) == second[0]


def test_a_block_of_pageblock_size_changes_hands_with_its_pageblocks() -> None:
    machine = machine_of(frames=256)
    pfn = alloc(machine, 4, GFP_KERNEL)
    assert [pageblock(machine, at) for at in range(pfn, pfn + 128, BLOCK)] == [MIGRATE_UNMOVABLE] * 4
    assert zone_field(machine, "watermark_boost") == 0


@pytest.mark.parametrize(("on_lru", "owner"), [(16, MIGRATE_UNMOVABLE), (17, MIGRATE_MOVABLE)])
def test_a_pageblock_is_claimed_when_half_of_it_is_free_or_alike(on_lru: int, owner: int) -> None:
    """12 frames are free, 20 in use: alike are, for an unmovable request, those that are not on the LRU."""
    machine = machine_of(frames=128)
    fill(machine)
    for pfn in range(12, 12 + on_lru):
        machine.mark_lru(pfn)
    free(machine, *range(12))
    alloc(machine, 0, GFP_KERNEL)
    assert pageblock(machine, 0) == owner
    assert {mt for _, _, mt in machine.free_lists()} == {MIGRATE_UNMOVABLE}


@pytest.mark.parametrize(("on_lru", "owner"), [(12, MIGRATE_MOVABLE), (11, MIGRATE_UNMOVABLE)])
def test_for_a_movable_request_pages_on_the_lru_are_alike(on_lru: int, owner: int) -> None:
    machine = machine_of(frames=128)
    fill(machine, gfp=GFP_KERNEL)
    for pfn in range(4, 4 + on_lru):
        machine.mark_lru(pfn)
    free(machine, *range(4))
    alloc(machine, 2)
    assert pageblock(machine, 0) == owner


def test_between_reclaimable_and_unmovable_nothing_in_use_is_alike() -> None:
    machine = machine_of(frames=128)
    fill(machine, gfp=GFP_KERNEL)
    free(machine, *range(12))
    alloc(machine, 0, RECLAIMABLE)
    assert pageblock(machine, 0) == MIGRATE_UNMOVABLE


def test_stealing_within_a_pageblock_boosts_the_watermark_up_to_a_limit() -> None:
    machine = machine_of(frames=256, marks=(0, 0, 48, 48))
    fill(machine)
    free(machine, *range(0, 256, 2))
    boosts = []
    for _ in range(3):
        alloc(machine, 0, ATOMIC)
        boosts.append(zone_field(machine, "watermark_boost"))
        for _ in range(BLOCK // 2 - 1):
            alloc(machine, 0, ATOMIC)
    assert boosts == [BLOCK, 2 * BLOCK, 48 * 15000 // 10000]
    assert zone_field(machine, "boosted") == 1


@pytest.mark.parametrize(
    ("shape", "factor"),
    [
        ({"frames": 128, "marks": (0, 0, 48, 48)}, 0),
        ({"frames": 128}, 15000),
        ({"frames": 64, "marks": (0, 0, 48, 48), "max_order": 7}, 15000),
    ],
    ids=["switched off", "no watermark yet", "less than four pageblocks"],
)
def test_no_boost(shape: dict[str, Any], factor: int) -> None:
    machine = machine_of(**shape)
    machine.memory.watermark_boost_factor = factor
    fill(machine)
    free(machine, 0)
    alloc(machine, 0, ATOMIC)
    assert zone_field(machine, "watermark_boost") == 0
    assert zone_field(machine, "boosted") == 0


def test_nofragment_prefers_a_lower_zone_to_mixing_and_mixes_when_there_is_none() -> None:
    machine = machine_of(ZoneShape(ZONE_DMA32, 128, NO_MARKS), ZoneShape(ZONE_NORMAL, 128, NO_MARKS))
    fill(machine)
    free(machine, 128, *range(32))
    assert alloc(machine, 4, GFP_KERNEL) == 0
    fill(machine, 0, GFP_KERNEL | GFP_DMA32)
    assert alloc(machine, 0, GFP_KERNEL) == 128


# The HIGHATOMIC reserve


def under_low(frames: int = 512) -> Machine:
    """A machine on which the first try fails and the min watermark does not."""
    return machine_of(frames=frames, marks=(0, frames, frames, frames))


def test_a_high_order_atomic_request_reserves_its_pageblock() -> None:
    machine = under_low()
    pfn = alloc(machine, 2, ATOMIC)
    assert pageblock(machine, pfn) == MIGRATE_HIGHATOMIC
    assert zone_field(machine, "nr_reserved_highatomic") == BLOCK
    assert {mt for _, order, mt in machine.free_lists() if order < 5} == {MIGRATE_HIGHATOMIC}


@pytest.mark.parametrize(("order", "gfp"), [(0, ATOMIC), (2, GFP_KERNEL | GFP_HIGH), (2, GFP_KSWAPD_RECLAIM)])
def test_other_requests_reserve_nothing(order: int, gfp: int) -> None:
    machine = under_low()
    alloc(machine, order, gfp)
    assert zone_field(machine, "nr_reserved_highatomic") == 0


def test_the_reserve_is_limited_to_a_pageblock_and_one_percent() -> None:
    machine = under_low(frames=512)
    for _ in range(6):
        alloc(machine, 5, ATOMIC)
    assert zone_field(machine, "nr_reserved_highatomic") == 2 * BLOCK


def test_high_order_atomic_requests_are_served_from_the_reserve_first() -> None:
    machine = under_low()
    reserved = alloc(machine, 4, ATOMIC)
    assert alloc(machine, 4, ATOMIC) // BLOCK == reserved // BLOCK


def test_only_who_cannot_wait_falls_back_to_the_reserve() -> None:
    machine = machine_of(frames=128, marks=(0, 128, 128, 128))
    alloc(machine, 4, ATOMIC)
    fill(machine, gfp=MOVABLE | GFP_HIGH)
    assert machine.free_lists() == {(0, 4, MIGRATE_HIGHATOMIC): [16]}
    assert machine.alloc_pages(0, MOVABLE | GFP_HIGH) is None
    assert machine.alloc_pages(0, GFP_KSWAPD_RECLAIM) == 16


def test_reserved_pages_wait_among_the_movable_ones_and_return_to_the_reserve() -> None:
    machine = under_low()
    pfn = alloc(machine, 2, ATOMIC)
    machine.free_pages(pfn, 2)
    assert machine.pcp_lists() == {(0, 0, 6 + MIGRATE_MOVABLE): [pfn]}
    machine.drain_all_pages()
    assert (0, 5, MIGRATE_HIGHATOMIC) in machine.free_lists()


def test_the_last_reserved_pageblock_is_given_up_by_force_only() -> None:
    machine = under_low()
    pfn = alloc(machine, 4, ATOMIC)
    assert not machine.unreserve_highatomic(0, MIGRATE_RECLAIMABLE, False)
    assert machine.unreserve_highatomic(0, MIGRATE_RECLAIMABLE, True)
    assert pageblock(machine, pfn) == MIGRATE_RECLAIMABLE
    assert zone_field(machine, "nr_reserved_highatomic") == 0
    assert (0, 4, MIGRATE_RECLAIMABLE) in machine.free_lists()


# Watermarks and the zonelist


@pytest.mark.parametrize(
    ("gfp", "left"),
    [
        (GFP_KERNEL, 64),
        (GFP_KSWAPD_RECLAIM, 64),
        (GFP_KERNEL | GFP_HIGH, 32),
        (ATOMIC, 24),
        (ATOMIC | GFP_NOMEMALLOC, 32),
    ],
)
def test_how_deep_a_request_may_reach_into_the_reserves(gfp: int, left: int) -> None:
    machine = machine_of(marks=(64, 80, 96, 112))
    fill(machine, gfp=gfp)
    assert zone_field(machine, "free_pages") == left


def test_an_atomic_page_ignores_the_boost_at_the_min_mark() -> None:
    machine = machine_of(frames=256, marks=(0, 0, 64, 64))
    fill(machine)
    free(machine, *range(0, 28, 2))
    alloc(machine, 0, GFP_KERNEL)
    assert zone_field(machine, "watermark_boost") == BLOCK
    assert machine.alloc_pages(0, MOVABLE) is None
    assert machine.alloc_pages(0, GFP_KERNEL | GFP_HIGH) is None
    assert machine.alloc_pages(0, GFP_KERNEL | GFP_ATOMIC_BIT) is not None


def test_a_high_order_request_needs_a_block_large_enough() -> None:
    machine = machine_of(frames=128)
    fill(machine)
    free(machine, *range(0, 128, 2))
    assert machine.alloc_pages(1, MOVABLE) is None
    free(machine, 1)
    assert machine.alloc_pages(1, MOVABLE) == 0


def test_lowmem_reserve_keeps_a_zone_for_those_who_need_it() -> None:
    lower = ZoneShape(ZONE_DMA32, 128, NO_MARKS, (0, 0, 40, 40, 40))
    machine = machine_of(lower, ZoneShape(ZONE_NORMAL, 128, NO_MARKS))
    fill(machine)
    assert zone_field(machine, "free_pages") == 40
    assert zone_field(machine, "free_pages", 1) == 0
    fill(machine, gfp=GFP_KERNEL | GFP_DMA32)
    assert zone_field(machine, "free_pages") == 0


def test_the_highest_zone_is_tried_first_and_gfp_names_the_highest() -> None:
    machine = machine_of(ZoneShape(ZONE_DMA32, 128, NO_MARKS), ZoneShape(ZONE_NORMAL, 128, NO_MARKS))
    assert alloc(machine) >= 128
    assert alloc(machine, 0, GFP_KERNEL | GFP_DMA32) < 128


def test_gfp_names_the_highest_zone_and_the_type() -> None:
    assert [gfp_zone(gfp) for gfp in (kernel.GFP_DMA, GFP_DMA32, GFP_KERNEL, MOVABLE)] == [0, 1, 2, 3]
    assert [gfp_migratetype(gfp) for gfp in (GFP_KERNEL, MOVABLE, RECLAIMABLE)] == [0, 1, 2]
