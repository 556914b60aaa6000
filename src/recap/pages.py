"""The page array: one packed record per page frame, and the few other records a machine is made of.

Every list of the system (free areas, per-cpu lists, LRU, capture lists) is the same doubly linked list through this one
array, so a page is on one list at most. A list's head is a record of the same array, behind the last page frame: empty
lists point at themselves, and no operation has a special case.

Compiled, the records are C structs in NumPy memory; uncompiled, they are small Python objects with the same names.
"""

from __future__ import annotations

from itertools import pairwise
from operator import attrgetter
from typing import Any

import cython
import numpy as np
import numpy.typing as npt

from recap.kernel import (
    DEF_PRIORITY,
    LINUX_6_1,
    MIGRATE_TYPES,
    Profile,
)
from recap.policy.policy import Policy

COMPILED: bool = bool(cython.compiled)
NR_SCRATCH_LISTS = 5
if not cython.compiled:
    from recap.kernel import (
        MAX_NR_GENS,
        MAX_NR_ZONES,
        MIN_NR_GENS,
        NR_GEN_LISTS,
        NR_LRU_LISTS,
        NR_ORDERS,
        NR_PCP_LISTS,
        NR_TYPE_TIERS,
        NR_WMARK,
    )

    # What lies on the scratch lists for the length of one call, by the kernel's names for its local lists.
    FOLIO_LIST = 0  # a batch taken off an LRU list
    RET_FOLIOS = 1  # what is left of it
    FREE_FOLIOS = 2  # what is about to be freed
    FOLIOS_SKIPPED = 3  # of zones that the request cannot use
    MIGRATEPAGES = 4  # what compaction is moving
NR_VMSTAT = 64

