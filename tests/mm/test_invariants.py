"""Every invariant notices the damage it is there for: none of them holds by being empty."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from recap import kernel
from recap.kernel import MIGRATE_MOVABLE, MIGRATE_UNMOVABLE
from recap.mm import invariants
from recap.mm.machine import Machine
from recap.pages import COMPILED, Memory
from recap.policy.whitcroft import Whitcroft
from tests.mm.load import MINIATURE, MOVABLE
from tests.mm.twins import memory

LARGEST = MINIATURE.max_order - 1


def poke(m: Memory, name: str, number: int, field: str, value: Any) -> None:
    """Overwrite a field of a record behind the engine's back."""
    if COMPILED:
        m.array(name)[field][number] = value
    else:
        setattr(getattr(m, name)[number], field, value)


def peek(m: Memory, name: str, number: int, field: str) -> int:
    return int(m.array(name)[field][number])


@pytest.fixture
def machine() -> Machine:
    """A machine with pages in use, on every kind of list, and one reclaimer that holds a block."""
    machine = Machine(memory(MINIATURE, Whitcroft()))
    pages = [machine.alloc_pages(0, MOVABLE) for _ in range(64)]
    machine.open_capture(0, 4)
    for pfn in pages[:16:2]:
        assert pfn is not None
        machine.reclaim_page(pfn, 0)
    for pfn in pages[1:8:2]:
        assert pfn is not None
        machine.free_pages(pfn)
    invariants.check(machine.memory)
    return machine


def free_block(m: Memory) -> int:
    return m.walk(m.free_head(0, LARGEST, MIGRATE_MOVABLE))[0]


def captured(m: Memory) -> int:
    return m.walk(int(m.capture_heads))[0]


def cut_a_link(m: Memory) -> None:
    poke(m, "page", free_block(m), "prev", free_block(m))


def miscount_free_pages(m: Memory) -> None:
    poke(m, "zone", 0, "free_pages", peek(m, "zone", 0, "free_pages") + 1)


def miscount_blocks(m: Memory) -> None:
    poke(m, "zone", 0, "nr_free", [9] * kernel.NR_ORDERS)


def free_block_of_another_order(m: Memory) -> None:
    poke(m, "page", free_block(m), "order", 0)


def free_block_of_another_type(m: Memory) -> None:
    poke(m, "page", free_block(m), "migratetype", MIGRATE_UNMOVABLE)


def free_block_of_another_zone(m: Memory) -> None:
    poke(m, "zone", 0, "start", m.nr_frames)


def misaligned_free_block(m: Memory) -> None:
    put_on_free_list(m, free_block(m) + 1, 1)


def two_halves(m: Memory) -> None:
    block = free_block(m)
    m.fill(m.free_head(0, LARGEST, MIGRATE_MOVABLE), np.array([], np.uint32))
    for half in (block, block + 2):
        put_on_free_list(m, half, 1)


def put_on_free_list(m: Memory, pfn: int, order: int) -> None:
    """Add a block to the unmovable list without the counters."""
    head = m.free_head(0, order, MIGRATE_UNMOVABLE)
    m.fill(head, np.array([*m.walk(head), pfn], np.uint32))
    for field, value in (("state", kernel.STATE_BUDDY), ("order", order), ("migratetype", MIGRATE_UNMOVABLE)):
        poke(m, "page", pfn, field, value)


def a_block_in_a_block(m: Memory) -> None:
    put_on_free_list(m, free_block(m) + 2, 1)


def a_used_page_in_a_free_block(m: Memory) -> None:
    poke(m, "page", free_block(m) + 3, "state", kernel.STATE_ALLOCATED)


def miscount_pcp(m: Memory) -> None:
    poke(m, "pcp", 0, "count", 1000)


def unmarked_pcp_page(m: Memory) -> None:
    zone, pindex = next((z, i) for z in (0, 1) for i in range(14) if m.walk(m.pcp_head(z, 0, i)))
    poke(m, "page", m.walk(m.pcp_head(zone, 0, pindex))[0], "state", kernel.STATE_ALLOCATED)


def miscount_captured(m: Memory) -> None:
    poke(m, "capture", 0, "pages", 1)


def unmarked_captured_page(m: Memory) -> None:
    poke(m, "page", captured(m), "state", kernel.STATE_ALLOCATED)


def captured_page_of_another(m: Memory) -> None:
    poke(m, "page", captured(m), "capture", 1)


def owner_gone(m: Memory) -> None:
    poke(m, "capture", 0, "state", kernel.CAPTURE_IDLE)


def miscount_lru(m: Memory) -> None:
    poke(m, "node", 0, "lru_size", [0, 0, 0, 1])


def free_page_on_lru(m: Memory) -> None:
    pfn = free_block(m) + 1
    poke(m, "page", pfn, "flags", kernel.PG_LRU)
    m.fill(int(m.lru_heads), np.array([pfn], np.uint32))


def unmarked_page_on_lru(m: Memory) -> None:
    state = m.array("page")["state"]
    m.fill(int(m.lru_heads), np.flatnonzero(state == kernel.STATE_ALLOCATED)[:1])


def low_above_high(m: Memory) -> None:
    poke(m, "zone", 1, "watermark", [1, 3, 2, 4])


def negative_boost(m: Memory) -> None:
    poke(m, "zone", 1, "watermark_boost", -1)


DAMAGE: list[tuple[Callable[[Memory], None], Callable[[Memory], Any]]] = [
    (cut_a_link, invariants.links_are_symmetric),
    (miscount_free_pages, invariants.free_counts_equal_a_recount),
    (miscount_blocks, invariants.free_counts_equal_a_recount),
    (free_block_of_another_order, invariants.free_blocks_say_what_they_are),
    (free_block_of_another_type, invariants.free_blocks_say_what_they_are),
    (free_block_of_another_zone, invariants.free_blocks_say_what_they_are),
    (misaligned_free_block, invariants.free_blocks_say_what_they_are),
    (two_halves, invariants.no_buddies_lie_unmerged),
    (a_block_in_a_block, invariants.no_frame_is_free_twice),
    (a_used_page_in_a_free_block, invariants.no_frame_is_free_twice),
    (miscount_pcp, invariants.pcp_counts_equal_a_recount),
    (unmarked_pcp_page, invariants.pcp_counts_equal_a_recount),
    (miscount_captured, invariants.capture_counts_equal_a_recount),
    (unmarked_captured_page, invariants.capture_counts_equal_a_recount),
    (captured_page_of_another, invariants.capture_counts_equal_a_recount),
    (owner_gone, invariants.nothing_is_withheld_without_an_owner),
    (miscount_lru, invariants.lru_sizes_equal_a_recount),
    (free_page_on_lru, invariants.lru_sizes_equal_a_recount),
    (unmarked_page_on_lru, invariants.lru_sizes_equal_a_recount),
    (low_above_high, invariants.watermarks_rise),
    (negative_boost, invariants.watermarks_rise),
]


@pytest.mark.parametrize(("damage", "rule"), DAMAGE)
def test_damage_is_noticed(machine: Machine, damage: Callable[[Memory], None], rule: Callable[[Memory], Any]) -> None:
    assert not list(rule(machine.memory))
    damage(machine.memory)
    assert list(rule(machine.memory))
    with pytest.raises(invariants.InvariantError, match=rule.__name__):
        invariants.check(machine.memory)


def test_every_rule_is_tried() -> None:
    assert {rule for _, rule in DAMAGE} == set(invariants.RULES)
