cimport cython

from recap.kernel cimport TICK_NS
from recap.sim.timers cimport Timers

ctypedef packed struct Task:
    long long op
    long long end
    long long run_left
    long long stalled_at
    long long anon_pages
    long long lag
    long long vruntime
    long long preempted_at
    long long preempted_ns
    long long owed_wait
    long long ahead
    long long stall_off
    long long until
    long long loop
    long long due
    long long read_ns
    long long asked
    long long served
    int state
    int cpu
    int home
    int slot
    int next
    int tries
    int gave_up
    int in_queue

ctypedef packed struct Cpu:
    long long now
    long long look_at
    long long began
    long long min_vruntime
    long long tick
    int current
    int first
    int last
    int nr_running
    int need_resched
    int next_buddy

cdef class Scheduler:
    cdef readonly int kswapd
    cdef readonly int flusher
    cdef readonly int kcompactd
    cdef Task[::1] task
    cdef Cpu[::1] cpu
    cdef Timers timers
    cdef int nr_cpus
    cdef long long scale
    cdef long long clock

    @cython.locals(c=cython.int, best=cython.int)
    cdef int earliest_cpu(self) noexcept nogil

    cdef long long next_wakeup(self) noexcept nogil

    cdef void sleep(self, int t, long long until) noexcept nogil

    @cython.locals(c=cython.int)
    cdef void await_time(self, int t, long long until) noexcept nogil

    cdef void rest(self, int c, int state) noexcept nogil

    cdef void call(self, int t, long long now) noexcept nogil

    cdef void begin(self, int t, long long at) noexcept nogil

    @cython.locals(c=cython.int, wanted=cython.int)
    cdef int place(self, int t) noexcept nogil

    @cython.locals(k=cython.int, t=cython.int)
    cdef void pull(self, int c) noexcept nogil

    @cython.locals(t=cython.int, lowest=cython.longlong)
    cdef void update_min_vruntime(self, int c) noexcept nogil

    cdef void move_to(self, int t, int c) noexcept nogil

    @cython.locals(c=cython.int, current=cython.int, least=cython.longlong, slept=cython.bint)
    cdef void wake(self, int t, long long now) noexcept nogil

    cdef void enqueue(self, int c, int t) noexcept nogil

    @cython.locals(k=cython.int, before=cython.int)
    cdef void dequeue(self, int c, int t) noexcept nogil

    @cython.locals(t=cython.int, k=cython.int)
    cdef int leftmost(self, int c) noexcept nogil

    cdef bint far_behind(self, int t, int other) noexcept nogil

    @cython.locals(t=cython.int)
    cdef void pick_next(self, int c) noexcept nogil

    cdef long long last_tick(self, int c) noexcept nogil

    cdef long long slice_of(self, int nr_running) noexcept nogil

    @cython.locals(share=cython.longlong, ran=cython.longlong, ahead=cython.longlong)
    cdef bint tick_preempts(self, int c) noexcept nogil

    @cython.locals(t=cython.int)
    cdef void reschedule(self, int c) noexcept nogil

    @cython.locals(wait=cython.longlong)
    cdef long long owed(self, int t, long long wanted) noexcept nogil

    cdef void owe_nothing(self, int t) noexcept nogil
