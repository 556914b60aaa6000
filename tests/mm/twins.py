"""The engine and its specification side by side: each operation is done on both, all they hold compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.testing import assert_array_equal

from recap import kernel
from recap.kernel import MIGRATE_MOVABLE
from recap.mm import invariants, vmstat
from recap.mm.machine import Machine
from recap.pages import PAGE, PCP, ZONE, Memory
from recap.policy.kosaki import Kosaki
from recap.policy.own_pages import OwnPages
from recap.policy.plain import PlainPolicy
from recap.policy.policy import Policy
from recap.policy.whitcroft import Whitcroft
from tests.reference import policies
from tests.reference.machine import Reference
from tests.reference.state import Shape, State

POLICIES: dict[str, tuple[type[policies.NoCapture], type[Policy] | None]] = {
    "none": (policies.NoCapture, Policy),
    "own-pages": (policies.OwnPages, OwnPages),
    "whitcroft": (policies.Whitcroft, Whitcroft),
    "kosaki": (policies.Kosaki, Kosaki),
    "plain": (policies.Odd, None),
}
CAPTURE_STATES = {"idle": kernel.CAPTURE_IDLE, "open": kernel.CAPTURE_OPEN, "over": kernel.CAPTURE_OVER}


def memory(shape: Shape, policy: Policy) -> Memory:
    """The engine's memory of a shape: all free and movable, in blocks of the largest order."""
    largest = shape.max_order - 1
    ends = np.cumsum([made.pages for made in shape.zones])
    zone = np.zeros(len(shape.zones), ZONE)
    for record, made, end in zip(zone, shape.zones, ends, strict=True):
        record["start"], record["end"], record["index"] = end - made.pages, end, made.index
        record["managed"] = record["free_pages"] = made.pages
        record["nr_free"][largest] = made.pages >> largest
        record["watermark"], record["lowmem_reserve"] = made.watermark, made.lowmem_reserve
    pcp = np.zeros(len(zone) * shape.cpus, PCP)
    pcp["batch"], pcp["high"] = shape.pcp_batch, shape.pcp_high
    if shape.profile.rules.tuned_pcp:
        pcp["high_min"], pcp["high_max"] = shape.pcp_high, shape.pcp_high_max
    page = np.zeros(int(ends[-1]), PAGE)
    heads = np.arange(0, len(page), 1 << largest)
    page["state"][heads] = kernel.STATE_BUDDY
    page["order"][heads] = largest
    page["migratetype"][heads] = MIGRATE_MOVABLE
    pageblock = np.full(len(page) >> shape.pageblock_order, MIGRATE_MOVABLE, np.uint8)
    m = Memory(
        page,
        zone,
        pcp,
        pageblock,
        shape.captures,
        policy,
        replace(shape.profile, name="test", max_order=shape.max_order, pageblock_order=shape.pageblock_order),
    )
    for z, record in enumerate(zone):
        mine = heads[(heads >= record["start"]) & (heads < record["end"])]
        m.fill(m.free_head(z, largest, MIGRATE_MOVABLE), mine)
    return m


class Twins:
    """Two machines of one shape under one policy; each method does the same to both, and compares."""

    def __init__(self, shape: Shape, policy: str) -> None:
        rules, compiled = POLICIES[policy]
        self.engine = Machine(memory(shape, compiled() if compiled else PlainPolicy(rules())))
        self.reference = Reference(shape, rules())

    @property
    def state(self) -> State:
        return self.reference.state

    def alloc_pages(self, order: int, gfp: int, cpu: int = 0) -> int | None:
        got = self.engine.alloc_pages(order, gfp, cpu)
        assert got == self.reference.alloc_pages(order, gfp, cpu)
        return got

    def free_pages(self, pfn: int, cpu: int = 0) -> None:
        order = self.state.used[pfn]
        self.engine.free_pages(pfn, order, cpu)
        self.reference.free_pages(pfn, order, cpu)

    def drain_all_pages(self) -> None:
        self.engine.drain_all_pages()
        self.reference.drain_all_pages()

    def decay_pcp_high(self, cpu: int) -> None:
        self.engine.decay_pcp_high(cpu)
        self.reference.decay_pcp_high(cpu)

    def mark_lru(self, pfn: int, on: bool) -> None:
        self.engine.mark_lru(pfn, on)
        self.reference.mark_lru(pfn, on)

    def set_reclaim_active(self, zone: int, on: bool) -> None:
        self.engine.set_reclaim_active(zone, on)
        self.reference.set_reclaim_active(zone, on)

    def unreserve_highatomic(self, zone: int, mt: int, force: bool) -> None:
        done = self.engine.unreserve_highatomic(zone, mt, force)
        assert done == self.reference.unreserve_highatomic(zone, mt, force)

    def open_capture(self, number: int, wanted: int) -> bool:
        opened = self.engine.open_capture(number, wanted)
        assert opened == self.reference.open_capture(number, wanted)
        return opened

    def reclaim_page(self, pfn: int, number: int, cpu: int = 0) -> bool:
        kept = self.engine.reclaim_page(pfn, number, cpu)
        assert kept == self.reference.reclaim_page(pfn, number, cpu)
        return kept

    def settle(self, number: int, gfp: int, order: int) -> int | None:
        got = self.engine.settle(number, gfp, order)
        assert got == self.reference.settle(number, gfp, order)
        return got

    def close_capture(self, number: int) -> None:
        self.engine.close_capture(number)
        self.reference.close_capture(number)

    def compare(self, check: bool = True) -> None:
        """All lists in their order, all counters, every frame; and the engine's own invariants."""
        m = self.engine.memory
        assert self.engine.free_lists() == self.reference.free_lists()
        assert self.engine.pcp_lists() == self.reference.pcp_lists()
        assert self.engine.capture_lists() == self.reference.capture_lists()
        compare_zones(m, self.state)
        compare_captures(m, self.state)
        compare_frames(m, self.state)
        blocks = m.array("pageblock")[: len(self.state.pageblock)]
        assert blocks.tolist() == self.state.pageblock
        if check:
            invariants.check(m)


