cimport cython

from recap.kernel cimport COMPACT_CONTINUE, NONE, PG_LRU
# The second form tells Cython after which headers to compile again, the first does not.
from recap.mm cimport capture, compaction, migratetype, page_alloc, pcplist, watermark
cimport recap.mm.capture
cimport recap.mm.compaction
cimport recap.mm.migratetype
cimport recap.mm.page_alloc
cimport recap.mm.pcplist
cimport recap.mm.watermark
from recap.pages cimport Memory

cdef class Machine:
    cdef readonly Memory memory

    @cython.locals(flags=cython.int, pfn=cython.uint)
    cdef unsigned int get(self, int cpu, int order, unsigned int gfp) noexcept nogil
