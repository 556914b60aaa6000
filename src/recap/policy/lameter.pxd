from recap.kernel cimport PAGE_ALLOC_COSTLY_ORDER
from recap.policy.policy cimport Policy

cdef class Lameter(Policy):
    cdef bint closes_pcp(self, int order) noexcept nogil
