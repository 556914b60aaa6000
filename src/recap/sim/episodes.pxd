from recap.mm.slowpath cimport AFTER_RECLAIM, COMPACT_FIRST, COMPACT_LAST, LRUVEC, PRIORITY
from recap.sim.journal cimport Journal
from recap.sim.note cimport Note

cdef class Episodes:
    cdef int[::1] kind
    cdef long long[::1] since

    cdef void follow(self, Journal journal, int slot, int task, int kind, long long now) noexcept nogil

cdef int episode_of(int phase) noexcept nogil
