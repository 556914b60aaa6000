cimport cython

from recap.kernel cimport DEF_PRIORITY, GFP_IO, LRU_INACTIVE_ANON, LRU_INACTIVE_FILE, MAX_LRU_BATCH, MAX_NR_GENS, MAX_NR_TIERS, MIN_LRU_BATCH, MIN_NR_GENS, PG_ACTIVE, PG_DIRTY, PG_RECLAIM, PG_REFERENCED, PG_SWAPBACKED, PG_SWAPCACHE, PG_WORKINGSET, PG_WRITEBACK, STATE_ALLOCATED, STATE_ISOLATED, WMARK_HIGH
from recap.mm.lru cimport lruvec_add
from recap.mm.lru_gen cimport ANON, FILE, MAX_REFS, folio_gen, folio_inc_gen, folio_refs, folio_seq, folio_tier, lru_gen_del_folio, lru_gen_list, nr_gens, set_refs
from recap.mm.lru_gen_aging cimport evictable_pages, oldest_seq, run_aging, should_run_aging, swappiness_of
from recap.mm.lru_gen_aging cimport try_to_inc_min_seq
from recap.mm.lru_gen_tiers cimport MAX_SWAPPINESS, file_comes_back_less, get_tier_idx, tier_against_other_type
from recap.mm.shrink_folio_list cimport shrink_folio_list
from recap.mm.vmstat cimport PGREFILL, PGSCAN_DIRECT, PGSCAN_KSWAPD, PGSTEAL_DIRECT, PGSTEAL_KSWAPD
from recap.mm.watermark cimport wmark_pages, zone_watermark_ok
from recap.pages cimport FOLIO_LIST, RET_FOLIOS, Memory, list_add, list_add_tail, list_del, list_empty, page_zone

cdef void lru_gen_begin(Memory m, int s) noexcept nogil

@cython.locals(priority=cython.int, reclaimable=cython.longlong)
cdef void set_initial_priority(Memory m, int s) noexcept nogil

@cython.locals(bits=cython.int)
cdef int fls(long long number) noexcept nogil

@cython.locals(nr_to_scan=cython.longlong, scanned=cython.longlong)
cdef bint lru_gen_step(Memory m, int s, int cpu) noexcept nogil

cdef void lru_gen_end(Memory m, int s) noexcept nogil

@cython.locals(empty=cython.bint, node=cython.int, swappiness=cython.int)
cdef long long get_nr_to_scan(Memory m, int s) noexcept nogil

@cython.locals(mark=cython.longlong, node=cython.int, reclaimed=cython.longlong, safe=cython.bint, zone=cython.int)
cdef bint should_abort_scan(Memory m, int s) noexcept nogil

@cython.locals(anon=cython.longlong, file=cython.longlong, node=cython.int)
cdef int choose_type(Memory m, int s, int swappiness) noexcept nogil

@cython.locals(compared=cython.bint, node=cython.int)
cdef int first_tier_limit(Memory m, int s, int kind, int swappiness) noexcept nogil

@cython.locals(kind=cython.int, scanned=cython.longlong)
cdef long long isolate_folios(Memory m, int s, int swappiness) noexcept nogil

@cython.locals(kind=cython.int, node=cython.int, reclaimed=cython.longlong, scanned=cython.longlong, swappiness=cython.int)
cdef long long evict_folios(Memory m, int s, int cpu) noexcept nogil

@cython.locals(i=cython.int, node=cython.int, nr_zones=cython.int, wanted=cython.int, zone=cython.int)
cdef long long scan_folios(Memory m, int s, int kind, int tier) noexcept nogil

@cython.locals(batch=cython.uint, head=cython.uint, node=cython.int, pages=cython.longlong, pfn=cython.uint, skipped=cython.longlong)
cdef void scan_zone(Memory m, int s, int kind, int zone, int tier) noexcept nogil

@cython.locals(gen=cython.int, most=cython.int, node=cython.int, own=cython.int, used_most=cython.bint, zone=cython.int)
cdef bint sort_folio(Memory m, int s, unsigned int pfn, int kind, int tier) noexcept nogil

@cython.locals(dirty=cython.bint, gen=cython.int, written=cython.bint)
cdef bint waits_for_device(Memory m, int s, unsigned int pfn, int kind) noexcept nogil

cdef void move(Memory m, unsigned int pfn, unsigned int head, bint to_tail) noexcept nogil

cdef bint swap_constrained(Memory m, int s, unsigned int pfn) noexcept nogil

cdef void isolate_folio(Memory m, unsigned int pfn) noexcept nogil

@cython.locals(flags=cython.uint, kept=cython.uint, pfn=cython.uint)
cdef void put_back_rejected(Memory m, int node, int kind) noexcept nogil
