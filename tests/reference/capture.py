"""Reclaim page capture (Whitcroft 2008), by the numbers of the rules in the description of the series."""

from __future__ import annotations

from tests.reference import buddy
from tests.reference.state import CaptureList, State, Zone
from tests.reference.watermark import Try, leaves_enough


def collecting_owner(state: State, pfn: int, order: int) -> CaptureList | None:
    """Whose list, still collecting, has this very block on it?"""
    return next((c for c in state.captures if c.state == "open" and (pfn, order) in c.entries), None)


def drawn_in(state: State, zone: Zone, pfn: int, order: int, held: CaptureList) -> bool:
    """Rule 5: take a buddy off whichever list it is on, if the policy lets its like join."""
    owner = collecting_owner(state, pfn, order)
    mt = buddy.free_type(zone, pfn, order)
    if owner is None and mt is None:
        return False
    if owner is not held and not state.policy.takes_neighbour(held.wanted, order):
        return False
    if owner is not None:
        owner.entries.remove((pfn, order))
    else:
        assert mt is not None
        zone.free[order, mt].remove(pfn)
    return True


def capture_block(state: State, zone: Zone, pfn: int, order: int, held: CaptureList) -> None:
    """Rule 5: merge as far as it goes, even past the wanted order; the result is the list's new head."""
    while order < state.max_order - 1:
        other = pfn ^ (1 << order)
        types = state.block_type(pfn), state.block_type(other)
        if order >= state.pageblock_order and not buddy.may_merge(state, *types):
            break
        if not drawn_in(state, zone, other, order, held):
            break
        pfn = min(pfn, other)
        order += 1
    held.entries.insert(0, (pfn, order))
    held.largest = max(held.largest, order)
    state.withheld_peak = max(state.withheld_peak, state.withheld())
    if state.policy.merged(held.wanted, order):
        release_surplus(state, held, zone)


def release(state: State, held: CaptureList, entry: tuple[int, int]) -> None:
    """Back to the free lists of the pageblock's type."""
    held.entries.remove(entry)
    pfn, order = entry
    buddy.free_block(state, state.zone_of(pfn), pfn, order, state.block_type(pfn))


def trim(state: State, entry: tuple[int, int], wanted: int) -> int:
    """Rule 8: keep the piece at the start, the upper halves go free."""
    pfn, order = entry
    buddy.split(state.zone_of(pfn), pfn, order, wanted, state.block_type(pfn))
    return pfn


def entries_in(state: State, held: CaptureList, zone: Zone) -> list[tuple[int, int]]:
    """The blocks of one zone, newest first: lists are under the zones' locks."""
    return [entry for entry in held.entries if state.zone_of(entry[0]) is zone]


def release_surplus(state: State, held: CaptureList, zone: Zone) -> None:
    """KOSAKI: of the zone keep the newest block that is large enough, cut to size; its others go, and capture stops."""
    held.state = "over"
    mine = entries_in(state, held, zone)
    kept = next((entry for entry in mine if entry[1] >= held.wanted), None)
    for entry in mine:
        if entry == kept:
            held.entries[held.entries.index(entry)] = (trim(state, entry, held.wanted), held.wanted)
        else:
            release(state, held, entry)


def unreclaimable(state: State, pfn: int, wanted: int) -> int:
    """Other pages in use, in the area of the wanted size around a page, whose block is not on the LRU."""
    start = pfn & -(1 << wanted)
    area = range(start, start + (1 << wanted))
    lru = {frame for head in state.lru.intersection(area) for frame in range(head, head + (1 << state.used[head]))}
    return sum(at != pfn and at in state.in_use and at not in lru for at in area)


def capture_page(state: State, held: CaptureList, pfn: int) -> bool:
    """Rule 4: a reclaimed page is captured at once as order 0, bypassing the per-cpu lists."""
    if held.state != "open":
        return False
    others = unreclaimable(state, pfn, held.wanted)
    if not state.policy.releases(held.wanted, others, held.pages(), state.withheld()):
        return False
    state.take_out_of_use(pfn)
    state.events["captured_pages"] += 1
    capture_block(state, state.zone_of(pfn), pfn, 0, held)
    return True


def settle_zone(state: State, held: CaptureList, zone: Zone, keep: bool) -> int | None:
    """Rule 8: oldest entry first, the first that fits is kept, all others go."""
    kept = None
    for entry in reversed(entries_in(state, held, zone)):
        if keep and kept is None and entry[1] >= held.wanted:
            held.entries.remove(entry)
            kept = trim(state, entry, held.wanted)
        else:
            release(state, held, entry)
    return kept


def hand_over(state: State, zone: Zone, kept: int, wanted: int, tried: Try) -> bool:
    """Rule 9: if its zone stays above the mark; for order 0, as the block is out of the free count already."""
    if leaves_enough(state, zone, tried, 0, zone.watermark[tried.mark] + zone.watermark_boost):
        state.events["handed_over"] += 1
        state.take_into_use(kept, wanted)
        return True
    state.events["refused"] += 1
    buddy.free_block(state, zone, kept, wanted, state.block_type(kept))
    return False


def settle(state: State, held: CaptureList, tried: Try) -> int | None:
    """Rules 8 and 9, zone by zone from the highest down, as long as nothing is handed over."""
    held.state = "over"
    handed = None
    for zone in reversed(state.zones):
        kept = settle_zone(state, held, zone, handed is None)
        if kept is not None and hand_over(state, zone, kept, held.wanted, tried):
            handed = kept
    held.largest = -1
    if handed is None:
        held.state = "open"
    return handed


def close(state: State, held: CaptureList) -> None:
    """Rule 12: when the reclaimer returns, the list is empty."""
    held.state = "over"
    for zone in reversed(state.zones):
        settle_zone(state, held, zone, keep=False)
    held.state = "idle"
