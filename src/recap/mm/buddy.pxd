cimport cython

from recap.kernel cimport CAPTURE_OVER, NONE, STATE_ALLOCATED
from recap.mm.capture_list cimport capture_one_page, page_is_captured, remove_captured
from recap.mm.compact_capture cimport compaction_capture
from recap.mm.free_area cimport add_to_free_list, change_pageblock_range, del_page_from_free_list, free_list, may_merge_blocks, page_is_buddy
from recap.mm.tracepoints cimport emit, emit_capture
from recap.pages cimport Memory, get_pageblock_migratetype, page_zone
from recap.trace.event cimport CaptureStep, Event

@cython.locals(above=cython.uint)
cdef inline bint buddy_merge_likely(Memory m, unsigned int pfn, unsigned int buddy, int order) noexcept nogil

@cython.locals(buddy=cython.uint)
cdef void free_one_page(Memory m, int zone, unsigned int pfn, int order, int migratetype, bint to_tail) noexcept nogil

cdef inline void expand(Memory m, int zone, unsigned int pfn, int low, int high, int migratetype) noexcept nogil

@cython.locals(high=cython.int)
cdef inline void page_del_and_expand(Memory m, int zone, unsigned int pfn, int order, int start_type, int rest_type) noexcept nogil

@cython.locals(current=cython.int, head=cython.uint, pfn=cython.uint)
cdef inline unsigned int rmqueue_smallest(Memory m, int zone, int order, int migratetype) noexcept nogil

@cython.locals(zone=cython.int, order=cython.int)
cdef void release_captured(Memory m, unsigned int pfn) noexcept nogil

@cython.locals(zone=cython.int, order=cython.int, migratetype=cython.int)
cdef void trim_captured(Memory m, unsigned int pfn, int wanted) noexcept nogil

@cython.locals(head=cython.uint, pfn=cython.uint, kept=cython.uint, after=cython.uint)
cdef void release_surplus(Memory m, int owner, int zone) noexcept nogil

cdef bint join_captured(Memory m, int zone, unsigned int pfn, int order, int owner) noexcept nogil
