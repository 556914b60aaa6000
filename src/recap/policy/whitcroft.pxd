from recap.policy.own_pages cimport OwnPages

cdef class Whitcroft(OwnPages):
    cdef bint takes_neighbour(self, int wanted, int order) noexcept nogil
    cdef bint takes_outsider(self, int wanted, int order) noexcept nogil
