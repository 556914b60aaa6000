cimport cython

from recap.kernel cimport (
    DEF_PRIORITY,
    GFP_FS,
    GFP_IO,
    IN_SWAP,
    LRU_ACTIVE_ANON,
    LRU_INACTIVE_ANON,
    LRU_INACTIVE_FILE,
    NONE,
    NR_LRU_LISTS,
    PAGE_ALLOC_COSTLY_ORDER,
    PF_ACTIVE,
    PF_DIRTY,
    PF_RECLAIM,
    PF_REFERENCED,
    PF_SWAPBACKED,
    PF_WRITEBACK,
    PF_YOUNG,
    PG_WORKINGSET,
    PG_ALLOCATED,
    SWAP_CLUSTER_MAX,
    TENTH_NS,
    TICK_NS,
    WMARK_HIGH,
)
from recap.mm.capture cimport capture_alloc_or_return, capture_page
from recap.mm.lru cimport inactive_is_low, lru_note_cost, lruvec_add, lruvec_del
from recap.mm.lumpy cimport isolate_lru_pages
from recap.mm.page_alloc cimport free_cold_page, free_pages
from recap.mm.page_isolation cimport undo_isolation
from recap.mm.vmstat cimport (
    NR_DIRTY,
    NR_VMSCAN_IMMEDIATE_RECLAIM,
    NR_WRITEBACK,
    PGACTIVATE,
    PGDEACTIVATE,
    PGREFILL,
    PGSCAN_DIRECT,
    PGSCAN_KSWAPD,
    PGSTEAL_DIRECT,
    PGSTEAL_KSWAPD,
    WORKINGSET_ACTIVATE_ANON,
    WORKINGSET_ACTIVATE_FILE,
)
from recap.mm.watermark cimport wmark_pages
from recap.mm.workingset cimport workingset_eviction
from recap.mm.writeback cimport add_to_swap, leave_memory, pageout
from recap.pages cimport Memory, list_add, list_del, list_empty, page_zone

cdef enum:
    PAGE_KEEP = 0
    PAGE_ACTIVATE = 1
    PAGE_RECLAIMED = 2
    PAGE_OUT = 3
    PAGEVEC_SIZE = 14

@cython.locals(src=cython.uint, dst=cython.uint, skipped=cython.uint, pfn=cython.uint, scan=cython.longlong, taken=cython.longlong)
cdef long long isolate_lru_folios(Memory m, int s, int lru, long long nr_to_scan) noexcept nogil

@cython.locals(young=cython.bint, referenced=cython.bint)
cdef int folio_check_references(Memory m, unsigned int pfn) noexcept nogil

@cython.locals(dirty=cython.bint, writeback=cython.bint, pages=cython.longlong)
cdef void note_dirty(Memory m, int s, unsigned int pfn) noexcept nogil

@cython.locals(pages=cython.longlong)
cdef int meet_writeback(Memory m, int s, unsigned int pfn) noexcept nogil

cdef bint may_enter_fs(Memory m, int s, unsigned int pfn) noexcept nogil

cdef int meet_dirty(Memory m, int s, unsigned int pfn, int references) noexcept nogil

@cython.locals(cheap=cython.bint, mapped=cython.bint, referenced=cython.bint)
cdef int page_fate(Memory m, int s, unsigned int pfn) noexcept nogil

@cython.locals(references=cython.int, fate=cython.int)
cdef int shrink_folio(Memory m, int s, unsigned int pfn) noexcept nogil

cdef void release_page(Memory m, int s, int cpu, unsigned int pfn) noexcept nogil

@cython.locals(free=cython.uint, pfn=cython.uint)
cdef void release_pages(Memory m, int s, int cpu) noexcept nogil

cdef bint pagevec_full(Memory m, int s, long long reclaimed) noexcept nogil

@cython.locals(pfn=cython.uint)
cdef void putback_lru_pages(Memory m, unsigned int head) noexcept nogil

