cimport cython

from recap.kernel cimport (
    CONFIG_PCP_BATCH_SCALE_MAX,
    PAGE_ALLOC_COSTLY_ORDER,
    PCPF_FREE_HIGH_BATCH,
    PCPF_PREV_FREE_HIGH_ORDER,
    WMARK_HIGH,
    ZONE_MOVABLE,
)
from recap.mm.watermark cimport wmark_pages, zone_watermark_ok
from recap.pages cimport Memory

@cython.locals(high=cython.int)
cdef int clamped_high(Memory m, int p) noexcept nogil

cdef void lower_high(Memory m, int p, int pages) noexcept nogil

@cython.locals(high=cython.int, batch=cython.int, most=cython.int)
cdef int nr_pcp_alloc(Memory m, int zone, int p, int order) noexcept nogil

@cython.locals(batch=cython.int, free_high=cython.bint, run=cython.int)
cdef bint count_free(Memory m, int p, int order) noexcept nogil

@cython.locals(batch=cython.int, high=cython.int)
cdef int tuned_high(Memory m, int zone, int p, bint free_high) noexcept nogil

@cython.locals(batch=cython.int)
cdef int tuned_free(Memory m, int p, int high, bint free_high) noexcept nogil

@cython.locals(high=cython.int, alloc_factor=cython.int, free_count=cython.int, flags=cython.int, limit=cython.int, full=cython.bint)
cdef bint would_give_back(Memory m, int zone, int p, int order) noexcept nogil

cdef void forget_below_high(Memory m, int zone) noexcept nogil

@cython.locals(least=cython.int)
cdef int decayed_high(Memory m, int p) noexcept nogil
