cimport cython

from recap.kernel cimport COMPACT_CONTINUE, NONE, PG_LRU
from recap.mm cimport capture, compaction, migratetype, page_alloc, pcplist, watermark
from recap.pages cimport Memory

cdef class Machine:
    cdef readonly Memory memory

    @cython.locals(flags=cython.int, pfn=cython.uint)
    cdef unsigned int get(self, int cpu, int order, unsigned int gfp) noexcept nogil