@cython.locals(kept=cython.uint, pfn=cython.uint)
cdef void begin_second_pass(Memory m, int s) noexcept nogil

@cython.locals(head=cython.uint, pfn=cython.uint, reclaimed=cython.longlong, fate=cython.int)
cdef long long second_pass(Memory m, int s, int cpu) noexcept nogil

cdef void congestion_wait(Memory m, int s, long long longest) noexcept nogil

@cython.locals(src=cython.uint, kept=cython.uint, free=cython.uint, pfn=cython.uint, reclaimed=cython.longlong, paged_out=cython.longlong, pages=cython.longlong, fate=cython.int)
cdef long long shrink_folio_list(Memory m, int s, int cpu, bint file) noexcept nogil

cdef long long isolate_batch(Memory m, int s, int lru, long long nr_to_scan) noexcept nogil

@cython.locals(unqueued=cython.longlong, before=cython.longlong, taken=cython.longlong, reclaimed=cython.longlong, file=cython.bint)
cdef long long shrink_inactive_list(Memory m, int s, int cpu, int lru, long long nr_to_scan) noexcept nogil

@cython.locals(src=cython.uint, pfn=cython.uint, taken=cython.longlong, reclaim_mapped=cython.bint)
cdef void shrink_active_list(Memory m, int s, int lru, long long nr_to_scan) noexcept nogil

@cython.locals(lru_pages=cython.longlong, total=cython.longlong, zone=cython.int, mapped_ratio=cython.longlong, tendency=cython.longlong, imbalance=cython.longlong)
cdef bint calc_reclaim_mapped(Memory m, int s) noexcept nogil

cdef bint stays_active(Memory m, unsigned int pfn, bint reclaim_mapped) noexcept nogil

cdef long long shrink_list(Memory m, int s, int cpu, int lru, long long nr_to_scan) noexcept nogil

@cython.locals(free=cython.longlong, high=cython.longlong, file=cython.longlong, zone=cython.int)
cdef void prepare_scan_count(Memory m, int s) noexcept nogil

cdef bint anon_only(Memory m, int s) noexcept nogil
cdef bint file_only(Memory m, int s) noexcept nogil

@cython.locals(lru=cython.int, scan=cython.longlong, total=cython.longlong, ap=cython.longlong, fp=cython.longlong, anon=cython.longlong, file=cython.longlong)
cdef void get_scan_count(Memory m, int s) noexcept nogil

@cython.locals(file=cython.longlong, anon=cython.longlong, free=cython.longlong, high=cython.longlong, zone=cython.int, kind=cython.int, ap=cython.longlong, fp=cython.longlong)
cdef long long anon_percent(Memory m) noexcept nogil

@cython.locals(percent=cython.longlong, lru=cython.int, scan=cython.longlong)
cdef void accumulate_scan_count(Memory m, int s) noexcept nogil

cdef void shrink_node_begin(Memory m, int s) noexcept nogil

@cython.locals(lru=cython.int, batch=cython.longlong)
cdef bint shrink_lruvec_step(Memory m, int s, int cpu) noexcept nogil

@cython.locals(nr=cython.longlong)
cdef bint scan_left(Memory m, int s) noexcept nogil

@cython.locals(anon=cython.longlong, file=cython.longlong, small=cython.int, large=cython.int, percent=cython.longlong)
cdef bint keep_proportion(Memory m, int s) noexcept nogil

@cython.locals(left=cython.longlong, scanned=cython.longlong)
cdef void scale_target(Memory m, int s, int lru, long long percent) noexcept nogil

@cython.locals(largest=cython.int)
cdef void capture_step(Memory m, int s) noexcept nogil

cdef void shrink_node_end(Memory m, int s) noexcept nogil

@cython.locals(pages=cython.longlong)
cdef long long zone_reclaimable_pages(Memory m, int zone) noexcept nogil

@cython.locals(pages=cython.longlong)
cdef long long reclaimable_pages(Memory m) noexcept nogil
