from recap.kernel cimport PAGE_ALLOC_COSTLY_ORDER
from recap.policy.policy cimport Policy

cdef class OwnPages(Policy):
    cdef bint enters_reclaim(self, int order) noexcept nogil
    cdef bint looks_around(self, int wanted) noexcept nogil
