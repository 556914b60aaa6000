cimport cython

from recap.kernel cimport (
    GFP_DIRECT_RECLAIM,
    IN_SWAP,
    NONE,
    PAGE_ALLOC_COSTLY_ORDER,
    PF_ACTIVE,
    PF_DIRTY,
    PF_LRU,
    PF_SWAPBACKED,
    PF_WRITEBACK,
    PF_YOUNG,
    SWAP_CLUSTER_MAX,
    TENTH_NS,
    TICK_NS,
)
from recap.mm.kcompactd cimport kcompactd_step
from recap.mm.kswapd cimport NAP, kswapd_step, wakeup_kswapd
from recap.mm.lru cimport activate_page, lruvec_add, mark_page_accessed
from recap.mm.page_alloc cimport fast_alloc_flags, free_pages, get_page_from_freelist
from recap.mm.slowpath cimport AT_WORK, FAILED, NEEDS_OOM, SERVED, oom_killed, slowpath_begin, slowpath_step
from recap.mm.vmstat cimport (
    ALLOC_FAIL,
    HIGH_ORDER_ATTEMPTS,
    HIGH_ORDER_SUCCESSES,
    NR_DIRTY,
    NR_WRITEBACK,
    OOM_KILL,
    STOLEN_PAGES,
)
from recap.mm.workingset cimport workingset_age_nonresident, workingset_refault
from recap.mm.writeback cimport forget_page, set_page_dirty, start_writeback
from recap.pages cimport Memory
from recap.sim.device cimport Device
from recap.sim.episodes cimport NO_EPISODE, Episodes, episode_of
from recap.sim.journal cimport NOTE_KCOMPACTD, NOTE_KSWAPD, NOTE_OOM_KILL, NOTE_STALL, NOTE_STOLEN, Journal
from recap.sim.timers cimport Timers

ctypedef packed struct Task:
    long long op
    long long end
    long long run_left
    long long stalled_at
    long long anon_pages
    long long lag
    long long vruntime
    long long until
    long long loop
    long long due
    long long read_ns
    long long asked
    long long served
    int state
    int cpu
    int slot
    int next

ctypedef packed struct Cpu:
    long long now
    long long slice_start
    long long slice_end
    long long min_vruntime
    int current
    int first
    int last
    int nr_running

cdef enum:
    OP_ALLOC = 0
    OP_FREE = 1
    OP_DIRTY = 2
    OP_ACTIVATE = 3
    OP_FORK = 4
    OP_EXIT = 5
    OP_WRITEBACK = 6
    OP_WRITE_PAGE = 7
    OP_TOUCH = 8
    OP_PACE = 9

    KIND_KERNEL = 0
    KIND_ANON = 1
    KIND_FILE = 2

    UNBORN = 0
    WAITING = 1
    READY = 2
    RUNNING = 3
    ASLEEP = 4
    DONE = 5

    SLICE_NS = 3000000
    SCHED_LATENCY_NS = 6000000
    SCHED_MIN_GRANULARITY_NS = 750000
    SCHED_WAKEUP_GRANULARITY_NS = 1000000
    STEP_NS = 500
    SHORTEST_WAIT_NS = 5000
    FLUSH_BATCH = 256
    SLOT_BITS = 13
    SLOT_MASK = 0x1FFF
    REQUEST_MASK = 0x7FFFF
    READ_BATCH_NS = 8000000
    NEVER = 0x4000000000000000

