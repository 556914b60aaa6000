cimport cython

from recap.kernel cimport MIGRATE_MOVABLE, NONE, STATE_ALLOCATED
from recap.mm.free_area cimport add_to_free_list, free_list, page_is_buddy
from recap.mm.free_scanner cimport fast_search, move_freelist_head
from recap.mm.migrate_scanner cimport fast_find_migrateblock
from recap.mm.skip_hint cimport pageblock_start
from recap.pages cimport list_del, list_empty, list_rotate_to_front
from recap.sim.open_loop.evidence cimport first_use
from recap.sim.open_loop.operations cimport NEVER
from recap.sim.open_loop.replay cimport SEARCHED_PAGES, Replay
from recap.sim.open_loop.truth cimport isolate_free_page
from recap.trace.event cimport Event

@cython.locals(order=cython.int, head=cython.uint)
cdef void keep_lists(Replay r, int s) noexcept nogil

@cython.locals(order=cython.int, head=cython.uint)
cdef void turn_back(Replay r, int s) noexcept nogil

@cython.locals(found=cython.uint, head=cython.uint)
cdef bint search_free(Replay r, int s, unsigned int wanted) noexcept nogil

@cython.locals(failures=cython.int, other=cython.int)
cdef bint search_otherwise(Replay r, int s, unsigned int wanted) noexcept nogil

@cython.locals(head=cython.uint, block=cython.uint, order=cython.int, pfn=cython.uint)
cdef bint take_apart(Replay r, int s, unsigned int wanted) noexcept nogil

@cython.locals(head=cython.uint, block=cython.uint, order=cython.int)
cdef void put_back(Replay r, int s) noexcept nogil

@cython.locals(i=cython.longlong)
cdef bint used_by(Replay r, int s, unsigned int block, int order) noexcept nogil

@cython.locals(pfn=cython.uint)
cdef void own(Replay r, int s, unsigned int block, int order) noexcept nogil

@cython.locals(s=cython.int)
cdef void own_isolated(Replay r, long long i, unsigned int block, int order) noexcept nogil

@cython.locals(order=cython.int)
cdef void take_wanted(Replay r, int s, unsigned int block) noexcept nogil

@cython.locals(found=cython.uint, given_up=cython.bint)
cdef void find_pageblock(Replay r, long long i, int s) noexcept nogil
