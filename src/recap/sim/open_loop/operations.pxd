cimport cython

cdef enum:
    MM_PAGE_ALLOC = 0
    MM_PAGE_FREE = 1
    MM_PAGE_FREE_BATCHED = 2
    MM_PAGE_PCPU_DRAIN = 3
    MM_PAGE_ALLOC_ZONE_LOCKED = 4
    MM_PAGE_ALLOC_EXTFRAG = 5
    MM_LRU_INSERTION = 6
    SCHED_SWITCH = 13
    MM_VMSCAN_LRU_SHRINK_INACTIVE = 22
    MM_VMSCAN_LRU_SHRINK_ACTIVE = 23
    MM_VMSCAN_WRITE_FOLIO = 24
    MM_VMSCAN_DIRECT_RECLAIM_BEGIN = 17
    MM_VMSCAN_DIRECT_RECLAIM_END = 18
    MM_VMSCAN_KSWAPD_WAKE = 19
    MM_VMSCAN_WAKEUP_KSWAPD = 21
    MM_COMPACTION_END = 26
    MM_MIGRATE_PAGES = 29
    MM_COMPACTION_ISOLATE_MIGRATEPAGES = 31
    MM_COMPACTION_ISOLATE_FREEPAGES = 32
    MM_COMPACTION_WAKEUP_KCOMPACTD = 33
    WORKQUEUE_EXECUTE_START = 37
    PAGE_CAPTURE = 38

    NO_ROLE = 0
    ALLOC = 1
    FREE = 2
    PREPARE = 3
    TAKE = 4
    DRAIN = 5
    INSERTION = 6
    KSWAPD_WAKE = 7
    KSWAPD_SLEEP = 8
    ISOLATE = 9
    SEARCH = 10
    DECAY = 11
    CAPTURE = 12
    CAPTURE_OWNED = 13
    CAPTURE_OPEN = 14
    CAPTURE_SETTLE = 15
    CAPTURE_CLOSE = 16
    CAPTURE_CLOSED = 17
    CAPTURE_WRITE = 18
    PASS_BY = 19

    NEVER = -1
    MAYBE_LOCKED_OUT = -4
    LOCKED_OUT = -3
    SLOW = -2
    NO_RUN = 0
    TAKING = 1
    FREED = 2
    DRAINING = 3
    RECLAIMED = 4
    DECAYING = 5
    TASK_INTERRUPTIBLE = 1
    IN_INTERRUPT = 0x18
    IN_HARDIRQ = 0x08
    NONE_PFN = 0xFFFFFFFF

from recap.mm.tracepoints cimport STEP_OWN

cdef class Operations:
    cdef const unsigned char[::1] event
    cdef const unsigned short[::1] cpu
    cdef const unsigned char[::1] context
    cdef const int[::1] pid
    cdef const unsigned int[::1] pfn
    cdef const unsigned int[::1] flags
    cdef const long long[::1] a
    cdef unsigned char[::1] role
    cdef int[::1] partner
    cdef int[::1] next_step
    cdef int[::1] since
    cdef int[::1] asked
    cdef int[::1] following
    cdef int[::1] upcoming
    cdef unsigned char[::1] doing
    cdef unsigned char[::1] slow
    cdef int[::1] first
    cdef int[::1] took
    cdef int[::1] last
    cdef int[::1] latest
    cdef int[::1] active
    cdef unsigned char[::1] returned
    cdef int[::1] reclaim
    cdef int[::1] sleeps
    cdef int nr_sleeps
    cdef int tasks
    cdef int kswapd
    cdef int kswapd_work
    cdef long long vmstat_update

    @cython.locals(i=cython.longlong, pfn=cython.uint)
    cdef void chain(self) noexcept nogil

    @cython.locals(i=cython.longlong, t=cython.int)
    cdef void group(self) noexcept nogil

    cdef void allocating(self, long long i, int t) noexcept nogil

    cdef void note_activity(self, long long i, int t) noexcept nogil

    cdef int thread(self, long long i) noexcept nogil

    cdef int task(self, long long i) noexcept nogil

    cdef void switch(self, long long i, int t) noexcept nogil

    cdef void reclaiming(self, long long i, int t) noexcept nogil

    cdef void compacting(self, long long i, int t) noexcept nogil

    cdef void working(self, long long i, int t) noexcept nogil

    cdef bint adjacent(self, long long i, int t) noexcept nogil

    cdef void step(self, long long i, int t, int role, int doing) noexcept nogil

    cdef void allocation(self, long long i, int t) noexcept nogil

    cdef long long head(self, long long i) noexcept nogil

    cdef void freeing(self, long long i, int t) noexcept nogil

    @cython.locals(k=cython.int, j=cython.longlong)
    cdef void list_goes_on(self, long long i, int t) noexcept nogil

    @cython.locals(t=cython.int)
    cdef int interrupted(self, long long i) noexcept nogil

    @cython.locals(before=cython.longlong, k=cython.longlong, between=cython.bint, passed=cython.bint)
    cdef void prepared(self, long long i) noexcept nogil

    cdef bint deferred(self, long long i) noexcept nogil
