cimport cython

from recap.mm.page_alloc cimport gfp_migratetype
from recap.mm.pcplist cimport order_to_pindex
from recap.pages cimport Memory, page_zone, zone_pcp
from recap.sim.open_loop.capture_events cimport CaptureEvents
from recap.sim.open_loop.compaction_events cimport Compactors
from recap.sim.open_loop.operations cimport Operations
from recap.trace.event cimport Event

cdef class Replay:
    cdef readonly Memory m
    cdef Operations ops
    cdef CaptureEvents captures
    cdef Compactors compactors
    cdef const unsigned char[::1] event
    cdef const unsigned short[::1] cpu
    cdef const unsigned char[::1] context
    cdef const int[::1] pid
    cdef const unsigned int[::1] pfn
    cdef const unsigned char[::1] order
    cdef const signed char[::1] migratetype
    cdef const unsigned int[::1] flags
    cdef const long long[::1] a
    cdef const long long[::1] b
    cdef long long now
    cdef int next_sleep

    cdef readonly long long allocations
    cdef readonly long long exact
    cdef readonly long long mismatched
    cdef readonly long long failed
    cdef readonly long long frees_unknown
    cdef readonly long long taken
    cdef readonly long long taken_exact
    cdef readonly long long drained
    cdef readonly long long drained_exact
    cdef long long[::1] inferred

    cdef readonly long long nr_deviations
    cdef unsigned char[::1] deviation_kind
    cdef long long[::1] deviation_at
    cdef long long[::1] deviation_event
    cdef unsigned int[::1] deviation_frame

    cdef long long[::1] counter_lag
    cdef long long[::1] run_end
    cdef long long[::1] run_zone
    cdef long long[::1] run_pages
    cdef long long[::1] drain_until
    cdef unsigned char[::1] interrupt
    cdef int[::1] freed_at
    cdef long long[::1] looked_until
    cdef unsigned char[::1] all_locked_out
    cdef long long[::1] put_off
    cdef int[::1] passing_by
    cdef int[::1] interrupted
    cdef int[::1] factor_before
    cdef int[::1] freed_since
    cdef int[::1] other_factor
    cdef int[::1] turned
    cdef long long[::1] searches
    cdef long long[::1] explained
    cdef int[::1] compacting

cdef int pcp_number(Replay r, long long i) noexcept nogil

cdef int requested_pindex(Replay r, long long i) noexcept nogil

@cython.locals(n=cython.longlong)
cdef void deviate(Replay r, int kind, long long event, unsigned int frame) noexcept nogil
