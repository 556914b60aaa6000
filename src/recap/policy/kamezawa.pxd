from recap.kernel cimport PAGE_ALLOC_COSTLY_ORDER
from recap.policy.policy cimport Policy

cdef class Kamezawa(Policy):
    cdef bint isolates(self, int order) noexcept nogil
