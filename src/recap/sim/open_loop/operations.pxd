cimport cython

from recap.trace.event cimport IN_INTERRUPT, NO_PFN, TASK_INTERRUPTIBLE, TRACE_FLAG_HARDIRQ, CaptureStep, Event

cdef class Operations:
    cdef const unsigned char[::1] event
    cdef const unsigned short[::1] cpu
    cdef const unsigned char[::1] context
    cdef const int[::1] pid
    cdef const unsigned int[::1] pfn
    cdef const unsigned int[::1] flags
    cdef const unsigned char[::1] order
    cdef const long long[::1] a
    cdef int cpus
    cdef unsigned char[::1] role
    cdef int[::1] partner
    cdef int[::1] next_step
    cdef int[::1] since
    cdef int[::1] asked
    cdef int[::1] following
    cdef int[::1] upcoming
    cdef unsigned char[::1] doing
    cdef unsigned char[::1] slow
    cdef int[::1] first
    cdef int[::1] took
    cdef int[::1] last
    cdef int[::1] latest
    cdef int[::1] active
    cdef unsigned char[::1] returned
    cdef int[::1] reclaim
    cdef int[::1] sleeps
    cdef int nr_sleeps
    cdef int tasks
    cdef int kswapd
    cdef int kswapd_work
    cdef long long vmstat_update

    @cython.locals(i=cython.longlong, pfn=cython.uint)
    cdef void chain(self) noexcept nogil

    @cython.locals(i=cython.longlong, t=cython.int)
    cdef void group(self) noexcept nogil

    cdef void allocating(self, long long i, int t) noexcept nogil

    cdef void note_activity(self, long long i, int t) noexcept nogil

    cdef int thread(self, long long i) noexcept nogil

    cdef int task(self, long long i) noexcept nogil

    cdef void switch(self, long long i, int t) noexcept nogil

    cdef void reclaiming(self, long long i, int t) noexcept nogil

    cdef void compacting(self, long long i, int t) noexcept nogil

    cdef void working(self, long long i, int t) noexcept nogil

    cdef bint adjacent(self, long long i, int t) noexcept nogil

    cdef void step(self, long long i, int t, int role, int doing) noexcept nogil

    cdef void allocation(self, long long i, int t) noexcept nogil

    cdef long long head(self, long long i) noexcept nogil

    cdef void freeing(self, long long i, int t) noexcept nogil

    @cython.locals(k=cython.int, j=cython.longlong)
    cdef void list_goes_on(self, long long i, int t) noexcept nogil

    @cython.locals(t=cython.int)
    cdef int interrupted(self, long long i) noexcept nogil

    @cython.locals(before=cython.longlong, k=cython.longlong, between=cython.bint, passed=cython.bint)
    cdef void prepared(self, long long i) noexcept nogil

    cdef bint deferred(self, long long i) noexcept nogil
