"""Open loop: the trace is the truth. Each traced request is put to the model, which must name the frame the kernel
named.

What no tracepoint tells is inferred and counted apart. So far that is one thing: bulk allocations
(__alloc_pages_bulk), whose frames vanish from the head of a per-cpu list. A frame is only taken for one of these if the
trace does not allocate it again before it frees it; anything else is a mismatch. After a mismatch the model is set to
the kernel's truth for the frames concerned, and goes on.
"""

from __future__ import annotations

from typing import Any

import cython
import numpy as np

from recap.pages import Array, Memory, adopt

if not cython.compiled:
    from recap.kernel import NONE, NR_PCP_LISTS, PF_LRU, PG_ALLOCATED, PG_BUDDY, PG_PCP, PG_TAIL
    from recap.mm.buddy import free_one_page
    from recap.mm.free_area import add_to_free_list, del_page_from_free_list
    from recap.mm.page_alloc import (
        fast_alloc_flags,
        free_pages,
        get_page_from_freelist,
        gfp_migratetype,
        gfp_to_alloc_flags,
    )
    from recap.mm.pcplist import order_to_pindex
    from recap.pages import list_del, page_zone

    MM_PAGE_ALLOC = 0
    MM_PAGE_FREE = 1
    MM_PAGE_FREE_BATCHED = 2
    MM_LRU_INSERTION = 6
    NEVER = -1


def chain(event: Array, pfn: Array, frames: int) -> tuple[Array, Array]:
    """For each allocation or free the next one of the same frame, and for each frame its first one (-1: none).

    Returns:
        (following, upcoming): int32, of the length of the trace and of the memory.
    """
    following = np.full(len(event), -1, np.int32)
    upcoming = np.full(frames, -1, np.int32)
    rows = np.flatnonzero((event <= 2) & (pfn != 0xFFFFFFFF))
    rows = rows[np.argsort(pfn[rows], kind="stable")]
    same = pfn[rows[1:]] == pfn[rows[:-1]]
    following[rows[:-1][same]] = rows[1:][same]
    firsts = np.flatnonzero(np.concatenate(([True], ~same))) if len(rows) else rows
    upcoming[pfn[rows[firsts]]] = rows[firsts]
    return following, upcoming


