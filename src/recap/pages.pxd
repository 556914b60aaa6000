cimport cython

from recap.kernel cimport Rules
from recap.policy.policy cimport Policy

cdef enum:
    FOLIO_LIST = 0
    RET_FOLIOS = 1
    FREE_FOLIOS = 2
    FOLIOS_SKIPPED = 3
    MIGRATEPAGES = 4

ctypedef packed struct Page:
    unsigned int next
    unsigned int prev
    unsigned char order
    unsigned char migratetype
    unsigned char state
    unsigned char pad0
    unsigned short flags
    unsigned short capture

ctypedef packed struct Frame:
    int object
    unsigned int freed_by

ctypedef packed struct Zone:
    unsigned int start
    unsigned int end
    int index
    unsigned char reclaim_active
    unsigned char boosted
    unsigned char below_high
    unsigned char pad1
    long long free_pages
    long long managed
    long long nr_free[14]
    long long watermark[4]
    long long watermark_boost
    long long lowmem_reserve[5]
    long long nr_reserved_highatomic
    long long kswapd_boost
    long long vm_stat_diff
    long long nr_lru[4]
    unsigned int compact_cached_migrate_pfn[2]
    unsigned int compact_cached_free_pfn
    unsigned int compact_init_migrate_pfn
    unsigned int compact_init_free_pfn
    int compact_considered
    int compact_defer_shift
    int compact_order_failed
    unsigned char compact_blockskip_flush
    unsigned char pad2
    unsigned char pad3
    unsigned char pad4

ctypedef packed struct Pcp:
    int count
    int high
    int batch
    int free_factor
    int high_min
    int high_max
    int alloc_factor
    int free_count
    int flags

ctypedef packed struct Capture:
    int wanted
    int state
    int largest
    unsigned int request
    long long pages

ctypedef packed struct ScanControl:
    int order
    int priority
    int reclaim_idx
    int alloc_flags
    unsigned int gfp
    unsigned int request
    unsigned int page
    int capture
    int phase
    int no_progress_loops
    int lru
    unsigned char kswapd
    unsigned char may_writepage
    unsigned char may_swap
    unsigned char deactivate_anon
    unsigned char deactivate_file
    unsigned char force_deactivate
    unsigned char skipped_deactivate
    unsigned char cache_trim_mode
    unsigned char file_is_tiny
    unsigned char proportional
    unsigned char compaction_ready
    unsigned char sync
    unsigned char congestion_wait
    unsigned char queued
    unsigned char pad1
    unsigned char pad2
    int isolated_block
    int closed_pcp
    long long skipped
    long long total_scanned
    long long reclaimed_total
    long long nr_to_reclaim
    long long nr_scanned
    long long nr_reclaimed
    long long node_reclaimed
    long long lruvec_reclaimed
    long long nr[4]
    long long targets[4]
    long long nr_dirty
    long long nr_unqueued_dirty
    long long nr_congested
    long long nr_writeback
    long long nr_immediate
    long long nr_taken
    long long nr_file_taken
    long long total_scan
    long long sleep_ns
    long long scanned_now
    long long stolen_now
    long long deactivated_now
    long long paged_out_now
    long long skipped_now
    int compact_priority
    int compact_result
    int compaction_retries
    int made_progress

ctypedef packed struct CompactControl:
    int order
    int search_order
    int migratetype
    int mode
    int zone
    int alloc_flags
    int highest_zoneidx
    int priority
    int result
    int phase
    unsigned int gfp
    unsigned int migrate_pfn
    unsigned int free_pfn
    unsigned int fast_start_pfn
    unsigned int last_migrated_pfn
    unsigned int page
    int fast_search_fail
    unsigned char direct_compaction
    unsigned char whole_zone
    unsigned char ignore_skip_hint
    unsigned char ignore_block_suitable
    unsigned char proactive
    unsigned char rescan
    unsigned char update_cached
    unsigned char skip_updated
    int search_limit
    unsigned int search_highest
    unsigned int search_low
    unsigned int search_min
    unsigned int next_skip_pfn
    unsigned int contended
    long long nr_isolated
    long long nr_freepages
    long long nr_migratepages
    long long total_migrate_scanned
    long long total_free_scanned
    long long scanned_now
    long long migrated_now

ctypedef packed struct Tracepoint:
    unsigned int pfn
    unsigned char event
    unsigned char order
    signed char migratetype
    unsigned char pad0

