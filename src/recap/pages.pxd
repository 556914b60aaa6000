cimport cython

from recap.kernel cimport MAX_NR_GENS, NR_GEN_LISTS, NR_TYPE_TIERS, MAX_NR_ZONES, MIN_NR_GENS, NR_LRU_LISTS, NR_ORDERS, NR_PCP_LISTS, NR_WMARK, Rules
from recap.policy.policy cimport Policy

ctypedef packed struct Page:
    unsigned int next
    unsigned int prev
    unsigned char order
    unsigned char migratetype
    unsigned char state
    unsigned char gen
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
    unsigned char node
    long long free_pages
    long long managed
    long long nr_free[NR_ORDERS]
    long long watermark[NR_WMARK]
    long long watermark_boost
    long long lowmem_reserve[MAX_NR_ZONES]
    long long nr_reserved_highatomic
    long long kswapd_boost
    long long vm_stat_diff
    long long pages_scanned
    long long nr_lru[NR_LRU_LISTS]
    unsigned int compact_cached_migrate_pfn[2]
    unsigned int compact_cached_free_pfn
    unsigned int compact_init_migrate_pfn
    unsigned int compact_init_free_pfn
    int compact_considered
    int compact_defer_shift
    int compact_order_failed
    int capc
    unsigned char compact_blockskip_flush
    unsigned char all_unreclaimable
    unsigned char pad1
    unsigned char pad2

ctypedef packed struct Node:
    long long lru_size[NR_LRU_LISTS]
    long long nr_scan[NR_LRU_LISTS]
    long long recent_scanned[2]
    long long recent_rotated[2]
    long long anon_cost
    long long file_cost
    long long nonresident_age
    long long refaults_anon
    long long refaults_file
    long long nr_anon
    long long nr_slab
    long long slab_due
    long long nr_boost_reclaim
    long long kswapd_reclaimed_before
    long long kcompactd_timeout_ns
    int first_zone
    int end_zone
    int prev_priority
    int kswapd_order
    int kswapd_highest_zoneidx
    int kswapd_alloc_order
    int kswapd_failures
    int kcompactd_max_order
    int kcompactd_highest_zoneidx
    int fragmentation_before
    unsigned char kswapd_asleep
    unsigned char kswapd_wanted
    unsigned char kswapd_boosted
    unsigned char kcompactd_asleep
    unsigned char kcompactd_wanted
    unsigned char writeback
    unsigned char dirty
    unsigned char congested

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
    int last_refill
    int locked

ctypedef packed struct Capture:
    int wanted
    int state
    int largest
    unsigned int request
    long long pages
    long long looked_now

ctypedef packed struct ScanControl:
    int node
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
    long long nr[NR_LRU_LISTS]
    long long targets[NR_LRU_LISTS]
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
    long long gen_scanned
    long long gen_batch
    long long gen_isolated
    long long gen_sorted
    long long gen_left
    long long gen_type

ctypedef packed struct LruGen:
    long long max_seq
    long long min_seq[2]
    long long nr_pages[NR_GEN_LISTS]
    long long avg_refaulted[NR_TYPE_TIERS]
    long long avg_total[NR_TYPE_TIERS]
    long long refaulted[NR_TYPE_TIERS]
    long long evicted[NR_TYPE_TIERS]
    long long protected[NR_TYPE_TIERS]

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
    cdef Node[::1] node
    cdef LruGen[::1] lrugen
    cdef Pcp[::1] pcp
    cdef Capture[::1] capture
    cdef ScanControl[::1] sc
    cdef CompactControl[::1] cc
    cdef unsigned char[::1] pageblock_skip
    cdef long long[::1] shadow
    cdef unsigned char[::1] looks
    cdef const long long[::1] in_use_until
    cdef const unsigned char[::1] shared
    cdef public long long now
    cdef unsigned int[::1] moved_dirty
    cdef readonly long long nr_moved_dirty
    cdef unsigned char[::1] lock_taken
    cdef long long nr_draws
    cdef public long long compaction_proactiveness
    cdef public long long extfrag_threshold
    cdef unsigned int[::1] resident
    cdef unsigned int[::1] submitted
    cdef readonly long long nr_submitted
    cdef public long long swappiness
    cdef public long long page_capture_target
    cdef public long long nr_swap_pages
    cdef public bint write_congested
    cdef int[::1] queue
    cdef readonly int queue_length
    cdef readonly int pcp_closed
    cdef readonly bint flusher_wanted
    cdef unsigned char[::1] pageblock
    cdef long long[::1] vmstat
    cdef Policy policy
    cdef Rules rules
    cdef readonly object profile
    cdef readonly unsigned int nr_frames
    cdef readonly int nr_zones
    cdef readonly int nr_nodes
    cdef readonly int nr_cpus
    cdef readonly int max_order
    cdef readonly int pageblock_order
    cdef readonly unsigned int slab_heads
    cdef readonly unsigned int free_heads
    cdef readonly unsigned int pcp_heads
    cdef readonly unsigned int lru_heads
    cdef readonly unsigned int gen_heads
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

@cython.locals(first=cython.uint)
cdef inline void list_add(Memory m, unsigned int pfn, unsigned int head) noexcept nogil

@cython.locals(last=cython.uint)
cdef inline void list_add_tail(Memory m, unsigned int pfn, unsigned int head) noexcept nogil

@cython.locals(before=cython.uint, after=cython.uint)
cdef inline void list_del(Memory m, unsigned int pfn) noexcept nogil

cdef inline bint list_empty(Memory m, unsigned int head) noexcept nogil

cdef inline void list_rotate_to_front(Memory m, unsigned int pfn, unsigned int head) noexcept nogil

@cython.locals(first=cython.uint, last=cython.uint)
cdef inline void list_splice(Memory m, unsigned int src, unsigned int dst) noexcept nogil

@cython.locals(z=cython.int)
cdef inline int page_zone(Memory m, unsigned int pfn) noexcept nogil

cdef inline int page_node(Memory m, unsigned int pfn) noexcept nogil

cdef inline unsigned int lru_list(Memory m, int node, int lru) noexcept nogil

cdef inline int zone_pcp(Memory m, int zone, int cpu) noexcept nogil

cdef inline unsigned int pcp_list(Memory m, int p, int pindex) noexcept nogil

cdef inline int get_pageblock_migratetype(Memory m, unsigned int pfn) noexcept nogil
