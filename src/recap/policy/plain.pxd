from recap.policy.policy cimport Policy

cdef class PlainPolicy(Policy):
    cdef readonly object user
    cdef readonly object error
    cdef Policy base
    cdef dict methods
    cdef bint defer(self, const char *question, bint unchanged, long long a, long long b=*, long long c=*, long long d=*) noexcept nogil
    cdef bint ask(self, str question, object method, tuple arguments) noexcept
