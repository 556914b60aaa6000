cimport cython

from recap.kernel cimport (
    DEF_PRIORITY,
    GFP_KERNEL,
    LRU_ACTIVE_ANON,
    LRU_INACTIVE_ANON,
    MAX_RECLAIM_RETRIES,
    NONE,
    SWAP_CLUSTER_MAX,
    TENTH_NS,
    WMARK_HIGH,
    WMARK_LOW,
)
from recap.mm.active_list cimport shrink_active_list
from recap.mm.backing_dev cimport congestion_wait
from recap.mm.direct_compact cimport should_continue_reclaim
from recap.mm.kcompactd cimport wakeup_kcompactd
from recap.mm.lru cimport inactive_is_low, node_lru_pages
from recap.mm.skip_hint cimport reset_isolation_suitable
from recap.mm.slab cimport shrink_slab
from recap.mm.vmscan cimport all_unreclaimable, shrink_lruvec_step, shrink_node_begin, shrink_node_end
from recap.mm.vmstat cimport PAGEOUTRUN
from recap.mm.watermark cimport free_pages_blocks, wmark_pages, zone_watermark_ok, zone_watermark_ok_for
from recap.mm.workingset cimport snapshot_refaults
from recap.pages cimport Memory

@cython.locals(zone=cython.int, free_pages=cython.longlong, mark=cython.longlong)
cdef bint pgdat_balanced(Memory m, int node, int order, int highest_zoneidx) noexcept nogil

@cython.locals(zone=cython.int, boosts=cython.longlong)
cdef long long watermark_boosts(Memory m, int node, int highest_zoneidx) noexcept nogil

@cython.locals(zone=cython.int, hold=cython.bint)
cdef bint low_marks_hold(Memory m, int node, int order) noexcept nogil

cdef void wakeup_kswapd(Memory m, int node, int order, int highest_zoneidx, bint can_reclaim) noexcept nogil

@cython.locals(zone=cython.int)
cdef void set_reclaim_active(Memory m, int node, int highest_zoneidx, bint active) noexcept nogil

cdef void take_highest_zoneidx(Memory m, int node) noexcept nogil

@cython.locals(zone=cython.int)
cdef void balance_begin(Memory m, int node) noexcept nogil

@cython.locals(zone=cython.int, balanced=cython.bint)
cdef void balance_priority(Memory m, int node) noexcept nogil

@cython.locals(gained=cython.longlong, raise_priority=cython.bint, fruitless=cython.bint)
cdef void balance_node_done(Memory m, int node, int cpu) noexcept nogil

cdef void shrink_node_again(Memory m, int node) noexcept nogil

@cython.locals(zone=cython.int, pages=cython.longlong)
cdef void keep_balancing(Memory m, int node) noexcept nogil

@cython.locals(zone=cython.int)
cdef void balance_out(Memory m, int node) noexcept nogil

cdef void after_nap(Memory m, int node) noexcept nogil

@cython.locals(zone=cython.int)
cdef void kswapd_step(Memory m, int node, int cpu) noexcept nogil

cdef bint prepare_kswapd_sleep(Memory m, int node) noexcept nogil
