"""One short scenario for each rule of reclaim page capture, by the numbers of the 2008 description."""

from __future__ import annotations

import pytest

from recap.kernel import (
    GFP_KERNEL,
    MIGRATE_HIGHATOMIC,
    MIGRATE_MOVABLE,
)
from recap.policy.kosaki import Kosaki
from recap.policy.own_pages import OwnPages
from recap.policy.plain import PlainPolicy
from recap.policy.policy import Policy
from recap.policy.whitcroft import Whitcroft
from tests.mm.load import ATOMIC, MOVABLE
from tests.mm.scenes import free, full_machine, pageblock, reclaim, zone_field


@pytest.mark.parametrize("policy", [OwnPages, Whitcroft, Kosaki])
def test_rule_3_only_costly_orders_capture(policy: type[Policy]) -> None:
    machine = full_machine(policy())
    assert not machine.open_capture(0, 3)
    assert machine.open_capture(0, 4)


def test_without_a_policy_nothing_is_captured() -> None:
    machine = full_machine(Policy())
    assert not machine.open_capture(0, 4)
    assert not machine.reclaim_page(0, 0)
    assert machine.pcp_lists() == {(0, 0, MIGRATE_MOVABLE): [0]}


def test_rule_4_captured_pages_bypass_the_per_cpu_lists_and_all_counts() -> None:
    machine = full_machine(OwnPages())
    machine.open_capture(0, 4)
    reclaim(machine, 0)
    assert machine.capture_lists() == {0: [(0, 0)]}
    assert machine.pcp_lists() == machine.free_lists() == {}
    assert zone_field(machine, "free_pages") == 0
    assert machine.memory.withheld == 1


@pytest.mark.parametrize("policy", [OwnPages, Whitcroft])
def test_rule_5_captured_pages_merge_past_the_wanted_order(policy: type[Policy]) -> None:
    machine = full_machine(policy())
    machine.open_capture(0, 4)
    reclaim(machine, *range(64))
    assert machine.capture_lists() == {0: [(0, 6)]}


def test_rule_5_the_newest_entry_is_the_head() -> None:
    machine = full_machine(Whitcroft())
    machine.open_capture(0, 4)
    reclaim(machine, 0, 8, 4, 9)
    assert machine.capture_lists() == {0: [(8, 1), (4, 0), (0, 0)]}


@pytest.mark.parametrize(("policy", "order"), [(OwnPages, 0), (Whitcroft, 3)])
def test_rule_5_free_neighbours_are_drawn_in(policy: type[Policy], order: int) -> None:
    machine = full_machine(policy())
    free(machine, *range(1, 8))
    machine.open_capture(0, 4)
    reclaim(machine, 0)
    assert machine.capture_lists() == {0: [(0, order)]}
    assert zone_field(machine, "free_pages") == (0 if order else 7)


def test_rule_5_the_later_freer_takes_the_piece_of_another_reclaimer() -> None:
    machine = full_machine(Whitcroft())
    machine.open_capture(0, 4)
    machine.open_capture(1, 4)
    reclaim(machine, 0, number=0)
    reclaim(machine, 1, number=1)
    assert machine.capture_lists() == {1: [(0, 1)]}


def test_own_pages_leave_other_reclaimers_alone() -> None:
    machine = full_machine(OwnPages())
    machine.open_capture(0, 4)
    machine.open_capture(1, 4)
    reclaim(machine, 0, number=0)
    reclaim(machine, 1, number=1)
    assert machine.capture_lists() == {0: [(0, 0)], 1: [(1, 0)]}


@pytest.mark.parametrize("policy", [OwnPages, Whitcroft])
def test_rule_6_a_block_freed_beside_a_captured_one_joins_it(policy: type[Policy]) -> None:
    machine = full_machine(policy())
    free(machine, 2)
    machine.open_capture(0, 4)
    reclaim(machine, 0, 1)
    free(machine, 3)
    joined = policy is Whitcroft
    assert machine.capture_lists() == {0: [(0, 2)] if joined else [(0, 1)]}
    assert zone_field(machine, "free_pages") == (0 if joined else 2)


def test_rule_6_a_page_on_a_per_cpu_list_is_not_seen() -> None:
    machine = full_machine(Whitcroft())
    machine.open_capture(0, 4)
    reclaim(machine, 0)
    machine.free_pages(1)
    assert machine.capture_lists() == {0: [(0, 0)]}
    machine.drain_all_pages()
    assert machine.capture_lists() == {0: [(0, 1)]}


def test_rule_8_the_oldest_entry_that_fits_is_trimmed_and_the_rest_goes_free() -> None:
    machine = full_machine(Whitcroft())
    machine.open_capture(0, 4)
    reclaim(machine, 70, *range(32), *range(96, 112))
    assert machine.capture_lists() == {0: [(96, 4), (0, 5), (70, 0)]}
    assert machine.settle(0) == 0
    assert machine.free_lists() == {(0, 0, MIGRATE_MOVABLE): [70], (0, 4, MIGRATE_MOVABLE): [96, 16]}
    assert machine.memory.withheld == 0


def test_rule_8_without_a_block_large_enough_everything_goes_free_and_collecting_goes_on() -> None:
    machine = full_machine(Whitcroft())
    free(machine, 127)
    machine.open_capture(0, 4)
    reclaim(machine, *range(8))
    assert machine.settle(0) is None
    assert machine.free_lists() == {(0, 0, MIGRATE_MOVABLE): [127], (0, 3, MIGRATE_MOVABLE): [0]}
    reclaim(machine, *range(8, 16))
    assert machine.settle(0) == 0


