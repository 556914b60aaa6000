cimport cython

from recap.kernel cimport SWAP_CLUSTER_MAX
from recap.mm.kcompactd cimport kcompactd_step
from recap.mm.kswapd cimport LRUVEC, NAP, PRIORITY, kswapd_step
from recap.pages cimport Memory
from recap.sim.closed_loop.costs cimport Costs
from recap.sim.closed_loop.scheduler cimport ASLEEP, WAITING, Scheduler
from recap.sim.device cimport Device
from recap.sim.journal cimport Journal
from recap.sim.note cimport Note

cdef class KernelThreads:
    cdef Memory m
    cdef Scheduler sched
    cdef Device device
    cdef Costs costs
    cdef Journal journal
    cdef int kswapd
    cdef int kcompactd
    cdef long long kswapd_since
    cdef long long kcompactd_since
    cdef long long throttled_written

    cdef void answer_calls(self, long long now) noexcept nogil

    @cython.locals(asleep=cython.bint, wait=cython.longlong)
    cdef void kcompactd_turn(self, int c) noexcept nogil

    @cython.locals(asleep=cython.bint, balances=cython.bint)
    cdef void kswapd_turn(self, int c) noexcept nogil

    cdef bint balances(self) noexcept nogil

    @cython.locals(throttled=cython.bint)
    cdef void page_written(self, long long now) noexcept nogil
