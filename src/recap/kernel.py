"""What is fixed for a kernel: its constants, and the formulas that size zones and per-cpu lists at boot.

Names are the kernel's. `kernel.pxd` repeats the numbers for the compiled engine (C wants them at compile time); a test
holds the two lists against each other.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Any

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
class Profile:
    """A kernel version: the rules that differ between versions, each with the commit that made the difference.

    What is not said is the rule of 6.1; the rules of 2.6.27 are numbered as in docs/linux-2.6.27.md.
    """

    name: str
    max_order: int = 11
    pageblock_order: int = 9
    compaction: bool = True  # 748446bb6b5a (2.6.35)
    compaction_capture: bool = True  # 5e1f0f098b46 (5.1): a direct compactor keeps the block it has freed
    defrag_mode: bool = False  # e3aa7df331bc (6.15, off by default): reclaim and compact before pageblocks mix
    kswapd_only_blocks: bool = False  # of defrag mode as posted, before a1f0220f3319 (6.15): also at order 0
    refaults: bool = True  # a528910e12ec (3.15): evicted pages that come back soon are active
    page_size: int = PAGE_SIZE
    frees_to_head: bool = False  # rule 10; 6dda9d55bf54 (2.6.35): to the tail when a merge is near
    migrate_reserve: bool = False  # rules 7, 14; 974a786e63c9 (4.4): HIGHATOMIC instead
    steals_largest: bool = False  # rule 13; 3bc48f96cf11, 02aa0cdd7248 (4.12): by what is alike, smallest if not whole
    single_pcp_list: bool = False  # rules 16 to 19; 5f8dcc21211a (2.6.32): one list a type; 44042b449872 (5.14): orders
    watermark_per_order: bool = False  # rule 24; 97a16fc82a7c (4.4): one block is enough
    persistent_slowpath: bool = False  # rule 27; 9ee493ce0a60 (2.6.37), 5515061d22f0 (3.6), 0a0337e0d1d1 (4.7)
    order_balancing: bool = False  # rules 30 to 32: kswapd goes on until the order asked for is there
    scans_all_batches: bool = False  # rules 34, 36, 54; a79311c14eae (2.6.29): stops when enough is reclaimed
    lumpy_reclaim: bool = False  # rules 37, 38; c53919adc045 (3.5): no areas any more
    anon_starts_active: bool = False  # rule 44; b518154e59aa (5.9): anonymous pages begin inactive
    writes_in_reclaim: bool = False  # rule 39; ee72886d8ed5 (3.2): file pages are left to the flusher
    unified_lru: bool = False  # rules 36, 41, 42; 4f98a2fee8ac (2.6.28): anonymous and file pages apart
    gfp_atomic: bool = True  # 2973d8229b78 (6.3): __GFP_HIGH alone spares a request the boost
    tuned_pcp: bool = False  # 90b41691b988 and its series (6.7): per-cpu lists hold and take by use
    small_zones_reserve: bool = True  # 9cd20f3fe045 (6.8): no HIGHATOMIC where a hundredth is no pageblock
    types_by_pageblock: bool = False  # 17edeb5d3f76, b54ccd3c6bac (6.10): a free block is on its pageblock's list
    reserve_hides_free: bool = True  # c928807f6f6b (6.13): only what is free of the reserve is out of reach
    claims_or_steals: bool = False  # c2f6ea38fc1b, 90abee6d7895 (6.15): the whole pageblock, else the smallest block
    eager_free_high: bool = True  # c544a952ba61 (6.16): a longer run of frees empties the lists


LINUX_6_1 = Profile("6.1")
LINUX_6_18 = Profile(
    "6.18",  # the allocator's rules; those of reclaim and compaction are 6.1's
    gfp_atomic=False,
    tuned_pcp=True,
    small_zones_reserve=False,
    types_by_pageblock=True,
    reserve_hides_free=False,
    claims_or_steals=True,
    eager_free_high=False,
)
SINCE = {  # the mainline version of each rule of 6.18
    "gfp_atomic": (6, 3),
    "tuned_pcp": (6, 7),
    "small_zones_reserve": (6, 8),
    "types_by_pageblock": (6, 10),
    "claims_or_steals": (6, 10),  # 6.10 to 6.14 chose otherwise; their stable series took the rule of 6.15
    "reserve_hides_free": (6, 13),
    "eager_free_high": (6, 16),
}
LINUX_2_6_27_MM = Profile(
    "2.6.27-mm",  # 2.6.27-rc1-mm1, the split LRU that the capture series was made against (section 14)
    compaction=False,
    refaults=False,
    frees_to_head=True,
    migrate_reserve=True,
    steals_largest=True,
    single_pcp_list=True,
    watermark_per_order=True,
    persistent_slowpath=True,
    order_balancing=True,
    scans_all_batches=True,
    lumpy_reclaim=True,
    anon_starts_active=True,
    writes_in_reclaim=True,
)
LINUX_2_6_27 = replace(LINUX_2_6_27_MM, name="2.6.27", unified_lru=True)


def profile_of(release: str) -> Profile:
    """The rules that a kernel release such as 6.18.15-amd64 has of those known: 6.1's, and what came since."""
    numbers = re.match(r"(\d{1,6})\.(\d{1,6})", release)
    version = (int(numbers[1]), int(numbers[2])) if numbers else (6, 1)
    newer: dict[str, Any] = {rule: getattr(LINUX_6_18, rule) for rule, since in SINCE.items() if version >= since}
    if len(newer) == len(SINCE):
        return LINUX_6_18
    return replace(LINUX_6_1, name=f"{version[0]}.{version[1]}", **newer) if newer else LINUX_6_1


def powerpc(profile: Profile, page_size: int = 4096) -> Profile:
    """The shape of a ppc64 of 2008: huge pages of 16 MiB, order 12 of 4 KiB pages or order 8 of 64 KiB ones."""
    order = 12 if page_size == PAGE_SIZE else 8
    return replace(
        profile, name=f"{profile.name}-ppc64", max_order=order + 1, pageblock_order=order, page_size=page_size
    )


def gfp_migratetype(gfp: int) -> int:
    """The migratetype a request asks for (gfp_migratetype)."""
    return (gfp >> 3) & 3


def gfp_zone(gfp: int) -> int:
    """The highest zone index a request may use (gfp_zone, x86-64: no HIGHMEM)."""
    if gfp & GFP_DMA:
        return ZONE_DMA
    if gfp & GFP_DMA32:
        return ZONE_DMA32
    if gfp & GFP_HIGHMEM and gfp & GFP_MOVABLE:
        return ZONE_MOVABLE
    return ZONE_NORMAL


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
    """What khugepaged raises vm.min_free_kbytes to on a machine of one zone of so many pages, so that two pageblocks of
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

    `managed` maps zone index to managed pages; a request that could have used zone j leaves so many pages of zone i
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
