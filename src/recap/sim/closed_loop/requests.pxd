cimport cython

from recap.demand.kinds cimport Kind, Op
from recap.kernel cimport (
    GFP_DIRECT_RECLAIM,
    GFP_NORETRY,
    GFP_RETRY_MAYFAIL,
    GFP_THISNODE,
    IN_SWAP,
    NONE,
    PAGE_ALLOC_COSTLY_ORDER,
    TICK_NS,
)
from recap.mm.page_alloc cimport fast_alloc_flags, get_page_from_freelist
from recap.mm.request_queue cimport leave_queue, must_wait
from recap.mm.slowpath cimport (
    AT_WORK,
    FAILED,
    LRUVEC,
    NEEDS_OOM,
    RETRY,
    SERVED,
    oom_killed,
    slowpath_begin,
    slowpath_step,
)
from recap.mm.vmstat cimport ALLOC_FAIL, OOM_KILL
from recap.pages cimport Memory
from recap.sim.closed_loop.costs cimport Costs
from recap.sim.closed_loop.objects cimport REQUEST_MASK, SLOT_BITS, Objects
from recap.sim.closed_loop.script cimport Script
from recap.sim.closed_loop.scheduler cimport Cpu, Scheduler, Task
from recap.sim.device cimport Device
from recap.sim.episodes cimport NO_EPISODE, Episodes, episode_of
from recap.sim.journal cimport Journal
from recap.sim.note cimport Note

cdef class Requests:
    cdef Memory m
    cdef Scheduler sched
    cdef Objects objects
    cdef Device device
    cdef Costs costs
    cdef Journal journal
    cdef Episodes episodes
    cdef Task[::1] task
    cdef Cpu[::1] cpu
    cdef Script ops
    cdef long long read_page_ns
    cdef long long swap_in_ns
    cdef int[::1] free_slots
    cdef int nr_free_slots
    cdef long long[::1] paid
    cdef readonly unsigned int issued
    cdef readonly long long stalls
    cdef readonly long long stall_ns
    cdef readonly long long longest_stall_ns
    cdef readonly long long order0
    cdef readonly long long order0_stalls
    cdef readonly long long order0_stall_ns
    cdef readonly long long order0_longest_ns

    @cython.locals(i=cython.longlong, obj=cython.int, order=cython.int, pfn=cython.uint, gfp=cython.uint)
    cdef bint ask(self, int c, int t) noexcept nogil

    @cython.locals(s=cython.int, status=cython.int)
    cdef bint begin(self, int c, int t, int order, unsigned int gfp) noexcept nogil

    @cython.locals(s=cython.int, status=cython.int, wait=cython.longlong, cost=cython.longlong, spent=cython.longlong, ahead=cython.longlong, owed=cython.longlong)
    cdef bint step(self, int c, int t) noexcept nogil

    @cython.locals(s=cython.int, kind=cython.int)
    cdef void follow_episode(self, int c, int t, int status) noexcept nogil

    @cython.locals(s=cython.int, pfn=cython.uint)
    cdef bint end(self, int c, int t, int status) noexcept nogil

    @cython.locals(i=cython.longlong, pool=cython.bint)
    cdef bint fills_pool(self, int t) noexcept nogil

    @cython.locals(i=cython.longlong, recorded=cython.bint, again=cython.bint)
    cdef bint tries_harder(self, int t) noexcept nogil

    @cython.locals(waited=cython.longlong)
    cdef void count_stall(self, int c, int t, int s) noexcept nogil

    @cython.locals(obj=cython.int)
    cdef void serve(self, int t, unsigned int pfn, int s) noexcept nogil

    cdef bint must_queue(self, int c, int t, int order, unsigned int gfp) noexcept nogil

    @cython.locals(k=cython.int, victim=cython.int)
    cdef bint out_of_memory(self, int c, int t) noexcept nogil
