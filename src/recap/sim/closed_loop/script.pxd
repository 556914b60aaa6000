cdef class Script:
    cdef const int[::1] object
    cdef const unsigned char[::1] term
    cdef const long long[::1] first_term
    cdef bint shared
    cdef const unsigned char[::1] kinds
    cdef const unsigned int[::1] flags
    cdef const unsigned char[::1] cpus
    cdef const unsigned long long[::1] runs
    cdef const unsigned long long[::1] waits
    cdef const long long[::1] times

    cdef long long terms(self, int t, long long i) noexcept nogil

    cdef int kind(self, int t, long long i) noexcept nogil

    cdef unsigned int gfp(self, int t, long long i) noexcept nogil

    cdef int cpu(self, int t, long long i) noexcept nogil

    cdef long long run(self, int t, long long i) noexcept nogil

    cdef long long wait(self, int t, long long i) noexcept nogil

    cdef long long due(self, int t, long long i) noexcept nogil
