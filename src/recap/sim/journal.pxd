cimport cython

ctypedef packed struct NoteRecord:
    long long time
    long long until
    int task
    unsigned int pfn
    unsigned char kind
    unsigned char order
    unsigned char served
    unsigned char pad0

cdef class Journal:
    cdef object columns
    cdef NoteRecord[::1] record
    cdef readonly long long room
    cdef readonly long long count

    @cython.locals(i=cython.longlong)
    cdef void note(self, int kind, int task, long long time, long long until) noexcept nogil

    cdef void note_block(self, unsigned int pfn, int order, bint served) noexcept nogil

    cdef bint nearly_full(self) noexcept nogil
