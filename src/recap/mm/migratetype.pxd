cimport cython

from recap.kernel cimport (
    ALLOC_KSWAPD,
    ALLOC_NOFRAGMENT,
    MIGRATE_HIGHATOMIC,
    MIGRATE_MOVABLE,
    MIGRATE_PCPTYPES,
    MIGRATE_RECLAIMABLE,
    MIGRATE_RESERVE,
    MIGRATE_UNMOVABLE,
    NONE,
    PG_LRU,
    STATE_ALLOCATED,
    STATE_BUDDY,
    STATE_RESERVED,
    WMARK_HIGH,
    WMARK_MIN,
)
from recap.mm.buddy cimport expand, rmqueue_smallest
from recap.mm.free_area cimport change_pageblock_range, del_page_from_free_list, free_list, move_to_free_list
from recap.mm.tracepoints cimport emit
from recap.pages cimport Memory, get_pageblock_migratetype, list_empty
from recap.trace.event cimport Event

cdef int fallback_type(int migratetype, int i) noexcept nogil

@cython.locals(i=cython.int, other=cython.int)
cdef int find_suitable_fallback(Memory m, int zone, int order, int migratetype) noexcept nogil

cdef bint can_steal_fallback(Memory m, int order, int migratetype) noexcept nogil

@cython.locals(max_boost=cython.longlong, block=cython.longlong)
cdef bint boost_watermark(Memory m, int zone) noexcept nogil

@cython.locals(at=cython.uint)
cdef unsigned int block_start(Memory m, int zone, unsigned int pfn) noexcept nogil

cdef unsigned int block_end(Memory m, unsigned int pfn) noexcept nogil

@cython.locals(at=cython.uint, end=cython.uint, moved=cython.int)
cdef int move_freepages_block(Memory m, int zone, unsigned int pfn, int migratetype) noexcept nogil

@cython.locals(at=cython.uint, end=cython.uint, movable=cython.int)
cdef int movable_pages(Memory m, int zone, unsigned int pfn) noexcept nogil

cdef bint spans_pageblock(Memory m, int zone, unsigned int pfn) noexcept nogil

@cython.locals(at=cython.uint, end=cython.uint, free=cython.int)
cdef int free_pages_of_block(Memory m, unsigned int pfn) noexcept nogil

@cython.locals(order=cython.int, old_type=cython.int, alike=cython.int, free=cython.int)
cdef void steal_suitable_fallback(Memory m, int zone, unsigned int pfn, int start_type, int alloc_flags, bint whole_block) noexcept nogil

cdef int smallest_fallback(Memory m, int zone, int order, int migratetype) noexcept nogil

@cython.locals(current=cython.int)
cdef int fallback_order(Memory m, int zone, int order, int migratetype, int min_order) noexcept nogil

@cython.locals(current=cython.int, min_order=cython.int, other=cython.int, pfn=cython.uint)
cdef bint rmqueue_fallback(Memory m, int zone, int order, int migratetype, int alloc_flags) noexcept nogil

@cython.locals(current=cython.int, other=cython.int)
cdef unsigned int largest_fallback(Memory m, int zone, int order, int migratetype) noexcept nogil

@cython.locals(pfn=cython.uint, current=cython.int, rest=cython.int)
cdef unsigned int rmqueue_largest(Memory m, int zone, int order, int migratetype) noexcept nogil

@cython.locals(pfn=cython.uint)
cdef unsigned int rmqueue_reserve(Memory m, int zone, int order, int migratetype) noexcept nogil

@cython.locals(size=cython.longlong, wanted=cython.longlong, pfn=cython.longlong, last=cython.longlong, block=cython.uint)
cpdef void setup_zone_migrate_reserve(Memory m, int zone) noexcept nogil

@cython.locals(at=cython.uint, ordinary=cython.bint)
cdef void make_movable(Memory m, int zone, unsigned int pfn, int order) noexcept nogil

@cython.locals(size=cython.longlong, share=cython.longlong)
cdef long long most_highatomic(Memory m, int zone) noexcept nogil

@cython.locals(block=cython.uint, size=cython.longlong)
cdef void reserve_highatomic_pageblock(Memory m, int zone, unsigned int pfn, int order) noexcept nogil

@cython.locals(order=cython.int, head=cython.uint, pfn=cython.uint, size=cython.longlong)
cdef bint unreserve_highatomic_pageblock(Memory m, int zone, int migratetype, bint force) noexcept nogil
