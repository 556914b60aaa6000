cimport cython

from recap.trace.event cimport NO_PFN, Event

cdef class Frames:
    cdef int[::1] place
    cdef unsigned char[::1] state
    cdef unsigned char[::1] order
    cdef long long[::1] since
    cdef unsigned short[::1] free_in
    cdef long long[:, ::1] lifetimes
    cdef unsigned char[::1] compacting
    cdef readonly long long free_frames
    cdef readonly long long whole_blocks
    cdef readonly long long allocations
    cdef readonly long long frees
    cdef readonly long long matched
    cdef readonly long long from_before
    cdef readonly long long by_use
    cdef readonly long long untold
    cdef readonly long long given_back
    cdef readonly long long in_bulk
    cdef readonly long long unmatched
    cdef unsigned char[::1] row
    cpdef advance(self, const unsigned char[::1] event, const int[::1] pid, const unsigned int[::1] pfn, const unsigned char[::1] order, const long long[::1] time, long long start, long long stop)

@cython.locals(block=cython.longlong)
cdef long long at(Frames f, unsigned int pfn) noexcept nogil

@cython.locals(n=cython.longlong)
cpdef long long first_new(Frames f, const unsigned char[::1] event, const unsigned int[::1] pfn)

@cython.locals(shift=cython.int, value=cython.longlong)
cdef int bucket(long long lifetime) noexcept nogil

@cython.locals(block=cython.longlong)
cdef void set_state(Frames f, long long i, int state) noexcept nogil

@cython.locals(k=cython.longlong, i=cython.longlong)
cdef void allocate(Frames f, unsigned int pfn, int order, long long time) noexcept nogil

cdef bint count_free(Frames f, int pid, long long i, long long time) noexcept nogil

cdef void count_row(Frames f, int pid, bint explained) noexcept nogil

@cython.locals(k=cython.longlong, i=cython.longlong)
cdef void release(Frames f, int pid, unsigned int pfn, int order, long long time) noexcept nogil

@cython.locals(i=cython.longlong)
cdef void use(Frames f, unsigned int pfn) noexcept nogil

cdef void compact(Frames f, int pid, int begins) noexcept nogil

@cython.locals(n=cython.longlong)
cdef void apply(Frames f, const unsigned char[::1] event, const int[::1] pid, const unsigned int[::1] pfn, const unsigned char[::1] order, const long long[::1] time, long long start, long long stop) noexcept nogil
