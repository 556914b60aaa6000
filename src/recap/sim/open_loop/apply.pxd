cimport cython

from recap.kernel cimport MIGRATE_PCPTYPES, NONE, PG_LRU, STATE_ALLOCATED, STATE_PCP
from recap.mm.migratetype cimport unreserve_highatomic_pageblock
from recap.mm.page_alloc cimport free_pages, free_to_buddy, free_unref_page, gfp_migratetype, gfp_zone, preferred_zone
from recap.mm.pcplist cimport (
    decay_pcp_high,
    drain_pages_zone,
    order_to_pindex,
    pcp_allowed_order,
    refill_batch,
    rmqueue_bulk,
    would_drain,
)
from recap.mm.tracepoints cimport discard_emitted
from recap.pages cimport get_pageblock_migratetype, list_empty, page_zone, pcp_list, zone_pcp
from recap.sim.open_loop.captures cimport apply_capture, captured, joined, left_alone
from recap.sim.open_loop.compactors cimport follow, forget_hints, frame_used, page_moved
from recap.sim.open_loop.counters cimport believe_zone, predict
from recap.sim.open_loop.evidence cimport may_be_of
from recap.sim.open_loop.interrupts cimport (
    FOUND_LOCK,
    NO_INTERRUPT,
    choose_factor,
    done_after_interrupt,
    enter_interrupt,
    interrupted_this,
    locked_out,
    made_before_interrupt,
    made_before_switch,
    taken_past_lists,
)
from recap.sim.open_loop.operations cimport (
    ALLOC,
    CAPTURE,
    CAPTURE_OWNED,
    DECAY,
    DRAIN,
    FOLLOW,
    FREE,
    INSERTION,
    ISOLATE,
    KSWAPD_SLEEP,
    KSWAPD_WAKE,
    NEVER,
    NO_ROLE,
    PASS_BY,
    PREPARE,
    SEARCH,
    TAKE,
)
from recap.sim.open_loop.percpu cimport catch_up, put_away, settle_heads, settle_list
from recap.sim.open_loop.replay cimport (
    ALLOCATION,
    DRAIN_STEPS,
    EARLY_SLEEPS,
    EMPTIED_LISTS,
    LATE_FREES,
    LOCKED_LISTS,
    REFILL,
    STRAY_FRAME,
    UNKNOWN_FREE,
    Replay,
    deviate,
    pcp_number,
    requested_pindex,
)
from recap.sim.open_loop.searches cimport find_turned_lists, isolate, searched, used_unreported
from recap.sim.open_loop.steps cimport compare_drained, compare_taken
from recap.sim.open_loop.truth cimport any_free, give_back, make_whole, pcp_of, put_on_pcp, take_frame
from recap.trace.event cimport IN_INTERRUPT, Event

cpdef void advance(Replay r, long long start, long long stop) noexcept

@cython.locals(i=cython.longlong)
cdef void run(Replay r, long long start, long long stop) noexcept nogil

@cython.locals(role=cython.int, c=cython.int, in_interrupt=cython.bint, cause=cython.longlong)
cdef void apply(Replay r, long long i) noexcept nogil

@cython.locals(i=cython.longlong)
cdef void free_put_off(Replay r, int c) noexcept nogil

cdef void apply_allocator(Replay r, long long i, int role) noexcept nogil

cdef void apply_other(Replay r, long long i, int role) noexcept nogil

cdef void compaction(Replay r, long long i, int role) noexcept nogil

@cython.locals(p=cython.int, predicted=cython.uint)
cdef void allocate(Replay r, long long i) noexcept nogil

@cython.locals(predicted=cython.uint)
cdef bint allocate_captured(Replay r, long long i) noexcept nogil

@cython.locals(p=cython.int, q=cython.int)
cdef int where_made(Replay r, long long i) noexcept nogil

@cython.locals(alloc=cython.longlong, first=cython.longlong, at=cython.longlong, c=cython.int)
cdef void take_run(Replay r, long long i) noexcept nogil

cdef void run_goes_on(Replay r, long long at, int role, long long partner) noexcept nogil

@cython.locals(p=cython.int, wrong=cython.bint, predicted=cython.uint)
cdef long long allocate_taking(Replay r, long long alloc, long long at) noexcept nogil

@cython.locals(zone=cython.int, p=cython.int, pindex=cython.int, order=cython.int, batch=cython.int, taken=cython.int)
cdef long long refill(Replay r, long long first, long long at) noexcept nogil

cdef long long take_unasked(Replay r, long long at) noexcept nogil

@cython.locals(head=cython.uint)
cdef bint holds_strays(Replay r, int p, int pindex) noexcept nogil

cdef void allocated(Replay r, long long i, unsigned int predicted, bint wrong) noexcept nogil

@cython.locals(migratetype=cython.int)
cdef void put_aside(Replay r, long long i, unsigned int predicted) noexcept nogil

@cython.locals(p=cython.int, zone=cython.int)
cdef void free_quietly(Replay r, long long i) noexcept nogil

@cython.locals(cause=cython.longlong, p=cython.int, at=cython.longlong)
cdef void drain_run(Replay r, long long i) noexcept nogil

@cython.locals(zone=cython.int)
cdef void decay(Replay r, long long i) noexcept nogil

@cython.locals(zone=cython.int)
cdef long long decay_run(Replay r, long long i, long long at) noexcept nogil

@cython.locals(zone=cython.int, p=cython.int)
cdef long long drain_unannounced(Replay r, long long at) noexcept nogil

@cython.locals(zone=cython.int)
cdef void unreserve_highatomic(Replay r, long long i) noexcept nogil

cdef bint taken_in(Replay r, unsigned int pfn, long long at) noexcept nogil

@cython.locals(taken=cython.longlong, first=cython.longlong)
cdef bint passed_before(Replay r, int c, long long at) noexcept nogil

@cython.locals(i=cython.longlong)
cdef void free_passing_by(Replay r, int c) noexcept nogil

@cython.locals(pfn=cython.uint, migratetype=cython.int)
cdef void free(Replay r, long long i) noexcept nogil

cdef void prepare(Replay r, long long i) noexcept nogil

cdef void inserted(Replay r, long long i) noexcept nogil

cdef bint kswapd_may_be_done(Replay r) noexcept nogil

@cython.locals(z=cython.int)
cdef void kswapd_woke(Replay r, long long i) noexcept nogil

@cython.locals(z=cython.int)
cdef void kswapd_sleeps(Replay r) noexcept nogil
