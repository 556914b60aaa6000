"""What is fixed for a kernel: its constants, and the formulas that size zones and per-cpu lists at boot.

Names are the kernel's. The compiled engine has the numbers from here too: the build runs this file, which therefore
imports nothing but the standard library (headers.py).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, fields, replace
from typing import Any

Version = tuple[int, ...]

NONE = 0xFFFFFFFF  # "no page frame", "no list"

NR_ORDERS = 14  # room for orders 0..13; a machine uses 0..max_order-1 of them
PAGE_ALLOC_COSTLY_ORDER = 3
SWAP_CLUSTER_MAX = 32
COMPACT_CLUSTER_MAX = 32
TICK_NS = 4000000
TENTH_NS = 100000000
FIFTIETH_NS = 20000000
DEF_PRIORITY = 12
MAX_RECLAIM_RETRIES = 16
NR_PCP_LISTS = 14
CONFIG_PCP_BATCH_SCALE_MAX = 5
PCPF_PREV_FREE_HIGH_ORDER = 1
PCPF_FREE_HIGH_BATCH = 2
MAX_NR_ZONES = 5

MIGRATE_UNMOVABLE = 0
MIGRATE_MOVABLE = 1
MIGRATE_RECLAIMABLE = 2
MIGRATE_PCPTYPES = 3
MIGRATE_HIGHATOMIC = 3
MIGRATE_RESERVE = 3  # 2.6.27: the place that HIGHATOMIC took
MIGRATE_ISOLATE = 4
MIGRATE_TYPES = 5

ZONE_DMA = 0
ZONE_DMA32 = 1
ZONE_NORMAL = 2
ZONE_MOVABLE = 3

WMARK_MIN = 0
WMARK_LOW = 1
WMARK_HIGH = 2
WMARK_PROMO = 3
NR_WMARK = 4

GFP_DMA = 0x01
GFP_HIGHMEM = 0x02
GFP_DMA32 = 0x04
GFP_MOVABLE = 0x08
GFP_RECLAIMABLE = 0x10
GFP_HIGH = 0x20
GFP_IO = 0x40
GFP_FS = 0x80
GFP_ATOMIC_BIT = 0x200
GFP_DIRECT_RECLAIM = 0x400
GFP_KSWAPD_RECLAIM = 0x800
GFP_WRITE = 0x1000
GFP_RETRY_MAYFAIL = 0x4000
GFP_NOFAIL = 0x8000
GFP_NORETRY = 0x10000
GFP_MEMALLOC = 0x20000
GFP_NOMEMALLOC = 0x80000
GFP_THISNODE = 0x200000
GFP_KERNEL = 0xCC0

ALLOC_WMARK_MIN = 0
ALLOC_WMARK_LOW = 1
ALLOC_WMARK_HIGH = 2
ALLOC_WMARK_MASK = 3
ALLOC_NO_WATERMARKS = 0x04
ALLOC_OOM = 0x08
ALLOC_NON_BLOCK = 0x10
ALLOC_MIN_RESERVE = 0x20
ALLOC_NOFRAGMENT = 0x100
ALLOC_HIGHATOMIC = 0x200
ALLOC_KSWAPD = 0x800
ALLOC_RESERVES = 0x238

IN_SWAP = 0xFFFFFFFE

STATE_TAIL = 0
STATE_RESERVED = 1
STATE_BUDDY = 2
STATE_PCP = 3
STATE_ALLOCATED = 4
STATE_CAPTURED = 5
STATE_ISOLATED = 6

CAPTURE_IDLE = 0
CAPTURE_OPEN = 1
CAPTURE_OVER = 2

LRU_INACTIVE_ANON = 0
LRU_ACTIVE_ANON = 1
LRU_INACTIVE_FILE = 2
LRU_ACTIVE_FILE = 3
NR_LRU_LISTS = 4

MIN_NR_GENS = 2
MAX_NR_GENS = 4
MAX_NR_TIERS = 4
NR_GEN_LISTS = 40  # of a node: generations, two types, MAX_NR_ZONES
NR_TYPE_TIERS = 8  # two types, MAX_NR_TIERS
MIN_LRU_BATCH = 64
MAX_LRU_BATCH = 4096

PG_LRU = 1
PG_ACTIVE = 2
PG_SWAPBACKED = 4
PG_DIRTY = 8
PG_REFERENCED = 16
PG_WRITEBACK = 32
PG_YOUNG = 64
PG_RECLAIM = 128
PG_WORKINGSET = 256
PG_SWAPCACHE = 512
PG_JOURNALLED = 1024
PG_HELD = 2048
PG_SHMEM = 4096  # of a file, and backed by swap

COMPACT_MAX_DEFER_SHIFT = 6
MAX_COMPACT_RETRIES = 16

COMPACT_SKIPPED = 1
COMPACT_DEFERRED = 2
COMPACT_NO_SUITABLE_PAGE = 3
COMPACT_CONTINUE = 4
COMPACT_COMPLETE = 5
COMPACT_PARTIAL_SKIPPED = 6
COMPACT_CONTENDED = 7
COMPACT_SUCCESS = 8

COMPACT_PRIO_SYNC_FULL = 0
COMPACT_PRIO_SYNC_LIGHT = 1
COMPACT_PRIO_ASYNC = 2

MIGRATE_ASYNC = 0
MIGRATE_SYNC_LIGHT = 1

PAGE_SIZE = 4096


@dataclass(frozen=True)
class Span:
    """From which mainline version on a rule acted, and from which no longer; `off`: only where somebody turns it on."""

    since: tuple[int, ...] = ()
    until: tuple[int, ...] = ()
    off: bool = False

    def holds(self, version: tuple[int, ...]) -> bool:
        """Does a kernel of this version have the rule?"""
        return not self.off and version >= self.since and not (self.until and version >= self.until)


def rule(since: tuple[int, ...] = (), until: tuple[int, ...] = (), *, off: bool = False) -> Any:
    """A rule of the memory manager, as a field of `Rules`: on or off as Linux 6.1 has it."""
    span = Span(since, until, off)
    return field(default=span.holds((6, 1)), metadata={"span": span})


@dataclass(frozen=True)
class Rules:
    """What differs between kernel versions: each rule says what it does, and the commit that brought or ended it.

    The engine reads them as `m.rules.NAME`, where they act. Those that ended by 2.6.38 or began after 2.6.27 are
    numbered as in docs/linux-2.6.27.md.
    """

    # Free lists.
    tail_if_merge_near: bool = rule((2, 6, 35))  # 6dda9d55bf54; before, rule 10: a freed block goes to the head
    moves_to_tail: bool = rule((5, 10))  # 293ffa5ebb9c; before, rule 13: move_to_free_list to the head
    merges_with_fallbacks_only: bool = rule((5, 18))  # 1dd214b8f21c; before, rule 10: blocks of all types merge
    migrate_reserve: bool = rule((2, 6, 24), (4, 4))  # rules 7, 14; 974a786e63c9: MIGRATE_RESERVE
    highatomic_reserve: bool = rule((4, 4))  # 0aaa29a56e4f: MIGRATE_HIGHATOMIC
    steals_largest: bool = rule((), (4, 12))  # rule 13; 3bc48f96cf11, 02aa0cdd7248: by what is alike
    alloc_nofragment: bool = rule((5, 0))  # 6bb154504f8b: a lower zone before another type's pageblock
    types_by_pageblock: bool = rule((6, 10))  # 17edeb5d3f76, b54ccd3c6bac: a free block is on its pageblock's list
    claims_or_steals: bool = rule((6, 10))  # c2f6ea38fc1b, 90abee6d7895: the whole pageblock, else the smallest block;
    # of 6.15, which the stable series of 6.10 to 6.14 took
    defrag_mode: bool = rule((6, 15), off=True)  # e3aa7df331bc: reclaim and compact before pageblocks mix
    kswapd_only_blocks: bool = rule((6, 15), off=True)  # of defrag mode as posted, before a1f0220f3319: also at order 0

    # Per-cpu lists.
    single_pcp_list: bool = rule((), (2, 6, 32))  # rules 16 to 19; 5f8dcc21211a: one list a type
    frees_cold: bool = rule((), (4, 15))  # rules 20, 21; 2d4894b5d2ae: reclaimed pages go to the lists' tails
    tuned_pcp: bool = rule((6, 7))  # 90b41691b988 and its series: the lists hold and take by use
    patient_free_high: bool = rule((6, 16))  # c544a952ba61: it takes a longer run of frees to empty the lists

    # Watermarks.
    watermark_scale_factor: bool = rule((4, 6))  # 795ae7a0de6b; before, rule 23: low and high by shares of min
    watermark_per_order: bool = rule((), (4, 4))  # rule 24; 97a16fc82a7c: one block is enough
    high_ignores_boost: bool = rule((6, 3))  # 2973d8229b78; before, only __GFP_ATOMIC was spared it
    reserve_is_a_hundredth: bool = rule((6, 8))  # 9cd20f3fe045: no HIGHATOMIC where a hundredth is no pageblock
    counts_free_reserve: bool = rule((6, 13))  # c928807f6f6b: only what is free of the reserve is out of reach

    # The slow path and kswapd.
    persistent_slowpath: bool = rule((), (4, 7))  # rules 27, 28, 50; 0a0337e0d1d1: bounded retries
    retry_wakes_kswapd: bool = rule((2, 6, 32))  # rule 27.5; cc4a68514660, 9ee493ce0a60: also another walk
    throttles_direct_reclaim: bool = rule((3, 6))  # rule 27; 5515061d22f0: wait while kswapd lacks memory
    order_balancing: bool = rule((), (2, 6, 38))  # rules 30 to 32; 99504748: until there is the order

    # Reclaim.
    stops_when_enough: bool = rule((2, 6, 29))  # rules 34, 36; a79311c14eae
    owes_scans: bool = rule((), (3, 0))  # rules 36, 54; 246e87a93934: lists owe what is less than a batch
    waits_for_congestion: bool = rule((), (5, 16))  # rule 34; 8cd7c588decf: until some writeback is done
    unified_lru: bool = rule((), (2, 6, 28))  # rules 36, 41, 42; 4f98a2fee8ac: anonymous and file pages apart
    anon_starts_active: bool = rule((), (5, 9))  # rule 44; b518154e59aa
    refaults: bool = rule((3, 15))  # a528910e12ec: evicted pages that come back soon are active
    rotations_cost: bool = rule((6, 2))  # 0538a82c39e9: what reclaim looks at in vain counts a little too
    multi_gen_lru: bool = rule((6, 1), off=True)  # ac35a4902374: generations in place of active and inactive lists
    gens_move_apart: bool = rule((6, 14))  # 798c0330c2ca: anonymous pages may be younger than files; ages by distance
    types_by_all_tiers: bool = rule((6, 14))  # 37a260870f2c: which type to evict, by the refaults of all tiers
    refaults_by_max_seq: bool = rule((6, 14))  # b1a71694fb00: a refault is recent for MAX_NR_GENS generations
    gens_by_workingset: bool = rule((6, 14))  # 4d5d14a01e2c: pages that came back, or were mapped, begin younger
    gens_evict_dirty: bool = rule((6, 12), (6, 14))  # 1bc542c6a0d1: dirty pages are taken off too, and put back active
    lumpy_reclaim: bool = rule((2, 6, 23), (3, 5))  # rules 37, 38; c53919adc045
    writes_in_reclaim: bool = rule((), (3, 2))  # rule 39; ee72886d8ed5: file pages are left to the flusher
    rotates_activated: bool = rule((4, 11))  # c55e8d035b28: a written page goes to the end though it was activated
    frees_by_pagevec: bool = rule((), (3, 3))  # rule 39.10; cc59850ef940: a whole batch at once
    pdflush: bool = rule((), (2, 6, 32))  # rule 48; 03ba3782e8dc: looks at the limit before each chunk only

    # Compaction.
    compaction: bool = rule((2, 6, 35))  # 748446bb6b5a
    compaction_capture: bool = rule((5, 1))  # 5e1f0f098b46: a direct compactor keeps the block it has freed


def rules_of(version: tuple[int, ...]) -> Rules:
    """The rules of a mainline version."""
    return Rules(**{one.name: one.metadata["span"].holds(version) for one in fields(Rules)})


@dataclass(frozen=True)
class Profile:
    """A kernel: its name and mainline version, its rules, and the sizes it was built with."""

    name: str
    version: tuple[int, ...]
    rules: Rules
    max_order: int = 11
    pageblock_order: int = 9
    page_size: int = PAGE_SIZE

    def having(self, **rules: bool) -> Profile:
        """The same kernel with some rules on or off."""
        return replace(self, rules=replace(self.rules, **rules))


def linux(*version: int) -> Profile:
    """A mainline kernel."""
    return Profile(".".join(map(str, version)), version, rules_of(version))


LINUX_2_6_27 = linux(2, 6, 27)
LINUX_2_6_27_MM = replace(  # 2.6.27-rc1-mm1, the split LRU that the capture series was made against (section 14)
    LINUX_2_6_27.having(unified_lru=False), name="2.6.27-mm"
)
LINUX_6_1 = linux(6, 1)
LINUX_6_18 = linux(6, 18)  # the allocator's rules; those of reclaim and compaction are 6.1's


NUMBERS = re.compile(r"(\d{1,3})\.(\d{1,4})(?:\.(\d{1,4}))?")


def version_of(release: str) -> Version | None:
    """The mainline version of a release such as 6.18.15-amd64: two numbers, three in the 2.6 series; None: unknown."""
    numbers = NUMBERS.match(release)
    if not numbers:
        return None
    major, minor, patch = int(numbers[1]), int(numbers[2]), int(numbers[3] or 0)
    return (major, minor, patch) if (major, minor) == (2, 6) else (major, minor)


def profile_of(release: str) -> Profile:
    """The rules that a kernel release such as 6.18.15-amd64 has of those known: 6.1's, and what came since."""
    major, minor, *_ = max(version_of(release) or (6, 1), (6, 1))
    found = linux(major, minor)
    return next((known for known in (LINUX_6_1, LINUX_6_18) if known.rules == found.rules), found)


