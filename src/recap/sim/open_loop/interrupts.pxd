cimport cython

from recap.kernel cimport STATE_PCP
from recap.mm.free_area cimport free_list
from recap.mm.page_alloc cimport gfp_migratetype
from recap.mm.pcplist cimport nr_pcp_free, nr_pcp_high, pcp_allowed_order, refill_batch, would_drain
from recap.sim.open_loop.percpu cimport take_told_late
from recap.pages cimport get_pageblock_migratetype, list_empty, page_zone, pcp_list, zone_pcp
from recap.sim.open_loop.operations cimport FREE, LOCKED_OUT, MAYBE_LOCKED_OUT, NEVER
from recap.sim.open_loop.replay cimport LATE_REPORTS, Replay, pcp_number, requested_pindex
from recap.trace.event cimport IN_INTERRUPT, Event

@cython.locals(zone=cython.int, p=cython.int, c=cython.int)
cdef void enter_interrupt(Replay r, long long i) noexcept nogil

cdef bint interrupted_this(Replay r, long long i) noexcept nogil

@cython.locals(factor=cython.int, head=cython.uint, pfn=cython.uint, ahead=cython.int)
cdef bint made_before_interrupt(Replay r, long long i, int p) noexcept nogil

@cython.locals(head=cython.uint, pfn=cython.uint)
cdef bint made_before_switch(Replay r, long long i, int p) noexcept nogil

@cython.locals(pages=cython.int)
cdef int pages_of_run(Replay r, long long i) noexcept nogil

@cython.locals(amount=cython.int, kept=cython.int)
cdef int amount_with(Replay r, int p, int factor) noexcept nogil

cdef int distance(int a, int b) noexcept nogil

@cython.locals(pages=cython.int, factor=cython.int)
cdef void choose_factor(Replay r, long long i, int p) noexcept nogil

@cython.locals(c=cython.int, last=cython.longlong, j=cython.longlong)
cdef long long last_before_return(Replay r, long long i) noexcept nogil

@cython.locals(k=cython.longlong)
cdef bint taken_next(Replay r, long long i, int c) noexcept nogil

@cython.locals(a=cython.uint, b=cython.uint)
cdef bint same_list(Replay r, long long i, long long k) noexcept nogil

@cython.locals(k=cython.longlong)
cdef bint done_after_interrupt(Replay r, long long i) noexcept nogil

@cython.locals(c=cython.int, locked=cython.bint, reached=cython.bint, j=cython.longlong, k=cython.longlong)
cdef void look_ahead(Replay r, long long i) noexcept nogil

@cython.locals(p=cython.int, k=cython.longlong, passed=cython.bint)
cdef bint locked_out(Replay r, long long i) noexcept nogil

@cython.locals(blocks=cython.int)
cdef int blocks_taken(Replay r, long long at) noexcept nogil

@cython.locals(current=cython.int, head=cython.uint, first=cython.uint)
cdef bint more_to_take(Replay r, int zone, int order, int migratetype) noexcept nogil

@cython.locals(factor=cython.int, noted=cython.int, batch=cython.int)
cdef int usual_batch(Replay r, int p, int order) noexcept nogil

@cython.locals(order=cython.int, zone=cython.int)
cdef bint taken_past_lists(Replay r, long long alloc, long long at, int p) noexcept nogil
