cimport cython

from recap.kernel cimport MIGRATE_PCPTYPES, MIGRATE_TYPES, NR_ORDERS, STATE_BUDDY, STATE_TAIL
from recap.pages cimport Memory, get_pageblock_migratetype, list_add, list_add_tail, list_del

@cython.locals(theirs=cython.int)
cdef inline bint may_merge_blocks(Memory m, unsigned int buddy, int migratetype) noexcept nogil

@cython.locals(head=cython.uint)
cdef inline void add_to_free_list(Memory m, int zone, unsigned int pfn, int order, int migratetype, bint to_tail) noexcept nogil

cdef inline void del_page_from_free_list(Memory m, int zone, unsigned int pfn) noexcept nogil

@cython.locals(head=cython.uint)
cdef void move_to_free_list(Memory m, int zone, unsigned int pfn, int migratetype) noexcept nogil

cdef inline bint page_is_buddy(Memory m, unsigned int pfn, int order) noexcept nogil

cdef inline unsigned int free_list(Memory m, int zone, int order, int migratetype) noexcept nogil

@cython.locals(i=cython.int, first=cython.uint)
cdef void change_pageblock_range(Memory m, unsigned int pfn, int order, int migratetype) noexcept nogil
