cimport cython

from recap.kernel cimport (
    COMPACT_CLUSTER_MAX,
    GFP_FS,
    MIGRATE_ASYNC,
    MIGRATE_MOVABLE,
    NONE,
    PAGE_ALLOC_COSTLY_ORDER,
    PG_LRU,
    PG_SWAPBACKED,
    PG_WRITEBACK,
    STATE_ALLOCATED,
    STATE_BUDDY,
)
from recap.mm.free_area cimport free_list
from recap.mm.lru cimport lruvec_del
from recap.mm.migrate cimport putback_movable_pages
from recap.mm.skip_hint cimport (
    freelist_scan_limit,
    isolation_suitable,
    pageblock_skip_persistent,
    pageblock_start,
    set_pageblock_skip,
    test_and_set_skip,
    update_cached_migrate,
)
from recap.mm.vmstat cimport COMPACT_ISOLATED
from recap.pages cimport MIGRATEPAGES, Memory, get_pageblock_migratetype, list_add, list_del

cdef void move_freelist_tail(Memory m, unsigned int head, unsigned int pfn) noexcept nogil

@cython.locals(pfn=cython.uint, start=cython.uint, distance=cython.uint, found=cython.uint)
cdef unsigned int fast_find_migrateblock(Memory m, int s) noexcept nogil

@cython.locals(zone=cython.int, limit=cython.int, scanned=cython.int, found=cython.uint, order=cython.int, head=cython.uint, pfn=cython.uint)
cdef unsigned int search_migrateblock(Memory m, int s, unsigned int high_pfn) noexcept nogil

cdef void update_fast_start_pfn(Memory m, int s, unsigned int pfn) noexcept nogil

cdef bint suitable_migration_source(Memory m, int s, unsigned int pfn) noexcept nogil

@cython.locals(low_pfn=cython.uint, end_pfn=cython.uint, size=cython.uint, fast_find_block=cython.bint, aligned=cython.bint)
cdef void isolate_migratepages(Memory m, int s) noexcept nogil

cdef bint may_isolate(Memory m, int s, unsigned int pfn) noexcept nogil

@cython.locals(start=cython.uint, first=cython.bint)
cdef void isolate_migratepages_block(Memory m, int s, unsigned int low_pfn, unsigned int end_pfn) noexcept nogil

cdef bint skips_on_failure(Memory m, int s) noexcept nogil

cdef unsigned int block_end(Memory m, int s, unsigned int pfn) noexcept nogil

cdef void begin_block(Memory m, int s, unsigned int low_pfn, unsigned int end_pfn) noexcept nogil

cdef bint isolate_page(Memory m, int s, unsigned int pfn) noexcept nogil

cdef bint enough_isolated(Memory m, int s) noexcept nogil

cdef unsigned int skip_block(Memory m, int s, unsigned int low_pfn) noexcept nogil

cdef void end_block(Memory m, int s, unsigned int start, unsigned int low_pfn, unsigned int end_pfn, bint first) noexcept nogil
