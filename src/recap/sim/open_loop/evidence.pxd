cimport cython

from recap.sim.open_loop.operations cimport ALLOC, NEVER
from recap.sim.open_loop.replay cimport Replay
from recap.trace.event cimport Event

cdef bint freed_next(Replay r, unsigned int pfn) noexcept nogil

cdef bint unheard_of(Replay r, unsigned int pfn) noexcept nogil

cdef bint may_be_of(Replay r, long long i, int cpu) noexcept nogil

@cython.locals(i=cython.longlong)
cdef bint reported_late(Replay r, int p, unsigned int pfn) noexcept nogil

@cython.locals(first=cython.longlong, pfn=cython.uint)
cdef long long first_use(Replay r, unsigned int block, int order) noexcept nogil

@cython.locals(i=cython.longlong)
cdef bint used_untaken(Replay r, unsigned int block, int order) noexcept nogil

@cython.locals(i=cython.longlong)
cdef bint used_taken(Replay r, unsigned int block, int order) noexcept nogil
