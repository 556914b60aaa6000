cimport cython
from libc.string cimport memcpy

from recap.trace.event cimport NO_PFN

cdef extern from "<endian.h>" nogil:
    unsigned short le16toh(unsigned short value)
    unsigned int le32toh(unsigned int value)

# The constants of ringbuffer.py as C sees them; tests/trace/test_ringbuffer.py holds the two against each other.
cdef long long TWO_32

cdef class Pages:
    cdef const unsigned char[::1] data
    cdef unsigned short[::1] cpu
    cdef long long[::1] ready
    cdef unsigned char[::1] last
    cdef long long[::1] page_size
    cdef long long commit
    cdef long long payload
    cdef long long[::1] page
    cdef long long[::1] at
    cdef long long[::1] end
    cdef long long[::1] body
    cdef long long[::1] size
    cdef long long[::1] time
    cdef long long[::1] heap
    cdef readonly long long live
    cdef readonly long long hungry
    cdef readonly int fault
    cdef readonly long long fault_at
    cpdef feed(self, Py_ssize_t stream, long long start, long long stop, unsigned char last)

cdef class Plan:
    cdef const short[::1] row
    cdef const unsigned char[::1] event
    cdef const int[::1] need
    cdef const int[::1] offset
    cdef const int[::1] width
    cdef const int[::1] how

cdef class Columns:
    cdef long long[::1] time
    cdef unsigned char[::1] event
    cdef unsigned short[::1] cpu
    cdef unsigned char[::1] context
    cdef int[::1] pid
    cdef unsigned int[::1] pfn
    cdef unsigned char[::1] order
    cdef signed char[::1] migratetype
    cdef unsigned int[::1] flags
    cdef long long[::1] a
    cdef long long[::1] b

# The address is taken from the last byte, so that the checked build checks the whole number.
cdef inline unsigned int u16(Pages pages, long long at) noexcept nogil:
    cdef unsigned short value
    memcpy(&value, &pages.data[at + 1] - 1, 2)
    return le16toh(value)

cdef inline unsigned int u32(Pages pages, long long at) noexcept nogil:
    cdef unsigned int value
    memcpy(&value, &pages.data[at + 3] - 3, 4)
    return le32toh(value)

cdef long long fail(Pages pages, int fault, long long at) noexcept nogil

@cython.locals(
    page=cython.longlong, room=cython.longlong, committed=cython.longlong, high=cython.longlong, stamp=cython.longlong
)
cdef long long turn_page(Pages pages, long long stream) noexcept nogil

@cython.locals(high=cython.longlong)
cdef long long absolute(long long stamp, long long time) noexcept nogil

cdef long long set_time(Pages pages, long long stream, long long time) noexcept nogil

@cython.locals(after=cython.longlong)
cdef long long take(Pages pages, long long stream, long long body, long long size) noexcept nogil

@cython.locals(at=cython.longlong, left=cython.longlong, head=cython.longlong, kind=cython.longlong, delta=cython.longlong)
cdef long long step(Pages pages, long long stream) noexcept nogil

@cython.locals(at=cython.longlong, time=cython.longlong, word=cython.longlong, stamp=cython.longlong)
cdef long long step_long(Pages pages, long long stream, long long kind, long long delta) noexcept nogil

@cython.locals(turned=cython.longlong, moved=cython.longlong)
cdef long long advance(Pages pages, long long stream) noexcept nogil
@cython.locals(moved=cython.longlong)
cpdef bint makes_sense(Pages pages)

@cython.locals(value=cython.longlong)
cdef long long number(Pages pages, long long at, int how) noexcept nogil

@cython.locals(i=cython.int)
cdef long long writes(Pages pages, long long at, int width) noexcept nogil

@cython.locals(at=cython.longlong, how=cython.int)
cdef long long fetch(Pages pages, Plan plan, long long stream, int k) noexcept nogil

cdef long long within(long long value, long long least, long long most, long long otherwise) noexcept nogil

@cython.locals(k=cython.int)
cdef void store(Pages pages, Plan plan, Columns out, long long stream, int row, long long n) noexcept nogil

cdef bint before(Pages pages, long long x, long long y) noexcept nogil

@cython.locals(stream=cython.longlong, child=cython.longlong)
cdef void sift(Pages pages, long long hole) noexcept nogil

@cython.locals(stream=cython.longlong, event_id=cython.uint, row=cython.int, moved=cython.longlong)
cdef long long merge(Pages pages, Plan plan, Columns out, long long[::1] counts, long long n, long long limit) noexcept nogil

cpdef long long fill(Pages pages, Plan plan, Columns out, long long[::1] counts, long long n, long long limit)
