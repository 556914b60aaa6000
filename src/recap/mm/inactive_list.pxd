cimport cython

from recap.kernel cimport LRU_INACTIVE_FILE, PAGE_ALLOC_COSTLY_ORDER
from recap.mm.isolate_lru cimport isolate_batch, putback_lru_pages
from recap.mm.lumpy_sync cimport begin_second_pass
from recap.mm.shrink_folio_list cimport shrink_folio_list
from recap.mm.vmstat cimport PGSCAN_DIRECT, PGSCAN_KSWAPD, PGSTEAL_DIRECT, PGSTEAL_KSWAPD
from recap.pages cimport RET_FOLIOS, Memory

@cython.locals(unqueued=cython.longlong, before=cython.longlong, taken=cython.longlong, reclaimed=cython.longlong, file=cython.bint)
cdef long long shrink_inactive_list(Memory m, int s, int cpu, int lru, long long nr_to_scan) noexcept nogil
