cimport cython

from recap.kernel cimport (
    ALLOC_HIGHATOMIC,
    ALLOC_MIN_RESERVE,
    ALLOC_NON_BLOCK,
    ALLOC_OOM,
    ALLOC_RESERVES,
    ALLOC_WMARK_MASK,
    GFP_ATOMIC_BIT,
    MIGRATE_HIGHATOMIC,
    MIGRATE_PCPTYPES,
    WMARK_HIGH,
    WMARK_MIN,
)
from recap.mm.free_area cimport free_list
from recap.pages cimport Memory, list_empty

cdef inline long long wmark_pages(Memory m, int zone, int mark) noexcept nogil

@cython.locals(o=cython.int, mt=cython.int)
cdef bint suitable_block_free(Memory m, int zone, int order, int alloc_flags) noexcept nogil

@cython.locals(pages=cython.longlong, order=cython.int, head=cython.uint, pfn=cython.uint)
cdef long long unusable_reserve(Memory m, int zone) noexcept nogil

@cython.locals(o=cython.int)
cdef bint watermark_ok_per_order(Memory m, int zone, int order, long long mark, int highest_zone, int alloc_flags, long long free_pages) noexcept nogil

@cython.locals(least=cython.longlong)
cdef inline bint zone_watermark_ok_for(Memory m, int zone, int order, long long mark, int highest_zone, int alloc_flags, long long free_pages) noexcept nogil

@cython.locals(pages=cython.longlong, order=cython.int)
cdef long long free_pages_blocks(Memory m, int zone) noexcept nogil

@cython.locals(free_pages=cython.longlong)
cdef inline bint zone_watermark_ok(Memory m, int zone, int order, long long mark, int highest_zone, int alloc_flags) noexcept nogil

@cython.locals(urgent=cython.uint)
cdef inline bint zone_watermark_fast_at(Memory m, int zone, int order, long long mark, int highest_zone, int alloc_flags, unsigned int gfp) noexcept nogil

cdef bint above_high(Memory m, int zone, int order, int highest_zone, int alloc_flags, unsigned int gfp) noexcept nogil

@cython.locals(mark=cython.longlong)
cdef inline bint zone_watermark_fast(Memory m, int zone, int order, int highest_zone, int alloc_flags, unsigned int gfp) noexcept nogil
