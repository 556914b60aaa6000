cimport cython

from recap.kernel cimport ALLOC_NO_WATERMARKS, GFP_WRITE, NONE
from recap.mm.page_alloc cimport (
    fast_alloc_flags,
    get_page_from_freelist,
    gfp_to_alloc_flags,
    gfp_zone,
    preferred_zone,
)
from recap.mm.watermark cimport zone_watermark_fast
from recap.pages cimport page_zone
from recap.sim.open_loop.operations cimport SLOW
from recap.sim.open_loop.replay cimport DIRTY_LIMITS, LAGGING_COUNTERS, Replay

@cython.locals(c=cython.int)
cdef void under_way(Replay r, long long at, long long pages) noexcept nogil

@cython.locals(pages=cython.longlong, cpu=cython.int)
cdef long long unseen(Replay r, int zone, int sign) noexcept nogil

@cython.locals(zone=cython.int)
cdef void believe_zone(Replay r, unsigned int pfn, unsigned int predicted) noexcept nogil

@cython.locals(highest=cython.int)
cdef bint settle_watermark(Replay r, long long i, int zone, int alloc_flags, bint wanted) noexcept nogil

@cython.locals(zone=cython.int, kernels=cython.int)
cdef bint chosen(Replay r, long long i, int alloc_flags) noexcept nogil

@cython.locals(zone=cython.int)
cdef bint refused_everywhere(Replay r, long long i, int alloc_flags) noexcept nogil

cdef bint first_try(Replay r, long long i, int alloc_flags) noexcept nogil

@cython.locals(order=cython.int, gfp=cython.uint, pfn=cython.uint, zone=cython.int, alloc_flags=cython.int)
cdef unsigned int predict(Replay r, long long i, int cpu) noexcept nogil
