cimport cython

from recap.kernel cimport LRU_INACTIVE_FILE, PG_ACTIVE, PG_SWAPBACKED, PG_WORKINGSET, PG_YOUNG, STATE_ALLOCATED
from recap.mm.isolate_lru cimport isolate_batch
from recap.mm.lru cimport lruvec_add
from recap.mm.vmstat cimport PGDEACTIVATE, PGREFILL
from recap.pages cimport FOLIO_LIST, Memory, list_del, list_empty

@cython.locals(node=cython.int, src=cython.uint, pfn=cython.uint, taken=cython.longlong, before=cython.longlong, reclaim_mapped=cython.bint)
cdef void shrink_active_list(Memory m, int s, int lru, long long nr_to_scan) noexcept nogil

@cython.locals(node=cython.int, lru_pages=cython.longlong, total=cython.longlong, zone=cython.int, mapped_ratio=cython.longlong, tendency=cython.longlong, imbalance=cython.longlong)
cdef bint calc_reclaim_mapped(Memory m, int s) noexcept nogil

cdef bint stays_active(Memory m, unsigned int pfn, bint reclaim_mapped) noexcept nogil
