"""What must always hold: each rule a function that recounts from the page array and names what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np

from recap import kernel
from recap.kernel import CAPTURE_IDLE, MIGRATE_TYPES, NR_PCP_LISTS
from recap.pages import Memory

GEN_MASK = 7  # of Page.gen


class InvariantError(AssertionError):
    """The machine's state contradicts itself."""


def links_are_symmetric(m: Memory) -> Iterator[str]:
    """Following a list forth and back arrives at the same page."""
    page = m.array("page")
    listed = np.isin(
        page["state"], (kernel.STATE_BUDDY, kernel.STATE_PCP, kernel.STATE_CAPTURED, kernel.STATE_ISOLATED)
    )
    at = np.concatenate((np.flatnonzero(listed), np.arange(m.nr_frames, len(page))))
    wrong = at[page["prev"][page["next"][at]] != at]
    yield from (f"next of {pfn} does not point back" for pfn in wrong)


def free_blocks(m: Memory) -> Iterator[tuple[int, int, int, int]]:
    """(zone, order, list's migratetype, frame) of everything on a free list."""
    for zone in range(m.nr_zones):
        for order in range(m.max_order):
            for mt in range(MIGRATE_TYPES):
                for pfn in m.walk(m.free_head(zone, order, mt)):
                    yield zone, order, mt, pfn


def free_counts_equal_a_recount(m: Memory) -> Iterator[str]:
    """nr_free of each order and the zone's free pages are what is on the lists."""
    zone = m.array("zone")
    blocks = np.zeros((m.nr_zones, kernel.NR_ORDERS), np.int64)
    for z, order, _, _ in free_blocks(m):
        blocks[z, order] += 1
    for z in range(m.nr_zones):
        pages = int((blocks[z] << np.arange(kernel.NR_ORDERS)).sum())
        if pages != zone["free_pages"][z]:
            yield f"zone {z}: free_pages {zone['free_pages'][z]}, on the lists {pages}"
        if (blocks[z] != zone["nr_free"][z]).any():
            yield f"zone {z}: nr_free {zone['nr_free'][z].tolist()}, on the lists {blocks[z].tolist()}"


def free_blocks_say_what_they_are(m: Memory) -> Iterator[str]:
    """A page on a free list is marked free, aligned, of the list's order and type, in the list's zone."""
    page, zone = m.array("page"), m.array("zone")
    for z, order, mt, pfn in free_blocks(m):
        row = page[pfn]
        if row["state"] != kernel.STATE_BUDDY or row["order"] != order or row["migratetype"] != mt:
            yield f"frame {pfn} on free list (order {order}, type {mt}) says {row}"
        if pfn % (1 << order) or not zone["start"][z] <= pfn < zone["end"][z]:
            yield f"frame {pfn} of order {order} is misaligned or outside zone {z}"


def no_buddies_lie_unmerged(m: Memory) -> Iterator[str]:
    """No two free buddies of the same order, smaller than a pageblock, rest side by side.

    Larger ones may: one of them was reserved (HIGHATOMIC), and giving up a reserve merges nothing.
    """
    page = m.array("page")
    for _, order, _, pfn in free_blocks(m):
        buddy = pfn ^ (1 << order)
        if order < m.pageblock_order and page["state"][buddy] == kernel.STATE_BUDDY and page["order"][buddy] == order:
            yield f"free buddies {pfn} and {buddy} of order {order} are not merged"


def no_frame_is_free_twice(m: Memory) -> Iterator[str]:
    """Blocks on free lists, per-cpu lists and capture lists do not overlap, nor hold a page in use."""
    page = m.array("page")
    owned = np.isin(
        page["state"][: m.nr_frames], (kernel.STATE_ALLOCATED, kernel.STATE_RESERVED, kernel.STATE_ISOLATED)
    ).astype(np.int8)
    for state in (kernel.STATE_BUDDY, kernel.STATE_PCP, kernel.STATE_CAPTURED):
        for pfn in np.flatnonzero(page["state"][: m.nr_frames] == state):
            owned[pfn : pfn + (1 << int(page["order"][pfn]))] += 1
    yield from (f"frame {pfn} is in two blocks" for pfn in np.flatnonzero(owned > 1))


def pcp_counts_equal_a_recount(m: Memory) -> Iterator[str]:
    """count of each per-cpu list set is what is on its lists."""
    page, pcp = m.array("page"), m.array("pcp")
    for zone in range(m.nr_zones):
        for cpu in range(m.nr_cpus):
            pfns = [pfn for i in range(NR_PCP_LISTS) for pfn in m.walk(m.pcp_head(zone, cpu, i))]
            pages = sum(1 << int(page["order"][pfn]) for pfn in pfns)
            if pages != pcp["count"][zone * m.nr_cpus + cpu]:
                yield f"zone {zone} cpu {cpu}: pcp count {pcp['count'][zone * m.nr_cpus + cpu]}, on the lists {pages}"
            if any(page["state"][pfn] != kernel.STATE_PCP for pfn in pfns):
                yield f"zone {zone} cpu {cpu}: a page on a per-cpu list is not marked so"


