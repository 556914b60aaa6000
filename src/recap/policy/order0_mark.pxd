from recap.kernel cimport PAGE_ALLOC_COSTLY_ORDER
from recap.policy.policy cimport Policy

cdef class Order0Mark(Policy):
    cdef bint relaxes_mark(self, int order) noexcept nogil
