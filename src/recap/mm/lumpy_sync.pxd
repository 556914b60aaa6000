cimport cython

from recap.kernel cimport IN_SWAP, NONE, PG_ACTIVE, PG_SWAPBACKED, PG_WRITEBACK, STATE_ALLOCATED, TENTH_NS, TICK_NS
from recap.mm.backing_dev cimport congestion_wait
from recap.mm.lru cimport lruvec_add
from recap.mm.page_fate cimport PAGE_ACTIVATE, PAGE_OUT, PAGE_RECLAIMED, may_enter_fs
from recap.mm.shrink_folio_list cimport release_page, shrink_folio
from recap.mm.vmstat cimport PGACTIVATE, PGSTEAL_DIRECT
from recap.mm.workingset cimport workingset_eviction
from recap.mm.writeback cimport leave_memory
from recap.pages cimport RET_FOLIOS, Memory, list_add, list_del, list_empty

@cython.locals(kept=cython.uint, pfn=cython.uint)
cdef void begin_second_pass(Memory m, int s) noexcept nogil

@cython.locals(head=cython.uint, pfn=cython.uint, reclaimed=cython.longlong, fate=cython.int)
cdef long long second_pass(Memory m, int s, int cpu) noexcept nogil