def capture_counts_equal_a_recount(m: Memory) -> Iterator[str]:
    """Withheld pages are what is on the capture lists, each marked and owned by its list."""
    page, capture = m.array("page"), m.array("capture")
    for i in range(len(capture)):
        pfns = m.walk(int(m.capture_heads) + i)
        pages = sum(1 << int(page["order"][pfn]) for pfn in pfns)
        if pages != capture["pages"][i]:
            yield f"capture list {i} counts {capture['pages'][i]} pages and holds {pages}"
        if any(page["state"][pfn] != kernel.STATE_CAPTURED or page["capture"][pfn] != i for pfn in pfns):
            yield f"capture list {i} holds a page that is not marked as its own"
    if int(capture["pages"].sum()) != m.withheld:
        yield f"withheld is {m.withheld}, the lists hold {int(capture['pages'].sum())}"


def nothing_is_withheld_without_an_owner(m: Memory) -> Iterator[str]:
    """A capture list whose reclaimer has returned is empty."""
    capture = m.array("capture")
    idle = (capture["state"] == CAPTURE_IDLE) & (capture["pages"] != 0)
    yield from (f"capture list {i} is closed and holds pages" for i in np.flatnonzero(idle))


def lru_sizes_equal_a_recount(m: Memory) -> Iterator[str]:
    """Each LRU list has the size it is counted with, and its pages are in use and marked."""
    page = m.array("page")
    zones, sizes = m.array("zone"), m.array("node")["lru_size"]
    if m.profile.rules.multi_gen_lru:
        yield from generations_equal_a_recount(m)
        return
    for node, i in product(range(m.nr_nodes), range(kernel.NR_LRU_LISTS)):
        pfns = np.array(m.walk(int(m.lru_heads) + node * kernel.NR_LRU_LISTS + i), np.int64)
        pages = int((1 << page["order"][pfns].astype(np.int64)).sum())
        if pages != sizes[node, i]:
            yield f"node {node} LRU list {i} counts {sizes[node, i]} pages and holds {pages}"
        counted = zones["nr_lru"][zones["node"] == node, i]
        if pages != counted.sum():
            yield f"node {node} LRU list {i} holds {pages} pages, and the zones count {counted.tolist()}"
        bad = pfns[(page["flags"][pfns] & kernel.PG_LRU == 0) | (page["state"][pfns] != kernel.STATE_ALLOCATED)]
        yield from (f"frame {pfn} on node {node} LRU list {i} is not a page in use that is marked so" for pfn in bad)


def generations_equal_a_recount(m: Memory) -> Iterator[str]:
    """Each generation has the size it is counted with, there are two to four of each type, and the classic counters
    are theirs."""
    page, lrugen, zones = m.array("page"), m.array("lrugen"), m.array("zone")
    lru = np.zeros((m.nr_zones, kernel.NR_LRU_LISTS), np.int64)
    for kind, zone in product(range(2), range(m.nr_zones)):
        heads = [m.gen_head(gen, kind, zone) for gen in range(kernel.MAX_NR_GENS)]
        pfns = np.array([pfn for head in heads for pfn in m.walk(head)], np.int64)
        gen = (page["gen"][pfns] & GEN_MASK).astype(np.int64) - 1
        bad = pfns[
            (page["flags"][pfns] & kernel.PG_LRU == 0) | (page["state"][pfns] != kernel.STATE_ALLOCATED) | (gen < 0)
        ]
        yield from (f"frame {pfn} is of a generation, and not a page in use that is marked so" for pfn in bad)
        sizes = np.bincount(gen[gen >= 0], 1 << page["order"][pfns[gen >= 0]].astype(np.int64), kernel.MAX_NR_GENS)
        for one, pages in enumerate(sizes.astype(np.int64).tolist()):
            counted = lrugen["nr_pages"][0][(one * 2 + kind) * kernel.MAX_NR_ZONES + zone]
            if counted != pages:
                yield f"zone {zone} generation {one} type {kind} counts {counted} pages and has {pages}"
            lru[zone, 2 * kind + ((lrugen["max_seq"][0] - one) % kernel.MAX_NR_GENS < kernel.MIN_NR_GENS)] += pages
    if (lru != zones["nr_lru"]).any() or (lru.sum(0) != m.array("node")["lru_size"][0]).any():
        yield f"LRU sizes are {lru.tolist()}, and the zones count {zones['nr_lru'].tolist()}"
    ages = lrugen["max_seq"][0] - lrugen["min_seq"][0] + 1
    if (ages < kernel.MIN_NR_GENS).any() or (ages > kernel.MAX_NR_GENS).any():
        yield f"there are {ages.tolist()} generations"


def watermarks_rise(m: Memory) -> Iterator[str]:
    """min <= low <= high, and the boost is not negative."""
    zone = m.array("zone")
    for z in range(m.nr_zones):
        if list(zone["watermark"][z][:3]) != sorted(zone["watermark"][z][:3]) or zone["watermark_boost"][z] < 0:
            yield f"zone {z}: watermarks {zone['watermark'][z].tolist()} boost {zone['watermark_boost'][z]}"


RULES: tuple[Callable[[Memory], Iterator[str]], ...] = (
    links_are_symmetric,
    free_counts_equal_a_recount,
    free_blocks_say_what_they_are,
    no_buddies_lie_unmerged,
    no_frame_is_free_twice,
    pcp_counts_equal_a_recount,
    capture_counts_equal_a_recount,
    nothing_is_withheld_without_an_owner,
    lru_sizes_equal_a_recount,
    watermarks_rise,
)


def check(m: Memory) -> None:
    """Raise InvariantError naming each rule that does not hold."""
    wrong = [f"{rule.__name__}: {text}" for rule in RULES for text in rule(m)]
    if wrong:
        raise InvariantError("\n".join(wrong[:20]))
