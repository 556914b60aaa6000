cimport cython

cdef class Timers:
    cdef long long[::1] time
    cdef long long[::1] seq
    cdef int[::1] task
    cdef readonly int count
    cdef long long issued

    cdef bint before(self, int a, int b) noexcept nogil

    @cython.locals(t=cython.longlong, s=cython.longlong, k=cython.int)
    cdef void swap(self, int a, int b) noexcept nogil

    @cython.locals(at=cython.int)
    cdef void push(self, long long time, int task) noexcept nogil

    @cython.locals(parent=cython.int)
    cdef void rise(self, int at) noexcept nogil

    @cython.locals(at=cython.int)
    cdef void cancel(self, int task) noexcept nogil

    @cython.locals(first=cython.int, at=cython.int, child=cython.int)
    cdef int pop(self) noexcept nogil
