cimport cython

from recap.kernel cimport COMPACT_CLUSTER_MAX, GFP_WRITE, ALLOC_NO_WATERMARKS, MIGRATE_MOVABLE, MIGRATE_PCPTYPES, NONE, NR_PCP_LISTS, PAGE_ALLOC_COSTLY_ORDER, PF_LRU, PG_ALLOCATED, PG_BUDDY, PG_PCP
from recap.mm.free_area cimport free_list, move_to_free_list
from recap.mm.migratetype cimport unreserve_highatomic_pageblock
from recap.mm.page_alloc cimport (
    fast_alloc_flags,
    free_pages,
    free_to_buddy,
    get_page_from_freelist,
    gfp_migratetype,
    gfp_zone,
    preferred_zone,
    gfp_to_alloc_flags,
)
from recap.mm.pcplist cimport drain_pages_zone, nr_pcp_free, nr_pcp_high, free_unref_page_commit, order_to_pindex, pcp_allowed_order, rmqueue_bulk
from recap.mm.watermark cimport zone_watermark_fast
from recap.pages cimport Memory, list_add_tail, list_del, list_empty, page_zone
from recap.sim.operations cimport (
    ALLOC,
    DRAIN,
    FREE,
    IN_INTERRUPT,
    INSERTION,
    ISOLATE,
    LOCKED_OUT,
    MAYBE_LOCKED_OUT,
    KSWAPD_SLEEP,
    KSWAPD_WAKE,
    MM_LRU_INSERTION,
    MM_PAGE_ALLOC,
    MM_PAGE_ALLOC_EXTFRAG,
    MM_PAGE_ALLOC_ZONE_LOCKED,
    MM_PAGE_FREE,
    MM_PAGE_FREE_BATCHED,
    MM_PAGE_PCPU_DRAIN,
    MM_VMSCAN_DIRECT_RECLAIM_BEGIN,
    NEVER,
    NO_ROLE,
    PREPARE,
    SLOW,
    SEARCH,
    TAKE,
    Operations,
)
from recap.sim.truth cimport any_free, free_block_over, isolate_free_page, give_back, pcp_of, put_on_pcp, remove_from_pcp, take_frame

