cimport cython

from recap.kernel cimport MIGRATE_PCPTYPES, NONE, NR_PCP_LISTS, STATE_ALLOCATED
from recap.mm.pcplist cimport take_from_list, would_drain
from recap.pages cimport pcp_list
from recap.sim.open_loop.evidence cimport freed_next, may_be_of, reported_late, unheard_of
from recap.sim.open_loop.operations cimport NEVER, NO_ROLE
from recap.sim.open_loop.replay cimport BULK_ALLOCATIONS, LATE_REPORTS, Replay
from recap.sim.open_loop.truth cimport give_back, remove_from_pcp
from recap.trace.event cimport Event

cdef void take_unreported(Replay r, int p, unsigned int pfn) noexcept nogil

cdef void allocate_early(Replay r, int p, unsigned int pfn) noexcept nogil

cdef void take(Replay r, int p, unsigned int pfn) noexcept nogil

@cython.locals(head=cython.uint, pfn=cython.uint)
cdef void settle_list(Replay r, int p, int pindex, unsigned int until) noexcept nogil

@cython.locals(pindex=cython.int, head=cython.uint)
cdef void settle_heads(Replay r, int p) noexcept nogil

@cython.locals(mt=cython.int, pindex=cython.int, zone=cython.int)
cdef void catch_up(Replay r, int p, int order) noexcept nogil

@cython.locals(head=cython.uint, pfn=cython.uint, since=cython.longlong)
cdef void catch_up_late(Replay r, int p, int pindex) noexcept nogil

@cython.locals(head=cython.uint, pfn=cython.uint, after=cython.uint, seen=cython.longlong)
cdef void catch_up_below(Replay r, int p, int pindex) noexcept nogil

@cython.locals(head=cython.uint, zone=cython.int)
cdef void catch_up_head(Replay r, int p, int pindex, int order) noexcept nogil

@cython.locals(pindex=cython.int)
cdef void put_away_strays(Replay r, int p) noexcept nogil

cdef bint belongs(Replay r, int p, unsigned int pfn) noexcept nogil

@cython.locals(head=cython.uint, pfn=cython.uint, after=cython.uint)
cdef void put_away(Replay r, int p, int pindex, bint whole) noexcept nogil

cdef void take_told_late(Replay r, int p, unsigned int pfn) noexcept nogil