PAGE = np.dtype(
    [
        ("next", "u4"),
        ("prev", "u4"),
        ("order", "u1"),
        ("migratetype", "u1"),
        ("state", "u1"),  # STATE_*
        ("gen", "u1"),  # of the multi-generational LRU: the generation and one, and how often it was used
        ("flags", "u2"),  # PG_*
        ("capture", "u2"),  # of a captured block: the list it is on
    ]
)
FRAME = np.dtype([("object", "i4"), ("freed_by", "u4")])
ZONE = np.dtype(
    [
        ("start", "u4"),
        ("end", "u4"),
        ("index", "i4"),
        ("reclaim_active", "u1"),
        ("boosted", "u1"),
        ("below_high", "u1"),
        ("node", "u1"),
        ("free_pages", "i8"),
        ("managed", "i8"),
        ("nr_free", "i8", NR_ORDERS),
        ("watermark", "i8", NR_WMARK),
        ("watermark_boost", "i8"),
        ("lowmem_reserve", "i8", MAX_NR_ZONES),
        ("nr_reserved_highatomic", "i8"),
        ("kswapd_boost", "i8"),
        ("vm_stat_diff", "i8"),
        ("pages_scanned", "i8"),
        ("nr_lru", "i8", NR_LRU_LISTS),
        ("compact_cached_migrate_pfn", "u4", 2),
        ("compact_cached_free_pfn", "u4"),
        ("compact_init_migrate_pfn", "u4"),
        ("compact_init_free_pfn", "u4"),
        ("compact_considered", "i4"),
        ("compact_defer_shift", "i4"),
        ("compact_order_failed", "i4"),
        ("capc", "i4"),  # the direct compactor that works in the zone just now (current->capture_control), or 0
        ("compact_blockskip_flush", "u1"),
        ("all_unreclaimable", "u1"),
        ("pad1", "u1"),
        ("pad2", "u1"),
    ]
)
NODE = np.dtype(
    [("lru_size", "i8", NR_LRU_LISTS), ("nr_scan", "i8", NR_LRU_LISTS)]
    + [("recent_scanned", "i8", 2), ("recent_rotated", "i8", 2)]
    + [(name, "i8") for name in ("anon_cost", "file_cost", "nonresident_age", "refaults_anon", "refaults_file")]
    + [(name, "i8") for name in ("nr_anon", "nr_slab", "slab_due", "nr_boost_reclaim", "kswapd_reclaimed_before")]
    + [("kcompactd_timeout_ns", "i8")]
    + [(name, "i4") for name in ("first_zone", "end_zone", "prev_priority", "kswapd_order", "kswapd_highest_zoneidx")]
    + [(name, "i4") for name in ("kswapd_alloc_order", "kswapd_failures", "kcompactd_max_order")]
    + [(name, "i4") for name in ("kcompactd_highest_zoneidx", "fragmentation_before")]
    + [(name, "u1") for name in ("kswapd_asleep", "kswapd_wanted", "kswapd_boosted")]
    + [(name, "u1") for name in ("kcompactd_asleep", "kcompactd_wanted", "writeback", "dirty", "congested")]
)
PCP = np.dtype(
    [(name, "i4") for name in ("count", "high", "batch", "free_factor")]
    + [
        (name, "i4")
        for name in ("high_min", "high_max", "alloc_factor", "free_count", "flags", "last_refill", "locked")
    ]
)
SCAN_CONTROL = np.dtype(
    [(name, "i4") for name in ("node", "order", "priority", "reclaim_idx", "alloc_flags")]
    + [(name, "u4") for name in ("gfp", "request", "page")]
    + [(name, "i4") for name in ("capture", "phase", "no_progress_loops", "lru")]
    + [(name, "u1") for name in ("kswapd", "may_writepage", "may_swap", "deactivate_anon", "deactivate_file")]
    + [(name, "u1") for name in ("force_deactivate", "skipped_deactivate", "cache_trim_mode", "file_is_tiny")]
    + [(name, "u1") for name in ("proportional", "compaction_ready", "sync", "congestion_wait")]
    + [(name, "u1") for name in ("queued", "pad1", "pad2")]
    + [(name, "i4") for name in ("isolated_block", "closed_pcp")]
    + [(name, "i8") for name in ("skipped", "total_scanned", "reclaimed_total")]
    + [(name, "i8") for name in ("nr_to_reclaim", "nr_scanned", "nr_reclaimed", "node_reclaimed", "lruvec_reclaimed")]
    + [("nr", "i8", NR_LRU_LISTS), ("targets", "i8", NR_LRU_LISTS)]
    + [(name, "i8") for name in ("nr_dirty", "nr_unqueued_dirty", "nr_congested", "nr_writeback", "nr_immediate")]
    + [(name, "i8") for name in ("nr_taken", "nr_file_taken", "total_scan", "sleep_ns")]
    + [(name, "i8") for name in ("scanned_now", "stolen_now", "deactivated_now", "paged_out_now", "skipped_now")]
    + [(name, "i4") for name in ("compact_priority", "compact_result", "compaction_retries", "made_progress")]
    + [(name, "i8") for name in ("gen_scanned", "gen_batch", "gen_isolated", "gen_sorted", "gen_left", "gen_type")]
)
LRU_GEN = np.dtype(  # of a node; what is of a type and tier has the place type * MAX_NR_TIERS + tier
    [("max_seq", "i8"), ("min_seq", "i8", 2), ("nr_pages", "i8", NR_GEN_LISTS)]
    + [(name, "i8", NR_TYPE_TIERS) for name in ("avg_refaulted", "avg_total", "refaulted", "evicted", "protected")]
)
COMPACT_CONTROL = np.dtype(
    [(name, "i4") for name in ("order", "search_order", "migratetype", "mode", "zone", "alloc_flags")]
    + [(name, "i4") for name in ("highest_zoneidx", "priority", "result", "phase")]
    + [(name, "u4") for name in ("gfp", "migrate_pfn", "free_pfn", "fast_start_pfn", "last_migrated_pfn", "page")]
    + [("fast_search_fail", "i4")]
    + [(name, "u1") for name in ("direct_compaction", "whole_zone", "ignore_skip_hint", "ignore_block_suitable")]
    + [(name, "u1") for name in ("proactive", "rescan", "update_cached", "skip_updated")]
    + [("search_limit", "i4")]
    + [(name, "u4") for name in ("search_highest", "search_low", "search_min", "next_skip_pfn", "contended")]
    + [("nr_isolated", "i8")]
    + [(name, "i8") for name in ("nr_freepages", "nr_migratepages", "total_migrate_scanned", "total_free_scanned")]
    + [(name, "i8") for name in ("scanned_now", "migrated_now")]
)
TRACEPOINT = np.dtype([("pfn", "u4"), ("event", "u1"), ("order", "u1"), ("migratetype", "i1"), ("pad0", "u1")])
CAPTURE = np.dtype(
    [("wanted", "i4"), ("state", "i4"), ("largest", "i4"), ("request", "u4"), ("pages", "i8"), ("looked_now", "i8")]
)

