cimport cython

from recap.kernel cimport IN_SWAP, NONE, PG_ACTIVE, PG_SWAPBACKED, STATE_ALLOCATED, STATE_ISOLATED
from recap.mm.capture cimport capture_page
from recap.mm.folio_fate cimport folio_fate
from recap.mm.lru cimport lru_note_cost
from recap.mm.page_alloc cimport free_cold_page, free_pages
from recap.mm.page_fate cimport PAGE_ACTIVATE, PAGE_OUT, PAGE_RECLAIMED, page_fate
from recap.mm.vmstat cimport PGACTIVATE
from recap.mm.workingset cimport workingset_eviction
from recap.mm.writeback cimport leave_memory
from recap.pages cimport FOLIO_LIST, FREE_FOLIOS, RET_FOLIOS, Memory, list_add, list_del, list_empty

cdef int shrink_folio(Memory m, int s, unsigned int pfn) noexcept nogil

@cython.locals(order=cython.int, i=cython.uint)
cdef void release_page(Memory m, int s, int cpu, unsigned int pfn) noexcept nogil

@cython.locals(free=cython.uint, pfn=cython.uint)
cdef void release_pages(Memory m, int s, int cpu) noexcept nogil

cdef bint pagevec_full(Memory m, int s, long long reclaimed) noexcept nogil

@cython.locals(src=cython.uint, kept=cython.uint, free=cython.uint, pfn=cython.uint, reclaimed=cython.longlong, paged_out=cython.longlong, rotated=cython.longlong, pages=cython.longlong, fate=cython.int)
cdef long long shrink_folio_list(Memory m, int s, int cpu, bint file) noexcept nogil
