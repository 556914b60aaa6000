"""How much of a zone a request must leave free."""

from __future__ import annotations

from dataclasses import dataclass

from recap.kernel import MIGRATE_HIGHATOMIC, WMARK_MIN
from tests.reference.state import State, Zone


@dataclass(frozen=True)
class Try:
    """One walk of the zonelist: what is asked for, how far down it may go."""

    order: int
    migratetype: int
    highest_zone: int
    mark: int  # WMARK_MIN or WMARK_LOW
    nofragment: bool = False
    kswapd: bool = False  # may wake kswapd
    min_reserve: bool = False  # __GFP_HIGH
    non_block: bool = False  # cannot wait for reclaim
    highatomic: bool = False
    atomic: bool = False  # __GFP_ATOMIC

    @property
    def may_use_reserves(self) -> bool:
        return self.min_reserve or self.non_block or self.highatomic


def leaves_enough_in_larger_blocks(zone: Zone, tried: Try, order: int, mark: int) -> bool:
    """2.6.27, rule 24: at every order up to the wanted one half of what was asked for must lie in larger blocks."""
    least = mark - mark // 2 if tried.min_reserve else mark
    if tried.non_block:
        least -= least // 4
    others = zone.free_pages() - (1 << order) + 1
    if others <= least + zone.lowmem_reserve[tried.highest_zone]:
        return False
    smaller = [sum(zone.nr_free(o) << o for o in range(k)) for k in range(1, order + 1)]
    return all(others - taken > least >> k for k, taken in enumerate(smaller, 1))


def free_in_reserve(zone: Zone) -> int:
    """Free pages that are kept for high-order atomic requests."""
    return sum(len(pfns) << order for (order, mt), pfns in zone.free.items() if mt == MIGRATE_HIGHATOMIC)


def leaves_enough(state: State, zone: Zone, tried: Try, order: int, mark: int) -> bool:
    """More pages than the mark stay free, and there is a block large enough."""
    if state.old:
        return leaves_enough_in_larger_blocks(zone, tried, order, mark)
    least = mark
    if tried.min_reserve:
        least -= least // 2
        if tried.non_block:
            least -= least // 4
    left = zone.free_pages() - ((1 << order) - 1)
    if not tried.may_use_reserves:
        left -= free_in_reserve(zone) if state.new else zone.nr_reserved_highatomic
    if left <= least + zone.lowmem_reserve[tried.highest_zone]:
        return False
    types = [0, 1, 2, MIGRATE_HIGHATOMIC] if tried.highatomic else [0, 1, 2]
    return order == 0 or any(zone.free[o, mt] for o in range(order, state.max_order) for mt in types)


def watermark_ok(state: State, zone: Zone, tried: Try) -> bool:
    """The boost counts, except for an atomic single page below which only the min mark is left."""
    mark = zone.watermark[tried.mark]
    if leaves_enough(state, zone, tried, tried.order, mark + zone.watermark_boost):
        return True
    if tried.order == 0 and tried.atomic and tried.mark == WMARK_MIN:
        return leaves_enough(state, zone, tried, 0, mark)
    return False
