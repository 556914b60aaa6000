cimport cython

from recap.kernel cimport ALLOC_WMARK_MASK, MIGRATE_ISOLATE, MIGRATE_MOVABLE, NONE, STATE_ALLOCATED, STATE_BUDDY
from recap.mm.buddy cimport expand
from recap.mm.free_area cimport del_page_from_free_list
from recap.mm.migratetype cimport move_freepages_block
from recap.mm.page_alloc cimport gfp_zone
from recap.mm.pcplist cimport drain_all_pages
from recap.mm.watermark cimport wmark_pages, zone_watermark_ok
from recap.pages cimport Memory, page_zone

@cython.locals(block=cython.uint)
cdef void isolate_pageblock(Memory m, int s, unsigned int pfn) noexcept nogil

@cython.locals(at=cython.uint)
cdef unsigned int free_block_around(Memory m, unsigned int pfn, int order) noexcept nogil

@cython.locals(pfn=cython.uint, zone=cython.int, head=cython.uint, mark=cython.longlong, order=cython.int)
cdef unsigned int undo_isolation(Memory m, int s) noexcept nogil
