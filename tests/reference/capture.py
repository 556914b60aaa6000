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
        release_surplus(state, held)


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


def release_surplus(state: State, held: CaptureList) -> None:
    """KOSAKI: keep the newest block that is large enough, cut to size; the others go, and capture stops."""
    held.state = "over"
    kept = next((entry for entry in held.entries if entry[1] >= held.wanted), None)
    for entry in held.entries.copy():
        if entry == kept:
            held.entries[held.entries.index(entry)] = (trim(state, entry, held.wanted), held.wanted)
        else:
            release(state, held, entry)


def unreclaimable(state: State, pfn: int, wanted: int) -> int:
    """Other pages in use, in the area of the wanted size around a page, that are not on the LRU."""
    start = pfn & -(1 << wanted)
    return sum(at != pfn and at in state.in_use and at not in state.lru for at in range(start, start + (1 << wanted)))


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


def settle(state: State, held: CaptureList, tried: Try) -> int | None:
    """Rules 8 and 9: oldest entry first, the first that fits is kept if its zone stays above the mark.

    The block is out of the free count already, so the mark is tested for order 0.
    """
    held.state = "over"
    kept = None
    for entry in reversed(held.entries.copy()):
        if kept is None and entry[1] >= held.wanted:
            held.entries.remove(entry)
            kept = trim(state, entry, held.wanted)
        else:
            release(state, held, entry)
    held.largest = -1
    if kept is not None:
        zone = state.zone_of(kept)
        if leaves_enough(state, zone, tried, 0, zone.watermark[tried.mark] + zone.watermark_boost):
            state.events["handed_over"] += 1
            state.take_into_use(kept, held.wanted)
            return kept
        state.events["refused"] += 1
        buddy.free_block(state, zone, kept, held.wanted, state.block_type(kept))
    held.state = "open"
    return None


def close(state: State, held: CaptureList) -> None:
    """Rule 12: when the reclaimer returns, the list is empty."""
    held.state = "over"
    for entry in reversed(held.entries.copy()):
        release(state, held, entry)
    held.state = "idle"