cdef class Replay:
    cdef readonly Memory m
    cdef Operations ops
    cdef const unsigned char[::1] event
    cdef const unsigned short[::1] cpu
    cdef const unsigned int[::1] pfn
    cdef const unsigned char[::1] order
    cdef const signed char[::1] migratetype
    cdef const unsigned int[::1] flags
    cdef const long long[::1] a
    cdef readonly long long allocations
    cdef readonly long long exact
    cdef readonly long long mismatched
    cdef readonly long long untraced
    cdef readonly long long frees
    cdef readonly long long frees_unknown
    cdef readonly long long failed
    cdef readonly long long taken
    cdef readonly long long taken_exact
    cdef readonly long long drained
    cdef readonly long long drained_exact
    cdef readonly long long drains_inferred
    cdef long long[::1] log
    cdef readonly long long nr_log
    cdef bint quiet
    cdef readonly long long searches
    cdef readonly long long rotations
    cdef long long[::1] turned
    cdef long long[::1] compacting
    cdef long long[::1] drain_until
    cdef const unsigned char[::1] context
    cdef const int[::1] pid
    cdef long long[::1] interrupt
    cdef long long[::1] interrupted
    cdef long long[::1] factor_before
    cdef long long[::1] freed_since
    cdef long long[::1] other_factor
    cdef readonly long long reordered
    cdef const long long[::1] b
    cdef readonly long long isolated
    cdef readonly long long isolated_quickly
    cdef long long[::1] run_end
    cdef long long[::1] run_zone
    cdef long long[::1] run_pages
    cdef long long now
    cdef long long[::1] threshold
    cdef readonly long long dirty_limited
    cdef readonly long long uncertain
    cdef readonly long long interrupts

    @cython.locals(i=cython.longlong)
    cdef void run(self, long long start, long long stop) noexcept nogil

    @cython.locals(role=cython.int)
    cdef void apply(self, long long i) noexcept nogil

    @cython.locals(zone=cython.int, p=cython.int)
    cdef void enter_interrupt(self, long long i) noexcept nogil

    cdef void note(self, int kind, long long i, long long model, long long more) noexcept nogil

    @cython.locals(zone=cython.int, p=cython.int, predicted=cython.uint)
    cdef void allocate_untaken(self, long long i) noexcept nogil

    @cython.locals(factor=cython.longlong, head=cython.uint, pfn=cython.uint, ahead=cython.longlong)
    cdef bint made_before_interrupt(self, long long i, int p) noexcept nogil

    @cython.locals(predicted=cython.uint)
    cdef void allocated(self, long long i, unsigned int predicted, bint wrong) noexcept nogil

    @cython.locals(migratetype=cython.int)
    cdef void put_aside(self, long long i, unsigned int predicted) noexcept nogil

    @cython.locals(order=cython.int, gfp=cython.uint, pfn=cython.uint)
    cdef unsigned int predict(self, long long i) noexcept nogil

    cdef bint first_try(self, long long i, int alloc_flags) noexcept nogil

    @cython.locals(zone=cython.int, highest=cython.int)
    cdef bint refused_everywhere(self, long long i, int alloc_flags) noexcept nogil

    @cython.locals(zone=cython.int, kernels=cython.int, highest=cython.int)
    cdef bint settle_watermarks(self, long long i, int alloc_flags) noexcept nogil

    @cython.locals(wanted=cython.bint, diff=cython.longlong)
    cdef bint settle_watermark(self, long long i, int zone, int highest, int alloc_flags, bint wanted) noexcept nogil

    cdef bint unheard_of(self, unsigned int pfn) noexcept nogil

    cdef bint taken_unannounced(self, unsigned int pfn) noexcept nogil

    cdef void take_unannounced(self, int p, unsigned int pfn) noexcept nogil

    @cython.locals(mt=cython.int)
    cdef void catch_up(self, int p, bint drains, int order, long long i) noexcept nogil

    @cython.locals(head=cython.uint, pfn=cython.uint, after=cython.uint, seen=cython.longlong)
    cdef void catch_up_list(self, int p, int pindex, bint below, int most) noexcept nogil

    cdef int limit(self, int p, int order) noexcept nogil

    cdef bint would_drain(self, int p, int order) noexcept nogil

    @cython.locals(zone=cython.int, p=cython.int, head=cython.uint, pfn=cython.uint)
    cdef void infer_bulk(self, int p, int pindex, unsigned int until) noexcept nogil

    @cython.locals(zone=cython.int, met=cython.int, block=cython.uint, order=cython.int)
    cdef void find_turned_lists(self, long long i) noexcept nogil

    @cython.locals(head=cython.uint, pfn=cython.uint)
    cdef void bring_to_head(self, int zone, unsigned int block, int order) noexcept nogil

    @cython.locals(first=cython.longlong, pfn=cython.uint)
    cdef bint used_untaken(self, unsigned int block, int order) noexcept nogil

    cdef void run_goes_on(self, long long at, int role, long long partner) noexcept nogil

    @cython.locals(alloc=cython.longlong, first=cython.longlong)
    cdef void take_run(self, long long i) noexcept nogil

    @cython.locals(i=cython.longlong)
    cdef bint reported_late(self, int p, unsigned int pfn) noexcept nogil

    cdef void allocate_early(self, int p, unsigned int pfn) noexcept nogil

    @cython.locals(pindex=cython.int)
    cdef void put_away_strays(self, int p) noexcept nogil

    @cython.locals(head=cython.uint, pfn=cython.uint, after=cython.uint, i=cython.longlong)
    cdef void put_away(self, int p, int pindex, bint whole) noexcept nogil

    @cython.locals(head=cython.uint)
    cdef bint not_empty(self, int p, int pindex, long long at) noexcept nogil

    @cython.locals(p=cython.int, wrong=cython.bint, predicted=cython.uint)
    cdef long long allocate_taking(self, long long alloc, long long first, long long at) noexcept nogil

    @cython.locals(zone=cython.int, p=cython.int, pindex=cython.int, batch=cython.int, order=cython.int)
    cdef long long refill(self, long long first, long long at) noexcept nogil

    @cython.locals(batch=cython.int)
    cdef int refill_batch(self, int p, int order) noexcept nogil

    @cython.locals(k=cython.int, n=cython.int, start=cython.longlong, left=cython.int, wrong=cython.uint)
    cdef long long compare_taken(self, long long at, int p, unsigned int predicted) noexcept nogil

    cdef void under_way(self, long long at, int zone, long long pages) noexcept nogil

    @cython.locals(pages=cython.longlong, cpu=cython.int)
    cdef long long unseen(self, int zone, int sign) noexcept nogil

    cdef bint same(self, long long at, int k) noexcept nogil

    @cython.locals(block=cython.uint)
    cdef void put_last(self, unsigned int pfn) noexcept nogil

    @cython.locals(cause=cython.longlong, p=cython.int, at=cython.longlong)
    cdef void drain_run(self, long long i) noexcept nogil

    @cython.locals(pages=cython.int, high=cython.int, factor=cython.int, mine=cython.int, after=cython.int, others=cython.int)
    cdef void choose_factor(self, long long i, int p) noexcept nogil

    @cython.locals(zone=cython.int)
    cdef void unreserve_highatomic(self, long long i) noexcept nogil

    @cython.locals(zone=cython.int, p=cython.int)
    cdef long long drain_unannounced(self, long long at) noexcept nogil

    @cython.locals(pindex=cython.int, head=cython.uint)
    cdef void settle_heads(self, int p) noexcept nogil

    cdef bint taken_by_now(self, int p, unsigned int pfn) noexcept nogil

    @cython.locals(k=cython.int, n=cython.int, j=cython.int, start=cython.longlong)
    cdef long long compare_drained(self, long long at, int p) noexcept nogil

    @cython.locals(pfn=cython.uint, zone=cython.int, migratetype=cython.int)
    cdef void free(self, long long i) noexcept nogil

    cdef bint locked_out(self, long long i) noexcept nogil

    cdef void searched(self, long long i) noexcept nogil

    @cython.locals(stride=cython.int)
    cdef void isolate(self, long long i) noexcept nogil

    @cython.locals(at=cython.uint, taken=cython.longlong, order=cython.int)
    cdef long long isolate_range(self, long long i, int stride, bint take) noexcept nogil

    @cython.locals(block=cython.uint)
    cdef void isolated_unannounced(self, unsigned int pfn) noexcept nogil

    cdef void prepare(self, long long i) noexcept nogil

    cdef void inserted(self, long long i) noexcept nogil

    @cython.locals(z=cython.int)
    cdef void kswapd_woke(self, long long i) noexcept nogil

    @cython.locals(z=cython.int)
    cdef void kswapd_sleeps(self) noexcept nogil
