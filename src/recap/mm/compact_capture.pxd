cimport cython

from recap.kernel cimport MIGRATE_ISOLATE, MIGRATE_MOVABLE, NONE, STATE_ALLOCATED
from recap.pages cimport Memory

@cython.locals(capc=cython.int)
cdef bint compaction_capture(Memory m, int zone, unsigned int pfn, int order, int migratetype) noexcept nogil
