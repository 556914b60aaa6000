from recap.policy.policy cimport Policy

cdef class Together(Policy):
    cdef readonly Policy capturing
    cdef readonly Policy other
    cdef bint defer(self, const char *question, bint unchanged, long long a, long long b=*, long long c=*, long long d=*) noexcept nogil
    cdef bint defer_capture(self, const char *question, bint unchanged, long long a, long long b=*, long long c=*, long long d=*) noexcept nogil
