cimport cython

from recap.kernel cimport (
    COMPACT_CLUSTER_MAX,
    MIGRATE_ASYNC,
    MIGRATE_MOVABLE,
    NONE,
    STATE_ALLOCATED,
    STATE_BUDDY,
    WMARK_MIN,
)
from recap.mm.free_area cimport del_page_from_free_list, free_list
from recap.mm.migratetype cimport make_movable
from recap.mm.page_alloc cimport free_pages
from recap.mm.skip_hint cimport (
    freelist_scan_limit,
    isolation_suitable,
    pageblock_start,
    set_pageblock_skip,
    update_pageblock_skip,
)
from recap.mm.vmstat cimport COMPACT_ISOLATED
from recap.mm.watermark cimport zone_watermark_ok
from recap.pages cimport FREE_FOLIOS, Memory, get_pageblock_migratetype, list_add, list_add_tail, list_del, list_empty, list_rotate_to_front, list_splice

@cython.locals(mark=cython.longlong, at=cython.uint)
cdef bint isolate_free_page(Memory m, int zone, unsigned int pfn, int order) noexcept nogil

cdef void keep_free_block(Memory m, int s, unsigned int pfn, int order) noexcept nogil

@cython.locals(zone=cython.int, pfn=cython.uint, scanned=cython.longlong, order=cython.int)
cdef unsigned int isolate_freepages_block(Memory m, int s, unsigned int start_pfn, unsigned int end_pfn, unsigned int stride) noexcept nogil

cdef void move_freelist_head(Memory m, unsigned int head, unsigned int pfn) noexcept nogil

cdef int next_search_order(Memory m, int s, int order) noexcept nogil

@cython.locals(found=cython.uint)
cdef void fast_isolate_freepages(Memory m, int s) noexcept nogil

@cython.locals(found=cython.uint, order=cython.int)
cdef unsigned int fast_search(Memory m, int s) noexcept nogil

@cython.locals(free_pfn=cython.uint, distance=cython.uint)
cdef void begin_search(Memory m, int s) noexcept nogil

cdef bint starts_pass(Memory m, int s) noexcept nogil

@cython.locals(head=cython.uint, scanned=cython.int, high_pfn=cython.uint, found=cython.uint, pfn=cython.uint)
cdef unsigned int search_free_list(Memory m, int s, int order) noexcept nogil

cdef bint take_found(Memory m, int s, unsigned int pfn, int order) noexcept nogil

cdef unsigned int search_failed(Memory m, int s) noexcept nogil

@cython.locals(zone=cython.int)
cdef void end_search(Memory m, int s) noexcept nogil

@cython.locals(start=cython.uint, end=cython.uint)
cdef void fast_isolate_around(Memory m, int s, unsigned int pfn) noexcept nogil

cdef bint suitable_migration_target(Memory m, int s, unsigned int pfn) noexcept nogil

cdef void isolate_freepages(Memory m, int s) noexcept nogil

@cython.locals(
    zone=cython.int,
    size=cython.uint,
    at=cython.uint,
    block=cython.uint,
    end=cython.uint,
    low_pfn=cython.uint,
    stride=cython.uint,
    before=cython.longlong,
)
cdef void scan_freepages(Memory m, int s) noexcept nogil

@cython.locals(head=cython.uint, pages=cython.uint, block=cython.uint, order=cython.int, pfn=cython.uint)
cdef void split_map_pages(Memory m, int s) noexcept nogil

@cython.locals(head=cython.uint, pfn=cython.uint)
cdef unsigned int compaction_alloc(Memory m, int s) noexcept nogil

@cython.locals(head=cython.uint, high_pfn=cython.uint, pfn=cython.uint)
cdef unsigned int release_freepages(Memory m, int s, int cpu) noexcept nogil

cdef void take_free_page(Memory m, int zone, unsigned int pfn, int order) noexcept nogil
