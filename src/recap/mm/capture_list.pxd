cimport cython

from recap.kernel cimport CAPTURE_OPEN, STATE_CAPTURED, STATE_TAIL
from recap.mm.free_area cimport del_page_from_free_list, may_merge_blocks, page_is_buddy
from recap.mm.tracepoints cimport emit_capture
from recap.pages cimport Memory, get_pageblock_migratetype, list_add, list_del
from recap.trace.event cimport CaptureStep

cdef inline bint page_is_captured(Memory m, unsigned int pfn, int order) noexcept nogil

cdef void remove_captured(Memory m, unsigned int pfn) noexcept nogil

cdef void add_captured(Memory m, unsigned int pfn, int order, int owner) noexcept nogil

@cython.locals(captured=cython.bint)
cdef bint draw_in(Memory m, int zone, unsigned int buddy, int order, int owner) noexcept nogil

@cython.locals(buddy=cython.uint)
cdef bint capture_one_page(Memory m, int zone, unsigned int pfn, int order, int owner) noexcept nogil
