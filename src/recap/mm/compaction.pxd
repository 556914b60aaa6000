cimport cython

from recap.kernel cimport (
    ALLOC_WMARK_MASK,
    COMPACT_COMPLETE,
    COMPACT_CONTENDED,
    COMPACT_CONTINUE,
    COMPACT_PARTIAL_SKIPPED,
    COMPACT_SKIPPED,
    COMPACT_SUCCESS,
    MIGRATE_ASYNC,
    NONE,
    PAGE_ALLOC_COSTLY_ORDER,
    WMARK_HIGH,
    WMARK_LOW,
    WMARK_MIN,
)
from recap.mm.free_area cimport free_list
from recap.mm.free_scanner cimport release_freepages
from recap.mm.migrate cimport migrate_pages
from recap.mm.migrate_scanner cimport isolate_migratepages
from recap.mm.migratetype cimport can_steal_fallback, find_suitable_fallback
from recap.mm.page_alloc cimport gfp_migratetype
from recap.mm.pcplist cimport drain_pages_zone
from recap.mm.skip_hint cimport (
    compaction_restarting,
    pageblock_start,
    reset_cached_positions,
    reset_isolation_suitable,
)
from recap.mm.vmstat cimport COMPACT_FREE_SCANNED, COMPACT_MIGRATE_SCANNED
from recap.mm.watermark cimport free_pages_blocks, wmark_pages, zone_watermark_ok, zone_watermark_ok_for
from recap.pages cimport Memory, list_empty

cdef long long compact_gap(int order) noexcept nogil

@cython.locals(blocks=cython.longlong, pages=cython.longlong, o=cython.int)
cdef long long fragmentation_index(Memory m, int zone, int order) noexcept nogil

@cython.locals(mark=cython.longlong)
cdef int suitable_with(Memory m, int zone, int order, int alloc_flags, int highest_zoneidx, long long free_pages) noexcept nogil

@cython.locals(free_pages=cython.longlong, result=cython.int, index=cython.longlong)
cdef int compaction_suitable(Memory m, int zone, int order, int alloc_flags, int highest_zoneidx) noexcept nogil

@cython.locals(mark=cython.longlong)
cdef bint blocks_suffice(Memory m, int zone, int order, int highest_zoneidx) noexcept nogil

@cython.locals(mark=cython.longlong)
cdef int kcompactd_suitable(Memory m, int zone, int order, int highest_zoneidx) noexcept nogil

@cython.locals(pages=cython.longlong, suitable=cython.longlong, o=cython.int)
cdef long long fragmentation_score_zone(Memory m, int zone) noexcept nogil

@cython.locals(present=cython.longlong, score=cython.longlong, zone=cython.int)
cdef long long fragmentation_score_node(Memory m, int node) noexcept nogil

@cython.locals(mark=cython.longlong)
cdef long long fragmentation_score_wmark(Memory m, bint low) noexcept nogil

cdef bint scanners_met(Memory m, int s) noexcept nogil

@cython.locals(zone=cython.int)
cdef int compact_finished(Memory m, int s) noexcept nogil

@cython.locals(order=cython.int)
cdef int block_found(Memory m, int s, int zone) noexcept nogil

@cython.locals(suitable=cython.int, cached=cython.bint)
cdef int compact_begin(Memory m, int s, int zone) noexcept nogil

@cython.locals(zone=cython.int, start=cython.uint, last=cython.uint)
cdef void set_scanners(Memory m, int s) noexcept nogil

@cython.locals(before=cython.longlong, result=cython.int)
cdef int compact_step(Memory m, int s, int cpu) noexcept nogil

cdef void meet_lock(Memory m, int s) noexcept nogil

@cython.locals(zone=cython.int, start=cython.uint)
cdef int compact_batch(Memory m, int s, int cpu) noexcept nogil

@cython.locals(wanted=cython.longlong, moved=cython.longlong, enough=cython.bint)
cdef bint move_batch(Memory m, int s, int cpu) noexcept nogil

cdef void drain_behind(Memory m, int s, int cpu) noexcept nogil

@cython.locals(zone=cython.int, free_pfn=cython.uint)
cdef void compact_end(Memory m, int s, int cpu) noexcept nogil
