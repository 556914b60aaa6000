cimport cython

from recap.kernel cimport LRU_ACTIVE_FILE, LRU_INACTIVE_FILE, PG_DIRTY, PG_HELD, PG_JOURNALLED, PG_LRU, PG_SWAPBACKED, PG_WRITEBACK, TENTH_NS
from recap.mm.vmstat cimport NR_DIRTY, NR_WRITEBACK
from recap.mm.writeback cimport set_page_dirty, start_writeback
from recap.pages cimport Memory
from recap.sim.closed_loop.costs cimport STEP_NS
from recap.sim.closed_loop.scheduler cimport ASLEEP, Scheduler
from recap.sim.device cimport Device

cdef class Flusher:
    cdef Memory m
    cdef Scheduler sched
    cdef Device device
    cdef readonly long long background_ratio
    cdef long long dirty_ratio
    cdef long long expire_ns
    cdef long long[::1] since
    cdef bint resting
    cdef unsigned int[::1] dirty
    cdef long long first
    cdef long long last
    cdef bint flush_all

    cdef void push(self, unsigned int pfn) noexcept nogil

    cdef unsigned int pop(self) noexcept nogil

    cdef void make_dirty(self, unsigned int pfn, long long now) noexcept nogil

    cdef bint is_idle(self) noexcept nogil

    cdef void call(self, long long now) noexcept nogil

    cdef void rest(self, int c) noexcept nogil

    cdef bint old(self) noexcept nogil

    cdef bint write_page(self, unsigned int pfn) noexcept nogil

    cdef void write_back(self, long long pages) noexcept nogil

    cdef bint over_background(self) noexcept nogil

    cdef bint over_limit(self) noexcept nogil

    @cython.locals(pages=cython.longlong, z=cython.int, node=cython.int)
    cdef long long dirtyable(self) noexcept nogil

    @cython.locals(now=cython.longlong)
    cdef void balance_dirty_pages(self, int c, int t) noexcept nogil

    cdef void write_all(self, long long now) noexcept nogil

    @cython.locals(written=cython.int)
    cdef void step(self, int c) noexcept nogil

    cdef bint looks_again(self, int written) noexcept nogil

    @cython.locals(i=cython.longlong)
    cdef void follow_moved(self) noexcept nogil
