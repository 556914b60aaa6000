cimport cython

from recap.trace.event cimport Event

cdef class LruLooks:
    cdef readonly dict columns
    cdef const unsigned char[::1] event
    cdef const unsigned int[::1] pfn
    cdef const unsigned char[::1] order
    cdef const signed char[::1] migratetype
    cdef const unsigned int[::1] flags
    cdef const long long[::1] a
    cdef const long long[::1] b
    cdef const int[::1] who
    cdef readonly long long frames
    cdef int[::1] next
    cdef int[::1] prev
    cdef signed char[::1] where
    cdef unsigned char[::1] page_order
    cdef const signed char[::1] zone
    cdef unsigned char[::1] looked
    cdef long long[::1] task_wrote
    cdef signed char[::1] task_zone
    cdef long long[::1] found_row
    cdef unsigned int[::1] found_pfn
    cdef unsigned char[::1] found
    cdef readonly long long nr_found

    @cython.locals(i=cython.longlong)
    cdef void run(self, long long start, long long stop) noexcept nogil

    @cython.locals(t=cython.int)
    cdef void reclaim(self, long long i) noexcept nogil

    cdef int list_of(self, long long i) noexcept nogil

    @cython.locals(t=cython.int, left=cython.longlong, activated=cython.longlong, before=cython.longlong, pfn=cython.uint)
    cdef void shrink_inactive(self, long long i, int lru) noexcept nogil

    cdef void note(self, long long i, unsigned int pfn, int found) noexcept nogil

    @cython.locals(again=cython.int, k=cython.longlong, pfn=cython.uint)
    cdef void choose_active(self, long long first, long long activated) noexcept nogil

    @cython.locals(t=cython.int, left=cython.longlong, head=cython.longlong, pfn=cython.uint)
    cdef void shrink_active(self, long long i, int lru) noexcept nogil

    cdef void activate(self, unsigned int pfn) noexcept nogil

    @cython.locals(head=cython.longlong)
    cdef void add(self, unsigned int pfn, int lru) noexcept nogil

    cdef void unlink(self, unsigned int pfn) noexcept nogil

    cdef void remove(self, unsigned int pfn) noexcept nogil
