cimport cython

from recap.kernel cimport (
    LRU_INACTIVE_ANON,
    LRU_INACTIVE_FILE,
    NR_LRU_LISTS,
    PG_ACTIVE,
    PG_LRU,
    PG_REFERENCED,
    PG_SWAPBACKED,
    SWAP_CLUSTER_MAX,
)
from recap.mm.lru_gen cimport count_anon, lru_gen_add_folio, lru_gen_del_folio, lru_gen_inc_refs
from recap.mm.vmstat cimport PGACTIVATE
from recap.pages cimport Memory, list_add, list_add_tail, list_del, lru_list, page_node, page_zone

@cython.locals(lru=cython.int)
cdef int page_lru(Memory m, unsigned int pfn) noexcept nogil

@cython.locals(node=cython.int, lru=cython.int, pages=cython.longlong, i=cython.uint)
cdef void lruvec_add(Memory m, unsigned int pfn, bint to_tail) noexcept nogil

@cython.locals(node=cython.int, i=cython.uint, lru=cython.int, pages=cython.longlong)
cdef void lruvec_del(Memory m, unsigned int pfn) noexcept nogil

cdef void mark_page_accessed(Memory m, unsigned int pfn) noexcept nogil

cdef void activate_page(Memory m, unsigned int pfn) noexcept nogil

@cython.locals(inactive=cython.longlong, active=cython.longlong, gb=cython.longlong, ratio=cython.longlong)
cdef bint inactive_is_low(Memory m, int node, int inactive_lru) noexcept nogil

@cython.locals(total=cython.longlong)
cdef void lru_note_cost(Memory m, int node, bint file, long long pages, long long rotated) noexcept nogil

@cython.locals(pages=cython.longlong, lru=cython.int)
cdef long long node_lru_pages(Memory m, int node) noexcept nogil
