cimport cython

from recap.kernel cimport (
    CONFIG_PCP_BATCH_SCALE_MAX,
    MIGRATE_MOVABLE,
    MIGRATE_PCPTYPES,
    NONE,
    NR_PCP_LISTS,
    PAGE_ALLOC_COSTLY_ORDER,
    STATE_ALLOCATED,
    STATE_PCP,
    STATE_TAIL,
)
from recap.mm.buddy cimport free_one_page
from recap.mm.claim cimport rmqueue_steal
from recap.mm.rmqueue cimport rmqueue_before_steal, rmqueue_migratetype
from recap.mm.pcp_tuning cimport count_free, decayed_high, forget_below_high, nr_pcp_alloc, tuned_free, tuned_high, would_give_back
from recap.mm.tracepoints cimport emit
from recap.pages cimport Memory, get_pageblock_migratetype, list_add, list_add_tail, list_del, list_empty, pcp_list, zone_pcp
from recap.trace.event cimport Event

cdef inline bint pcp_allowed_order(Memory m, int order) noexcept nogil

cdef inline int order_to_pindex(int migratetype, int order) noexcept nogil

@cython.locals(order=cython.int)
cdef inline int pindex_order(Memory m, int pindex) noexcept nogil

cdef inline int way_back(Memory m, unsigned int pfn) noexcept nogil

@cython.locals(pages=cython.int, pindex=cython.int, first=cython.int, last=cython.int, lists=cython.uint, order=cython.int, pfn=cython.uint, migratetype=cython.int)
cdef void free_pcppages_bulk(Memory m, int zone, int cpu, int count, int pindex) noexcept nogil

@cython.locals(p=cython.int, batch=cython.int, most=cython.int)
cdef inline int nr_pcp_free(Memory m, int p, int high, bint free_high) noexcept nogil

cdef inline int nr_pcp_high(Memory m, int zone, int p, bint free_high) noexcept nogil

@cython.locals(p=cython.int, pindex=cython.int, high=cython.int, free_high=cython.bint)
cdef inline void free_unref_page_commit(Memory m, int zone, int cpu, unsigned int pfn, int migratetype, int order) noexcept nogil

@cython.locals(p=cython.int, free_high=cython.bint, high=cython.int)
cdef void give_back_tuned(Memory m, int zone, int cpu, int order, int pindex) noexcept nogil

@cython.locals(free_high=cython.bint)
cdef bint would_drain(Memory m, int zone, int p, int order) noexcept nogil

@cython.locals(p=cython.int, surplus=cython.int)
cdef void decay_pcp_high(Memory m, int zone, int cpu) noexcept nogil

@cython.locals(p=cython.int, head=cython.uint, pfn=cython.uint)
cdef void free_pages_bulk(Memory m, int zone, int cpu, int count) noexcept nogil

@cython.locals(p=cython.int)
cdef void free_hot_cold_page(Memory m, int zone, int cpu, unsigned int pfn, bint cold) noexcept nogil

@cython.locals(p=cython.int, last=cython.uint, pfn=cython.uint, _i=cython.int)
cdef void fill_single_list(Memory m, int zone, int cpu, int migratetype) noexcept nogil

@cython.locals(pfn=cython.uint)
cdef unsigned int first_of_type(Memory m, unsigned int head, int migratetype) noexcept nogil

@cython.locals(p=cython.int, head=cython.uint, pfn=cython.uint)
cdef unsigned int buffered_rmqueue(Memory m, int zone, int cpu, int migratetype) noexcept nogil

@cython.locals(i=cython.int, pfn=cython.uint, stole=cython.bint)
cdef int rmqueue_bulk(Memory m, int zone, int order, int count, unsigned int head, int migratetype, int alloc_flags) noexcept nogil

@cython.locals(batch=cython.int)
cdef int refill_batch(Memory m, int zone, int p, int order) noexcept nogil

@cython.locals(p=cython.int, head=cython.uint, batch=cython.int, pfn=cython.uint)
cdef inline unsigned int rmqueue_pcplist(Memory m, int zone, int cpu, int order, int migratetype, int alloc_flags) noexcept nogil

@cython.locals(p=cython.int)
cdef void drain_pages_zone(Memory m, int zone, int cpu) noexcept nogil

@cython.locals(zone=cython.int, cpu=cython.int)
cdef void drain_all_pages(Memory m) noexcept nogil

cdef inline void take_from_list(Memory m, int p, unsigned int pfn, int order) noexcept nogil
