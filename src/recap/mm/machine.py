"""A machine to try things on: allocate, free, capture, and look at every list."""

from __future__ import annotations

import cython

from recap.kernel import GFP_KERNEL, MIGRATE_TYPES, NR_PCP_LISTS
from recap.pages import Memory

if not cython.compiled:
    from recap.kernel import NONE, PF_LRU
    from recap.mm import capture, migratetype, page_alloc, pcplist

Lists = dict[tuple[int, int, int], list[int]]


class Machine:
    """The allocator of a machine without tasks and time: nothing reclaims, so a request may fail.

    Args:
        memory: from `recap.mm.boot`.
    """

    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    def alloc_pages(self, order: int = 0, gfp: int = GFP_KERNEL, cpu: int = 0) -> int | None:
        """First frame of a block of 2**order pages, or None when neither the low nor the min watermark allows it."""
        pfn = self.get(cpu, order, gfp)
        return None if pfn == NONE else pfn

    def get(self, cpu: int, order: int, gfp: int) -> int:
        """`alloc_pages` without the interpreter."""
        flags = page_alloc.fast_alloc_flags(self.memory, gfp)
        pfn = page_alloc.get_page_from_freelist(self.memory, cpu, order, gfp, flags)
        if pfn == NONE:
            flags = page_alloc.gfp_to_alloc_flags(gfp, order)
            pfn = page_alloc.get_page_from_freelist(self.memory, cpu, order, gfp, flags)
        return pfn

    def free_pages(self, pfn: int, order: int = 0, cpu: int = 0) -> None:
        """Free a block that was allocated at this order."""
        page_alloc.free_pages(self.memory, cpu, pfn, order)

    def free_to_buddy(self, pfn: int, order: int = 0) -> None:
        """Free a block past the per-cpu lists, as who finds them locked does."""
        page_alloc.free_to_buddy(self.memory, pfn, order)

    def drain_all_pages(self) -> None:
        """Empty all per-cpu lists."""
        pcplist.drain_all_pages(self.memory)

    def mark_lru(self, pfn: int, on: bool = True) -> None:
        """Put a frame on (or take it off) the LRU as far as fallback and capture look at it: by its flag."""
        flags = self.memory.page[pfn].flags
        self.memory.page[pfn].flags = flags | PF_LRU if on else flags & ~PF_LRU

    def set_reclaim_active(self, zone: int, on: bool) -> None:
        """Say whether kswapd reclaims a zone: its per-cpu lists hold less meanwhile."""
        self.memory.zone[zone].reclaim_active = on

    def unreserve_highatomic(self, zone: int, mt: int, force: bool) -> bool:
        """Give a pageblock reserved for high-order atomic requests to another type, as the slow path does."""
        return bool(migratetype.unreserve_highatomic_pageblock(self.memory, zone, mt, force))

    def open_capture(self, owner: int, wanted: int) -> bool:
        """Start capture list number `list` for a request of order `wanted`; False if the policy does not want it."""
        return capture.open_capture(self.memory, owner, wanted, 1) >= 0

    def reclaim_page(self, pfn: int, owner: int, cpu: int = 0) -> bool:
        """Release an allocated order-0 page as a direct reclaimer does; True if its capture list kept it."""
        if capture.capture_page(self.memory, owner, pfn):
            return True
        page_alloc.free_pages(self.memory, cpu, pfn, 0)
        return False

    def settle(self, owner: int, gfp: int = GFP_KERNEL, order: int = 0) -> int | None:
        """End a batch: the wanted block if there is one and the min watermark allows it; all else goes free."""
        pfn = capture.capture_alloc_or_return(self.memory, owner, page_alloc.gfp_to_alloc_flags(gfp, order), gfp)
        return None if pfn == NONE else pfn

    def close_capture(self, owner: int) -> None:
        """The reclaimer returns; what it still holds goes free."""
        capture.close_capture(self.memory, owner)

    def free_lists(self) -> Lists:
        """Every free list that is not empty: (zone, order, migratetype) -> first frames, head first."""
        m = self.memory
        heads = {
            (zone, order, mt): m.free_head(zone, order, mt)
            for zone in range(m.nr_zones)
            for order in range(m.max_order)
            for mt in range(MIGRATE_TYPES)
        }
        return {key: m.walk(head) for key, head in heads.items() if m.walk(head)}

    def pcp_lists(self) -> Lists:
        """Every per-cpu list that is not empty: (zone, cpu, list number) -> first frames, head first."""
        m = self.memory
        heads = {
            (zone, cpu, i): m.pcp_head(zone, cpu, i)
            for zone in range(m.nr_zones)
            for cpu in range(m.nr_cpus)
            for i in range(NR_PCP_LISTS)
        }
        return {key: m.walk(head) for key, head in heads.items() if m.walk(head)}

    def capture_lists(self) -> dict[int, list[tuple[int, int]]]:
        """Every capture list that is not empty: list number -> (first frame, order), head first."""
        m = self.memory
        orders = m.array("page")["order"]
        held = {i: m.walk(int(m.capture_heads) + i) for i in range(len(m.array("capture")))}
        return {i: [(pfn, int(orders[pfn])) for pfn in pfns] for i, pfns in held.items() if pfns}
