cimport cython

from recap.kernel cimport MIGRATE_MOVABLE, MIGRATE_PCPTYPES, NONE, PG_ALLOCATED, PG_BUDDY, PG_PCP
from recap.mm.free_area cimport move_to_free_list
from recap.mm.pcplist cimport pcp_allowed_order
from recap.pages cimport page_zone
from recap.sim.open_loop.counters cimport under_way
from recap.sim.open_loop.operations cimport MM_PAGE_ALLOC_ZONE_LOCKED, NEVER
from recap.sim.open_loop.percpu cimport put_away_strays
from recap.sim.open_loop.replay cimport DRAIN_STEPS, REFILL, Replay, deviate
from recap.sim.open_loop.truth cimport free_block_over, give_back, put_on_pcp, take_frame

cdef bint same(Replay r, long long at, int k) noexcept nogil

@cython.locals(batch=cython.int)
cdef int refill_batch(Replay r, int p, int order) noexcept nogil

@cython.locals(k=cython.int, n=cython.int, start=cython.longlong, wrong=cython.uint)
cdef long long compare_taken(Replay r, long long at, int p, unsigned int predicted) noexcept nogil

@cython.locals(k=cython.int)
cdef void undo_taken(Replay r, unsigned int predicted) noexcept nogil

@cython.locals(block=cython.uint)
cdef void put_last(Replay r, unsigned int pfn) noexcept nogil

@cython.locals(left=cython.int)
cdef long long take_as_kernel(Replay r, long long at, int p) noexcept nogil

@cython.locals(k=cython.int, n=cython.int, wrong=cython.uint)
cdef long long compare_drained(Replay r, long long at, int p) noexcept nogil

@cython.locals(j=cython.int, mt=cython.int)
cdef void undo_drained(Replay r, int k, int p) noexcept nogil

cdef long long drain_as_kernel(Replay r, long long at, int blocks) noexcept nogil
