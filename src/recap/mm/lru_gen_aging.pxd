cimport cython

from recap.kernel cimport LRU_INACTIVE_FILE, MAX_NR_GENS, MAX_NR_TIERS, MAX_NR_ZONES, MIN_LRU_BATCH, MIN_NR_GENS, PG_REFERENCED, PG_WORKINGSET, PG_YOUNG
from recap.mm.lru_gen cimport ANON, FILE, folio_gen, folio_inc_gen, folio_tier, lru_gen_list, nr_gens, promote, set_refs
from recap.mm.lru_gen_tiers cimport reset_ctrl_pos
from recap.pages cimport Memory, list_add_tail, list_del, list_empty

cdef int swappiness_of(Memory m, int s) noexcept nogil

cdef long long oldest_seq(Memory m, int node, int swappiness) noexcept nogil

@cython.locals(first=cython.int, pages=cython.longlong, zone=cython.int)
cdef long long generation_pages(Memory m, int node, long long seq, int kind) noexcept nogil

@cython.locals(kind=cython.int, pages=cython.longlong, seq=cython.longlong)
cdef long long evictable_pages(Memory m, int node, int swappiness) noexcept nogil

@cython.locals(distance=cython.longlong, kind=cython.int, old=cython.longlong, pages=cython.longlong, young=cython.longlong)
cdef bint should_run_aging(Memory m, int node, int swappiness) noexcept nogil

@cython.locals(obj=cython.int)
cdef bint is_young(Memory m, unsigned int pfn) noexcept nogil

cdef void update_gen(Memory m, unsigned int pfn, int gen) noexcept nogil

@cython.locals(gen=cython.int, head=cython.uint, kind=cython.int, pfn=cython.uint, youngest=cython.int, zone=cython.int)
cdef void walk_page_tables(Memory m, int node, int swappiness) noexcept nogil

@cython.locals(gen=cython.int, head=cython.uint, old=cython.int, pfn=cython.uint, zone=cython.int)
cdef void inc_min_seq(Memory m, int node, int kind, int swappiness) noexcept nogil

@cython.locals(empty=cython.bint, zone=cython.int)
cdef bint generation_is_empty(Memory m, int node, long long seq, int kind) noexcept nogil

@cython.locals(seq=cython.longlong)
cdef long long first_populated(Memory m, int node, int kind) noexcept nogil

@cython.locals(anon=cython.longlong, file=cython.longlong, grown=cython.bint, kind=cython.int, seq=cython.longlong)
cdef bint try_to_inc_min_seq(Memory m, int node, int swappiness) noexcept nogil

@cython.locals(before=cython.int, kind=cython.int, lru=cython.int, next_gen=cython.int, pages=cython.longlong, zone=cython.int)
cdef void inc_max_seq(Memory m, int node, int swappiness) noexcept nogil

cdef void run_aging(Memory m, int node, int swappiness) noexcept nogil
