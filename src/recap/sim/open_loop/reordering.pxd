cimport cython

from recap.kernel cimport MIGRATE_MOVABLE, NONE, STATE_BUDDY
from recap.mm.free_area cimport free_list
from recap.pages cimport list_add, list_del, page_zone
from recap.sim.open_loop.evidence cimport first_use
from recap.sim.open_loop.operations cimport ISOLATE, NEVER, SEARCH
from recap.sim.open_loop.replay cimport REORDERED_LISTS, Replay
from recap.sim.open_loop.truth cimport free_block_over, isolate_free_page
from recap.trace.event cimport Event

@cython.locals(block=cython.uint, zone=cython.int, order=cython.int, explained=cython.longlong, until=cython.longlong, needed=cython.longlong)
cdef bint put_in_order(Replay r, long long at) noexcept nogil

@cython.locals(block=cython.uint, order=cython.int, head=cython.uint)
cdef void clear_smaller(Replay r, long long at) noexcept nogil

@cython.locals(i=cython.longlong)
cdef long long next_alike(Replay r, long long at) noexcept nogil

@cython.locals(i=cython.longlong)
cdef long long next_search(Replay r, long long at) noexcept nogil

@cython.locals(block=cython.uint)
cdef unsigned int on_list(Replay r, long long i, int zone, int order) noexcept nogil

@cython.locals(i=cython.longlong)
cdef unsigned int next_taken(Replay r, unsigned int block, int order, long long until, unsigned int head) noexcept nogil

@cython.locals(head=cython.uint, last=cython.uint, found=cython.longlong, i=cython.longlong, block=cython.uint)
cdef long long cuts(Replay r, long long at, long long until, int zone, int order) noexcept nogil

@cython.locals(last=cython.uint, i=cython.longlong, block=cython.uint)
cdef void arrange(Replay r, long long at, long long until, int zone, int order) noexcept nogil
