cimport cython

from recap.policy.policy cimport Policy

ctypedef packed struct Page:
    unsigned int next
    unsigned int prev
    unsigned char order
    unsigned char migratetype
    unsigned char state
    unsigned char flags
    unsigned int owner

ctypedef packed struct Frame:
    int object
    unsigned int freed_by

ctypedef packed struct Zone:
    unsigned int start
    unsigned int end
    int index
    unsigned char reclaim_active
    unsigned char boosted
    unsigned char pad0
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

ctypedef packed struct Pcp:
    int count
    int high
    int batch
    int free_factor

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
    unsigned char sync
    unsigned char congestion_wait
    int isolated_block
    int closed_pcp
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
    long long scanned_now
    long long sleep_ns

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
    cdef long long[::1] nr_scan
    cdef long long[::1] recent_scanned
    cdef long long[::1] recent_rotated
    cdef readonly long long nr_anon
    cdef readonly int prev_priority
    cdef public long long pages_scanned
    cdef public bint all_unreclaimable
    cdef public bint write_congested
    cdef public int queue_order
    cdef readonly int queue_slot
    cdef readonly long long queue_skipped
    cdef readonly int pcp_closed
    cdef readonly bint pgdat_writeback
    cdef readonly bint pgdat_dirty
    cdef readonly bint pgdat_congested
    cdef readonly bint flusher_wanted
    cdef unsigned char[::1] pageblock
    cdef long long[::1] vmstat
    cdef public long long[::1] lru_size
    cdef Policy policy
    cdef readonly unsigned int nr_frames
    cdef readonly int nr_zones
    cdef readonly int nr_cpus
    cdef readonly int max_order
    cdef readonly int pageblock_order
    cdef readonly bint frees_to_head
    cdef readonly bint migrate_reserve
    cdef readonly bint steals_largest
    cdef readonly bint single_pcp_list
    cdef readonly bint watermark_per_order
    cdef readonly bint persistent_slowpath
    cdef readonly bint order_balancing
    cdef readonly bint scans_all_batches
    cdef readonly bint lumpy_reclaim
    cdef readonly bint writes_in_reclaim
    cdef readonly bint unified_lru
    cdef readonly unsigned int free_heads
    cdef readonly unsigned int pcp_heads
    cdef readonly unsigned int lru_heads
    cdef readonly unsigned int capture_heads
    cdef readonly unsigned int scratch_heads
    cdef readonly unsigned int isolated_heads
    cdef readonly long long withheld
    cdef readonly long long withheld_peak
    cdef readonly long long extfrag_events
    cdef public long long watermark_boost_factor
    cdef public bint tracing
    cdef public int nr_emitted
    cdef Tracepoint[::1] emitted
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

cdef inline int page_zone(Memory m, unsigned int pfn) noexcept nogil:
    cdef int z = 0
    while pfn >= m.zone[z].end:
        z += 1
    return z
