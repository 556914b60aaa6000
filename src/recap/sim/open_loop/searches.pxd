cimport cython

from recap.kernel cimport COMPACT_CLUSTER_MAX, MIGRATE_MOVABLE, NONE, STATE_ALLOCATED, STATE_BUDDY, STATE_PCP
from recap.mm.free_area cimport free_list
from recap.pages cimport page_zone
from recap.sim.open_loop.evidence cimport used_untaken
from recap.sim.open_loop.operations cimport NEVER
from recap.sim.open_loop.percpu cimport take_unreported
from recap.sim.open_loop.replay cimport ISOLATED_PAGES, ISOLATION, SEARCHED_PAGES, TURNED_LISTS, Replay, deviate
from recap.sim.open_loop.quick_searches cimport own_isolated
from recap.sim.open_loop.truth cimport free_block_over, isolate_free_page, pcp_of, turn_list
from recap.trace.event cimport Event

cdef void searched(Replay r, long long i) noexcept nogil

@cython.locals(stride=cython.int)
cdef void isolate(Replay r, long long i) noexcept nogil

@cython.locals(stride=cython.int)
cdef int fitting_stride(Replay r, long long i, bint looks_too) noexcept nogil

@cython.locals(at=cython.longlong, count=cython.longlong, pages=cython.longlong)
cdef long long looks(Replay r, long long i, int stride) noexcept nogil

@cython.locals(at=cython.longlong, taken=cython.longlong, order=cython.int)
cdef long long isolate_range(Replay r, long long i, int stride, bint take) noexcept nogil

cdef void take_searched(Replay r, unsigned int block) noexcept nogil

@cython.locals(block=cython.uint)
cdef void used_unreported(Replay r, unsigned int pfn) noexcept nogil

@cython.locals(zone=cython.int, met=cython.int, block=cython.uint, order=cython.int)
cdef void find_turned_lists(Replay r, long long i) noexcept nogil

@cython.locals(head=cython.uint, pfn=cython.uint)
cdef void bring_to_head(Replay r, int zone, unsigned int block, int order) noexcept nogil
