cimport cython

from recap.kernel cimport PG_ACTIVE, PG_SWAPBACKED, PG_WORKINGSET
from recap.mm.lru cimport lru_note_cost
from recap.mm.lru_gen_refault cimport lru_gen_eviction, lru_gen_refault
from recap.mm.vmstat cimport (
    WORKINGSET_ACTIVATE_ANON,
    WORKINGSET_ACTIVATE_FILE,
    WORKINGSET_REFAULT_ANON,
    WORKINGSET_REFAULT_FILE,
    WORKINGSET_RESTORE_ANON,
    WORKINGSET_RESTORE_FILE,
)
from recap.pages cimport Memory, page_node

cdef void workingset_age_nonresident(Memory m, int node, long long pages) noexcept nogil

@cython.locals(obj=cython.int)
cdef void workingset_eviction(Memory m, unsigned int pfn) noexcept nogil

@cython.locals(node=cython.int, obj=cython.int, shadow=cython.longlong, anon=cython.bint, size=cython.longlong)
cdef void workingset_refault(Memory m, unsigned int pfn) noexcept nogil

@cython.locals(anon=cython.bint)
cdef void workingset_activate(Memory m, unsigned int pfn, bint used) noexcept nogil

cdef void snapshot_refaults(Memory m, int node) noexcept nogil
