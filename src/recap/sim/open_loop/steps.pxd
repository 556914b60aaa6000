cimport cython

from recap.kernel cimport MIGRATE_MOVABLE, MIGRATE_PCPTYPES, NONE, STATE_ALLOCATED, STATE_BUDDY, STATE_PCP
from recap.mm.free_area cimport move_to_free_list, page_is_buddy
from recap.mm.pcplist cimport order_to_pindex, pcp_allowed_order, refill_batch, rmqueue_bulk
from recap.mm.tracepoints cimport discard_emitted
from recap.pages cimport Memory, page_zone, pcp_list
from recap.sim.open_loop.counters cimport under_way
from recap.sim.open_loop.operations cimport NEVER
from recap.sim.open_loop.percpu cimport put_away_strays
from recap.sim.open_loop.reordering cimport clear_smaller, put_in_order
from recap.sim.open_loop.replay cimport DRAIN_STEPS, REFILL, Replay, deviate
from recap.sim.open_loop.truth cimport free_block_over, give_back, put_on_pcp, take_frame, turn_list
from recap.trace.event cimport Event

cdef bint same(Replay r, long long at, int k) noexcept nogil

cdef int blocks_wanted(Replay r, int p, int order) noexcept nogil

@cython.locals(k=cython.int, n=cython.int, left=cython.int, wrong=cython.uint)
cdef long long compare_taken(Replay r, long long at, int p, unsigned int predicted) noexcept nogil

cdef int count_taken(Replay r, long long at, bint exact) noexcept nogil

@cython.locals(j=cython.int)
cdef void undo_taken(Replay r, int k, unsigned int predicted) noexcept nogil

@cython.locals(block=cython.uint)
cdef void reorder(Replay r, unsigned int wrong, long long at) noexcept nogil

cdef bint alike(Memory m, unsigned int pfn, unsigned int block) noexcept nogil

cdef void take_as_kernel(Replay r, long long at, int p) noexcept nogil

@cython.locals(head=cython.uint, taken=cython.int)
cdef void go_on_taking(Replay r, long long at, int p, int left) noexcept nogil

@cython.locals(k=cython.int, n=cython.int, wrong=cython.uint)
cdef long long compare_drained(Replay r, long long at, int p) noexcept nogil

@cython.locals(j=cython.int, mt=cython.int)
cdef void undo_drained(Replay r, int k, int p) noexcept nogil

cdef long long drain_as_kernel(Replay r, long long at, int blocks) noexcept nogil
