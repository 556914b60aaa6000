cimport cython

from recap.demand.kinds cimport Kind
from recap.kernel cimport IN_SWAP, NONE, PAGE_ALLOC_COSTLY_ORDER, PG_ACTIVE, PG_LRU, PG_SWAPBACKED, PG_YOUNG
from recap.mm.kswapd cimport wakeup_kswapd
from recap.mm.lru cimport activate_page, lruvec_add, lruvec_del, mark_page_accessed
from recap.mm.page_alloc cimport free_pages
from recap.mm.slab cimport add_slab_page, del_slab_page
from recap.mm.vmstat cimport HIGH_ORDER_ATTEMPTS, HIGH_ORDER_SUCCESSES, PSWPIN, STOLEN_PAGES
from recap.mm.workingset cimport workingset_activate, workingset_age_nonresident, workingset_refault
from recap.mm.writeback cimport forget_page
from recap.pages cimport Memory, page_node
from recap.sim.closed_loop.scheduler cimport Scheduler, Task
from recap.sim.journal cimport Journal
from recap.sim.note cimport Note

cdef class Objects:
    cdef Memory m
    cdef Scheduler sched
    cdef Journal journal
    cdef Task[::1] task
    cdef const unsigned char[::1] kind
    cdef const unsigned char[::1] order
    cdef int[::1] owner
    cdef unsigned char[::1] asked

    cdef void count_attempt(self, int t, int obj) noexcept nogil

    @cython.locals(order=cython.int, z=cython.int)
    cdef void occupy(self, int t, int obj, unsigned int pfn, int s) noexcept nogil

    cdef void join_lru(self, int obj, unsigned int pfn) noexcept nogil

    @cython.locals(i=cython.uint, by=cython.uint)
    cdef void note_stolen(self, int t, unsigned int pfn, int order, int s) noexcept nogil

    cdef void come_back(self, unsigned int pfn, bint used) noexcept nogil

    cdef void join_active(self, unsigned int pfn) noexcept nogil

    cdef void touch(self, unsigned int pfn) noexcept nogil

    cdef void activate(self, unsigned int pfn) noexcept nogil

    @cython.locals(pfn=cython.uint)
    cdef void give_back(self, int c, int obj) noexcept nogil

    @cython.locals(obj=cython.int)
    cdef void kill(self, int c, int t) noexcept nogil
