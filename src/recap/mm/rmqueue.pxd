cimport cython

from recap.kernel cimport NONE
from recap.mm.buddy cimport rmqueue_smallest
from recap.mm.claim cimport rmqueue_claiming, rmqueue_steal
from recap.mm.migratetype cimport rmqueue_fallback, rmqueue_reserve
from recap.pages cimport Memory

@cython.locals(pfn=cython.uint)
cdef inline unsigned int rmqueue_migratetype(Memory m, int zone, int order, int migratetype, int alloc_flags) noexcept nogil

@cython.locals(pfn=cython.uint)
cdef inline unsigned int rmqueue_before_steal(Memory m, int zone, int order, int migratetype, int alloc_flags) noexcept nogil
