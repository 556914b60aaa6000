cimport cython

from recap.sim.open_loop.operations cimport (
    CAPTURE,
    CAPTURE_CLOSE,
    CAPTURE_CLOSED,
    CAPTURE_OPEN,
    CAPTURE_OWNED,
    CAPTURE_SETTLE,
    CAPTURE_WRITE,
    NEVER,
    NO_ROLE,
    PREPARE,
    Operations,
)
from recap.trace.event cimport CaptureMode, CaptureStep, Event

cdef class CaptureEvents:
    cdef Operations ops
    cdef const unsigned char[::1] order
    cdef const long long[::1] b
    cdef const unsigned char[::1] sensible
    cdef int[::1] next_step
    cdef int[::1] last_step
    cdef int[::1] latest
    cdef int[::1] freed
    cdef int[::1] opened
    cdef int[::1] written
    cdef int[::1] released
    cdef int[::1] last_released
    cdef int[::1] own
    cdef int[::1] off_lru_until
    cdef unsigned char[::1] reclaiming
    cdef int[::1] at
    cdef int[::1] slot
    cdef unsigned int[::1] handed
    cdef unsigned int[::1] block
    cdef unsigned int[::1] gfp
    cdef unsigned char[::1] has_map
    cdef long long[::1] counted
    cdef long long[::1] exact
    cdef long long[::1] extra

    @cython.locals(i=cython.longlong, t=cython.int)
    cdef void group(self) noexcept nogil

    cdef void note(self, long long i, int t) noexcept nogil

    cdef void reclaim(self, long long i, int t) noexcept nogil

    @cython.locals(at=cython.longlong, left=cython.longlong)
    cdef void batch_ended(self, long long i, int t, long long reclaimed) noexcept nogil

    @cython.locals(step=cython.int)
    cdef void capturing(self, long long i, int t, int step) noexcept nogil

    cdef void link(self, long long i, int t) noexcept nogil

    cdef int group_of(self, long long i, int t, int step) noexcept nogil
