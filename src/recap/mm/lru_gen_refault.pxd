cimport cython

from recap.kernel cimport MAX_NR_GENS, MAX_NR_TIERS, PG_SWAPBACKED, PG_WORKINGSET
from recap.mm.lru_gen cimport MAX_REFS, folio_refs, folio_tier, folio_type, set_refs, tier_of
from recap.mm.vmstat cimport WORKINGSET_ACTIVATE_ANON, WORKINGSET_ACTIVATE_FILE, WORKINGSET_RESTORE_ANON, WORKINGSET_RESTORE_FILE
from recap.pages cimport Memory, page_node

@cython.locals(kind=cython.int, node=cython.int, refs=cython.int, token=cython.longlong, workingset=cython.bint)
cdef void lru_gen_eviction(Memory m, unsigned int pfn, int obj) noexcept nogil

cdef bint is_recent(Memory m, int node, int kind, long long seq) noexcept nogil

@cython.locals(anon=cython.bint, kind=cython.int, node=cython.int, pages=cython.longlong, refs=cython.int, restored=cython.bint, token=cython.longlong, used=cython.bint)
cdef void lru_gen_refault(Memory m, unsigned int pfn, long long shadow) noexcept nogil
