cimport cython

from recap.demand.kinds cimport Kind, Op, Role
from recap.kernel cimport GFP_WRITE, LRU_ACTIVE_FILE, PAGE_ALLOC_COSTLY_ORDER
from recap.trace.event cimport NO_PFN, TASK_REPORT_MAX, TASK_STATES, TASK_UNINTERRUPTIBLE, Event

cdef class Streams:
    cdef readonly dict columns
    cdef const long long[::1] time
    cdef const unsigned char[::1] event
    cdef const unsigned short[::1] cpu
    cdef const unsigned int[::1] pfn
    cdef const unsigned char[::1] order
    cdef const unsigned int[::1] flags
    cdef const long long[::1] a
    cdef const long long[::1] b
    cdef const int[::1] who
    cdef const int[::1] other
    cdef const int[::1] identity
    cdef const unsigned char[::1] initial_kind
    cdef unsigned char[::1] initial
    cdef const unsigned char[::1] role

    cdef int[::1] frame_object
    cdef int[::1] frame_freed_by
    cdef int[::1] frame_request
    cdef int[::1] identity_object

    cdef unsigned char[::1] obj_kind
    cdef unsigned char[::1] obj_order
    cdef unsigned int[::1] obj_pfn
    cdef int[::1] obj_task
    cdef int[::1] obj_identity
    cdef int[::1] obj_next
    cdef unsigned char[::1] obj_chained
    cdef unsigned char[::1] obj_fresh
    cdef unsigned char[::1] obj_evicted
    cdef int[::1] obj_next_evicted
    cdef const int[::1] identity_file
    cdef int[::1] file_evicted
    cdef unsigned char[::1] obj_looks
    cdef unsigned char[::1] obj_changed
    cdef unsigned char[::1] obj_looked
    cdef long long[::1] obj_in_use_until
    cdef unsigned char[::1] obj_shared
    cdef long long[::1] obj_op
    cdef readonly int objects

    cdef unsigned char[::1] op_kind
    cdef int[::1] op_obj
    cdef unsigned int[::1] op_gfp
    cdef unsigned char[::1] op_cpu
    cdef unsigned long long[::1] op_run
    cdef unsigned long long[::1] op_wait
    cdef long long[::1] op_due
    cdef unsigned char[::1] op_result
    cdef int[::1] op_task
    cdef readonly long long ops

    cdef int[::1] cpu_task
    cdef long long[::1] cpu_since
    cdef unsigned char[::1] task_asleep
    cdef unsigned char[::1] task_forked
    cdef unsigned char[::1] task_stalled
    cdef unsigned char[::1] task_compacting
    cdef unsigned char[::1] task_burst
    cdef long long[::1] task_slept
    cdef long long[::1] task_run
    cdef long long[::1] task_wait
    cdef long long[::1] task_off
    cdef unsigned char[::1] task_slow
    cdef long long[::1] task_lost
    cdef long long[::1] task_began
    cdef int[::1] task_pending
    cdef int[::1] task_request
    cdef int[::1] task_swapped
    cdef int[::1] task_failed
    cdef int[::1] cpu_moved
    cdef int[::1] cpu_moved_last
    cdef long long[::1] cpu_arrived
    cdef long long[::1] cpu_taken
    cdef unsigned int[::1] arrived
    cdef unsigned int device
    cdef int[::1] device_object
    cdef const long long[::1] hold_time
    cdef const int[::1] hold_identity
    cdef readonly long long next_hold
    cdef readonly long long came_back
    cdef readonly long long forgotten
    cdef bint evicted_before
    cdef const long long[::1] look_row
    cdef const unsigned int[::1] look_pfn
    cdef const unsigned char[::1] look_found
    cdef const unsigned char[::1] dirty
    cdef long long next_look
    cdef readonly long long found_in_use

    cdef readonly long long dropped_allocs
    cdef readonly long long dropped_frees
    cdef bint lossy
    cdef readonly long long unseen_frees
    cdef readonly long long reclaimed
    cdef readonly long long migrated
    cdef readonly long long reattached
    cdef readonly long long freed_from_swap
    cdef readonly long long slab_frees
    cdef readonly long long attempts
    cdef readonly long long successes
    cdef readonly long long stolen
    cdef readonly long long compaction_ns
    cdef readonly long long compaction_wait_ns
    cdef long long completed

    @cython.locals(i=cython.longlong)
    cdef void run(self, long long start, long long stop) noexcept nogil

    @cython.locals(p=cython.uint, obj=cython.int, changed=cython.bint)
    cdef void take_looks(self, long long i) noexcept nogil

    @cython.locals(first=cython.bint)
    cdef void look_at(self, long long i, int obj, int found) noexcept nogil

    cdef void dispatch(self, long long i) noexcept nogil

    cdef void task_event(self, long long i, int t) noexcept nogil

    @cython.locals(c=cython.int, t=cython.int, gone=cython.longlong)
    cdef void account(self, long long i) noexcept nogil

    @cython.locals(t=cython.int, then=cython.int, c=cython.int)
    cdef void switched(self, long long i) noexcept nogil

    cdef void enter_slowpath(self, long long i, int t) noexcept nogil

    cdef void leave_slowpath(self, long long i, int t) noexcept nogil

    cdef bint on_its_own(self, int t) noexcept nogil

    @cython.locals(obj=cython.int)
    cdef void hold_blocks(self, long long i) noexcept nogil

    cdef long long woken(self, long long i, int t) noexcept nogil

    cdef void forked(self, long long i) noexcept nogil

    @cython.locals(n=cython.longlong)
    cdef void emit(self, long long i, int t, int kind, int obj) noexcept nogil

    @cython.locals(obj=cython.int)
    cdef int new_object(self, int kind, int order, int t) noexcept nogil

    @cython.locals(t=cython.int, obj=cython.int, p=cython.uint, j=cython.uint)
    cdef void allocated(self, long long i) noexcept nogil

    cdef bint consequence(self, int t) noexcept nogil

    @cython.locals(obj=cython.int)
    cdef int asked_again(self, long long i, int t) noexcept nogil

    cdef void give_up(self, int t, int obj) noexcept nogil

    @cython.locals(j=cython.uint, by=cython.int)
    cdef void count_stolen(self, unsigned int p, int order, int t) noexcept nogil

    @cython.locals(obj=cython.int, j=cython.uint)
    cdef int occupant(self, unsigned int p, int order) noexcept nogil

    @cython.locals(at=cython.uint, end=cython.uint)
    cdef bint was_one_block(self, unsigned int p, int order) noexcept nogil

    @cython.locals(obj=cython.int)
    cdef void moved_in(self, int c, unsigned int p) noexcept nogil

    cdef void settle(self, int obj, unsigned int p) noexcept nogil

    cdef void rests(self, long long i, int t) noexcept nogil

    cdef void waited(self, int t, long long gone) noexcept nogil

    cdef bint compacts(self, int t) noexcept nogil

    @cython.locals(data=cython.longlong, block=cython.longlong, k=cython.longlong)
    cdef void written(self, long long i, int t) noexcept nogil

    @cython.locals(t=cython.int, p=cython.uint, obj=cython.int)
    cdef void freed(self, long long i) noexcept nogil

    @cython.locals(j=cython.uint, obj=cython.int)
    cdef void free_unseen(self, long long i, int t, unsigned int p) noexcept nogil

    cdef void moved_away(self, int c, int obj) noexcept nogil

    cdef void evicted(self, int t, int obj, unsigned int p) noexcept nogil

    cdef void joins_active(self, long long i, int obj) noexcept nogil

    cdef void list_evicted(self, int obj, int file) noexcept nogil

    @cython.locals(obj=cython.int)
    cdef void truncated(self, long long i, int t, int file) noexcept nogil

    cdef void read_into(self, long long i, int obj) noexcept nogil

    cdef void released(self, long long i, int t, int obj) noexcept nogil

    @cython.locals(obj=cython.int)
    cdef void free_swapped(self, long long i, int t) noexcept nogil

    @cython.locals(obj=cython.int, last=cython.int, then=cython.int)
    cdef void free_failed(self, long long i, int t, int order) noexcept nogil

    @cython.locals(obj=cython.int)
    cdef void inserted(self, long long i) noexcept nogil

    @cython.locals(obj=cython.int, old=cython.int)
    cdef void cached(self, long long i) noexcept nogil

    @cython.locals(obj=cython.int)
    cdef void uncached(self, long long i) noexcept nogil

    @cython.locals(obj=cython.int)
    cdef void dirtied(self, long long i) noexcept nogil

    @cython.locals(obj=cython.int)
    cdef void activated(self, long long i) noexcept nogil
