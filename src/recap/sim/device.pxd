cimport cython

from recap.mm.writeback cimport end_page_writeback
from recap.pages cimport Memory

cdef class Device:
    cdef Memory m
    cdef long long[::1] latency
    cdef unsigned int[::1] pfn
    cdef long long[::1] done
    cdef readonly long long first
    cdef readonly long long last
    cdef long long busy_until
    cdef long long requests
    cdef long long request_pages
    cdef unsigned char[::1] begins
    cdef readonly long long waiting

    @cython.locals(i=cython.longlong)
    cdef void collect(self, long long now) noexcept nogil

    @cython.locals(begin=cython.longlong)
    cdef void begin_request(self, long long now) noexcept nogil

    cdef bint idle(self) noexcept nogil

    cdef long long next_completion(self) noexcept nogil

    cdef void complete(self) noexcept nogil

    cdef long long read_end(self, long long now, long long longest) noexcept nogil

    cdef bint full(self) noexcept nogil

    cdef long long congestion_end(self, long long now, long long longest) noexcept nogil

    cdef long long sleep_end(self, int s, long long now) noexcept nogil

    cdef void note_congestion(self) noexcept nogil
