cimport cython

from recap.sim.device cimport DRAWS, Device

cdef class Disk(Device):
    cdef long long delay
    cdef long long read_until
    cdef int passed

    @cython.locals(begin=cython.longlong)
    cdef void begin_request(self, long long now) noexcept nogil

    cdef long long next_completion(self) noexcept nogil

    @cython.locals(begin=cython.longlong)
    cdef long long read_end(self, long long now, long long longest) noexcept nogil

    cdef bint full(self) noexcept nogil
