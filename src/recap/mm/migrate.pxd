cimport cython

from recap.kernel cimport NONE, PG_DIRTY, PG_HELD, PG_JOURNALLED, PG_LRU, PG_SWAPBACKED, PG_WRITEBACK
from recap.mm.free_scanner cimport compaction_alloc
from recap.mm.lru cimport lruvec_add
from recap.mm.page_alloc cimport free_pages
from recap.mm.vmstat cimport PGMIGRATE_FAIL, PGMIGRATE_SUCCESS
from recap.pages cimport MIGRATEPAGES, Memory, list_del, list_empty

cdef void move_page(Memory m, int cpu, unsigned int src, unsigned int dst) noexcept nogil

@cython.locals(migratepages=cython.uint, src=cython.uint, dst=cython.uint, enough=cython.bint)
cdef bint migrate_pages(Memory m, int s, int cpu) noexcept nogil

cdef bint is_busy(Memory m, unsigned int pfn) noexcept nogil

cdef void put_back(Memory m, unsigned int pfn) noexcept nogil

@cython.locals(migratepages=cython.uint, pfn=cython.uint)
cdef void putback_movable_pages(Memory m) noexcept nogil
