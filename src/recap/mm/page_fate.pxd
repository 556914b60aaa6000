cimport cython

from recap.kernel cimport (
    GFP_FS,
    GFP_IO,
    PAGE_ALLOC_COSTLY_ORDER,
    PG_DIRTY,
    PG_REFERENCED,
    PG_SWAPBACKED,
    PG_WRITEBACK,
    PG_YOUNG,
)
from recap.mm.writeback cimport add_to_swap, pageout
from recap.pages cimport Memory

cdef bint may_enter_fs(Memory m, int s, unsigned int pfn) noexcept nogil

@cython.locals(cheap=cython.bint, mapped=cython.bint, referenced=cython.bint)
cdef int page_fate(Memory m, int s, unsigned int pfn) noexcept nogil