def compare_zones(m: Memory, state: State) -> None:
    """Counters, marks and switches of zones and their per-cpu lists."""
    found = m.array("zone")
    pcps = m.array("pcp")[["count", "high", "batch"]].tolist()
    tuning = ["alloc_factor", "free_count", "flags"] if state.new else ["free_factor"]
    tuned = m.array("pcp")[tuning].tolist()
    for z, zone in enumerate(state.zones):
        assert found["free_pages"][z] == zone.free_pages()
        assert found["nr_free"][z][: m.max_order].tolist() == [zone.nr_free(o) for o in range(m.max_order)]
        assert found["watermark"][z].tolist() == list(zone.watermark)
        assert found["watermark_boost"][z] == zone.watermark_boost
        assert bool(found["boosted"][z]) == zone.boosted
        assert bool(found["reclaim_active"][z]) == zone.reclaim_active
        assert found["nr_reserved_highatomic"][z] == zone.nr_reserved_highatomic
        mine = pcps[z * m.nr_cpus : (z + 1) * m.nr_cpus]
        assert mine == [(p.count(), p.high, p.batch) for p in zone.pcps]
        mine = tuned[z * m.nr_cpus : (z + 1) * m.nr_cpus]
        assert mine == [tuple(getattr(p, name) for name in tuning) for p in zone.pcps]
        assert bool(found["below_high"][z]) == zone.below_high
    assert m.extfrag_events == state.events["extfrag"]


def compare_captures(m: Memory, state: State) -> None:
    """What each capture list holds and says of itself, and what all withhold."""
    found = m.array("capture")
    for row, held in zip(found, state.captures, strict=True):
        assert row["state"] == CAPTURE_STATES[held.state]
        assert row["pages"] == held.pages()
        if held.state != "idle":
            assert (row["wanted"], row["largest"]) == (held.wanted, held.largest)
    assert m.withheld == state.withheld()
    assert m.withheld_peak == state.withheld_peak
    counted = m.array("vmstat")
    assert counted[vmstat.CAPTURED_PAGES] == state.events["captured_pages"]
    assert counted[vmstat.CAPTURE_HANDED_OVER] == state.events["handed_over"]
    assert counted[vmstat.CAPTURE_REFUSED] == state.events["refused"]


def compare_frames(m: Memory, state: State) -> None:
    """What every frame says: is it a block's first, of what order and type, and is it on the LRU?"""
    page = m.array("page")[: m.nr_frames]
    says = np.full(m.nr_frames, kernel.STATE_TAIL)
    blocks = list(blocks_of(state))
    heads = np.array([head for head, _, _ in blocks], np.int64)
    says[heads] = [what for _, _, what in blocks]
    assert_array_equal(page["state"], says)
    assert_array_equal(page["order"][heads], [order for _, order, _ in blocks])
    typed = types_of(state)
    assert_array_equal(page["migratetype"][list(typed)], list(typed.values()))
    assert set(np.flatnonzero(page["flags"] & kernel.PG_LRU).tolist()) == state.lru


def blocks_of(state: State) -> list[tuple[int, int, int]]:
    """(first frame, order, state) of every block there is."""
    blocks = [(pfn, order, kernel.STATE_ALLOCATED) for pfn, order in state.used.items()]
    blocks += [(pfn, order, kernel.STATE_CAPTURED) for held in state.captures for pfn, order in held.entries]
    for zone in state.zones:
        blocks += [(pfn, order, kernel.STATE_BUDDY) for (order, _), pfns in zone.free.items() for pfn in pfns]
        for pcp in zone.pcps:
            blocks += [(pfn, pcp.order(i), kernel.STATE_PCP) for i, pfns in enumerate(pcp.lists) for pfn in pfns]
    return blocks


def types_of(state: State) -> dict[int, int]:
    """The free list each free block is on, and each block on a per-cpu list goes back to."""
    free = {pfn: mt for zone in state.zones for (_, mt), pfns in zone.free.items() for pfn in pfns}
    return free | state.pcp_type