cdef class Simulation:
    cdef readonly Memory m
    cdef readonly Device device
    cdef Timers timers
    cdef const unsigned char[::1] obj_kind
    cdef const unsigned char[::1] obj_order
    cdef int[::1] obj_owner
    cdef unsigned char[::1] obj_asked
    cdef const unsigned char[::1] op_kind
    cdef const int[::1] op_obj
    cdef const unsigned int[::1] op_gfp
    cdef const unsigned char[::1] op_cpu
    cdef const unsigned long long[::1] op_run
    cdef const unsigned long long[::1] op_wait
    cdef const long long[::1] op_due
    cdef Task[::1] task
    cdef Cpu[::1] cpu
    cdef int[::1] free_slots
    cdef int nr_free_slots
    cdef readonly unsigned int requests
    cdef unsigned int[::1] dirty
    cdef long long dirty_first
    cdef long long dirty_last
    cdef bint flush_all
    cdef readonly list names
    cdef readonly long long ends_at
    cdef readonly long long span_ns
    cdef readonly int kswapd
    cdef readonly int flusher
    cdef readonly int kcompactd
    cdef readonly long long migrate_ns
    cdef long long reclaim_wait
    cdef long long compaction_wait
    cdef long long sched_scale
    cdef readonly int unfinished
    cdef readonly long long ops_done
    cdef readonly long long clock
    cdef readonly long long scan_ns
    cdef readonly long long background_ratio
    cdef long long throttled_written
    cdef readonly long long stalls
    cdef readonly long long stall_ns
    cdef readonly long long longest_stall_ns
    cdef readonly long long withheld_page_ns
    cdef public bint watched
    cdef public Journal journal
    cdef Episodes episodes
    cdef long long kswapd_since
    cdef long long kcompactd_since
    cdef public long long pause_at
    cdef public long long pause_withheld
    cdef readonly long long order0_requests
    cdef readonly long long order0_stalls
    cdef readonly long long order0_stall_ns
    cdef readonly long long order0_longest_ns
    cdef readonly long long queue_waits
    cdef long long read_page_ns
    cdef long long dirty_ratio

    @cython.locals(c=cython.int, due=cython.longlong)
    cdef bint run(self, long long steps) noexcept nogil

    cdef bint pauses(self) noexcept nogil

    @cython.locals(c=cython.int, best=cython.int)
    cdef int earliest_cpu(self) noexcept nogil

    @cython.locals(due=cython.longlong)
    cdef long long next_event(self) noexcept nogil

    cdef void advance_clock(self, long long now) noexcept nogil

    @cython.locals(t=cython.int)
    cdef void external_event(self, long long due) noexcept nogil

    @cython.locals(throttled=cython.bint)
    cdef void end_throttle(self, long long now) noexcept nogil

    cdef void sleep(self, int t, long long until) noexcept nogil

    @cython.locals(c=cython.int, wanted=cython.int)
    cdef int place(self, int t) noexcept nogil

    @cython.locals(k=cython.int, t=cython.int)
    cdef void pull(self, int c) noexcept nogil

    @cython.locals(c=cython.int, t=cython.int, lowest=cython.longlong)
    cdef void update_min_vruntime(self, int c) noexcept nogil

    cdef void move_to(self, int t, int c) noexcept nogil

    @cython.locals(c=cython.int, current=cython.int, bonus=cython.longlong)
    cdef void wake(self, int t, long long now) noexcept nogil

    cdef void enqueue(self, int c, int t) noexcept nogil

    cdef void dequeue(self, int c, int t, int before) noexcept nogil

    @cython.locals(t=cython.int, k=cython.int, before=cython.int, last=cython.int, share=cython.longlong)
    cdef void pick_next(self, int c) noexcept nogil

    @cython.locals(t=cython.int)
    cdef void reschedule(self, int c) noexcept nogil

    @cython.locals(t=cython.int, began=cython.longlong)
    cdef void execute(self, int c, long long due) noexcept nogil

    cdef void follow_up(self, long long now) noexcept nogil

    cdef void wake_thread(self, int t, long long now) noexcept nogil

    @cython.locals(run=cython.longlong)
    cdef void run_task(self, int c, int t, long long due) noexcept nogil

    @cython.locals(i=cython.longlong, obj=cython.int)
    cdef void perform(self, int c, int t) noexcept nogil

    cdef void use_page(self, int c, int kind, unsigned int pfn) noexcept nogil

    cdef void activate(self, unsigned int pfn) noexcept nogil

    cdef void join_lru(self, int obj, unsigned int pfn) noexcept nogil

    cdef void write_page(self, unsigned int pfn) noexcept nogil

    @cython.locals(pfn=cython.uint)
    cdef void write_back(self, long long pages) noexcept nogil

    @cython.locals(i=cython.longlong, sleep=cython.longlong, run=cython.longlong)
    cdef long long ready(self, int t, long long now) noexcept nogil

    cdef void touch(self, unsigned int pfn) noexcept nogil

    cdef bint over_dirty_limit(self) noexcept nogil

    cdef void balance_dirty_pages(self, int c, int t) noexcept nogil

    cdef long long congestion_end(self, long long now, long long longest) noexcept nogil

    cdef void begin_child(self, int t, long long now) noexcept nogil

    @cython.locals(until=cython.longlong, due=cython.longlong)
    cdef void next_op(self, int c, int t) noexcept nogil

    cdef void finish(self, int c, int t) noexcept nogil

    @cython.locals(obj=cython.int)
    cdef void kill(self, int c, int t) noexcept nogil

    @cython.locals(now=cython.longlong, begin=cython.longlong)
    cdef void keep_pace(self, int c, int t) noexcept nogil

    cdef bint must_queue(self, int c, int t, int order, unsigned int gfp) noexcept nogil

    cdef void leave_queue(self, int s) noexcept nogil

    @cython.locals(s=cython.int, pfn=cython.uint, gfp=cython.uint, order=cython.int, status=cython.int)
    cdef void request(self, int c, int t, int obj) noexcept nogil

    @cython.locals(s=cython.int, status=cython.int, wait=cython.longlong)
    cdef void stall_step(self, int c, int t) noexcept nogil

    @cython.locals(s=cython.int, pfn=cython.uint, waited=cython.longlong)
    cdef void end_request(self, int c, int t, int status) noexcept nogil

    @cython.locals(reclaim=cython.longlong, compaction=cython.longlong)
    cdef long long charge(self, int c, int s) noexcept nogil

    @cython.locals(s=cython.int, kind=cython.int)
    cdef void follow_episode(self, int c, int t, int status) noexcept nogil

    cdef long long sleep_end(self, int c, int s) noexcept nogil

    @cython.locals(i=cython.uint, by=cython.uint)
    cdef void note_stolen(self, int t, unsigned int pfn, int order, int s) noexcept nogil

    @cython.locals(order=cython.int, z=cython.int)
    cdef void occupy(self, int t, int obj, unsigned int pfn, int s) noexcept nogil

    @cython.locals(pfn=cython.uint, owner=cython.int)
    cdef void give_back(self, int c, int obj) noexcept nogil

    cdef bint over_background(self) noexcept nogil

    @cython.locals(pages=cython.longlong, z=cython.int)
    cdef long long dirtyable(self) noexcept nogil

    cdef void make_dirty(self, unsigned int pfn, long long now) noexcept nogil

    @cython.locals(pfn=cython.uint, written=cython.int)
    cdef void flusher_step(self, int c) noexcept nogil

    @cython.locals(i=cython.longlong)
    cdef void follow_dirty(self) noexcept nogil

    @cython.locals(asleep=cython.bint, wait=cython.longlong)
    cdef void kcompactd_turn(self, int c) noexcept nogil

    cdef bint looks_again(self, int written) noexcept nogil

    @cython.locals(asleep=cython.bint)
    cdef void kswapd_turn(self, int c) noexcept nogil

    @cython.locals(k=cython.int, victim=cython.int)
    cdef bint out_of_memory(self, int c, int t) noexcept nogil
