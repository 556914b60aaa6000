cimport cython

from recap.kernel cimport NONE, NR_PCP_LISTS, STATE_ALLOCATED, STATE_BUDDY, STATE_CAPTURED, STATE_PCP, STATE_TAIL
from recap.mm.buddy cimport free_one_page
from recap.mm.capture_list cimport add_captured, remove_captured
from recap.mm.free_area cimport add_to_free_list, del_page_from_free_list, free_list
from recap.mm.pcplist cimport order_to_pindex, way_back
from recap.mm.free_scanner cimport take_free_page
from recap.pages cimport Memory, list_add_tail, list_del, list_rotate_to_front, page_zone, pcp_list

@cython.locals(zone=cython.int, at=cython.uint, block=cython.uint)
cdef void take_frame(Memory m, unsigned int pfn, int order) noexcept nogil

@cython.locals(at=cython.uint)
cdef void make_whole(Memory m, unsigned int pfn, int order) noexcept nogil

@cython.locals(order=cython.int, block=cython.uint)
cdef unsigned int free_block_over(Memory m, unsigned int pfn) noexcept nogil

@cython.locals(i=cython.uint)
cdef bint any_free(Memory m, unsigned int pfn, int order) noexcept nogil

@cython.locals(head=cython.uint)
cdef int remove_from_pcp(Memory m, unsigned int pfn) noexcept nogil

@cython.locals(head=cython.uint)
cdef int pcp_of(Memory m, unsigned int pfn) noexcept nogil

@cython.locals(zone=cython.int, order=cython.int, at=cython.uint)
cdef void isolate_free_page(Memory m, unsigned int block) noexcept nogil

@cython.locals(head=cython.uint)
cdef void turn_list(Memory m, int zone, unsigned int block) noexcept nogil

@cython.locals(high=cython.int, migratetype=cython.int, half=cython.uint)
cdef void cut_out(Memory m, int zone, unsigned int block, unsigned int pfn, int order) noexcept nogil

@cython.locals(owner=cython.int, high=cython.int, half=cython.uint)
cdef void cut_captured(Memory m, unsigned int block, unsigned int pfn, int order) noexcept nogil

@cython.locals(p=cython.int)
cdef void put_on_pcp(Memory m, int p, unsigned int pfn, int order, int migratetype) noexcept nogil

@cython.locals(zone=cython.int)
cdef void give_back(Memory m, unsigned int pfn, int order, int migratetype) noexcept nogil
