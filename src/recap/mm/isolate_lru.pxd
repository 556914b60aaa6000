cimport cython

from recap.kernel cimport PG_ACTIVE, PG_SWAPBACKED, STATE_ALLOCATED
from recap.mm.lru cimport lruvec_add, lruvec_del
from recap.mm.lumpy cimport give_back_skipped, isolate_lru_pages
from recap.pages cimport FOLIOS_SKIPPED, FOLIO_LIST, Memory, list_add, list_del, list_empty, lru_list, page_node, page_zone

@cython.locals(src=cython.uint, dst=cython.uint, skipped=cython.uint, pfn=cython.uint, before=cython.longlong, scan=cython.longlong, taken=cython.longlong)
cdef long long isolate_lru_folios(Memory m, int s, int lru, long long nr_to_scan) noexcept nogil

@cython.locals(pfn=cython.uint)
cdef void putback_lru_pages(Memory m, unsigned int head) noexcept nogil

cdef long long isolate_batch(Memory m, int s, int lru, long long nr_to_scan) noexcept nogil