def powerpc(profile: Profile, page_size: int = 4096) -> Profile:
    """The shape of a ppc64 of 2008: huge pages of 16 MiB, order 12 of 4 KiB pages or order 8 of 64 KiB ones."""
    order = 12 if page_size == PAGE_SIZE else 8
    return replace(
        profile, name=f"{profile.name}-ppc64", max_order=order + 1, pageblock_order=order, page_size=page_size
    )


def zone_batchsize(managed: int) -> int:
    """Pages moved between a per-cpu list and the buddy lists at once (zone_batchsize)."""
    batch = max(1, min(managed >> 10, (1 << 20) // PAGE_SIZE) // 4)
    return max(1, (1 << ((batch + batch // 2).bit_length() - 1)) - 1)


def pcp_sizes_2_6_27(present: int, page_size: int = PAGE_SIZE) -> tuple[int, int]:
    """(batch, high) of a per-cpu list in 2.6.27 (zone_batchsize, setup_pageset; rule 17)."""
    batch = min(present // 1024, (512 << 10) // page_size) // 4 or 1
    batch = (1 << ((batch + batch // 2).bit_length() - 1)) - 1
    return max(1, batch), 6 * batch


def setup_per_zone_pages_min(present: list[int], min_free: int, page_size: int = PAGE_SIZE) -> list[list[int]]:
    """[min, low, high, high] of each zone, in pages, where none is high memory (2.6.27, rule 23)."""
    marks = []
    for pages in present:
        share = (min_free << 10) // page_size * pages // sum(present)
        marks.append([share, share + (share >> 2), share + (share >> 1), share + (share >> 1)])
    return marks


def zone_highsize(low_wmark: int, batch: int, cpus: int) -> int:
    """Pages a per-cpu list may hold before it gives back (zone_highsize, percpu_pagelist_high_fraction=0)."""
    return max(low_wmark // cpus, batch << 2)


def stat_threshold(managed: int, low_wmark: int, min_wmark: int, cpus: int) -> int:
    """Pages of a zone that one CPU may have counted without telling, at most (refresh_zone_stat_thresholds).

    A machine with several CPUs brings the others up before it has watermarks, which sets each zone's percpu_drift_mark
    for good; from then on another limit holds while kswapd is awake (calculate_pressure_threshold).
    """
    normal = min(125, 2 * cpus.bit_length() * (1 + (managed * PAGE_SIZE >> 27).bit_length()))
    if cpus == 1:
        return normal
    return max(normal, min(125, max(1, (low_wmark - min_wmark) // cpus)))


def min_free_kbytes(lowmem_kbytes: int) -> int:
    """The default of vm.min_free_kbytes (calculate_min_free_kbytes)."""
    return max(128, min(262144, math.isqrt(lowmem_kbytes * 16)))


def recommended_min_free_kbytes(managed: int) -> int:
    """What khugepaged raises vm.min_free_kbytes to on a machine with one zone, so that two pageblocks of
    each type, for each to fall back to, stay almost free (set_recommended_min_free_kbytes)."""
    pageblock, types = 512, 3
    return 4 * min(pageblock * (2 + types * types), managed // 20)


def setup_per_zone_wmarks(managed: list[int], min_free: int, scale_factor: int = 10) -> list[list[int]]:
    """[min, low, high, promo] of each zone, in pages (__setup_per_zone_wmarks)."""
    pages_min = min_free >> 2
    lowmem = sum(managed)
    marks = []
    for pages in managed:
        share = pages_min * pages // lowmem
        step = max(share >> 2, pages * scale_factor // 10000)
        marks.append([share + i * step for i in range(4)])
    return marks


def setup_per_zone_lowmem_reserve(managed: dict[int, int], ratio: list[int]) -> dict[int, list[int]]:
    """lowmem_reserve[j] of each zone, in pages (setup_per_zone_lowmem_reserve).

    `managed` maps zone index to managed pages; a request that could have used zone j leaves this many pages of zone i
    alone.
    """
    reserve = {}
    for i in managed:
        above = 0
        row = [0] * MAX_NR_ZONES
        for j in range(i + 1, MAX_NR_ZONES):
            above += managed.get(j, 0)
            if ratio[i] > 0:
                row[j] = above // ratio[i]
        reserve[i] = row
    return reserve
