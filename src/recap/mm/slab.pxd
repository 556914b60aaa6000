cimport cython

from recap.kernel cimport GFP_FS, NONE, PG_ACTIVE, PG_REFERENCED
from recap.mm.page_alloc cimport free_pages
from recap.mm.vmstat cimport SLABS_SCANNED
from recap.mm.lru cimport node_lru_pages
from recap.pages cimport Memory, list_add, list_del, list_empty, page_node

cdef void add_slab_page(Memory m, unsigned int pfn) noexcept nogil

cdef void del_slab_page(Memory m, unsigned int pfn) noexcept nogil

@cython.locals(node=cython.int, lru_pages=cython.longlong, objects=cython.longlong, freed=cython.longlong)
cdef long long shrink_slab(Memory m, int s, int cpu) noexcept nogil

@cython.locals(pfn=cython.uint, freed=cython.longlong)
cdef long long prune(Memory m, int node, int cpu, int pages) noexcept nogil
