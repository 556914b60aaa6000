from recap.policy.own_pages cimport OwnPages

cdef class Neighbours(OwnPages):
    cdef bint takes_neighbour(self, int wanted, int order) noexcept nogil
