"""Open loop: the trace is the truth. Each traced request is put to the model, which must name the frame the kernel
named."""

from __future__ import annotations

import cython
import numpy as np

from recap.kernel import WMARK_LOW, WMARK_MIN, stat_threshold
from recap.pages import Memory, adopt
from recap.sim.operations import Operations
from recap.trace import Events

if not cython.compiled:
    from recap.kernel import (
        ALLOC_NO_WATERMARKS,
        MIGRATE_MOVABLE,
        MIGRATE_PCPTYPES,
        NONE,
        NR_PCP_LISTS,
        PAGE_ALLOC_COSTLY_ORDER,
        PF_LRU,
        PG_ALLOCATED,
        PG_BUDDY,
        PG_PCP,
    )
    from recap.mm.free_area import free_list, move_to_free_list
    from recap.mm.migratetype import unreserve_highatomic_pageblock
    from recap.mm.page_alloc import (
        fast_alloc_flags,
        free_pages,
        free_to_buddy,
        get_page_from_freelist,
        gfp_migratetype,
        gfp_zone,
        gfp_to_alloc_flags,
    )
    from recap.mm.pcplist import (
        drain_pages_zone,
        nr_pcp_free,
        nr_pcp_high,
        free_unref_page_commit,
        order_to_pindex,
        pcp_allowed_order,
        rmqueue_bulk,
    )
    from recap.pages import list_add_tail, list_del, list_empty, page_zone
    from recap.sim.operations import (
        ALLOC,
        DRAIN,
        FREE,
        IN_INTERRUPT,
        INSERTION,
        ISOLATE,
        LOCKED_OUT,
        MAYBE_LOCKED_OUT,
        KSWAPD_SLEEP,
        KSWAPD_WAKE,
        MM_LRU_INSERTION,
        MM_PAGE_ALLOC,
        MM_PAGE_ALLOC_EXTFRAG,
        MM_PAGE_ALLOC_ZONE_LOCKED,
        MM_PAGE_FREE,
        MM_PAGE_FREE_BATCHED,
        MM_PAGE_PCPU_DRAIN,
        MM_VMSCAN_DIRECT_RECLAIM_BEGIN,
        NEVER,
        NO_ROLE,
        PREPARE,
        SEARCH,
        TAKE,
    )
    from recap.sim.truth import any_free, free_block_over, isolate_free_page, give_back, pcp_of, put_on_pcp, remove_from_pcp, take_frame