@pytest.mark.parametrize(("free_pages", "handed_over"), [(20, False), (21, True)])
def test_rule_9_the_zone_must_stay_above_its_min_mark_at_order_0(free_pages: int, handed_over: bool) -> None:
    """The block itself counts nowhere: 20 pages that stay free are not more than the mark."""
    machine = full_machine(Whitcroft())
    machine.memory.set_watermarks(0, [20, 20, 20, 20])
    free(machine, *range(64, 64 + free_pages))
    machine.open_capture(0, 4)
    reclaim(machine, *range(16))
    assert (machine.settle(0) == 0) == handed_over
    assert zone_field(machine, "free_pages") == free_pages + (0 if handed_over else 16)


def test_a_refused_block_merges_on() -> None:
    machine = full_machine(OwnPages())
    machine.memory.set_watermarks(0, [100, 100, 100, 100])
    free(machine, *range(16))
    machine.open_capture(0, 4)
    reclaim(machine, *range(16, 32))
    assert machine.settle(0) is None
    assert machine.free_lists() == {(0, 5, MIGRATE_MOVABLE): [0]}


def test_rule_7_a_list_that_was_served_collects_no_more() -> None:
    machine = full_machine(Whitcroft())
    free(machine, 127)
    machine.open_capture(0, 4)
    reclaim(machine, *range(16))
    assert machine.settle(0) == 0
    assert not machine.reclaim_page(16, 0)


def test_rule_12_nothing_is_withheld_after_the_reclaimer_returned() -> None:
    machine = full_machine(Whitcroft())
    machine.open_capture(0, 4)
    reclaim(machine, 0, 1, 2, 64)
    machine.close_capture(0)
    assert machine.capture_lists() == {}
    assert (machine.memory.withheld, machine.memory.withheld_peak) == (0, 4)
    assert zone_field(machine, "free_pages") == 4


def test_rule_15_the_pageblock_keeps_its_type() -> None:
    machine = full_machine(Whitcroft())
    free(machine, 127)
    machine.open_capture(0, 5)
    reclaim(machine, *range(32))
    assert machine.settle(0, GFP_KERNEL) == 0
    assert pageblock(machine, 0) == MIGRATE_MOVABLE


def test_a_reserved_pageblock_is_not_drawn_in() -> None:
    """Since 4.4 a whole HIGHATOMIC pageblock merges with its like only; a capture list is no way round that."""
    machine = full_machine(Whitcroft())
    machine.memory.set_watermarks(0, [0, 128, 128, 128])
    free(machine, *range(32, 64))
    reserved = machine.alloc_pages(4, ATOMIC)
    assert reserved is not None
    machine.free_pages(reserved, 4)
    assert pageblock(machine, 32) == MIGRATE_HIGHATOMIC
    machine.open_capture(0, 5)
    reclaim(machine, *range(32))
    assert machine.capture_lists() == {0: [(0, 5)]}
    assert machine.free_lists() == {(0, 5, MIGRATE_HIGHATOMIC): [32]}


def test_kosaki_does_not_keep_what_cannot_complete_a_block() -> None:
    machine = full_machine(Kosaki())
    machine.mark_lru(5, False)
    machine.open_capture(0, 4)
    assert not machine.reclaim_page(0, 0)
    assert machine.reclaim_page(16, 0)


def test_kosaki_releases_the_surplus_and_stops_as_soon_as_the_block_is_made() -> None:
    machine = full_machine(Kosaki())
    machine.open_capture(0, 4)
    free(machine, *range(16, 31))
    reclaim(machine, 64, *range(15), 31)
    assert machine.capture_lists() == {0: [(16, 4)]}
    assert machine.memory.withheld == 16
    assert zone_field(machine, "free_pages") == 16
    assert not machine.reclaim_page(65, 0)
    free(machine, 15)
    assert machine.capture_lists() == {0: [(16, 4)]}
    assert machine.settle(0) == 16


def test_kosaki_trims_what_merged_past_the_wanted_order() -> None:
    machine = full_machine(Kosaki())
    free(machine, *range(1, 32))
    machine.open_capture(0, 4)
    reclaim(machine, 0)
    assert machine.capture_lists() == {0: [(0, 4)]}
    assert machine.free_lists() == {(0, 4, MIGRATE_MOVABLE): [16]}


def test_an_outsider_can_complete_the_block() -> None:
    machine = full_machine(Kosaki())
    machine.open_capture(0, 4)
    reclaim(machine, 64, *range(15))
    free(machine, 15)
    assert machine.capture_lists() == {0: [(0, 4)]}
    assert zone_field(machine, "free_pages") == 1


def test_capture_that_ends_without_a_block_keeps_nothing() -> None:
    class Hasty:
        def enters_reclaim(self, order: int) -> bool:
            return order > 0

        def merged(self, wanted: int, order: int) -> bool:
            return 0 < order < wanted

    machine = full_machine(PlainPolicy(Hasty()))
    machine.open_capture(0, 4)
    reclaim(machine, 0, 8, 9)
    assert machine.capture_lists() == {}
    assert machine.memory.withheld == 0


def test_the_captured_block_can_be_used_and_freed() -> None:
    machine = full_machine(Whitcroft())
    free(machine, 127)
    machine.open_capture(0, 4)
    reclaim(machine, *range(16))
    assert machine.settle(0) == 0
    machine.free_pages(0, 4)
    assert machine.alloc_pages(4, MOVABLE) == 0
