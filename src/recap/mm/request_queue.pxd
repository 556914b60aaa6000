cimport cython

from recap.pages cimport Memory

cdef void join_queue(Memory m, int s) noexcept nogil

@cython.locals(i=cython.int, kept=cython.int)
cdef void leave_queue(Memory m, int s) noexcept nogil

@cython.locals(head=cython.int)
cdef bint must_wait(Memory m, int s, int order) noexcept nogil
