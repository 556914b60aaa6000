cimport cython

from recap.kernel cimport (
    ALLOC_HIGHATOMIC,
    ALLOC_KSWAPD,
    ALLOC_MIN_RESERVE,
    ALLOC_NOFRAGMENT,
    ALLOC_NON_BLOCK,
    ALLOC_NO_WATERMARKS,
    ALLOC_OOM,
    ALLOC_WMARK_LOW,
    ALLOC_WMARK_MIN,
    GFP_DIRECT_RECLAIM,
    GFP_DMA,
    GFP_DMA32,
    GFP_HIGH,
    GFP_HIGHMEM,
    GFP_KSWAPD_RECLAIM,
    GFP_MOVABLE,
    GFP_NOMEMALLOC,
    MIGRATE_HIGHATOMIC,
    MIGRATE_MOVABLE,
    MIGRATE_PCPTYPES,
    NONE,
    STATE_TAIL,
    ZONE_DMA,
    ZONE_DMA32,
    ZONE_MOVABLE,
    ZONE_NORMAL,
)
from recap.mm.buddy cimport free_one_page, rmqueue_smallest
from recap.mm.migratetype cimport reserve_highatomic_pageblock
from recap.mm.pcplist cimport free_hot_cold_page, free_unref_page_commit, pcp_allowed_order, rmqueue_pcplist
from recap.mm.rmqueue cimport rmqueue_migratetype
from recap.mm.watermark cimport above_high, zone_watermark_fast
from recap.pages cimport Memory, get_pageblock_migratetype, page_zone, zone_pcp

cdef inline int gfp_migratetype(unsigned int gfp) noexcept nogil

cdef inline int gfp_zone(unsigned int gfp) noexcept nogil

@cython.locals(zone=cython.int)
cdef inline int preferred_zone(Memory m, int highest_zone) noexcept nogil

@cython.locals(alloc_flags=cython.int)
cdef inline int fast_alloc_flags(Memory m, unsigned int gfp) noexcept nogil

@cython.locals(alloc_flags=cython.int)
cdef int gfp_to_alloc_flags(Memory m, unsigned int gfp, int order) noexcept nogil

@cython.locals(pfn=cython.uint)
cdef unsigned int rmqueue_buddy(Memory m, int zone, int order, int migratetype, int alloc_flags) noexcept nogil

@cython.locals(pfn=cython.uint)
cdef inline unsigned int rmqueue(Memory m, int zone, int cpu, int order, int migratetype, int alloc_flags) noexcept nogil

@cython.locals(zone=cython.int, highest=cython.int, pfn=cython.uint, above=cython.bint)
cdef unsigned int walk_zonelist(Memory m, int cpu, int order, unsigned int gfp, int alloc_flags) noexcept nogil

@cython.locals(pfn=cython.uint)
cdef unsigned int get_page_from_freelist(Memory m, int cpu, int order, unsigned int gfp, int alloc_flags) noexcept nogil

@cython.locals(i=cython.uint)
cdef inline void free_pages_prepare(Memory m, unsigned int pfn, int order) noexcept nogil

cdef inline void free_pages(Memory m, int cpu, unsigned int pfn, int order) noexcept nogil

@cython.locals(zone=cython.int, at=cython.uint)
cdef void free_pageblocks(Memory m, unsigned int pfn, int order) noexcept nogil

@cython.locals(migratetype=cython.int)
cdef inline void free_unref_page(Memory m, int cpu, unsigned int pfn, int order) noexcept nogil

cdef void free_to_buddy(Memory m, unsigned int pfn, int order) noexcept nogil

cdef void free_cold_page(Memory m, int cpu, unsigned int pfn) noexcept nogil
