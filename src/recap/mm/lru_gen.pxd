cimport cython

from recap.kernel cimport LRU_INACTIVE_FILE, MAX_NR_GENS, MAX_NR_TIERS, MAX_NR_ZONES, MIN_NR_GENS, PG_ACTIVE, PG_DIRTY, PG_LRU, PG_RECLAIM, PG_REFERENCED, PG_SWAPBACKED, PG_SWAPCACHE, PG_WORKINGSET, PG_WRITEBACK
from recap.pages cimport Memory, list_add, list_add_tail, list_del, page_node, page_zone

cdef int folio_type(Memory m, unsigned int pfn) noexcept nogil

cdef int folio_gen(Memory m, unsigned int pfn) noexcept nogil

cdef void set_gen(Memory m, unsigned int pfn, int gen) noexcept nogil

cdef void set_refs(Memory m, unsigned int pfn, int refs) noexcept nogil

cdef unsigned int lru_gen_list(Memory m, int node, int gen, int kind, int zone) noexcept nogil

cdef long long nr_gens(Memory m, int node, int kind) noexcept nogil

@cython.locals(seq=cython.longlong)
cdef bint gen_is_active(Memory m, int node, int gen) noexcept nogil

@cython.locals(kind=cython.int, lru=cython.int, node=cython.int, zone=cython.int)
cdef void count(Memory m, unsigned int pfn, int gen, long long pages) noexcept nogil

cdef void count_anon(Memory m, unsigned int pfn, long long pages) noexcept nogil

@cython.locals(flags=cython.uint, kind=cython.int, node=cython.int, oldest=cython.longlong, used=cython.int, waits=cython.bint, youngest=cython.longlong)
cdef long long folio_seq(Memory m, unsigned int pfn, bint reclaiming) noexcept nogil

@cython.locals(gen=cython.int, head=cython.uint, i=cython.uint, node=cython.int, pages=cython.longlong)
cdef void lru_gen_add_folio(Memory m, unsigned int pfn, bint reclaiming) noexcept nogil

@cython.locals(gen=cython.int, i=cython.uint, pages=cython.longlong)
cdef void lru_gen_del_folio(Memory m, unsigned int pfn, bint reclaiming) noexcept nogil

@cython.locals(pages=cython.longlong)
cdef void promote(Memory m, unsigned int pfn, int gen) noexcept nogil

@cython.locals(node=cython.int, old=cython.int)
cdef int folio_inc_gen(Memory m, unsigned int pfn, bint reclaiming) noexcept nogil

@cython.locals(refs=cython.int)
cdef void lru_gen_inc_refs(Memory m, unsigned int pfn) noexcept nogil

cdef bint lru_gen_set_refs(Memory m, unsigned int pfn, bint referenced) noexcept nogil

@cython.locals(refs=cython.int)
cdef int folio_refs(Memory m, unsigned int pfn) noexcept nogil

@cython.locals(tier=cython.int)
cdef int tier_of(Memory m, int refs, bint workingset) noexcept nogil

cdef int folio_tier(Memory m, unsigned int pfn) noexcept nogil
