"""A machine to try things on: allocate, free, capture, and look at every list."""

from __future__ import annotations

import os
from html import escape
from typing import Any

import cython

from recap.errors import InputError
from recap.kernel import GFP_KERNEL, MIGRATE_TYPES, NR_PCP_LISTS
from recap.mm import boot
from recap.mm.buddyinfo import free_blocks
from recap.mm.page_map import PageMap, as_svg, page_map
from recap.pages import Memory
from recap.policy import candidate
from recap.trace import Recording

if not cython.compiled:
    from recap.kernel import COMPACT_CONTINUE, NONE, PG_LRU
    from recap.mm import capture, compaction, migratetype, page_alloc, pcplist, watermark

Lists = dict[tuple[int, int, int], list[int]]


class Machine:
    """The allocator of a machine without tasks and time: nothing reclaims by itself, so a request may fail.

    For teaching and tests: allocate, free, be the reclaimer, and look at every list. Frames are page frame numbers,
    orders binary logarithms of pages. A notebook shows the page map.

    Args:
        memory: from `recap.mm.boot`; `Machine.empty` and `Machine.recorded` make it.

    Example:
        >>> machine = recap.Machine.empty(mebibytes=16, policy="whitcroft")
        >>> pages = [machine.alloc_pages() for _ in range(16)]
        >>> pages[:4]
        [0, 1, 2, 3]
        >>> machine.drain_all_pages()
        >>> machine.open_capture(0, wanted=4)
        True
        >>> [machine.reclaim_page(pfn, 0) for pfn in pages[:4]]
        [True, True, True, True]
        >>> machine.capture_lists()
        {0: [(0, 2)]}
        >>> all(machine.reclaim_page(pfn, 0) for pfn in pages[4:])
        True
        >>> machine.capture_lists()  # whitcroft merges past the wanted order, with all that is free beside it
        {0: [(0, 10)]}
        >>> machine.settle(0, order=4)  # the wanted block; the rest goes free again
        0
    """

    @classmethod
    def empty(cls, mebibytes: int = 16, cpus: int = 1, captures: int = 8, policy: Any = "none") -> Machine:
        """A machine just booted: one zone of free memory, its watermarks by the kernel's formulas.

        Args:
            mebibytes: memory in MiB, a multiple of 4.
            cpus: number of CPUs, each with its own per-cpu lists.
            captures: how many reclaimers may capture at once.
            policy: as `recap.compare` takes it.

        Example:
            >>> print(recap.Machine.empty(64).buddyinfo().rstrip())
            Node 0, zone    DMA32      0      0      0      0      0      0      0      0      0      0     16
        """
        return cls(boot.empty_machine(mebibytes, cpus, captures, candidate(policy).make()))

    @classmethod
    def recorded(cls, path: str | os.PathLike[str], n: int = 0, captures: int = 8, policy: Any = "none") -> Machine:
        """A recorded kernel's memory, before (0) or after (1) the load.

        Errors:
            InputError: the recording has no such snapshot.

        Example:
            >>> machine = recap.Machine.recorded("recordings/hugetlb-1cpu")
            >>> machine.page_map().shape
            (131072,)
        """
        snapshot = Recording(path).snapshot(n)
        if snapshot is None:
            raise InputError(path, f"snap{n}.npz", "there is no such file", "record the memory state as well")
        return cls(boot.as_recorded(snapshot, captures, candidate(policy).make()))

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
            flags = page_alloc.gfp_to_alloc_flags(self.memory, gfp, order)
            pfn = page_alloc.get_page_from_freelist(self.memory, cpu, order, gfp, flags)
        return pfn

    def alloc_from_buddy(self, order: int = 0, gfp: int = GFP_KERNEL) -> int | None:
        """`alloc_pages` past the per-cpu lists, as who finds them locked does."""
        self.lock_pcp_lists(1)
        pfn = self.get(0, order, gfp)
        self.lock_pcp_lists(0)
        return None if pfn == NONE else pfn

    def watermark_ok(self, zone: int = 0, order: int = 0, gfp: int = GFP_KERNEL) -> bool:
        """Would a zone serve a request that has entered the slow path: is the min mark kept, and a block free?

        Example:
            >>> machine = recap.Machine.empty(16)
            >>> machine.watermark_ok(order=10), machine.watermark_ok(order=11)
            (True, False)
        """
        flags = page_alloc.gfp_to_alloc_flags(self.memory, gfp, order)
        return bool(watermark.zone_watermark_fast(self.memory, zone, order, page_alloc.gfp_zone(gfp), flags, gfp))

    def set_free_pages(self, zone: int, pages: int) -> None:
        """Set a zone's count of free pages, whatever its lists hold, to ask what would be answered then."""
        self.memory.zone[zone].free_pages = pages

    def may_use(self, zone: int, gfp: int) -> bool:
        """May a request with these flags take pages of a zone?"""
        return bool(self.memory.zone[zone].index <= page_alloc.gfp_zone(gfp))

    def fragmentation_index(self, order: int, zone: int = 0) -> int:
        """extfrag_index times 1000: towards 0 memory lacks, towards 1000 it is in pieces; -1000: a block is free."""
        return compaction.fragmentation_index(self.memory, zone, order)

    def compaction_helps(self, order: int, zone: int = 0, gfp: int = GFP_KERNEL) -> bool:
        """Would direct compaction try a zone for such a request: enough free to move pages to, in pieces enough?"""
        highest = page_alloc.gfp_zone(gfp)
        flags = page_alloc.gfp_to_alloc_flags(self.memory, gfp, order)
        return bool(compaction.compaction_suitable(self.memory, zone, order, flags, highest) == COMPACT_CONTINUE)

    def free_pages(self, pfn: int, order: int = 0, cpu: int = 0) -> None:
        """Free a block that was allocated at this order."""
        page_alloc.free_pages(self.memory, cpu, pfn, order)

    def free_to_buddy(self, pfn: int, order: int = 0) -> None:
        """Free a block past the per-cpu lists, as who finds them locked does."""
        page_alloc.free_to_buddy(self.memory, pfn, order)

    def drain_all_pages(self) -> None:
        """Empty all per-cpu lists."""
        pcplist.drain_all_pages(self.memory)

    def decay_pcp_high(self, cpu: int = 0) -> None:
        """A second passes for a CPU's lists that are not used: they may hold less (since 6.7)."""
        for zone in range(self.memory.nr_zones):
            pcplist.decay_pcp_high(self.memory, zone, cpu)

    def mark_lru(self, pfn: int, on: bool = True) -> None:
        """Put a frame on (or take it off) the LRU as far as fallback and capture look at it: by its flag."""
        flags = self.memory.page[pfn].flags
        self.memory.page[pfn].flags = flags | PG_LRU if on else flags & ~PG_LRU

    def set_reclaim_active(self, zone: int, on: bool) -> None:
        """Say whether kswapd reclaims a zone: its per-cpu lists hold less meanwhile."""
        self.memory.zone[zone].reclaim_active = on

    def unreserve_highatomic(self, zone: int, mt: int, force: bool) -> bool:
        """Give a pageblock reserved for high-order atomic requests to another type, as the slow path does."""
        return bool(migratetype.unreserve_highatomic_pageblock(self.memory, zone, mt, force))

    def open_capture(self, owner: int, wanted: int) -> bool:
        """Start capture list number `owner` for a request of order `wanted`; False if the policy does not want it."""
        return capture.open_capture(self.memory, owner, wanted, 1) >= 0

    def lock_pcp_lists(self, locked: int) -> None:
        """Somebody else holds the locks of all per-cpu lists from now on (1), or nobody (0)."""
        for p in range(self.memory.nr_zones * self.memory.nr_cpus):
            self.memory.pcp[p].locked = locked

    def keep_page(self, pfn: int, owner: int) -> bool:
        """Put an order-0 page that is about to be released on a capture list, if it is of use there."""
        return bool(capture.capture_page(self.memory, owner, pfn))

    def reclaim_page(self, pfn: int, owner: int, cpu: int = 0) -> bool:
        """Release an allocated order-0 page as a direct reclaimer does; True if its capture list kept it."""
        if self.keep_page(pfn, owner):
            return True
        page_alloc.free_pages(self.memory, cpu, pfn, 0)
        return False

    def settle(self, owner: int, gfp: int = GFP_KERNEL, order: int = 0) -> int | None:
        """End a batch: the wanted block if there is one and the min watermark allows it; all else goes free."""
        pfn = capture.capture_alloc_or_return(
            self.memory, owner, page_alloc.gfp_to_alloc_flags(self.memory, gfp, order), gfp
        )
        return None if pfn == NONE else pfn

    def close_capture(self, owner: int) -> None:
        """The reclaimer returns; what it still holds goes free."""
        capture.close_capture(self.memory, owner)

    def buddyinfo(self) -> str:
        """/proc/buddyinfo, now."""
        return free_blocks(self.memory).buddyinfo()

    def pagetypeinfo(self) -> str:
        """/proc/pagetypeinfo, now."""
        return free_blocks(self.memory).pagetypeinfo()

    def page_map(self) -> PageMap:
        """What each frame is used for: (frames,) uint8 of recap.mm.page_map.Use."""
        return page_map(self.memory)

    def _repr_html_(self) -> str:
        """The page map where it is small enough to be one, and /proc/buddyinfo."""
        return f"{as_svg(self.memory)}<pre>{escape(self.buddyinfo())}</pre>"

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
