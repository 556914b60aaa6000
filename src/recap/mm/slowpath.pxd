cimport cython

from recap.kernel cimport (
    ALLOC_KSWAPD,
    ALLOC_NOFRAGMENT,
    ALLOC_NO_WATERMARKS,
    ALLOC_WMARK_HIGH,
    ALLOC_WMARK_MASK,
    COMPACT_DEFERRED,
    COMPACT_PRIO_ASYNC,
    COMPACT_PRIO_SYNC_LIGHT,
    COMPACT_SKIPPED,
    DEF_PRIORITY,
    FIFTIETH_NS,
    GFP_DIRECT_RECLAIM,
    GFP_FS,
    GFP_NOFAIL,
    GFP_NORETRY,
    GFP_RETRY_MAYFAIL,
    GFP_THISNODE,
    MAX_RECLAIM_RETRIES,
    MIGRATE_MOVABLE,
    NONE,
    PAGE_ALLOC_COSTLY_ORDER,
    SWAP_CLUSTER_MAX,
    TENTH_NS,
    TICK_NS,
    WMARK_MIN,
    ZONE_NORMAL,
)
from recap.mm.backing_dev cimport congestion_wait
from recap.mm.capture cimport close_capture, open_capture
from recap.mm.direct_compact cimport (
    compaction_ready,
    direct_compact_begin,
    direct_compact_step,
    gfp_compaction_allowed,
    should_compact_retry,
    should_continue_reclaim,
)
from recap.mm.kswapd cimport NOBODY_ASKED, wakeup_kswapd
from recap.mm.migratetype cimport unreserve_highatomic_pageblock
from recap.mm.page_alloc cimport get_page_from_freelist, gfp_migratetype, gfp_to_alloc_flags, gfp_zone, preferred_zone
from recap.mm.pcplist cimport drain_all_pages
from recap.mm.request_queue cimport join_queue, must_wait
from recap.mm.slab cimport shrink_slab
from recap.mm.vmscan cimport (
    all_unreclaimable,
    shrink_lruvec_step,
    shrink_node_begin,
    shrink_node_end,
    writes_pending,
    zone_reclaimable_pages,
)
from recap.mm.vmstat cimport ALLOCSTALL, ALLOC_SLOWPATH
from recap.mm.watermark cimport wmark_pages, zone_watermark_ok_for
from recap.mm.workingset cimport snapshot_refaults
from recap.pages cimport Memory

@cython.locals(order=cython.int)
cdef void wake_all_kswapds(Memory m, int s) noexcept nogil

cdef int slowpath_begin(Memory m, int s, int cpu, int order, unsigned int gfp) noexcept nogil

cdef int slowpath_step(Memory m, int s, int cpu) noexcept nogil

cdef bint compacts_first(Memory m, int s) noexcept nogil

cdef int compacted_first(Memory m, int s) noexcept nogil

cdef int compact_last(Memory m, int s) noexcept nogil

cdef int slowpath_retry(Memory m, int s, int cpu) noexcept nogil

@cython.locals(free=cython.longlong, reserve=cython.longlong, zone=cython.int)
cdef bint allow_direct_reclaim(Memory m, int node) noexcept nogil

cdef void wake_for_throttled(Memory m, int node) noexcept nogil

cdef int enter_reclaim(Memory m, int s) noexcept nogil

cdef int node_done(Memory m, int s, int cpu) noexcept nogil

cdef int priority_begin(Memory m, int s) noexcept nogil

cdef int next_priority(Memory m, int s) noexcept nogil

cdef int harder_priority(Memory m, int s) noexcept nogil

cdef void leave_reclaim(Memory m, int s) noexcept nogil

@cython.locals(zone=cython.int, mark=cython.longlong, left=cython.longlong)
cdef unsigned int walk_relaxed(Memory m, int s, int cpu) noexcept nogil

@cython.locals(wants_more=cython.bint)
cdef int retry_persistently(Memory m, int s, int cpu) noexcept nogil

cdef int after_reclaim(Memory m, int s, int cpu) noexcept nogil

@cython.locals(zone=cython.int)
cdef void unreserve_highatomic(Memory m, int s, bint force) noexcept nogil

cdef bint retries_costly(Memory m, int s) noexcept nogil

cdef int retry_or_fail(Memory m, int s, int cpu) noexcept nogil

@cython.locals(zone=cython.int, available=cython.longlong)
cdef bint should_reclaim_retry(Memory m, int s) noexcept nogil

cdef int may_oom(Memory m, int s, int cpu) noexcept nogil

cdef void oom_killed(Memory m, int s) noexcept nogil
