cimport cython

from recap.kernel cimport (
    COMPACT_COMPLETE,
    COMPACT_CONTINUE,
    COMPACT_MAX_DEFER_SHIFT,
    COMPACT_PARTIAL_SKIPPED,
    COMPACT_SUCCESS,
    GFP_KERNEL,
    MIGRATE_SYNC_LIGHT,
    NONE,
)
from recap.mm.compaction cimport (
    compact_begin,
    compact_step,
    fragmentation_score_node,
    fragmentation_score_wmark,
    kcompactd_suitable,
)
from recap.mm.pcplist cimport drain_pages_zone
from recap.mm.skip_hint cimport compaction_defer_reset, compaction_deferred, defer_compaction
from recap.mm.vmstat cimport COMPACT_DAEMON_FREE_SCANNED, COMPACT_DAEMON_MIGRATE_SCANNED, COMPACT_DAEMON_WAKE
from recap.pages cimport Memory

@cython.locals(zone=cython.int, wanted=cython.int)
cdef void wakeup_kcompactd(Memory m, int node, int order, int highest_zoneidx) noexcept nogil

@cython.locals(wanted=cython.bint)
cdef void kcompactd_begin(Memory m, int node) noexcept nogil

cdef bint should_proactive_compact_node(Memory m, int node) noexcept nogil

@cython.locals(zone=cython.int, order=cython.int)
cdef bint next_zone(Memory m, int node) noexcept nogil

@cython.locals(zone=cython.int, cpu=cython.int)
cdef void zone_done(Memory m, int node, int result) noexcept nogil

cdef void kcompactd_end(Memory m, int node) noexcept nogil

@cython.locals(result=cython.int)
cdef void kcompactd_step(Memory m, int node, int cpu) noexcept nogil
