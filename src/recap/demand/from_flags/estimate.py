"""A memory state in the form of a snapshot: what /proc and the trace told, and the rest as a seed draws it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from recap.demand.from_flags.evidence import brought_forward, firsts
from recap.demand.from_flags.lists import LruPlan, PcpLists, free_lists, lru_plans, pcp_lists
from recap.demand.from_flags.metadata import Metadata, metadata
from recap.demand.from_flags.pageblocks import pageblock_types
from recap.demand.from_flags.seen import Seen
from recap.kernel import MIGRATE_TYPES, NR_ORDERS
from recap.pages import Array
from recap.trace import Events, Snapshot
from recap.trace.kpageflags import KPF, Words, has, mask
from recap.trace.snapshot import MAX_ORDER, PCP_TYPES, check_blocks

SEED = 0  # of what is drawn once for all runs
ANON, OF_FILE, OF_DEVICE = 1, 2, 6  # in place of addresses: of an anonymous page, a file's, a block device's
NUMBERS = {"PG_referenced": 1, "PG_dirty": 2, "PG_lru": 3, "PG_active": 4, "PG_workingset": 5, "PG_slab": 6}
NUMBERS |= {"PG_writeback": 7, "PG_head": 8, "PG_swapbacked": 9, "PG_reserved": 10, "PG_private": 11}
COPIED = {
    "PG_referenced": KPF.REFERENCED,
    "PG_dirty": KPF.DIRTY,
    "PG_slab": KPF.SLAB,
    "PG_writeback": KPF.WRITEBACK,
    "PG_head": KPF.COMPOUND_HEAD,
}
TYPES = {"MIGRATE_UNMOVABLE": 0, "MIGRATE_MOVABLE": 1, "MIGRATE_RECLAIMABLE": 2, "MIGRATE_HIGHATOMIC": 3}
ENUMS = {
    "pageflags": NUMBERS,
    "migratetype": TYPES | {"MIGRATE_ISOLATE": 4},
    "zone_stat_item": {},
    "node_stat_item": {},
}


@dataclass(frozen=True, eq=False)
class Estimated:
    """The state at the start, but for the order of lists.

    Args:
        base: the state with lists as seed 0 orders them.
        free: the free blocks, in no order; plans: of the LRU lists; pcp: the per-cpu lists, which are not drawn anew.
        assumptions: what was assumed, each with its size.
    """

    base: Snapshot
    free: Array
    plans: list[LruPlan]
    pcp: Array
    assumptions: list[str]

    def drawn(self, seed: int) -> Snapshot:
        """The state with its lists as a seed orders them."""
        draw = np.random.default_rng(seed)
        parts = [draw.permutation(self.free), self.pcp, *(plan.rows(draw) for plan in self.plans)]
        return replace(self.base, lists=np.concatenate(parts))


def estimate(seen: Seen, events: Events, start: int) -> Estimated:
    """The state before event `start` of a trace; the flags are from before or among the events up to there.

    Args:
        seen: what /proc told.
        events: the whole trace.
        start: the first event after the state that is wanted.
    """
    seen = replace(seen, flags=brought_forward(seen.flags, events.slice(0, start)))
    rest = events.slice(start, len(events))
    first = firsts(rest, len(seen.flags))
    overruled = first.whole & has(seen.flags, KPF.BUDDY)
    seen = replace(seen, flags=np.where(overruled, np.uint64(0), seen.flags))
    draw = np.random.default_rng(SEED)
    types, sure = pageblock_types(seen, rest, first)
    free = free_lists(seen, types)
    pcp = pcp_lists(seen, first, types, draw)
    plans, promoted = lru_plans(seen, rest, first, draw)
    told = [*seen.notes, *assumed(seen, free, pcp, plans, promoted), of_types(types, sure)]
    meta = metadata(seen, rest, first, draw)
    told.append(of_metadata(meta))
    found = Estimated(base(seen, types, pcp, plans, meta), free, plans, pcp.rows, told)
    drawn = found.drawn(SEED)
    check_blocks(drawn)
    return replace(found, base=drawn)


def base(seen: Seen, types: Array, pcp: PcpLists, plans: list[LruPlan], meta: Metadata) -> Snapshot:
    """All of a snapshot but its lists."""
    nr_frames = len(seen.flags)
    flags = seen.flags
    anonymous = has(flags, KPF.ANON)
    mapping = np.zeros(nr_frames, np.uint64)
    mapping[has(flags, KPF.LRU)] = OF_FILE
    mapping[anonymous] = ANON
    heads, orders = compounds(flags)
    mapping[heads + 1] = (np.uint64(1) << orders.astype(np.uint64)) << np.uint64(32)
    index = np.zeros(nr_frames, np.uint64)
    listed = pcp.rows[:, 4]
    index[listed] = pcp.rows[:, 2] % PCP_TYPES
    mapping[meta.pfns], index[meta.pfns] = OF_DEVICE, meta.blocks
    counts = np.zeros((nr_frames, 2), np.int32)
    counts[:, 0] = np.where(has(flags, KPF.MMAP), 0, -1)
    return Snapshot(
        path=seen.path,
        lists=np.empty((0, 5), np.int64),
        flags=page_flags(flags, plans, meta),
        mapping=mapping,
        index=index,
        private=np.zeros(nr_frames, np.uint64),
        mapcount_refcount=counts,
        pageblock=types,
        kernel=seen.kernel,
        zones=seen.zones,
        pcps=tuple(replace(one, count=pcp.count[one.zone, one.cpu]) for one in seen.pcps),
        node_vm_stat=(),
        enums=ENUMS,
    )


def page_flags(flags: Words, plans: list[LruPlan], meta: Metadata) -> Words:
    """The flags of struct page, under numbers of our own."""
    found = np.zeros(len(flags), np.uint64)

    def put(name: str, where: Array) -> None:
        found[where] |= np.uint64(1 << NUMBERS[name])

    for name, bit in COPIED.items():
        put(name, has(flags, bit))
    put("PG_private", meta.pfns)
    put("PG_swapbacked", flags & mask(KPF.SWAPBACKED, KPF.ANON) != 0)
    put("PG_reserved", flags & mask(KPF.RESERVED, KPF.NOPAGE, KPF.OFFLINE, KPF.HWPOISON) != 0)
    for plan in plans:
        for pfns in (plan.placed, plan.others):
            put("PG_lru", pfns)
            if plan.number & 1:
                put("PG_active", pfns)
    return found


def compounds(flags: Words) -> tuple[Array, Array]:
    """First frame and order of every compound page: as far as its tail pages reach."""
    tail = has(flags, KPF.COMPOUND_TAIL)
    heads = np.flatnonzero(has(flags, KPF.COMPOUND_HEAD))
    ends = np.flatnonzero(~np.append(tail, False))
    size = ends[np.searchsorted(ends, heads + 1)] - heads if len(heads) else heads
    order = np.log2(np.maximum(size, 1)).astype(np.int64)
    whole = (size == 1 << order) & (order > 0) & (order <= MAX_ORDER) & (heads % np.maximum(size, 1) == 0)
    return heads[whole], order[whole]


def assumed(seen: Seen, free: Array, pcp: PcpLists, plans: list[LruPlan], promoted: int) -> list[str]:
    """What the flags leave open, and what was made of it."""
    pages = sum(len(plan.placed) + len(plan.others) for plan in plans)
    placed = sum(len(plan.placed) for plan in plans)
    told = [
        f"the order of {len(free)} free blocks in their lists is drawn by the seed",
        f"the order of {pages - placed} pages on LRU lists is drawn by the seed; {placed} stand as reclaim took them",
        f"{pcp.drawn} of {pcp.pages} pages on per-cpu lists are drawn from frames without flags; the trace has others",
    ]
    if promoted:
        told.append(f"{promoted} pages are active because the counters say so; which, is drawn: no flag tells")
    if seen.free is not None:
        told.append(other_lists(seen, free))
    return told


def other_lists(seen: Seen, free: Array) -> str:
    """How far the free lists are from pagetypeinfo's."""
    apart = total = 0
    for zone in seen.zones:
        mine = np.zeros((NR_ORDERS, MIGRATE_TYPES), np.int64)
        rows = free[free[:, 1] == zone.index]
        np.add.at(mine, (rows[:, 2], rows[:, 3]), 1)
        assert seen.free is not None
        wanted = seen.free[zone.index]
        apart += int(np.abs(mine - wanted).sum()) // 2
        total += int(wanted.sum())
    return (
        f"{apart} of {total} free blocks are on the list of another order or migratetype than /proc/pagetypeinfo counts"
    )


def of_metadata(meta: Metadata) -> str:
    """How the pages with metadata are known."""
    return (
        f"{len(meta.pfns)} file pages with buffers hold metadata, those that are active; which of them holds "
        f"{meta.drawn} blocks that the trace names is drawn"
    )


def of_types(types: Array, sure: int) -> str:
    """How the types of the pageblocks are known."""
    return (
        f"of {len(types)} pageblocks the trace tells the migratetype of {sure}; of the others the pages in them, and "
        "how many there are of each"
    )
