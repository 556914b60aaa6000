"""The buddy system: blocks come in powers of two, and two free halves of a block are never left apart."""

from __future__ import annotations

from recap.kernel import MIGRATE_PCPTYPES, MIGRATE_TYPES
from tests.reference import capture
from tests.reference.state import State, Zone


def free_type(zone: Zone, pfn: int, order: int) -> int | None:
    """The migratetype of the list on which this very block is free; None if it is on none."""
    return next((mt for mt in range(MIGRATE_TYPES) if pfn in zone.free[order, mt]), None)


def may_merge(state: State, a: int, b: int) -> bool:
    """Whole pageblocks of a type without fallbacks (HIGHATOMIC) merge with their like only; in 2.6.27 all do."""
    return state.old or a == b or (a < MIGRATE_PCPTYPES and b < MIGRATE_PCPTYPES)


def merge_is_near(state: State, zone: Zone, pfn: int, order: int) -> bool:
    """Would the block, joined by its buddy, find the pair's own buddy free? Then it is kept for last."""
    if state.old or order >= state.max_order - 2:
        return False
    pair = pfn & ~(1 << order)
    return free_type(zone, pair ^ (2 << order), order + 1) is not None


def free_block(state: State, zone: Zone, pfn: int, order: int, migratetype: int) -> None:
    """Join a block with its free buddy, and the two with theirs.

    A captured buddy takes the block, as merged so far, to its owner's list (rule 6 of the capture series).
    The result goes to the head of its list, to the tail when a merge is near.
    """
    while order < state.max_order - 1:
        buddy = pfn ^ (1 << order)
        if order >= state.pageblock_order and not may_merge(state, migratetype, state.block_type(buddy)):
            break
        owner = capture.collecting_owner(state, buddy, order)
        if owner and state.policy.takes_outsider(owner.wanted, order):
            capture.capture_block(state, zone, pfn, order, owner)
            return
        theirs = free_type(zone, buddy, order)
        if theirs is None:
            break
        zone.free[order, theirs].remove(buddy)
        if state.new and order >= state.pageblock_order:  # 6.10: what merges becomes of one type
            for at in range(buddy, buddy + (1 << order), state.block_pages):
                state.pageblock[at >> state.pageblock_order] = migratetype
        pfn = min(pfn, buddy)
        order += 1
    if merge_is_near(state, zone, pfn, order):
        zone.free[order, migratetype].append(pfn)
    else:
        zone.free[order, migratetype].insert(0, pfn)


def split(zone: Zone, pfn: int, order: int, wanted: int, migratetype: int) -> None:
    """Keep the lowest part of a block; the upper halves go to the heads of the free lists, largest first."""
    while order > wanted:
        order -= 1
        zone.free[order, migratetype].insert(0, pfn + (1 << order))


def take_smallest(state: State, zone: Zone, order: int, migratetype: int) -> int | None:
    """The first block of the smallest order that fits, cut to size."""
    for size in range(order, state.max_order):
        if zone.free[size, migratetype]:
            pfn = zone.free[size, migratetype].pop(0)
            split(zone, pfn, size, order, migratetype)
            return pfn
    return None
