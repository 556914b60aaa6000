cimport cython

from recap.kernel cimport (
    LRU_ACTIVE_ANON,
    LRU_ACTIVE_FILE,
    LRU_INACTIVE_ANON,
    LRU_INACTIVE_FILE,
    NR_LRU_LISTS,
    SWAP_CLUSTER_MAX,
    WMARK_HIGH,
)
from recap.mm.lru cimport inactive_is_low
from recap.mm.vmstat cimport WORKINGSET_ACTIVATE_ANON, WORKINGSET_ACTIVATE_FILE
from recap.mm.watermark cimport wmark_pages
from recap.pages cimport Memory

@cython.locals(node=cython.int, free=cython.longlong, high=cython.longlong, file=cython.longlong, zone=cython.int, inactive_file=cython.longlong, anon=cython.longlong)
cdef void prepare_scan_count(Memory m, int s) noexcept nogil

cdef bint file_only(Memory m, int s) noexcept nogil

cdef bint anon_only(Memory m, int s) noexcept nogil

@cython.locals(zone=cython.int, pages=cython.longlong)
cdef long long lruvec_lru_size(Memory m, int node, int lru, int highest_zoneidx) noexcept nogil

@cython.locals(node=cython.int, lru=cython.int, scan=cython.longlong, total=cython.longlong, ap=cython.longlong, fp=cython.longlong, anon=cython.longlong, file=cython.longlong)
cdef void get_scan_count(Memory m, int s) noexcept nogil

@cython.locals(file=cython.longlong, anon=cython.longlong, free=cython.longlong, high=cython.longlong, zone=cython.int, kind=cython.int, ap=cython.longlong, fp=cython.longlong)
cdef long long anon_percent(Memory m, int node) noexcept nogil

@cython.locals(node=cython.int, percent=cython.longlong, lru=cython.int, scan=cython.longlong)
cdef void accumulate_scan_count(Memory m, int s) noexcept nogil
