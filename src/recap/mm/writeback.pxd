from recap.kernel cimport (
    NONE,
    PG_ACTIVE,
    PG_DIRTY,
    PG_HELD,
    PG_JOURNALLED,
    PG_LRU,
    PG_RECLAIM,
    PG_SWAPBACKED,
    PG_SWAPCACHE,
    PG_WRITEBACK,
    STATE_ALLOCATED,
    STATE_ISOLATED,
)
from recap.mm.lru cimport lruvec_add, lruvec_del
from recap.mm.vmstat cimport NR_DIRTY, NR_VMSCAN_WRITE, NR_WRITEBACK, NR_WRITTEN, PGROTATED, PSWPOUT
from recap.pages cimport Memory, list_del

cdef void set_page_dirty(Memory m, unsigned int pfn) noexcept nogil

cdef void clear_page_dirty(Memory m, unsigned int pfn) noexcept nogil

cdef void start_writeback(Memory m, unsigned int pfn) noexcept nogil

cdef void hold_page(Memory m, unsigned int pfn) noexcept nogil

cdef bint add_to_swap(Memory m, unsigned int pfn) noexcept nogil

cdef void pageout(Memory m, unsigned int pfn) noexcept nogil

cdef void end_page_writeback(Memory m, unsigned int pfn) noexcept nogil

cdef bint rotates(Memory m, unsigned int pfn) noexcept nogil

cdef void leave_memory(Memory m, unsigned int pfn, unsigned int where) noexcept nogil

cdef void forget_page(Memory m, unsigned int pfn) noexcept nogil
