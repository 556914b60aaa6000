# The constants of kernel.py as C sees them; tests/test_kernel.py holds the two against each other.

cdef enum:
    NONE = 0xFFFFFFFF

    NR_ORDERS = 14
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
    MIGRATE_RESERVE = 3
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
    PG_SHMEM = 4096

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

ctypedef struct Rules:
    bint tail_if_merge_near
    bint moves_to_tail
    bint merges_with_fallbacks_only
    bint migrate_reserve
    bint highatomic_reserve
    bint steals_largest
    bint alloc_nofragment
    bint types_by_pageblock
    bint claims_or_steals
    bint defrag_mode
    bint kswapd_only_blocks
    bint single_pcp_list
    bint frees_cold
    bint tuned_pcp
    bint patient_free_high
    bint watermark_scale_factor
    bint watermark_per_order
    bint high_ignores_boost
    bint reserve_is_a_hundredth
    bint counts_free_reserve
    bint persistent_slowpath
    bint retry_wakes_kswapd
    bint throttles_direct_reclaim
    bint order_balancing
    bint stops_when_enough
    bint owes_scans
    bint waits_for_congestion
    bint unified_lru
    bint anon_starts_active
    bint refaults
    bint lumpy_reclaim
    bint writes_in_reclaim
    bint frees_by_pagevec
    bint pdflush
    bint compaction
    bint compaction_capture
