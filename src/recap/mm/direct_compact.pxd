cimport cython

from recap.kernel cimport (
    COMPACT_COMPLETE,
    COMPACT_CONTENDED,
    COMPACT_CONTINUE,
    COMPACT_DEFERRED,
    COMPACT_PARTIAL_SKIPPED,
    COMPACT_PRIO_ASYNC,
    COMPACT_PRIO_SYNC_FULL,
    COMPACT_PRIO_SYNC_LIGHT,
    COMPACT_SKIPPED,
    COMPACT_SUCCESS,
    DEF_PRIORITY,
    GFP_IO,
    LRU_INACTIVE_ANON,
    LRU_INACTIVE_FILE,
    MAX_COMPACT_RETRIES,
    MIGRATE_ASYNC,
    MIGRATE_SYNC_LIGHT,
    NONE,
    PAGE_ALLOC_COSTLY_ORDER,
    WMARK_HIGH,
)
from recap.mm.compaction cimport compact_begin, compact_gap, compact_step, compaction_suitable, suitable_with
from recap.mm.page_alloc cimport get_page_from_freelist
from recap.mm.skip_hint cimport compaction_defer_reset, compaction_deferred, defer_compaction
from recap.mm.vmscan cimport zone_reclaimable_pages
from recap.mm.vmstat cimport COMPACT_FAIL, COMPACT_STALL
from recap.mm.vmstat cimport COMPACT_SUCCESS as COMPACT_SUCCESS_EVENT
from recap.mm.watermark cimport wmark_pages, zone_watermark_ok
from recap.pages cimport Memory, page_zone

cdef bint gfp_compaction_allowed(Memory m, unsigned int gfp) noexcept nogil

cdef void direct_compact_begin(Memory m, int s, int priority) noexcept nogil

@cython.locals(zone=cython.int, full=cython.bint, result=cython.int)
cdef bint next_zone(Memory m, int s) noexcept nogil

cdef bint zone_done(Memory m, int s, int result) noexcept nogil

@cython.locals(zone=cython.int, result=cython.int)
cdef bint direct_compact_step(Memory m, int s, int cpu) noexcept nogil

@cython.locals(zone=cython.int)
cdef void direct_compact_end(Memory m, int s, int cpu) noexcept nogil

@cython.locals(zone=cython.int, available=cython.longlong)
cdef bint compaction_zonelist_suitable(Memory m, int s) noexcept nogil

@cython.locals(result=cython.int, most=cython.int, least=cython.int, withdrawn=cython.bint)
cdef bint should_compact_retry(Memory m, int s) noexcept nogil

cdef bint in_reclaim_compaction(Memory m, int s) noexcept nogil

@cython.locals(node=cython.int, zone=cython.int, inactive=cython.longlong)
cdef bint should_continue_reclaim(Memory m, int s) noexcept nogil

@cython.locals(zone=cython.int, every=cython.bint)
cdef bint compaction_ready(Memory m, int s) noexcept nogil

@cython.locals(suitable=cython.int, mark=cython.longlong)
cdef bint zone_compaction_ready(Memory m, int s, int zone) noexcept nogil
