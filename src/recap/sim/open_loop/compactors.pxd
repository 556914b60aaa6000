cimport cython

from recap.kernel cimport (
    COMPACT_COMPLETE,
    COMPACT_PARTIAL_SKIPPED,
    GFP_KERNEL,
    MIGRATE_ASYNC,
    MIGRATE_SYNC_LIGHT,
    NONE,
    PG_LRU,
    STATE_BUDDY,
)
from recap.mm.page_alloc cimport gfp_migratetype
from recap.mm.skip_hint cimport pageblock_start, reset_isolation_suitable, set_pageblock_skip
from recap.pages cimport page_zone
from recap.sim.open_loop.compaction_events cimport NO_SLOT
from recap.sim.open_loop.operations cimport NEVER
from recap.sim.open_loop.quick_searches cimport find_pageblock, search_free, search_otherwise, take_wanted
from recap.sim.open_loop.replay cimport ISOLATION, Replay, deviate
from recap.sim.open_loop.truth cimport free_block_over
from recap.trace.event cimport Event

@cython.locals(t=cython.int, event=cython.int)
cdef void follow(Replay r, long long i) noexcept nogil

cdef void kcompactd_asked(Replay r, long long i) noexcept nogil

@cython.locals(s=cython.int)
cdef void began(Replay r, long long i, int t) noexcept nogil

@cython.locals(s=cython.int)
cdef int free_slot(Replay r, int t) noexcept nogil

@cython.locals(request=cython.longlong)
cdef void set_control(Replay r, long long i, int s, bint direct) noexcept nogil

@cython.locals(s=cython.int, met=cython.bint)
cdef void ended(Replay r, long long i, int t) noexcept nogil

@cython.locals(start=cython.uint)
cdef void to_be_moved(Replay r, long long i, int s) noexcept nogil

cdef bint hint_set(Replay r, long long i) noexcept nogil

@cython.locals(block=cython.uint, last=cython.bint)
cdef void scanned_free(Replay r, long long i, int s) noexcept nogil

cdef void begin_to_move(Replay r, int s) noexcept nogil

cdef void have_moved(Replay r, long long i, int s) noexcept nogil

@cython.locals(s=cython.int)
cdef void page_moved(Replay r, long long i) noexcept nogil

@cython.locals(pfn=cython.uint, t=cython.int, s=cython.int, block=cython.uint)
cdef void frame_used(Replay r, long long i) noexcept nogil

cdef void missed(Replay r, long long i, int s, unsigned int block) noexcept nogil

@cython.locals(j=cython.longlong, left=cython.longlong)
cdef void count_left(Replay r, long long i, int s, int t) noexcept nogil

@cython.locals(inside=cython.bint)
cdef bint is_of_batch(Replay r, long long i, int s) noexcept nogil

@cython.locals(zone=cython.int)
cdef void forget_hints(Replay r) noexcept nogil