class Replay:
    """An allocator trace put to a model of the memory it was recorded on."""

    def __init__(self, memory: Memory, events: Events) -> None:
        self.m = memory
        memory.trace(1 << 16)
        self.ops = Operations(events, int(memory.nr_frames))
        self.event = adopt(events.event)
        self.cpu = adopt(events.cpu)
        self.pfn = adopt(events.pfn)
        self.order = adopt(events.order)
        self.migratetype = adopt(events.migratetype)
        self.flags = adopt(events.flags)
        self.a = adopt(events.a)
        self.b = adopt(events.b)
        self.allocations = 0
        self.exact = 0
        self.mismatched = 0
        self.untraced = 0
        self.frees = 0
        self.frees_unknown = 0
        self.failed = 0
        self.taken = 0
        self.taken_exact = 0
        self.drained = 0
        self.drained_exact = 0
        self.drains_inferred = 0
        self.log = adopt(np.zeros(400000, np.int64))
        self.nr_log = 0
        self.threshold = adopt(np.array([self.drift(zone) for zone in range(memory.nr_zones)], np.int64))
        self.dirty_limited = 0
        self.now = 0
        self.searches = 0
        self.rotations = 0
        self.turned = adopt(np.zeros(memory.nr_zones, np.int64))
        self.compacting = adopt(np.zeros(memory.nr_cpus, np.int64))
        self.drain_until = adopt(np.zeros(memory.nr_zones * memory.nr_cpus, np.int64))
        self.context = adopt(events.context)
        self.pid = adopt(events.pid)
        pcps = memory.nr_zones * memory.nr_cpus
        self.interrupt = adopt(np.zeros(memory.nr_cpus, np.int64))
        self.interrupted = adopt(np.zeros(memory.nr_cpus, np.int64))
        self.factor_before = adopt(np.zeros(pcps, np.int64))
        self.freed_since = adopt(np.zeros(pcps, np.int64))
        self.other_factor = adopt(np.full(pcps, -1, np.int64))
        self.reordered = 0
        self.isolated = 0
        self.isolated_quickly = 0
        self.run_end = adopt(np.zeros(memory.nr_cpus, np.int64))
        self.run_zone = adopt(np.zeros(memory.nr_cpus, np.int64))
        self.run_pages = adopt(np.zeros(memory.nr_cpus, np.int64))
        self.interrupts = 0
        self.uncertain = 0
        self.quiet = False

    def drift(self, zone):
        """By how many pages at most a zone's counter of free pages may be off."""
        record = self.m.array("zone")[zone]
        low, least = int(record["watermark"][WMARK_LOW]), int(record["watermark"][WMARK_MIN])
        cpus = int(self.m.nr_cpus)
        return cpus * stat_threshold(int(record["managed"]), low, least, cpus)

    def logged(self):
        return [tuple(self.log[4 * i + j] for j in range(4)) for i in range(min(self.nr_log, 100000))]

    def advance(self, start: int, stop: int) -> None:
        """Replay the events from `start` up to `stop`."""
        self.run(start, stop)

    def run(self, start: int, stop: int) -> None:
        """`advance` without the interpreter."""
        for i in range(start, stop):
            if self.event[i] <= MM_LRU_INSERTION and self.pfn[i] != NONE and self.event[i] != MM_PAGE_ALLOC_EXTFRAG:
                self.ops.upcoming[self.pfn[i]] = self.ops.following[i]
            if self.ops.role[i] != NO_ROLE:
                self.apply(i)

    def apply(self, i: int) -> None:
        """Do what an event sets off."""
        role = self.ops.role[i]
        self.now = i
        if role <= DRAIN and self.context[i] & IN_INTERRUPT and not self.interrupt[self.cpu[i]]:
            self.enter_interrupt(i)
        if role == ALLOC:
            self.allocate_untaken(i)
        elif role == FREE:
            self.m.nr_emitted = 0
            if pcp_allowed_order(self.m, self.order[i]) and self.would_drain(
                page_zone(self.m, self.pfn[i]) * self.m.nr_cpus + self.cpu[i], self.order[i]
            ):
                self.catch_up(
                    page_zone(self.m, self.pfn[i]) * self.m.nr_cpus + self.cpu[i], False, self.order[i], i
                )
            self.free(i)
            if self.m.nr_emitted > 0:
                self.compare_drained(NEVER, page_zone(self.m, self.pfn[i]) * self.m.nr_cpus + self.cpu[i])
        elif role == PREPARE:
            self.prepare(i)
        elif role == TAKE:
            self.take_run(i)
        elif role == DRAIN:
            self.drain_run(i)
        elif role == INSERTION:
            self.inserted(i)
        elif role == SEARCH:
            self.searched(i)
        elif role == ISOLATE:
            self.isolate(i)
        elif role == KSWAPD_WAKE:
            self.kswapd_woke(i)
        elif role == KSWAPD_SLEEP:
            self.kswapd_sleeps()
        if role <= DRAIN and not self.context[i] & IN_INTERRUPT:
            self.interrupt[self.cpu[i]] = 0

    def enter_interrupt(self, i: int) -> None:
        """An interrupt's first operation: what it interrupts may have been made, and not yet reported."""
        self.interrupt[self.cpu[i]] = 1
        self.interrupted[self.cpu[i]] = self.pid[i]
        for zone in range(self.m.nr_zones):
            p = zone * self.m.nr_cpus + self.cpu[i]
            self.factor_before[p] = self.m.pcp[p].free_factor
            self.freed_since[p] = 0

    def note(self, kind: int, i: int, model: int, more: int) -> None:
        """Log."""
        if self.nr_log < 100000:
            self.log[4 * self.nr_log] = kind
            self.log[4 * self.nr_log + 1] = self.now if i < 0 else i
            self.log[4 * self.nr_log + 2] = model
            self.log[4 * self.nr_log + 3] = more
        self.nr_log += 1

    def allocate_untaken(self, i: int) -> None:
        """An allocation that took nothing from the free lists: from a per-cpu list."""
        if self.pfn[i] == NONE:
            self.failed += 1
            return
        zone = page_zone(self.m, self.pfn[i])
        p = zone * self.m.nr_cpus + self.cpu[i]
        if pcp_allowed_order(self.m, self.order[i]):
            self.infer_bulk(p, order_to_pindex(gfp_migratetype(self.flags[i]), self.order[i]), self.pfn[i])
        if self.interrupt[self.cpu[i]] and self.interrupted[self.cpu[i]] == self.pid[i] and self.made_before_interrupt(i, p):
            return
        self.m.nr_emitted = 0
        predicted = self.predict(i)
        if self.m.nr_emitted > 0:
            self.compare_taken(NEVER, p, predicted)
        self.allocated(i, predicted, False)

    def made_before_interrupt(self, i: int, p: int) -> bool:
        """Was this allocation made before the interrupt that the trace shows first?

        Its frame tells, if the interrupt freed others onto its list; if not, the next drain does.
        """
        factor = (self.factor_before[p] >> 1) + self.m.pcp[p].free_factor - self.factor_before[p]
        head = self.m.pcp_heads + p * NR_PCP_LISTS + order_to_pindex(gfp_migratetype(self.flags[i]), self.order[i])
        if not pcp_allowed_order(self.m, self.order[i]):
            return False
        if self.m.page[head].next == self.pfn[i] or self.m.page[self.pfn[i]].state != PG_PCP:
            self.other_factor[p] = factor
            return False
        pfn = self.m.page[head].next
        ahead = self.freed_since[p]
        while pfn != head and pfn != self.pfn[i] and ahead > 0:
            pfn = self.m.page[pfn].next
            ahead -= 1
        if pfn != self.pfn[i]:
            return False
        list_del(self.m, pfn)
        self.m.page[pfn].state = PG_ALLOCATED
        self.m.pcp[p].count -= 1 << self.order[i]
        self.m.pcp[p].free_factor = factor
        self.reordered += 1
        self.allocations += 1
        self.exact += 1
        return True

    def allocated(self, i: int, predicted: int, wrong: bool) -> None:
        """Compare the model's choice with the kernel's."""
        self.allocations += 1
        if predicted == self.pfn[i]:
            self.exact += not wrong
            self.mismatched += wrong
            if self.m.page[predicted].state == PG_ALLOCATED:
                return
        else:
            self.mismatched += 1
            self.note(0, i, predicted, self.m.page[self.pfn[i]].state)
            if predicted != NONE and self.m.page[predicted].state == PG_ALLOCATED:
                self.put_aside(i, predicted)
        take_frame(self.m, self.pfn[i], self.order[i])

    def put_aside(self, i: int, predicted: int) -> None:
        """Put a block that the kernel did not choose back where it was."""
        migratetype = gfp_migratetype(self.flags[i])
        if pcp_allowed_order(self.m, self.order[i]):
            put_on_pcp(
                self.m,
                page_zone(self.m, predicted) * self.m.nr_cpus + self.cpu[i],
                predicted,
                self.order[i],
                migratetype,
            )
        else:
            give_back(self.m, predicted, self.order[i], migratetype)

    def predict(self, i: int) -> int:
        """The frame the model hands out: at the low watermark, or else as the slow path first tries."""
        order = self.order[i]
        gfp = self.flags[i]
        pfn = NONE
        if self.ops.partner[i] != SLOW and self.first_try(i, fast_alloc_flags(self.m, gfp)):
            pfn = get_page_from_freelist(self.m, self.cpu[i], order, gfp, fast_alloc_flags(self.m, gfp))
        if pfn == NONE:
            self.settle_watermarks(i, gfp_to_alloc_flags(gfp, order))
            pfn = get_page_from_freelist(self.m, self.cpu[i], order, gfp, gfp_to_alloc_flags(gfp, order))
        if pfn == NONE:
            pfn = get_page_from_freelist(self.m, self.cpu[i], order, gfp, ALLOC_NO_WATERMARKS)
        for order in range(self.m.nr_zones):
            self.m.zone[order].vm_stat_diff = 0
        return pfn

    def first_try(self, i: int, alloc_flags: int) -> bool:
        """Did the first try, at the low watermark, not fail for sure?"""
        if self.settle_watermarks(i, alloc_flags):
            return True
        if self.refused_everywhere(i, alloc_flags):
            return False
        if self.flags[i] & GFP_WRITE:
            self.dirty_limited += 1
            return False
        return True

    def refused_everywhere(self, i: int, alloc_flags: int) -> bool:
        """May all zones have been below their watermarks?"""
        highest = gfp_zone(self.flags[i])
        zone = preferred_zone(self.m, highest)
        while zone >= 0:
            if not self.settle_watermark(i, zone, highest, alloc_flags, False):
                return False
            zone -= 1
        return True

    def settle_watermarks(self, i: int, alloc_flags: int) -> bool:
        """Let the counters of free pages be what the kernel's choice of a zone says, as far as they may be off."""
        kernels = page_zone(self.m, self.pfn[i])
        highest = gfp_zone(self.flags[i])
        zone = preferred_zone(self.m, highest)
        while zone > kernels:
            if not self.settle_watermark(i, zone, highest, alloc_flags, False):
                return False
            zone -= 1
        return self.settle_watermark(i, zone, highest, alloc_flags, True)

    def settle_watermark(self, i: int, zone: int, highest: int, alloc_flags: int, wanted: bool) -> bool:
        """Let a zone pass its watermark, or not, if its counter may be so far off."""
        if zone_watermark_fast(self.m, zone, self.order[i], highest, alloc_flags, self.flags[i]) == wanted:
            return True
        diff = -self.unseen(zone, 1) if wanted else self.unseen(zone, -1)
        self.m.zone[zone].vm_stat_diff = diff
        if zone_watermark_fast(self.m, zone, self.order[i], highest, alloc_flags, self.flags[i]) == wanted:
            self.uncertain += 1
            return True
        self.m.zone[zone].vm_stat_diff = 0
        return False

    def unheard_of(self, pfn: int) -> bool:
        """May this frame have been taken unannounced: is it not allocated or drained before it is freed?"""
        return self.ops.upcoming[pfn] == NEVER or self.taken_unannounced(pfn)

    def taken_unannounced(self, pfn: int) -> bool:
        """Does the trace free this frame next, so that it must have been taken, now or later?"""
        return (
            self.ops.upcoming[pfn] != NEVER and MM_PAGE_FREE <= self.event[self.ops.upcoming[pfn]] <= MM_PAGE_FREE_BATCHED
        )

    def take_unannounced(self, p: int, pfn: int) -> None:
        """Take a frame off its per-cpu list for a bulk allocation."""
        list_del(self.m, pfn)
        self.m.page[pfn].state = PG_ALLOCATED
        self.m.pcp[p].count -= 1 << self.m.page[pfn].order
        self.untraced += 1

    def catch_up(self, p: int, drains: bool, order: int, i: int) -> None:
        """The model is about to drain and the kernel did not: bulk allocations took from the lists meanwhile.

        They take from the head. A frame below another that was still there later must be gone by now; of those at the
        head as many are taken as explain that the kernel did not drain.
        """
        for mt in range(MIGRATE_PCPTYPES):
            self.catch_up_list(p, mt, True, 1 << 30)
        mt = 0
        while mt < MIGRATE_PCPTYPES and self.would_drain(p, order):
            self.catch_up_list(p, mt, False, self.m.pcp[p].count + (1 << order) - self.limit(p, order) + 1)
            mt += 1

    def catch_up_list(self, p: int, pindex: int, below: bool, most: int) -> None:
        """Take the frames that left one list unannounced: those below others, or those at the head."""
        head = self.m.pcp_heads + p * NR_PCP_LISTS + pindex
        pfn = self.m.page[head].next
        seen = -1
        while pfn != head and most > 0:
            after = self.m.page[pfn].next
            if self.taken_unannounced(pfn):
                if not below or seen > self.ops.upcoming[pfn]:
                    self.take_unannounced(p, pfn)
                    most -= 1
            elif not below:
                return
            elif self.ops.upcoming[pfn] == NEVER:
                seen = len(self.event)
            else:
                seen = max(seen, self.ops.upcoming[pfn])
            pfn = after

    def limit(self, p: int, order: int) -> int:
        """How many pages a per-cpu list may hold at a free of this order (free_unref_page_commit)."""
        return nr_pcp_high(
            self.m, p // self.m.nr_cpus, p, self.m.pcp[p].free_factor > 0 and 0 < order <= PAGE_ALLOC_COSTLY_ORDER
        )

    def would_drain(self, p: int, order: int) -> bool:
        """Would a free of this order drain?"""
        return self.m.pcp[p].count + (1 << order) >= self.limit(p, order)

    def infer_bulk(self, p: int, pindex: int, until: int) -> None:
        """Take the frames ahead of `until` off a per-cpu list, if all of them may have been taken by now."""
        head = self.m.pcp_heads + p * NR_PCP_LISTS + pindex
        pfn = self.m.page[head].next
        while pfn != head and pfn != until and (self.unheard_of(pfn) or self.reported_late(p, pfn)):
            pfn = self.m.page[pfn].next
        if pfn != until and pfn != head or pfn == head and until != NONE:
            return
        while self.m.page[head].next != pfn:
            if self.reported_late(p, self.m.page[head].next):
                self.allocate_early(p, self.m.page[head].next)
            else:
                self.take_unannounced(p, self.m.page[head].next)

    def reported_late(self, p: int, pfn: int) -> bool:
        """Is the next thing reported of this frame an allocation that its thread may have made by now?"""
        i = self.ops.upcoming[pfn]
        return (
            i != NEVER
            and self.event[i] == MM_PAGE_ALLOC
            and self.cpu[i] == p % self.m.nr_cpus
            and self.ops.role[i] == ALLOC
            and self.ops.since[i] < self.now
            and not (self.context[i] == self.context[self.now] and self.pid[i] == self.pid[self.now])
        )

    def allocate_early(self, p: int, pfn: int) -> None:
        """Make an allocation that is reported later."""
        self.ops.role[self.ops.upcoming[pfn]] = NO_ROLE
        list_del(self.m, pfn)
        self.m.page[pfn].state = PG_ALLOCATED
        self.m.pcp[p].count -= 1 << self.m.page[pfn].order
        self.m.pcp[p].free_factor >>= 1
        self.reordered += 1
        self.allocations += 1
        self.exact += 1

    def put_away_strays(self, p: int) -> None:
        """Frames that are on a CPU's lists in the model only go where the trace says they are."""
        for pindex in range(NR_PCP_LISTS):
            self.put_away(p, pindex, False)

    def put_away(self, p: int, pindex: int, whole: bool) -> None:
        """Take those frames off one list: all of them, where it is known to be empty."""
        head = self.m.pcp_heads + p * NR_PCP_LISTS + pindex
        pfn = self.m.page[head].next
        while pfn != head:
            after = self.m.page[pfn].next
            i = self.ops.upcoming[pfn]
            if i == NEVER or self.event[i] == MM_PAGE_ALLOC_ZONE_LOCKED:
                if whole or i != NEVER:
                    give_back(self.m, pfn, self.m.page[pfn].order, self.m.page[pfn].migratetype)
            elif whole or not (
                self.event[i] == MM_PAGE_PCPU_DRAIN
                or self.event[i] == MM_PAGE_ALLOC and self.cpu[i] == p % self.m.nr_cpus
            ):
                remove_from_pcp(self.m, pfn)
                self.m.page[pfn].state = PG_ALLOCATED
            pfn = after

    def take_run(self, i: int) -> None:
        """Blocks were taken from the free lists: for an allocation, or unannounced for a bulk allocation."""
        alloc = self.ops.partner[i]
        if self.searches:
            self.find_turned_lists(i)
        first = i
        while self.event[first] != MM_PAGE_ALLOC_ZONE_LOCKED and self.ops.next_step[first] != NEVER:
            first = self.ops.next_step[first]
        if alloc != NEVER and self.pfn[alloc] == self.pfn[first]:
            self.ops.role[alloc] = NO_ROLE
            self.run_goes_on(self.allocate_taking(alloc, first, i), TAKE, NEVER)
        else:
            self.run_goes_on(self.refill(first, i), TAKE, alloc)

    def find_turned_lists(self, i: int) -> None:
        """Compaction's quick searches turn free lists, as one turns a ring, and take blocks from them, unannounced.

        A run of steps takes the first block of a list, or the list was turned since. A block that was ahead, and is used
        without being taken, was taken by compaction. (fast_isolate_freepages, fast_find_migrateblock)
        """
        zone = page_zone(self.m, self.pfn[i])
        met = 0
        while i != NEVER:
            block = self.pfn[i]
            if self.event[i] == MM_PAGE_ALLOC_ZONE_LOCKED and self.m.page[block].state == PG_BUDDY:
                order = self.m.page[block].order
                if not met & (1 << order) and self.m.page[block].migratetype == MIGRATE_MOVABLE:
                    self.bring_to_head(zone, block, order)
                met |= 1 << order
            i = self.ops.next_step[i]

    def bring_to_head(self, zone: int, block: int, order: int) -> None:
        """Make a block the first of its list."""
        head = free_list(self.m, zone, order, MIGRATE_MOVABLE)
        if not self.turned[zone] & (1 << order):
            return
        pfn = self.m.page[head].next
        while pfn != block and pfn != head and self.used_untaken(pfn, order):
            self.isolated_quickly += 1 << order
            isolate_free_page(self.m, pfn)
            pfn = self.m.page[head].next
        if pfn != block:
            self.rotations += 1
            list_del(self.m, head)
            list_add_tail(self.m, head, block)
        self.turned[zone] &= ~(1 << order)

    def used_untaken(self, block: int, order: int) -> bool:
        """Is a frame of this block freed or put on an LRU list before any is taken from the free lists?"""
        first = len(self.event)
        for pfn in range(block, block + (1 << order)):
            if self.ops.upcoming[pfn] != NEVER and self.ops.upcoming[pfn] < first:
                first = self.ops.upcoming[pfn]
        return first < len(self.event) and (self.event[first] == MM_PAGE_FREE or self.event[first] == MM_LRU_INSERTION)

    def run_goes_on(self, at: int, role: int, partner: int) -> None:
        """What is left of a run of steps is another operation."""
        if at != NEVER:
            self.ops.role[at] = role
            self.ops.partner[at] = partner

    def allocate_taking(self, alloc: int, first: int, at: int) -> int:
        """An allocation that took blocks from the free lists."""
        p = page_zone(self.m, self.pfn[first]) * self.m.nr_cpus + self.cpu[first]
        wrong = False
        if pcp_allowed_order(self.m, self.order[alloc]):
            wrong = self.not_empty(p, order_to_pindex(gfp_migratetype(self.flags[alloc]), self.order[alloc]), at)
        self.m.nr_emitted = 0
        predicted = self.predict(alloc)
        at = self.compare_taken(at, p, predicted)
        self.allocated(alloc, predicted, wrong)
        return at

    def not_empty(self, p: int, pindex: int, at: int) -> bool:
        """The kernel fills a list, so it is empty: does the model have something on it that cannot be explained?"""
        head = self.m.pcp_heads + p * NR_PCP_LISTS + pindex
        if not list_empty(self.m, head):
            self.infer_bulk(p, pindex, NONE)
        if list_empty(self.m, head):
            return False
        self.note(9, at, self.m.page[head].next, 0)
        self.put_away(p, pindex, True)
        return True

    def refill(self, first: int, at: int) -> int:
        """A per-cpu list was filled, and no allocation took the first block: for a bulk allocation."""
        zone = page_zone(self.m, self.pfn[first])
        p = zone * self.m.nr_cpus + self.cpu[first]
        order = self.order[first]
        pindex = order_to_pindex(self.migratetype[first], order)
        self.not_empty(p, pindex, at)
        batch = self.refill_batch(p, order)
        self.note(2, at, order, batch)
        self.m.nr_emitted = 0
        self.m.pcp[p].count += (
            rmqueue_bulk(
                self.m, zone, order, batch, self.m.pcp_heads + p * NR_PCP_LISTS + pindex, self.migratetype[first], 0
            )
            << order
        )
        return self.compare_taken(at, p, NONE)

    def under_way(self, at: int, zone: int, pages: int) -> None:
        """A step that lies ahead was taken with the first of its run: others do not see it in the counters yet."""
        if self.m.nr_cpus == 1:
            return
        if self.run_end[self.cpu[at]] < self.now or self.run_zone[self.cpu[at]] != zone:
            self.run_pages[self.cpu[at]] = 0
        self.run_zone[self.cpu[at]] = zone
        self.run_pages[self.cpu[at]] += pages
        self.run_end[self.cpu[at]] = at

    def unseen(self, zone: int, sign: int) -> int:
        """By how many pages the counter of a zone may be too high (sign 1) or too low (-1)."""
        pages = self.threshold[zone]
        for cpu in range(self.m.nr_cpus):
            if self.run_end[cpu] > self.now and self.run_zone[cpu] == zone and self.run_pages[cpu] * sign < 0:
                pages -= self.run_pages[cpu] * sign
        return pages

    def same(self, at: int, k: int) -> bool:
        """Is the model's k-th step the kernel's?"""
        return (
            at != NEVER
            and self.pfn[at] == self.m.emitted[k].pfn
            and self.event[at] == self.m.emitted[k].event
            and self.order[at] == self.m.emitted[k].order
            and self.migratetype[at] == self.m.emitted[k].migratetype
        )

    def refill_batch(self, p: int, order: int) -> int:
        """How many blocks a per-cpu list is filled with, one where there is no list (rmqueue_pcplist)."""
        if not pcp_allowed_order(self.m, order):
            return 1
        batch = self.m.pcp[p].batch
        return max(batch >> order, 2) if batch > 1 else 1

    def compare_taken(self, at: int, p: int, predicted: int) -> int:
        """Hold the model's steps against the kernel's from `at` on; returns the step after them."""
        n = self.m.nr_emitted
        k = 0
        start = at
        while k < n and self.same(at, k):
            if self.event[at] == MM_PAGE_ALLOC_ZONE_LOCKED:
                self.taken += 1
                self.taken_exact += 1
            self.under_way(at, page_zone(self.m, self.pfn[at]), -(1 << self.order[at]))
            at = self.ops.next_step[at]
            k += 1
        if k == n and (n > 0 or at == NEVER):
            return at
        # Not as the kernel: all the model took goes back, and what the kernel took comes to the per-cpu list.
        self.note(1, at, self.m.emitted[k].pfn if k < n else 0, k)
        wrong = self.m.emitted[k].pfn if k < n else NONE
        for k in range(n - 1, -1, -1):
            if self.m.emitted[k].event == MM_PAGE_ALLOC_ZONE_LOCKED and (
                self.m.page[self.m.emitted[k].pfn].state == PG_PCP or self.m.emitted[k].pfn == predicted
            ):
                give_back(self.m, self.m.emitted[k].pfn, self.m.emitted[k].order, self.m.emitted[k].migratetype)
        if wrong != NONE:
            self.put_last(wrong)
        if start == NEVER:
            return NEVER
        left = self.refill_batch(p, self.order[start])
        while start != NEVER and left > 0:
            if self.event[start] == MM_PAGE_ALLOC_ZONE_LOCKED:
                left -= 1
                self.taken += 1
                take_frame(self.m, self.pfn[start], self.order[start])
                if pcp_allowed_order(self.m, self.order[start]) and self.migratetype[start] < MIGRATE_PCPTYPES:
                    put_on_pcp(self.m, p, self.pfn[start], self.order[start], self.migratetype[start])
            start = self.ops.next_step[start]
        return start

    def put_last(self, pfn: int) -> None:
        """A free block that the kernel did not choose: in use, or further down its list."""
        block = free_block_over(self.m, pfn)
        if block == NONE or self.m.page[block].state != PG_BUDDY:
            return
        move_to_free_list(self.m, page_zone(self.m, block), block, self.m.page[block].migratetype)

    def drain_run(self, i: int) -> None:
        """Blocks went back to the free lists: with a free, or unannounced as a whole per-cpu list is emptied."""
        cause = self.ops.partner[i]
        if cause != NEVER and self.event[cause] == MM_VMSCAN_DIRECT_RECLAIM_BEGIN:
            self.unreserve_highatomic(cause)
            cause = NEVER
        if cause == NEVER:
            self.run_goes_on(self.drain_unannounced(i), DRAIN, NEVER)
            return
        p = page_zone(self.m, self.pfn[cause]) * self.m.nr_cpus + self.cpu[i]
        self.m.nr_emitted = 0
        self.choose_factor(i, p)
        self.free(cause)
        at = self.compare_drained(i, p)
        if at == i:  # it did not drain; somebody emptied a per-cpu list right after it
            at = self.drain_unannounced(i)
        self.run_goes_on(at, DRAIN, NEVER)

    def choose_factor(self, i: int, p: int) -> None:
        """How much the kernel drained tells in which order an interrupt and an allocation were."""
        if self.other_factor[p] < 0 or self.other_factor[p] == self.m.pcp[p].free_factor:
            return
        pages = 0
        while i != NEVER:
            pages += 1 << self.order[i]
            i = self.ops.next_step[i]
        high = nr_pcp_high(self.m, p // self.m.nr_cpus, p, False)
        factor = self.m.pcp[p].free_factor
        mine = nr_pcp_free(self.m, p, high, False)
        after = self.m.pcp[p].free_factor
        self.m.pcp[p].free_factor = self.other_factor[p]
        others = nr_pcp_free(self.m, p, high, False)
        if abs(pages - others) < abs(pages - mine):
            self.m.pcp[p].free_factor = self.other_factor[p]
            self.reordered += 1
        else:
            self.m.pcp[p].free_factor = factor
        self.other_factor[p] = -1

    def unreserve_highatomic(self, i: int) -> None:
        """Before it empties the per-cpu lists a direct reclaimer gives up a reserved pageblock.

        (__alloc_pages_direct_reclaim)
        """
        zone = preferred_zone(self.m, gfp_zone(self.flags[i]))
        while zone >= 0 and not unreserve_highatomic_pageblock(
            self.m, zone, gfp_migratetype(self.flags[i]), False
        ):
            zone -= 1

    def drain_unannounced(self, at: int) -> int:
        """A per-cpu list is emptied (drain_pages_zone)."""
        zone = page_zone(self.m, self.pfn[at])
        if self.m.page[self.pfn[at]].state != PG_PCP:
            self.drained += 1
            self.note(3, at, self.m.page[self.pfn[at]].state, 0)
            if self.m.page[self.pfn[at]].state == PG_ALLOCATED:
                give_back(self.m, self.pfn[at], self.order[at], self.migratetype[at])
            return self.ops.next_step[at]
        p = pcp_of(self.m, self.pfn[at])
        self.drains_inferred += 1
        self.settle_heads(p)
        self.note(5, at, p, self.m.pcp[p].count)
        self.m.nr_emitted = 0
        drain_pages_zone(self.m, zone, p - zone * self.m.nr_cpus)
        return self.compare_drained(at, p)

    def settle_heads(self, p: int) -> None:
        """Lists are about to be emptied whole: what will not be drained from their heads was taken before.

        An allocation is reported late, after its page was cleared; a bulk allocation not at all.
        """
        for pindex in range(NR_PCP_LISTS):
            head = self.m.pcp_heads + p * NR_PCP_LISTS + pindex
            while self.m.page[head].next != head and self.taken_by_now(p, self.m.page[head].next):
                pass

    def taken_by_now(self, p: int, pfn: int) -> bool:
        """Take the frame at the head of a list for whom the trace says had it before the lists were emptied."""
        if self.taken_unannounced(pfn):
            self.take_unannounced(p, pfn)
        elif self.reported_late(p, pfn):
            self.allocate_early(p, pfn)
        else:
            return False
        return True

    def compare_drained(self, at: int, p: int) -> int:
        """Hold the model's drain against the kernel's from `at` on; returns the step after it."""
        n = self.m.nr_emitted
        k = 0
        while k < n and self.same(at, k):
            self.under_way(at, page_zone(self.m, self.pfn[at]), 1 << self.order[at])
            at = self.ops.next_step[at]
            k += 1
            self.drain_until[p] = max(self.drain_until[p], self.run_end[self.cpu[self.now]])
        self.drained += k
        self.drained_exact += k
        if k == n:
            return at
        # What the model drained on its own comes back to the tails it was on; what the kernel did goes.
        self.note(4, at, self.m.emitted[k].pfn, n - k)
        start = at
        for j in range(n - 1, k - 1, -1):
            take_frame(self.m, self.m.emitted[j].pfn, self.m.emitted[j].order)
            put_on_pcp(self.m, p, self.m.emitted[j].pfn, self.m.emitted[j].order, self.m.emitted[j].migratetype if self.m.emitted[j].migratetype < MIGRATE_PCPTYPES else MIGRATE_MOVABLE)
        while at != NEVER and k < n:
            self.drained += 1
            if self.m.page[self.pfn[at]].state in (PG_PCP, PG_ALLOCATED):
                give_back(self.m, self.pfn[at], self.order[at], self.migratetype[at])
            at = self.ops.next_step[at]
            k += 1
        self.put_away_strays(p)
        return at

    def free(self, i: int) -> None:
        """Free a frame where the kernel did; one that the model holds free already is counted, not freed twice."""
        pfn = self.pfn[i]
        if self.order[i] == 0 and self.m.page[pfn].state != PG_ALLOCATED:
            self.isolated_unannounced(pfn)
        if any_free(self.m, pfn, self.order[i]):
            self.frees_unknown += 1
            self.note(6, i, self.m.page[pfn].state, 0)
            return
        self.frees += 1
        if self.interrupt[self.cpu[i]]:
            self.freed_since[page_zone(self.m, pfn) * self.m.nr_cpus + self.cpu[i]] += 1
        if self.locked_out(i):
            self.interrupts += 1
            self.note(8, i, 0, 0)
            self.interrupt[self.cpu[i]] = 2
            free_to_buddy(self.m, pfn, self.order[i])
        elif self.event[i] == MM_PAGE_FREE_BATCHED:
            migratetype = self.m.page[pfn].migratetype
            if migratetype >= MIGRATE_PCPTYPES:
                migratetype = MIGRATE_MOVABLE
            free_unref_page_commit(self.m, page_zone(self.m, pfn), self.cpu[i], pfn, migratetype, 0)
        else:
            free_pages(self.m, self.cpu[i], pfn, self.order[i])

    def locked_out(self, i: int) -> bool:
        """Did this free find the per-cpu lists locked, so that it went to the free lists? (free_unref_page)

        Not if the frame is allocated or drained from a per-cpu list next. Where the lock is not sure to have been held,
        only if the lists would have been drained otherwise.
        """
        if self.m.nr_cpus > 1 and self.drain_until[page_zone(self.m, self.pfn[i]) * self.m.nr_cpus + self.cpu[i]] > i and self.ops.role[i] == FREE:
            return True
        if self.ops.partner[i] != LOCKED_OUT and self.ops.partner[i] != MAYBE_LOCKED_OUT:
            return False
        if self.ops.following[i] != NEVER and self.event[self.ops.following[i]] in (MM_PAGE_ALLOC, MM_PAGE_PCPU_DRAIN):
            return False
        return self.ops.partner[i] == LOCKED_OUT or self.interrupt[self.cpu[i]] == 2 or (
            self.ops.role[i] == FREE
            and pcp_allowed_order(self.m, self.order[i])
            and self.would_drain(page_zone(self.m, self.pfn[i]) * self.m.nr_cpus + self.cpu[i], self.order[i])
        )

    def searched(self, i: int) -> None:
        """Compaction may have searched the free lists of a zone."""
        if self.pfn[i] != NONE:
            self.compacting[self.cpu[i]] = page_zone(self.m, self.pfn[i])
        self.turned[self.compacting[self.cpu[i]]] = (1 << self.m.max_order) - 1
        self.searches += 1

    def isolate(self, i: int) -> None:
        """Compaction took the free blocks of a range (isolate_freepages_block).

        Asynchronous compaction looks at every so many frames only; how many is found from the pages it got.
        """
        self.searched(i)
        stride = 1
        while stride <= COMPACT_CLUSTER_MAX and self.isolate_range(i, stride, False) != self.b[i]:
            stride *= 2
        if stride > COMPACT_CLUSTER_MAX:
            self.note(7, i, self.isolate_range(i, 1, False), self.b[i])
            stride = 1
        self.isolated += self.isolate_range(i, stride, True)

    def isolate_range(self, i: int, stride: int, take: bool) -> int:
        """The pages of free blocks at every `stride` frames of a range; take them or only count."""
        at = self.pfn[i]
        taken = 0
        while at < self.a[i]:
            if self.m.page[at].state == PG_BUDDY:
                order = self.m.page[at].order
                taken += 1 << order
                if take:
                    isolate_free_page(self.m, at)
                at += (1 << order) - 1
            at += stride
        return taken

    def isolated_unannounced(self, pfn: int) -> None:
        """A frame is used that the model holds free: compaction's quick search took its block
        (fast_isolate_freepages)."""
        block = free_block_over(self.m, pfn)
        if block == NONE:
            return
        if self.m.page[block].state == PG_PCP:
            self.take_unannounced(pcp_of(self.m, block), block)
            return
        self.isolated_quickly += 1 << self.m.page[block].order
        isolate_free_page(self.m, block)

    def prepare(self, i: int) -> None:
        """The pageblock's type is read before a list of pages is put on per-cpu lists (free_unref_page_prepare)."""
        if self.m.page[self.pfn[i]].state != PG_ALLOCATED:
            self.isolated_unannounced(self.pfn[i])
        self.m.page[self.pfn[i]].migratetype = self.m.pageblock[self.pfn[i] >> self.m.pageblock_order]
        self.m.page[self.pfn[i]].flags = 0

    def inserted(self, i: int) -> None:
        """Remember that a block is on an LRU list: fallback takes such pages for movable."""
        if self.m.page[self.pfn[i]].state != PG_ALLOCATED:
            self.isolated_unannounced(self.pfn[i])
        self.m.page[self.pfn[i]].flags |= PF_LRU

    def kswapd_woke(self, i: int) -> None:
        """kswapd reclaims: per-cpu lists hold less (set_reclaim_active), and the boost is noted (balance_pgdat)."""
        for z in range(self.m.nr_zones):
            if self.m.zone[z].index <= self.a[i]:
                self.m.zone[z].kswapd_boost = self.m.zone[z].watermark_boost
                self.m.zone[z].reclaim_active = 1

    def kswapd_sleeps(self) -> None:
        """kswapd is done: the boost it found is taken back (balance_pgdat)."""
        for z in range(self.m.nr_zones):
            self.m.zone[z].reclaim_active = 0
            self.m.zone[z].watermark_boost -= min(self.m.zone[z].watermark_boost, self.m.zone[z].kswapd_boost)
            self.m.zone[z].kswapd_boost = 0
