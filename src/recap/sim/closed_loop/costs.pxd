cimport cython

from recap.pages cimport Memory

cdef enum:
    STEP_NS = 500
    SHORTEST_WAIT_NS = 5000

cdef class Costs:
    cdef Memory m
    cdef readonly long long scan_ns
    cdef readonly long long migrate_ns
    cdef long long reclaim_wait
    cdef long long compaction_wait
    cdef long long wait

    @cython.locals(reclaim=cython.longlong, compaction=cython.longlong)
    cdef long long charge(self, int s) noexcept nogil
