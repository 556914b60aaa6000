cimport cython

from recap.kernel cimport DEF_PRIORITY, PAGE_ALLOC_COSTLY_ORDER, PG_ACTIVE, PG_LRU, PG_SWAPBACKED, STATE_ISOLATED
from recap.mm.lru cimport lruvec_del
from recap.mm.page_isolation cimport isolate_pageblock
from recap.mm.vmstat cimport PGDEACTIVATE
from recap.pages cimport FOLIOS_SKIPPED, FOLIO_LIST, Memory, list_add, list_del, list_empty, lru_list, page_zone

cdef bint isolates_both(Memory m, int s) noexcept nogil

cdef bint is_mate(Memory m, unsigned int pfn, int lru, bint both) noexcept nogil

cdef void isolate_page(Memory m, unsigned int pfn, bint deactivate) noexcept nogil

@cython.locals(inactive=cython.bint, both=cython.bint, taken=cython.longlong, at=cython.uint, end=cython.uint)
cdef long long isolate_area(Memory m, int s, int lru, unsigned int pfn) noexcept nogil

@cython.locals(src=cython.uint, skipped=cython.uint, scan=cython.longlong, pfn=cython.uint)
cdef long long isolate_lru_pages(Memory m, int s, int lru, long long nr_to_scan) noexcept nogil

@cython.locals(skipped=cython.uint, pfn=cython.uint)
cdef void give_back_skipped(Memory m, unsigned int src) noexcept nogil
