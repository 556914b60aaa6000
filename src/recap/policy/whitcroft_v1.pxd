from recap.policy.whitcroft cimport Whitcroft

cdef class WhitcroftV1(Whitcroft):
    cdef bint counts_twice(self, int wanted) noexcept nogil
