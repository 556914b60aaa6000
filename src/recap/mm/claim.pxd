cimport cython

from recap.kernel cimport ALLOC_KSWAPD, ALLOC_NOFRAGMENT, MIGRATE_MOVABLE, NONE
from recap.mm.buddy cimport page_del_and_expand, rmqueue_smallest
from recap.mm.free_area cimport change_pageblock_range, free_list
from recap.mm.migratetype cimport (
    boost_watermark,
    can_steal_fallback,
    find_suitable_fallback,
    free_pages_of_block,
    movable_pages,
    move_freepages_block,
    spans_pageblock,
)
from recap.mm.tracepoints cimport emit
from recap.pages cimport Memory, get_pageblock_migratetype
from recap.trace.event cimport Event

@cython.locals(movable=cython.int)
cdef int alike_pages(Memory m, int zone, unsigned int pfn, int free, int start_type) noexcept nogil

@cython.locals(free=cython.int)
cdef unsigned int try_to_claim_block(Memory m, int zone, unsigned int pfn, int order, int start_type, int alloc_flags) noexcept nogil

@cython.locals(current=cython.int, least=cython.int, other=cython.int, pfn=cython.uint)
cdef unsigned int rmqueue_claim(Memory m, int zone, int order, int start_type, int alloc_flags) noexcept nogil

@cython.locals(current=cython.int, other=cython.int, pfn=cython.uint)
cdef unsigned int rmqueue_steal(Memory m, int zone, int order, int start_type, int alloc_flags) noexcept nogil

@cython.locals(pfn=cython.uint)
cdef unsigned int rmqueue_claiming(Memory m, int zone, int order, int migratetype, int alloc_flags) noexcept nogil
