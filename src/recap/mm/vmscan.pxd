cimport cython

from recap.kernel cimport (
    DEF_PRIORITY,
    LRU_ACTIVE_ANON,
    LRU_INACTIVE_ANON,
    LRU_INACTIVE_FILE,
    MAX_RECLAIM_RETRIES,
    NONE,
    NR_LRU_LISTS,
    SWAP_CLUSTER_MAX,
    TENTH_NS,
    TICK_NS,
)
from recap.mm.active_list cimport shrink_active_list
from recap.mm.capture cimport capture_alloc_or_return
from recap.mm.inactive_list cimport shrink_inactive_list
from recap.mm.lru cimport inactive_is_low
from recap.mm.lru_gen_evict cimport lru_gen_begin, lru_gen_end, lru_gen_step
from recap.mm.lumpy_sync cimport second_pass
from recap.mm.page_isolation cimport undo_isolation
from recap.mm.scan_count cimport get_scan_count, prepare_scan_count
from recap.mm.vmstat cimport NR_DIRTY, NR_WRITEBACK
from recap.pages cimport Memory

cdef long long shrink_list(Memory m, int s, int cpu, int lru, long long nr_to_scan) noexcept nogil

cdef void shrink_node_begin(Memory m, int s) noexcept nogil

@cython.locals(lru=cython.int, batch=cython.longlong, more=cython.bint)
cdef bint shrink_lruvec_step(Memory m, int s, int cpu) noexcept nogil

@cython.locals(nr=cython.longlong)
cdef bint scan_left(Memory m, int s) noexcept nogil

@cython.locals(anon=cython.longlong, file=cython.longlong, small=cython.int, large=cython.int, percent=cython.longlong)
cdef bint keep_proportion(Memory m, int s) noexcept nogil

@cython.locals(left=cython.longlong, scanned=cython.longlong)
cdef void scale_target(Memory m, int s, int lru, long long percent) noexcept nogil

@cython.locals(largest=cython.int)
cdef void capture_step(Memory m, int s) noexcept nogil

@cython.locals(node=cython.int)
cdef void shrink_node_end(Memory m, int s) noexcept nogil

cdef void note_congestion(Memory m, int s, int node) noexcept nogil

@cython.locals(pages=cython.longlong)
cdef long long zone_reclaimable_pages(Memory m, int zone) noexcept nogil

@cython.locals(zone=cython.int, reclaimable=cython.longlong, pending=cython.longlong)
cdef bint writes_pending(Memory m, int node) noexcept nogil

@cython.locals(zone=cython.int, given_up=cython.bint)
cdef bint all_unreclaimable(Memory m, int node) noexcept nogil
