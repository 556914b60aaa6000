from recap.policy.whitcroft cimport Whitcroft

cdef class Kosaki(Whitcroft):
    cdef bint releases(self, int wanted, int unreclaimable, long long withheld, long long withheld_by_all) noexcept nogil
    cdef bint merged(self, int wanted, int order) noexcept nogil
    cdef bint looks_around(self, int wanted) noexcept nogil
