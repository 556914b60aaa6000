cimport cython

from recap.kernel cimport NONE, NR_PCP_LISTS, PF_LRU, PG_ALLOCATED, PG_BUDDY, PG_PCP, PG_TAIL
from recap.mm.buddy cimport free_one_page
from recap.mm.free_area cimport add_to_free_list, del_page_from_free_list
from recap.mm.page_alloc cimport (
    fast_alloc_flags,
    free_pages,
    get_page_from_freelist,
    gfp_migratetype,
    gfp_to_alloc_flags,
)
from recap.mm.pcplist cimport order_to_pindex
from recap.pages cimport Memory, list_del, page_zone

cdef enum:
    MM_PAGE_ALLOC = 0
    MM_PAGE_FREE = 1
    MM_PAGE_FREE_BATCHED = 2
    MM_LRU_INSERTION = 6
    NEVER = -1

cdef class Replay:
    cdef readonly Memory m
    cdef const unsigned char[::1] event
    cdef const unsigned short[::1] cpu
    cdef const unsigned int[::1] pfn
    cdef const unsigned char[::1] order
    cdef const unsigned int[::1] flags
    cdef int[::1] following
    cdef int[::1] upcoming
    cdef readonly long long allocations
    cdef readonly long long exact
    cdef readonly long long mismatched
    cdef readonly long long untraced
    cdef readonly long long frees
    cdef readonly long long frees_unknown
    cdef readonly long long failed
    cdef readonly long long first_mismatch
    cdef readonly unsigned int first_predicted

    @cython.locals(i=cython.longlong)
    cdef void run(self, long long start, long long stop) noexcept nogil

    cdef bint deferred(self, long long i) noexcept nogil

    @cython.locals(predicted=cython.uint)
    cdef void allocate(self, long long i) noexcept nogil

    @cython.locals(order=cython.int, gfp=cython.uint, pfn=cython.uint)
    cdef unsigned int predict(self, long long i) noexcept nogil

    cdef bint unheard_of(self, unsigned int pfn) noexcept nogil

    @cython.locals(zone=cython.int, p=cython.int, head=cython.uint, pfn=cython.uint)
    cdef void infer_untraced(self, long long i) noexcept nogil

    @cython.locals(order=cython.int)
    cdef void resynchronise(self, long long i, unsigned int predicted) noexcept nogil

    @cython.locals(zone=cython.int, at=cython.uint, block=cython.uint)
    cdef void take_frame(self, unsigned int pfn, int order) noexcept nogil

    @cython.locals(order=cython.int, block=cython.uint)
    cdef unsigned int free_block_over(self, unsigned int pfn) noexcept nogil

    @cython.locals(i=cython.uint)
    cdef bint any_free(self, unsigned int pfn, int order) noexcept nogil

    @cython.locals(head=cython.uint)
    cdef void remove_from_pcp(self, unsigned int pfn) noexcept nogil

    @cython.locals(high=cython.int, migratetype=cython.int, half=cython.uint)
    cdef void cut_out(self, int zone, unsigned int block, unsigned int pfn, int order) noexcept nogil

    @cython.locals(pfn=cython.uint)
    cdef void free(self, long long i) noexcept nogil

    @cython.locals(pfn=cython.uint)
    cdef void inserted(self, long long i) noexcept nogil
