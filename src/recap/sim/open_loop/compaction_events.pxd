from recap.pages cimport CompactControl
from recap.sim.open_loop.operations cimport Operations
from recap.trace.event cimport Event

cdef class Compactors:
    cdef Operations ops
    cdef int first_slot
    cdef int[::1] slot
    cdef unsigned char[::1] busy
    cdef unsigned char[::1] moving
    cdef long long[::1] moved
    cdef unsigned int[::1] around
    cdef unsigned int[::1] batch_start
    cdef long long[::1] until
    cdef long long[::1] left
    cdef unsigned char[::1] owner
    cdef CompactControl[::1] kept
    cdef unsigned int[::1] kept_first
    cdef int nr_busy
    cdef int kcompactd
    cdef int kcompactd_order
