cimport cython

from recap.kernel cimport CAPTURE_IDLE, CAPTURE_OPEN, CAPTURE_OVER, NONE
from recap.mm.buddy cimport free_one_page
from recap.mm.capture_list cimport add_captured
from recap.pages cimport get_pageblock_migratetype, page_zone
from recap.sim.open_loop.operations cimport CAPTURE_SETTLE
from recap.sim.open_loop.replay cimport Replay
from recap.sim.open_loop.truth cimport make_whole, take_frame
from recap.trace.event cimport CaptureStep

@cython.locals(slot=cython.int, migratetype=cython.int)
cdef void set_free(Replay r, unsigned int pfn, int order) noexcept nogil

@cython.locals(slot=cython.int)
cdef int list_of(Replay r, int t) noexcept nogil

@cython.locals(slot=cython.int)
cdef void hold(Replay r, int t, unsigned int pfn, int order) noexcept nogil

@cython.locals(step=cython.int, pfn=cython.uint, order=cython.int)
cdef void undo(Replay r, int t, int k) noexcept nogil

@cython.locals(step=cython.int, pfn=cython.uint, order=cython.int, slot=cython.int)
cdef void believe(Replay r, int t, long long at) noexcept nogil

@cython.locals(high=cython.int)
cdef void believe_trim(Replay r, int t, unsigned int pfn, int order, int wanted) noexcept nogil

@cython.locals(slot=cython.int)
cdef void believe_verdict(Replay r, int t, long long head) noexcept nogil
