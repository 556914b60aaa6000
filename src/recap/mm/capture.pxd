cimport cython

from recap.kernel cimport (
    ALLOC_WMARK_MASK,
    CAPTURE_IDLE,
    CAPTURE_OPEN,
    CAPTURE_OVER,
    NONE,
    PG_LRU,
    STATE_ALLOCATED,
    STATE_BUDDY,
    STATE_CAPTURED,
    STATE_ISOLATED,
    STATE_PCP,
    STATE_TAIL,
)
from recap.mm.buddy cimport free_one_page, release_captured, release_surplus, trim_captured
from recap.mm.capture_list cimport capture_one_page, remove_captured
from recap.mm.page_alloc cimport gfp_zone
from recap.mm.tracepoints cimport emit_capture
from recap.mm.vmstat cimport CAPTURED_PAGES, CAPTURE_HANDED_OVER, CAPTURE_LOOKED_AT, CAPTURE_REFUSED
from recap.mm.watermark cimport wmark_pages, zone_watermark_ok
from recap.pages cimport Memory, get_pageblock_migratetype, page_zone
from recap.trace.event cimport CaptureStep

cdef int open_capture(Memory m, int owner, int wanted, unsigned int request) noexcept nogil

cdef int frames_not_in_the_way(Memory m, unsigned int at) noexcept nogil

@cython.locals(at=cython.uint, end=cython.uint, count=cython.int, frames=cython.int)
cdef int unreclaimable_pages(Memory m, unsigned int pfn, int wanted) noexcept nogil

@cython.locals(at=cython.uint, end=cython.uint, looked=cython.int, frames=cython.int)
cdef int pages_looked_at(Memory m, unsigned int pfn, int wanted) noexcept nogil

@cython.locals(wanted=cython.int, looked=cython.int)
cdef bint wants_page(Memory m, int owner, unsigned int pfn) noexcept nogil

@cython.locals(zone=cython.int)
cdef bint capture_page(Memory m, int owner, unsigned int pfn) noexcept nogil

@cython.locals(head=cython.uint, pfn=cython.uint, before=cython.uint, kept=cython.uint)
cdef unsigned int settle_zone(Memory m, int owner, int zone, bint keep) noexcept nogil

@cython.locals(zone=cython.int, kept=cython.uint, handed=cython.uint)
cdef unsigned int capture_alloc_or_return(Memory m, int owner, int alloc_flags, unsigned int gfp) noexcept nogil

@cython.locals(zone=cython.int, tested=cython.int, mark=cython.longlong)
cdef bint hand_over(Memory m, unsigned int pfn, int wanted, int alloc_flags, unsigned int gfp) noexcept nogil

@cython.locals(zone=cython.int)
cdef void close_capture(Memory m, int owner) noexcept nogil