class Replay:
    """An allocator trace put to a model of the memory it was recorded on.

    Args:
        memory: the state at the first event.
        event, cpu, pfn, order, flags: columns of recap.trace.Events, from that event on.
    """

    def __init__(self, memory: Memory, event: Array, cpu: Array, pfn: Array, order: Array, flags: Array) -> None:
        following, upcoming = chain(event, pfn, int(memory.nr_frames))
        self.m = memory
        self.event = adopt(event)
        self.cpu = adopt(cpu)
        self.pfn = adopt(pfn)
        self.order = adopt(order)
        self.flags = adopt(flags)
        self.following = adopt(following)
        self.upcoming = adopt(upcoming)
        self.allocations = 0
        self.exact = 0
        self.mismatched = 0
        self.untraced = 0
        self.frees = 0
        self.frees_unknown = 0
        self.failed = 0
        self.first_mismatch = -1
        self.first_predicted: Any = 0

    def advance(self, start: int, stop: int) -> None:
        """Replay the events from `start` up to `stop`."""
        self.run(start, stop)

    def run(self, start: int, stop: int) -> None:
        """`advance` without the interpreter."""
        for i in range(start, stop):
            if self.event[i] == MM_PAGE_ALLOC:
                self.allocate(i)
            elif self.event[i] == MM_PAGE_FREE:
                self.upcoming[self.pfn[i]] = self.following[i]
                if not self.deferred(i):
                    self.free(i)
            elif self.event[i] == MM_PAGE_FREE_BATCHED:
                self.upcoming[self.pfn[i]] = self.following[i]
                self.free(i)
            elif self.event[i] == MM_LRU_INSERTION:
                self.inserted(i)

    def deferred(self, i: int) -> bool:
        """Is this page of a list that is prepared first and put on the per-cpu list later? (free_unref_page_list)"""
        return self.following[i] != NEVER and self.event[self.following[i]] == MM_PAGE_FREE_BATCHED

    def allocate(self, i: int) -> None:
        """Compare the model's choice with the kernel's."""
        if self.pfn[i] == NONE:
            self.failed += 1
            return
        self.allocations += 1
        self.infer_untraced(i)
        predicted = self.predict(i)
        self.upcoming[self.pfn[i]] = self.following[i]
        if predicted == self.pfn[i]:
            self.exact += 1
            return
        self.mismatched += 1
        if self.first_mismatch < 0:
            self.first_mismatch = i
            self.first_predicted = predicted
        self.resynchronise(i, predicted)

    def predict(self, i: int) -> int:
        """The frame the model hands out: at the low watermark, or else as the slow path first tries."""
        order = self.order[i]
        gfp = self.flags[i]
        pfn = get_page_from_freelist(self.m, self.cpu[i], order, gfp, fast_alloc_flags(self.m, gfp))
        if pfn == NONE:
            pfn = get_page_from_freelist(self.m, self.cpu[i], order, gfp, gfp_to_alloc_flags(gfp, order))
        return pfn

    def unheard_of(self, pfn: int) -> bool:
        """Does the trace not allocate this frame before it frees it?"""
        return self.upcoming[pfn] == NEVER or self.event[self.upcoming[pfn]] != MM_PAGE_ALLOC

    def infer_untraced(self, i: int) -> None:
        """Take the frames ahead of the traced one off the per-cpu list, if all of them may be a bulk allocation's."""
        if self.order[i] != 0 or self.m.page[self.pfn[i]].state != PG_PCP:
            return
        zone = page_zone(self.m, self.pfn[i])
        p = zone * self.m.nr_cpus + self.cpu[i]
        head = self.m.pcp_heads + p * NR_PCP_LISTS + order_to_pindex(gfp_migratetype(self.flags[i]), 0)
        pfn = self.m.page[head].next
        while pfn != head and pfn != self.pfn[i] and self.unheard_of(pfn):
            pfn = self.m.page[pfn].next
        if pfn != self.pfn[i]:
            return
        while self.m.page[head].next != self.pfn[i]:
            pfn = self.m.page[head].next
            list_del(self.m, pfn)
            self.m.page[pfn].state = PG_ALLOCATED
            self.m.pcp[p].count -= 1
            self.untraced += 1

    def resynchronise(self, i: int, predicted: int) -> None:
        """Undo the model's choice and take the kernel's frame from wherever the model has it."""
        order = self.order[i]
        if predicted != NONE:
            free_pages(self.m, self.cpu[i], predicted, order)
        self.take_frame(self.pfn[i], order)

    def take_frame(self, pfn: int, order: int) -> None:
        """Make a block allocated, wherever the model has its frames: on per-cpu lists or free."""
        zone = page_zone(self.m, pfn)
        at = pfn
        while at < pfn + (1 << order):
            block = self.free_block_over(at)
            if block == NONE:
                at += 1
            elif self.m.page[block].state == PG_PCP:
                self.remove_from_pcp(block)
                free_one_page(self.m, zone, block, self.m.page[block].order, self.m.page[block].migratetype, False)
            elif self.m.page[block].order > order:
                self.cut_out(zone, block, pfn, order)
                break
            else:
                at = block + (1 << self.m.page[block].order)
                del_page_from_free_list(self.m, zone, block)
                self.m.zone[zone].free_pages -= 1 << self.m.page[block].order
        self.m.page[pfn].state = PG_ALLOCATED
        self.m.page[pfn].order = order

    def free_block_over(self, pfn: int) -> int:
        """The free block, in the buddy lists or on a per-cpu list, that a frame lies in; NONE if it is in use."""
        for order in range(self.m.max_order):
            block = pfn & ~((1 << order) - 1)
            if self.m.page[block].state in (PG_BUDDY, PG_PCP) and self.m.page[block].order >= order:
                return block
        return NONE

    def any_free(self, pfn: int, order: int) -> bool:
        """Does the model hold a frame of this block free?"""
        if self.m.page[pfn].state != PG_ALLOCATED and self.free_block_over(pfn) != NONE:
            return True
        i = pfn + 1
        while i < pfn + (1 << order) and self.m.page[i].state not in (PG_BUDDY, PG_PCP):
            i += 1
        return i < pfn + (1 << order)

    def remove_from_pcp(self, pfn: int) -> None:
        """Take a frame off a per-cpu list, whichever CPU's it is."""
        head = self.m.page[pfn].next
        while head < self.m.nr_frames:
            head = self.m.page[head].next
        list_del(self.m, pfn)
        self.m.page[pfn].state = PG_TAIL
        self.m.pcp[(head - self.m.pcp_heads) // NR_PCP_LISTS].count -= 1 << self.m.page[pfn].order

    def cut_out(self, zone: int, block: int, pfn: int, order: int) -> None:
        """Split a free block around a part of it; the other parts stay free (break_down_buddy_pages)."""
        high = self.m.page[block].order
        migratetype = self.m.page[block].migratetype
        del_page_from_free_list(self.m, zone, block)
        while high > order:
            high -= 1
            half = block + (1 << high)
            if pfn >= half:
                add_to_free_list(self.m, zone, block, high, migratetype, False)
                block = half
            else:
                add_to_free_list(self.m, zone, half, high, migratetype, False)
        self.m.zone[zone].free_pages -= 1 << order

    def free(self, i: int) -> None:
        """Free a frame where the kernel did; one that the model holds free already is counted, not freed twice."""
        pfn = self.pfn[i]
        if self.any_free(pfn, self.order[i]):
            self.frees_unknown += 1
            return
        self.frees += 1
        free_pages(self.m, self.cpu[i], pfn, self.order[i])

    def inserted(self, i: int) -> None:
        """Remember that a block is on an LRU list: fallback takes such pages for movable."""
        pfn = self.pfn[i]
        self.m.page[pfn].flags |= PF_LRU