Array = npt.NDArray[Any]


class Record:
    """One record of an array when the engine runs uncompiled."""


def records(array: Array) -> list[Any]:
    """Plain objects with the fields of a structured array (or plain numbers for a simple one)."""
    names = array.dtype.names
    if names is None:
        return list(array.tolist())
    kind = type("Record", (Record,), {"__slots__": names})
    made = []
    for row in array.tolist():
        record = kind()
        for name, value in zip(names, row, strict=True):
            setattr(record, name, value.tolist() if isinstance(value, np.ndarray) else value)
        made.append(record)
    return made


def table(items: Any, dtype: np.dtype[Any]) -> Array:
    """The opposite of `records`."""
    if dtype.names is None:
        return np.array(items, dtype)
    return np.array(list(map(attrgetter(*dtype.names), items)), dtype)  # no record has a single field


def adopt(array: Array) -> Any:
    """The array itself when compiled; its records when not."""
    return array if cython.compiled else records(array)


class Memory:
    """A machine's memory: pages, zones, per-cpu lists and capture lists.

    The page array is padded to a multiple of the largest block, so that a block's buddy is always inside it.

    Args:
        page: PAGE records, one per frame, links ignored; heads are added behind them.
        zone: ZONE records, lowest frames first, without gaps between a zone's start and end.
        pcp: PCP records, index zone * nr_cpus + cpu.
        pageblock: migratetype of each pageblock (uint8).
        captures: how many reclaimers may capture at the same time.
        policy: who is asked about capture.
        profile: the kernel version, whose rules the policy may change; orders in use are 0..max_order-1.
    """

    def __init__(
        self,
        page: Array,
        zone: Array,
        pcp: Array,
        pageblock: Array,
        captures: int,
        policy: Policy,
        profile: Profile = LINUX_6_1,
    ) -> None:
        largest = 1 << (profile.max_order - 1)
        self.nr_frames = -(-len(page) // largest) * largest
        self.nr_zones = len(zone)
        self.nr_nodes = 1 + int(zone["node"].max())
        self.nr_cpus = len(pcp) // len(zone)
        self.max_order = profile.max_order
        self.pageblock_order = profile.pageblock_order
        self.policy = policy
        self.follow(profile.having(**policy.rules))
        controls = captures + self.nr_nodes
        self.columns: dict[str, Array] = {
            "page": self.with_heads(page, captures, controls),
            "frame": np.zeros(self.nr_frames, FRAME),
            "zone": zone.copy(),
            "node": np.zeros(self.nr_nodes, NODE),
            "lrugen": np.zeros(self.nr_nodes, LRU_GEN),
            "pcp": pcp.copy(),
            "pageblock": np.array(pageblock, np.uint8),
            "pageblock_skip": np.zeros(len(pageblock), np.uint8),
            "capture": np.zeros(captures, CAPTURE),
            "sc": np.zeros(controls, SCAN_CONTROL),
            "cc": np.zeros(controls, COMPACT_CONTROL),
            "queue": np.zeros(controls, np.int32),
            "vmstat": np.zeros(NR_VMSTAT, np.int64),
            "submitted": np.zeros(self.nr_frames, np.uint32),
            "moved_dirty": np.zeros(self.nr_frames, np.uint32),
        }
        self.columns["frame"]["object"] = -1
        self.use_columns()
        self.track(np.zeros(0, np.uint32))
        self.trace(0)
        self.reset()

    def with_heads(self, page: Array, captures: int, controls: int) -> Array:
        """The page array, padded, and the heads of all lists behind it, each a list of nothing."""
        self.free_heads = self.nr_frames
        self.pcp_heads = self.free_heads + self.nr_zones * NR_ORDERS * MIGRATE_TYPES
        self.lru_heads = self.pcp_heads + self.nr_zones * self.nr_cpus * NR_PCP_LISTS
        self.gen_heads = self.lru_heads + self.nr_nodes * NR_LRU_LISTS
        self.slab_heads = self.gen_heads + self.nr_nodes * MAX_NR_GENS * 2 * self.nr_zones
        self.capture_heads = self.slab_heads + self.nr_nodes
        self.scratch_heads = self.capture_heads + captures
        self.compact_heads = self.scratch_heads + NR_SCRATCH_LISTS
        self.isolated_heads = self.compact_heads + controls
        whole = np.zeros(self.isolated_heads + controls, PAGE)
        whole[: len(page)] = page
        heads = np.arange(self.nr_frames, len(whole))
        whole["next"][self.nr_frames :] = heads
        whole["prev"][self.nr_frames :] = heads
        return whole

    def use_columns(self) -> None:
        """The engine works on these arrays."""
        self.page = adopt(self.columns["page"])
        self.frame = adopt(self.columns["frame"])
        self.zone = adopt(self.columns["zone"])
        self.node = adopt(self.columns["node"])
        self.lrugen = adopt(self.columns["lrugen"])
        self.pcp = adopt(self.columns["pcp"])
        self.pageblock = adopt(self.columns["pageblock"])
        self.pageblock_skip = adopt(self.columns["pageblock_skip"])
        self.capture = adopt(self.columns["capture"])
        self.sc = adopt(self.columns["sc"])
        self.cc = adopt(self.columns["cc"])
        self.queue = adopt(self.columns["queue"])
        self.vmstat = adopt(self.columns["vmstat"])
        self.submitted = adopt(self.columns["submitted"])
        self.moved_dirty = adopt(self.columns["moved_dirty"])

    def follow(self, profile: Profile) -> None:
        """Work by the rules of a kernel from now on."""
        self.profile = profile
        self.rules: Any = vars(profile.rules) if cython.compiled else profile.rules

    def reset(self) -> None:
        """Nothing has happened yet."""
        self.swappiness = 60
        self.page_capture_target = 0
        self.now = 0
        self.watermark_boost_factor = 15000
        self.compaction_proactiveness = 20
        self.extfrag_threshold = 500
        self.nr_swap_pages = 0
        self.withheld = 0
        self.withheld_peak = 0
        self.extfrag_events = 0
        self.nr_submitted = 0
        self.nr_moved_dirty = 0
        self.flusher_wanted = False
        self.write_congested = False
        self.queue_length = 0
        self.pcp_closed = 0
        self.set_lock_contention(np.zeros(1, np.uint8))
        for node in range(self.nr_nodes):
            self.reset_node(node)
        for zone in range(self.nr_zones):
            self.reset_compaction(zone)

    def reset_node(self, node: int) -> None:
        """kswapd and kcompactd sleep. A node's zones lie one behind the other."""
        zones = [zone for zone in range(self.nr_zones) if self.zone[zone].node == node]
        self.node[node].first_zone = zones[0]
        self.node[node].end_zone = zones[0] + len(zones)
        self.node[node].prev_priority = DEF_PRIORITY
        self.node[node].kswapd_highest_zoneidx = -1
        self.node[node].kswapd_asleep = True
        self.node[node].kcompactd_highest_zoneidx = MAX_NR_ZONES
        self.node[node].kcompactd_asleep = True
        self.lrugen[node].max_seq = MIN_NR_GENS + 1

    def reset_compaction(self, zone: int) -> None:
        """The next scan begins at the ends of the zone."""
        last = (self.zone[zone].end - 1) & ~((1 << self.pageblock_order) - 1)
        self.zone[zone].compact_cached_migrate_pfn[0] = self.zone[zone].start
        self.zone[zone].compact_cached_migrate_pfn[1] = self.zone[zone].start
        self.zone[zone].compact_cached_free_pfn = last
        self.zone[zone].compact_init_migrate_pfn = self.zone[zone].start
        self.zone[zone].compact_init_free_pfn = last

    def trace(self, room: int) -> None:
        """Emit the tracepoints of recap.mm.tracepoints from now on, into room for `room`; the rest are dropped."""
        self.columns["emitted"] = np.zeros(room, TRACEPOINT)
        self.columns["capture_steps"] = np.zeros(room, TRACEPOINT)
        self.emitted = adopt(self.columns["emitted"])
        self.capture_steps = adopt(self.columns["capture_steps"])
        self.tracing = room > 0
        self.nr_emitted = 0
        self.nr_capture_steps = 0

    def steps(self) -> list[tuple[int, int, int, int]]:
        """The tracepoints emitted since `nr_emitted` was set to 0: (event, pfn, order, migratetype)."""
        kept = range(min(self.nr_emitted, len(self.emitted)))
        if not cython.compiled:
            steps = [self.emitted[k] for k in kept]
            return [(step.event, step.pfn, step.order, step.migratetype) for step in steps]
        rows = self.columns["emitted"][: len(kept)][["event", "pfn", "order", "migratetype"]]
        return list(rows.tolist())

    def captured(self) -> list[tuple[int, int, int]]:
        """The steps of page capture emitted since `nr_capture_steps` was set to 0: (step, pfn, order)."""
        kept = range(min(self.nr_capture_steps, len(self.capture_steps)))
        if not cython.compiled:
            steps = [self.capture_steps[k] for k in kept]
            return [(step.event, step.pfn, step.order) for step in steps]
        rows = self.columns["capture_steps"][: len(kept)][["event", "pfn", "order"]]
        return list(rows.tolist())

    def track(self, resident: Array) -> None:
        """Follow objects: `resident[object]` is the frame an object is in, NONE while it is nowhere."""
        self.columns["resident"] = resident
        self.resident = adopt(resident)
        self.columns["shadow"] = np.full(len(resident), -1, np.int64)
        self.shadow = adopt(self.columns["shadow"])
        self.use(np.zeros(0, np.uint8), np.zeros(0, np.int64), np.zeros(0, np.uint8))

    def use(self, looks: Array, until: Array, shared: Array) -> None:
        """Say how often reclaim finds each object in use, until when in any case, and whether several use it."""
        self.columns["looks"] = looks
        self.looks = adopt(looks)
        self.columns["in_use_until"] = until
        self.columns["shared"] = shared
        self.in_use_until = adopt(until)
        self.shared = adopt(shared)

    def count_lru(self, lru: int, pfns: Array) -> None:
        """The nodes' LRU lists of a kind hold these pages: count them for their zones and nodes."""
        pages = 1 << self.array("page")["order"][pfns].astype(np.int64)
        for node in range(self.nr_nodes):
            self.node[node].lru_size[lru] = 0
        for z in range(self.nr_zones):
            inside = (pfns >= self.zone[z].start) & (pfns < self.zone[z].end)
            self.zone[z].nr_lru[lru] = int(pages[inside].sum())
            self.node[self.zone[z].node].lru_size[lru] += self.zone[z].nr_lru[lru]

    def start_generations(self, max_seq: int, min_seq: list[int]) -> None:
        """Which generations node 0, the only one a snapshot has, begins with."""
        self.lrugen[0].max_seq = max_seq
        self.lrugen[0].min_seq[0] = min_seq[0]
        self.lrugen[0].min_seq[1] = min_seq[1]

    def set_tiers(self, name: str, pages: list[int]) -> None:
        """What was evicted and came back so far, of each type and tier."""
        for i in range(len(pages)):
            if name == "avg_refaulted":
                self.lrugen[0].avg_refaulted[i] = pages[i]
            elif name == "avg_total":
                self.lrugen[0].avg_total[i] = pages[i]
            elif name == "refaulted":
                self.lrugen[0].refaulted[i] = pages[i]
            elif name == "evicted":
                self.lrugen[0].evicted[i] = pages[i]
            else:
                self.lrugen[0].protected[i] = pages[i]

    def gen_head(self, gen: int, kind: int, zone: int) -> int:
        """The head of a list of the multi-generational LRU."""
        return int(self.gen_heads) + (gen * 2 + kind) * int(self.nr_zones) + zone

    def set_generations(self, pfns: list[int], gens: list[int], refs: list[int]) -> None:
        """The generation of each of these frames, and how often it was used."""
        for pfn, gen, ref in zip(pfns, gens, refs, strict=True):
            self.page[pfn].gen = (gen + 1) | (ref << 3)

    def count_generation(self, gen: int, kind: int, zone: int, pages: int) -> None:
        """Add pages to a generation's count for a zone, and to the count of the classic list it corresponds to."""
        place = (gen * 2 + kind) * MAX_NR_ZONES + zone
        active = (self.lrugen[0].max_seq - gen) % MAX_NR_GENS < 2
        lru = 2 * kind + (1 if active else 0)
        self.lrugen[0].nr_pages[place] = self.lrugen[0].nr_pages[place] + pages
        self.zone[zone].nr_lru[lru] = self.zone[zone].nr_lru[lru] + pages
        self.node[0].lru_size[lru] = self.node[0].lru_size[lru] + pages

    def set_flag(self, pfns: list[int], flag: int) -> None:
        """Set a flag on each of these frames."""
        for pfn in pfns:
            self.page[pfn].flags = self.page[pfn].flags | flag

    def set_orders(self, pfns: list[int], orders: list[int]) -> None:
        """The order of each of these blocks, by its first frame."""
        for pfn, order in zip(pfns, orders, strict=True):
            self.page[pfn].order = order

    def set_watermarks(self, zone: int, marks: list[int]) -> None:
        """min, low, high and promo watermark of a zone, in pages."""
        for i in range(len(marks)):
            self.zone[zone].watermark[i] = marks[i]

    def set_lowmem_reserve(self, zone: int, pages: list[int]) -> None:
        """What a zone keeps from requests that could have used a higher one, by that one's zone index."""
        for i in range(len(pages)):
            self.zone[zone].lowmem_reserve[i] = pages[i]

    def set_lock_contention(self, draws: Array) -> None:
        """Whether compaction finds a lock taken, batch by batch, again and again (uint8)."""
        self.lock_taken = adopt(draws)
        self.nr_draws = 0

    def set_pcp_high(self, zone: int, cpu: int, high: int) -> None:
        """How many pages a CPU's lists of a zone may hold."""
        self.pcp[zone * self.nr_cpus + cpu].high = high

    def set_pcp_batch(self, zone: int, cpu: int, batch: int) -> None:
        """How many pages a CPU's lists of a zone are filled and drained by."""
        self.pcp[zone * self.nr_cpus + cpu].batch = batch

    def array(self, name: str) -> Array:
        """The records called `name` ("page", "zone", ...) as a NumPy array: a view when compiled, a copy when not."""
        if not cython.compiled:
            return table(getattr(self, name), self.columns[name].dtype)
        return self.columns[name]

    def free_head(self, zone: int, order: int, migratetype: int) -> int:
        """The head of a free list, as an index into "page"."""
        return int(self.free_heads) + (zone * NR_ORDERS + order) * MIGRATE_TYPES + migratetype

    def pcp_head(self, zone: int, cpu: int, pindex: int) -> int:
        """The head of a per-cpu list."""
        return int(self.pcp_heads) + (zone * int(self.nr_cpus) + cpu) * NR_PCP_LISTS + pindex

    def walk(self, head: int) -> list[int]:
        """The page frames on a list, head first."""
        pfns = []
        pfn = self.page[head].next
        while pfn != head:
            pfns.append(pfn)
            pfn = self.page[pfn].next
        return pfns

    def fill(self, head: int, pfns: Array) -> None:
        """Make `pfns` the contents of an empty list, in this order, head first."""
        ring = np.concatenate(([head], pfns, [head])).astype(np.uint32)
        if cython.compiled:
            links = len(pfns) + 1
            self.columns["page"]["next"][ring[:links]] = ring[1:]
            self.columns["page"]["prev"][ring[1:]] = ring[:links]
        else:
            chain = ring.tolist()
            for a, b in pairwise(chain):
                self.page[a].next = b
                self.page[b].prev = a


def list_add(m: Memory, pfn: int, head: int) -> None:
    """Insert behind the head."""
    first = m.page[head].next
    m.page[pfn].prev = head
    m.page[pfn].next = first
    m.page[first].prev = pfn
    m.page[head].next = pfn


def list_add_tail(m: Memory, pfn: int, head: int) -> None:
    """Insert before the head."""
    last = m.page[head].prev
    m.page[pfn].next = head
    m.page[pfn].prev = last
    m.page[last].next = pfn
    m.page[head].prev = pfn


def list_del(m: Memory, pfn: int) -> None:
    """Unlink; the page's own links go stale."""
    before = m.page[pfn].prev
    after = m.page[pfn].next
    m.page[before].next = after
    m.page[after].prev = before


def list_empty(m: Memory, head: int) -> bool:
    """Is there nothing on this list?"""
    return m.page[head].next == head


def list_rotate_to_front(m: Memory, pfn: int, head: int) -> None:
    """Turn a list, as one turns a ring, so that it begins with this page (list_rotate_to_front)."""
    list_del(m, head)
    list_add_tail(m, head, pfn)


def list_splice(m: Memory, src: int, dst: int) -> None:
    """Move a whole list behind another's head."""
    first = m.page[src].next
    last = m.page[src].prev
    if first == src:
        return
    m.page[first].prev = dst
    m.page[last].next = m.page[dst].next
    m.page[m.page[dst].next].prev = last
    m.page[dst].next = first
    m.page[src].next = src
    m.page[src].prev = src


def page_node(m: Memory, pfn: int) -> int:
    """The node a page frame lies in."""
    return m.zone[page_zone(m, pfn)].node


def lru_list(m: Memory, node: int, lru: int) -> int:
    """The head of an LRU list."""
    return m.lru_heads + node * NR_LRU_LISTS + lru


def zone_pcp(m: Memory, zone: int, cpu: int) -> int:
    """Which record of `pcp` has a CPU's lists of a zone."""
    return zone * m.nr_cpus + cpu


def pcp_list(m: Memory, p: int, pindex: int) -> int:
    """The head of a per-cpu list."""
    return m.pcp_heads + p * NR_PCP_LISTS + pindex


def get_pageblock_migratetype(m: Memory, pfn: int) -> int:
    """The type of a frame's pageblock (get_pageblock_migratetype)."""
    return m.pageblock[pfn >> m.pageblock_order]


def page_zone(m: Memory, pfn: int) -> int:
    """The zone a page frame lies in."""
    z = 0
    while pfn >= m.zone[z].end:
        z += 1
    return z
