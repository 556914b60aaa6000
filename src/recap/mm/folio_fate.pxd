cimport cython

from recap.kernel cimport (
    GFP_IO,
    PAGE_ALLOC_COSTLY_ORDER,
    PG_DIRTY,
    PG_HELD,
    PG_RECLAIM,
    PG_REFERENCED,
    PG_SWAPBACKED,
    PG_WRITEBACK,
    PG_YOUNG,
)
from recap.mm.lru_gen cimport lru_gen_set_refs
from recap.mm.page_fate cimport PAGE_ACTIVATE, PAGE_KEEP, PAGE_OUT, PAGE_RECLAIMED, may_enter_fs
from recap.mm.vmstat cimport NR_VMSCAN_IMMEDIATE_RECLAIM
from recap.mm.writeback cimport add_to_swap, pageout
from recap.pages cimport Memory

@cython.locals(obj=cython.int)
cdef int found_in_use(Memory m, unsigned int pfn) noexcept nogil

@cython.locals(young=cython.bint, referenced=cython.bint, use=cython.int)
cdef int folio_check_references(Memory m, unsigned int pfn) noexcept nogil

@cython.locals(dirty=cython.bint, writeback=cython.bint, pages=cython.longlong)
cdef void note_dirty(Memory m, int s, unsigned int pfn) noexcept nogil

@cython.locals(pages=cython.longlong)
cdef int meet_writeback(Memory m, int s, unsigned int pfn) noexcept nogil

cdef int meet_dirty(Memory m, int s, unsigned int pfn, int references) noexcept nogil

@cython.locals(references=cython.int, fate=cython.int)
cdef int folio_fate(Memory m, int s, unsigned int pfn) noexcept nogil