cdef class Memory:
    cdef Page[::1] page
    cdef Frame[::1] frame
    cdef Zone[::1] zone
    cdef Pcp[::1] pcp
    cdef Capture[::1] capture
    cdef ScanControl[::1] sc
    cdef CompactControl[::1] cc
    cdef unsigned char[::1] pageblock_skip
    cdef long long[::1] shadow
    cdef unsigned int[::1] moved_dirty
    cdef readonly long long nr_moved_dirty
    cdef readonly long long nonresident_age
    cdef readonly long long refaults_anon
    cdef readonly long long refaults_file
    cdef int capc
    cdef unsigned char[::1] lock_taken
    cdef long long nr_draws
    cdef public long long compaction_proactiveness
    cdef public long long extfrag_threshold
    cdef readonly int kswapd_alloc_order
    cdef readonly long long kswapd_reclaimed_before
    cdef readonly int kcompactd_max_order
    cdef readonly int kcompactd_highest_zoneidx
    cdef readonly bint kcompactd_asleep
    cdef readonly bint kcompactd_wanted
    cdef long long kcompactd_timeout_ns
    cdef int fragmentation_before
    cdef unsigned int[::1] resident
    cdef unsigned int[::1] submitted
    cdef readonly long long nr_submitted
    cdef readonly long long anon_cost
    cdef readonly long long file_cost
    cdef public long long swappiness
    cdef public long long nr_swap_pages
    cdef readonly int kswapd_order
    cdef readonly int kswapd_highest_zoneidx
    cdef readonly int kswapd_failures
    cdef readonly bint kswapd_asleep
    cdef readonly bint kswapd_wanted
    cdef readonly long long nr_boost_reclaim
    cdef readonly bint kswapd_boosted
    cdef long long[::1] nr_scan
    cdef long long[::1] recent_scanned
    cdef long long[::1] recent_rotated
    cdef readonly long long nr_anon
    cdef readonly int prev_priority
    cdef public long long pages_scanned
    cdef public bint all_unreclaimable
    cdef public bint write_congested
    cdef int[::1] queue
    cdef readonly int queue_length
    cdef readonly int pcp_closed
    cdef bint pcp_locked
    cdef readonly bint pgdat_writeback
    cdef readonly bint pgdat_dirty
    cdef readonly bint pgdat_congested
    cdef readonly bint flusher_wanted
    cdef unsigned char[::1] pageblock
    cdef long long[::1] vmstat
    cdef public long long[::1] lru_size
    cdef Policy policy
    cdef Rules rules
    cdef readonly object profile
    cdef readonly unsigned int nr_frames
    cdef readonly int nr_zones
    cdef readonly int nr_cpus
    cdef readonly int max_order
    cdef readonly int pageblock_order
    cdef bint stealing
    cdef int refilling
    cdef readonly unsigned int slab_head
    cdef readonly long long nr_slab
    cdef readonly long long slab_due
    cdef readonly unsigned int free_heads
    cdef readonly unsigned int pcp_heads
    cdef readonly unsigned int lru_heads
    cdef readonly unsigned int capture_heads
    cdef readonly unsigned int scratch_heads
    cdef readonly unsigned int compact_heads
    cdef readonly unsigned int isolated_heads
    cdef readonly long long withheld
    cdef readonly long long withheld_peak
    cdef readonly long long extfrag_events
    cdef public long long watermark_boost_factor
    cdef public bint tracing
    cdef public int nr_emitted
    cdef Tracepoint[::1] emitted
    cdef public int nr_capture_steps
    cdef Tracepoint[::1] capture_steps
    cdef object columns

cdef inline void list_add(Memory m, unsigned int pfn, unsigned int head) noexcept nogil:
    cdef unsigned int first = m.page[head].next
    m.page[pfn].prev = head
    m.page[pfn].next = first
    m.page[first].prev = pfn
    m.page[head].next = pfn

cdef inline void list_add_tail(Memory m, unsigned int pfn, unsigned int head) noexcept nogil:
    cdef unsigned int last = m.page[head].prev
    m.page[pfn].next = head
    m.page[pfn].prev = last
    m.page[last].next = pfn
    m.page[head].prev = pfn

cdef inline void list_del(Memory m, unsigned int pfn) noexcept nogil:
    cdef unsigned int before = m.page[pfn].prev
    cdef unsigned int after = m.page[pfn].next
    m.page[before].next = after
    m.page[after].prev = before

cdef inline bint list_empty(Memory m, unsigned int head) noexcept nogil:
    return m.page[head].next == head

cdef inline void list_splice(Memory m, unsigned int src, unsigned int dst) noexcept nogil:
    cdef unsigned int first = m.page[src].next
    cdef unsigned int last = m.page[src].prev
    if first == src:
        return
    m.page[first].prev = dst
    m.page[last].next = m.page[dst].next
    m.page[m.page[dst].next].prev = last
    m.page[dst].next = first
    m.page[src].next = src
    m.page[src].prev = src

cdef inline int page_zone(Memory m, unsigned int pfn) noexcept nogil:
    cdef int z = 0
    while pfn >= m.zone[z].end:
        z += 1
    return z
