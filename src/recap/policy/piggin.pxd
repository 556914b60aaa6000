from recap.kernel cimport PAGE_ALLOC_COSTLY_ORDER
from recap.policy.policy cimport Policy

cdef class Piggin(Policy):
    cdef bint queues(self, int order) noexcept nogil
    cdef bint waits(self, int order, int first, long long skipped) noexcept nogil
