cimport cython

from recap.kernel cimport COMPACT_CONTINUE, MIGRATE_ASYNC, MIGRATE_SYNC_LIGHT, NONE
from recap.mm.compaction cimport compact_begin, compact_step
from recap.mm.page_alloc cimport get_page_from_freelist, gfp_to_alloc_flags, gfp_zone
from recap.mm.pcplist cimport drain_all_pages
from recap.mm.slowpath cimport LRUVEC, PRIORITY, enter_reclaim, leave_reclaim, slowpath_step
from recap.mm.vmstat cimport PGMIGRATE_SUCCESS, PGSCAN_DIRECT
from recap.pages cimport Memory

@cython.locals(head=cython.uint)
cpdef object take_over(Memory m, Memory other)

@cython.locals(s=cython.int, before=cython.longlong)
cpdef object reclaim_once(Memory m, int order, unsigned int gfp, int cpu)

@cython.locals(steps=cython.longlong)
cdef void reclaim(Memory m, int s, int cpu) noexcept nogil

@cython.locals(s=cython.int, before=cython.longlong, result=cython.int)
cpdef object compact_once(Memory m, int zone, int order, unsigned int gfp, int cpu, bint direct, bint sync)

@cython.locals(result=cython.int)
cdef int compact(Memory m, int s, int zone, int cpu) noexcept nogil
