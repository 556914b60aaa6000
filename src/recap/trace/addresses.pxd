cimport cython

from recap.trace.ringbuffer cimport BAD, END, FAULT_BACKWARDS, Pages, advance, u16

cdef class Addresses:
    cdef const int[::1] first
    cdef const int[::1] offset
    cdef const int[::1] width

@cython.locals(moved=cython.longlong)
cpdef void blank(Pages pages, unsigned char[::1] data, Addresses fields)

cdef void leave_page(Pages pages) noexcept nogil

@cython.locals(event_id=cython.uint, k=cython.int, i=cython.int)
cdef void blank_event(Pages pages, unsigned char[::1] data, Addresses fields) noexcept nogil
