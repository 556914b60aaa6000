from libc.string cimport strcmp

cdef class Policy:
    cdef bint enters_reclaim(self, int order) noexcept nogil
    cdef bint releases(self, int wanted, int unreclaimable, long long withheld, long long withheld_by_all) noexcept nogil
    cdef bint looks_around(self, int wanted) noexcept nogil
    cdef bint takes_neighbour(self, int wanted, int order) noexcept nogil
    cdef bint takes_outsider(self, int wanted, int order) noexcept nogil
    cdef bint merged(self, int wanted, int order) noexcept nogil
    cdef bint batch_ended(self, int wanted, int largest) noexcept nogil
    cdef bint counts_twice(self, int wanted) noexcept nogil
    cdef bint relaxes_mark(self, int order) noexcept nogil
    cdef bint closes_pcp(self, int order) noexcept nogil
    cdef bint isolates(self, int order) noexcept nogil
    cdef bint queues(self, int order) noexcept nogil
    cdef bint waits(self, int order, int first, long long skipped) noexcept nogil
    cdef bint answer_to(self, const char *question, long long a, long long b, long long c, long long d) noexcept nogil
    cdef bint answer_to_capture(self, const char *question, long long a, long long b, long long c, long long d) noexcept nogil
    cdef bint defer(self, const char *question, bint unchanged, long long a, long long b=*, long long c=*, long long d=*) noexcept nogil
    cdef bint defer_capture(self, const char *question, bint unchanged, long long a, long long b=*, long long c=*, long long d=*) noexcept nogil
