cimport cython

from recap.kernel cimport (
    COMPACT_CLUSTER_MAX,
    COMPACT_MAX_DEFER_SHIFT,
    MIGRATE_ASYNC,
    MIGRATE_MOVABLE,
    PAGE_ALLOC_COSTLY_ORDER,
    PG_LRU,
    STATE_ALLOCATED,
    STATE_BUDDY,
)
from recap.pages cimport Memory

cdef unsigned int pageblock_start(Memory m, unsigned int pfn) noexcept nogil

cdef bint isolation_suitable(Memory m, int s, unsigned int pfn) noexcept nogil

cdef void set_pageblock_skip(Memory m, unsigned int pfn) noexcept nogil

cdef bint test_and_set_skip(Memory m, int s, unsigned int pfn) noexcept nogil

@cython.locals(zone=cython.int)
cdef void update_cached_migrate(Memory m, int s, unsigned int pfn) noexcept nogil

@cython.locals(zone=cython.int)
cdef void update_pageblock_skip(Memory m, int s, unsigned int pfn) noexcept nogil

cdef void reset_cached_positions(Memory m, int zone) noexcept nogil

cdef bint pageblock_skip_persistent(Memory m, unsigned int pfn) noexcept nogil

@cython.locals(block=cython.uint, at=cython.uint, last=cython.uint)
cdef bint reset_isolation_pfn(Memory m, int zone, unsigned int pfn, bint check_source, bint check_target) noexcept nogil

@cython.locals(
    size=cython.uint,
    migrate_pfn=cython.uint,
    free_pfn=cython.uint,
    reset_migrate=cython.uint,
    reset_free=cython.uint,
    source_set=cython.bint,
    free_set=cython.bint,
)
cdef void reset_isolation_suitable(Memory m, int zone) noexcept nogil

cdef int freelist_scan_limit(Memory m, int s) noexcept nogil

cdef void defer_compaction(Memory m, int zone, int order) noexcept nogil

@cython.locals(limit=cython.int)
cdef bint compaction_deferred(Memory m, int zone, int order) noexcept nogil

cdef void compaction_defer_reset(Memory m, int zone, int order, bint alloc_success) noexcept nogil

@cython.locals(shift=cython.int)
cdef bint compaction_restarting(Memory m, int zone, int order) noexcept nogil
