"""The specification's face: the same methods as `recap.mm.machine.Machine`."""

from __future__ import annotations

from recap import kernel
from recap.kernel import GFP_KERNEL, MIGRATE_HIGHATOMIC, WMARK_LOW, WMARK_MIN, ZONE_NORMAL
from tests.reference import capture, fallback, linux_2_6_27, linux_6_18, pcplist
from tests.reference.buddy import free_block, take_smallest
from tests.reference.gfp import gfp_migratetype, gfp_zone
from tests.reference.policies import NoCapture
from tests.reference.state import Shape, State, Zone, boot
from tests.reference.watermark import Try, watermark_ok

Lists = dict[tuple[int, int, int], list[int]]


class Reference:
    """A machine of this shape, as the rules say it behaves."""

    def __init__(self, shape: Shape, policy: NoCapture) -> None:
        self.state: State = boot(shape, policy)

    def alloc_pages(self, order: int = 0, gfp: int = GFP_KERNEL, cpu: int = 0) -> int | None:
        """First above the low mark, without mixing types if possible; then above min, with reserves."""
        for tried in (self.first_try(order, gfp), slow_try(order, gfp)):
            pfn = self.walk(cpu, tried)
            if pfn is not None:
                self.state.take_into_use(pfn, order)
                return pfn
        return None

    def zonelist(self, highest: int) -> list[Zone]:
        """The zones a request may use, highest first; where a kernel lacks them, the one above (OPT_ZONE_DMA32)."""
        return [zone for zone in reversed(self.state.zones) if zone.index <= highest] or self.state.zones[:1]

    def first_try(self, order: int, gfp: int) -> Try:
        highest = gfp_zone(gfp)
        avoid = self.zonelist(highest)[0].index == ZONE_NORMAL and not self.state.old
        wakes = bool(gfp & kernel.GFP_KSWAPD_RECLAIM)
        return Try(
            order,
            gfp_migratetype(gfp),
            highest,
            WMARK_LOW,
            nofragment=avoid,
            kswapd=wakes,
            atomic=is_atomic(gfp),
        )

    def walk(self, cpu: int, tried: Try) -> int | None:
        """Every zone in turn, with care not to mix types; then, if that was the only hindrance, without."""
        again = Try(**{**vars(tried), "nofragment": False})
        for attempt in [tried, again] if tried.nofragment else [tried]:
            for zone in self.zonelist(tried.highest_zone):
                if self.may_take_from(zone, attempt):
                    pfn = self.take_from_zone(zone, cpu, attempt)
                    if pfn is not None:
                        if attempt.highatomic and not self.state.old:
                            self.reserve_highatomic(zone, pfn, attempt.order)
                        return pfn
        return None

    def may_take_from(self, zone: Zone, tried: Try) -> bool:
        if not self.state.new:
            return watermark_ok(self.state, zone, tried)
        if linux_6_18.above_high(self.state, zone, tried):
            return True
        return linux_6_18.watermark_ok(self.state, zone, tried, tried.mark)

    def reserve_highatomic(self, zone: Zone, pfn: int, order: int) -> None:
        if self.state.new:
            linux_6_18.reserve_highatomic(self.state, zone, pfn, order)
        else:
            fallback.reserve_highatomic(self.state, zone, pfn)

    def take_from_zone(self, zone: Zone, cpu: int, tried: Try) -> int | None:
        """From the per-cpu list, else the free lists; the reserve comes first for some, last for others."""
        if self.state.old:
            if tried.order == 0:
                return linux_2_6_27.get(self.state, zone, zone.pcps[cpu], tried.migratetype)
            return linux_2_6_27.take(self.state, zone, tried.migratetype, tried.order)
        pfn = None
        if pcplist.holds(self.state, tried.order):
            pfn = pcplist.get(self.state, zone, zone.pcps[cpu], tried)
        if pfn is None and tried.highatomic:
            pfn = take_smallest(self.state, zone, tried.order, MIGRATE_HIGHATOMIC)
        if pfn is None and self.state.new:
            pfn, _ = linux_6_18.take(self.state, zone, tried.migratetype, tried)
        elif pfn is None:
            pfn = fallback.take(self.state, zone, tried.migratetype, tried)
        if pfn is None and tried.non_block:
            pfn = take_smallest(self.state, zone, tried.order, MIGRATE_HIGHATOMIC)
        return pfn

    def free_pages(self, pfn: int, order: int = 0, cpu: int = 0) -> None:
        assert self.state.take_out_of_use(pfn) == order
        zone = self.state.zone_of(pfn)
        if self.state.old and order == 0:
            linux_2_6_27.put(self.state, zone, zone.pcps[cpu], pfn)
        elif not self.state.old and pcplist.holds(self.state, order):
            pcplist.put(self.state, zone, zone.pcps[cpu], pfn, order)
        elif self.state.new:
            linux_6_18.free_pageblocks(self.state, zone, pfn, order)
        else:
            free_block(self.state, zone, pfn, order, self.state.block_type(pfn))

    def decay_pcp_high(self, cpu: int) -> None:
        for zone in self.state.zones:
            linux_6_18.decay(self.state, zone, zone.pcps[cpu])

    def drain_all_pages(self) -> None:
        if self.state.new:
            linux_6_18.drain_all(self.state)
            return
        if not self.state.old:
            pcplist.drain_all(self.state)
            return
        for cpu in range(len(self.state.zones[0].pcps)):
            for zone in self.state.zones:
                linux_2_6_27.drain(self.state, zone, zone.pcps[cpu], zone.pcps[cpu].count())

    def mark_lru(self, pfn: int, on: bool = True) -> None:
        (self.state.lru.add if on else self.state.lru.discard)(pfn)

    def set_reclaim_active(self, zone: int, on: bool) -> None:
        self.state.zones[zone].reclaim_active = on

    def unreserve_highatomic(self, zone: int, migratetype: int, force: bool) -> bool:
        if self.state.new:
            return linux_6_18.unreserve_highatomic(self.state, self.state.zones[zone], migratetype, force)
        return fallback.unreserve_highatomic(self.state, self.state.zones[zone], migratetype, force)

    def open_capture(self, number: int, wanted: int) -> bool:
        """Rule 3, as the policy has it."""
        if not self.state.policy.enters_reclaim(wanted):
            return False
        held = self.state.captures[number]
        held.wanted, held.state, held.largest = wanted, "open", -1
        return True

    def reclaim_page(self, pfn: int, number: int, cpu: int = 0) -> bool:
        if capture.capture_page(self.state, self.state.captures[number], pfn):
            return True
        self.free_pages(pfn, 0, cpu)
        return False

    def settle(self, number: int, gfp: int = GFP_KERNEL, order: int = 0) -> int | None:
        return capture.settle(self.state, self.state.captures[number], slow_try(order, gfp))

    def close_capture(self, number: int) -> None:
        capture.close(self.state, self.state.captures[number])

    def free_lists(self) -> Lists:
        return {
            (z, order, mt): pfns
            for z, zone in enumerate(self.state.zones)
            for (order, mt), pfns in zone.free.items()
            if pfns
        }

    def pcp_lists(self) -> Lists:
        return {
            (z, cpu, i): pfns
            for z, zone in enumerate(self.state.zones)
            for cpu, pcp in enumerate(zone.pcps)
            for i, pfns in enumerate(pcp.lists)
            if pfns
        }

    def capture_lists(self) -> dict[int, list[tuple[int, int]]]:
        return {i: held.entries for i, held in enumerate(self.state.captures) if held.entries}


def is_atomic(gfp: int) -> bool:
    return bool(gfp & kernel.GFP_ATOMIC_BIT)


def slow_try(order: int, gfp: int) -> Try:
    """Who may not wait gets at the reserves; a high-order atomic request gets at those kept for its like."""
    high = bool(gfp & kernel.GFP_HIGH)
    cannot_wait = not gfp & kernel.GFP_DIRECT_RECLAIM and not gfp & kernel.GFP_NOMEMALLOC
    return Try(
        order,
        gfp_migratetype(gfp),
        gfp_zone(gfp),
        WMARK_MIN,
        kswapd=bool(gfp & kernel.GFP_KSWAPD_RECLAIM),
        min_reserve=high,
        non_block=cannot_wait,
        highatomic=cannot_wait and high and order > 0,
        atomic=is_atomic(gfp),
    )
