cimport cython

from recap.demand.kinds cimport Kind, Op
from recap.kernel cimport IN_SWAP, NONE
from recap.mm.min_free cimport set_min_free_pages
from recap.mm.writeback cimport hold_page
from recap.pages cimport Memory
from recap.sim.closed_loop.flusher cimport Flusher
from recap.sim.closed_loop.kernel_threads cimport KernelThreads
from recap.sim.closed_loop.objects cimport GIVEN_UP, REQUEST_MASK, SLOT_BITS, Objects
from recap.sim.closed_loop.script cimport Script
from recap.sim.closed_loop.requests cimport Requests
from recap.sim.closed_loop.scheduler cimport DONE, NEVER, UNBORN, Cpu, Scheduler, Task
from recap.sim.device cimport Device
from recap.sim.journal cimport Journal

cdef class Simulation:
    cdef readonly Memory m
    cdef readonly Device device
    cdef readonly Journal journal
    cdef readonly Requests requests
    cdef readonly Scheduler sched
    cdef Objects objects
    cdef Flusher flusher
    cdef KernelThreads threads
    cdef Task[::1] task
    cdef Cpu[::1] cpu
    cdef Script ops
    cdef readonly list names
    cdef readonly long long ends_at
    cdef readonly long long span_ns
    cdef readonly int unfinished
    cdef readonly long long ops_done
    cdef readonly long long withheld_page_ns
    cdef public bint watched
    cdef public long long pause_at
    cdef public long long pause_withheld

    cpdef bint advance(self, long long steps)

    @cython.locals(c=cython.int, due=cython.longlong)
    cdef bint run(self, long long steps) noexcept nogil

    cdef bint pauses(self) noexcept nogil

    @cython.locals(due=cython.longlong)
    cdef long long next_event(self) noexcept nogil

    cdef void advance_clock(self, long long now) noexcept nogil

    cdef void external_event(self, long long due) noexcept nogil

    @cython.locals(t=cython.int, began=cython.longlong)
    cdef void execute(self, int c, long long due) noexcept nogil

    @cython.locals(now=cython.longlong)
    cdef void follow_up(self, int c, int t) noexcept nogil

    @cython.locals(run=cython.longlong)
    cdef void run_task(self, int c, int t, long long due) noexcept nogil

    @cython.locals(i=cython.longlong)
    cdef void perform(self, int c, int t) noexcept nogil

    @cython.locals(gone=cython.bint)
    cdef bint asks(self, int kind, int obj) noexcept nogil

    cdef void do_at_once(self, int c, int t, int kind, int obj) noexcept nogil

    cdef void use_page(self, int c, int kind, unsigned int pfn) noexcept nogil

    cdef void fork(self, int c, int parent, int child) noexcept nogil

    cdef void begin_task(self, int t, long long now) noexcept nogil

    cdef void come_to(self, int t) noexcept nogil

    @cython.locals(i=cython.longlong, sleep=cython.longlong, run=cython.longlong)
    cdef long long ready(self, int t, long long now) noexcept nogil

    @cython.locals(i=cython.longlong)
    cdef long long next_sleep(self, int t) noexcept nogil

    @cython.locals(until=cython.longlong, due=cython.longlong)
    cdef void next_op(self, int c, int t) noexcept nogil

    @cython.locals(now=cython.longlong, begin=cython.longlong)
    cdef void keep_pace(self, int c, int t) noexcept nogil

    cdef void finish(self, int c) noexcept nogil
