cimport cython

from recap.kernel cimport SWAP_CLUSTER_MAX
from recap.pages cimport Memory

cdef class Costs:
    cdef Memory m
    cdef long long scanned_ns
    cdef long long stolen_ns
    cdef long long deactivated_ns
    cdef long long written_ns
    cdef long long skipped_ns
    cdef long long looked_ns
    cdef long long[::1] delay_ns
    cdef long long[::1] first_delay_ns
    cdef long long[::1] direct_delay_ns
    cdef long long[::1] slab_ns
    cdef long long pass_pages
    cdef long long passes
    cdef long long rounds
    cdef long long saved
    cdef bint begins_round
    cdef long long batches
    cdef long long delay
    cdef long long reclaim
    cdef long long compact_scan_ns
    cdef long long migrate_ns
    cdef long long compaction_wait
    cdef long long wait

    @cython.locals(compaction=cython.longlong)
    cdef long long charge(self, int s) noexcept nogil

    @cython.locals(pages=cython.longlong)
    cdef long long next_batch(self, int s) noexcept nogil

    @cython.locals(time=cython.longlong)
    cdef long long reclaimed(self, int s) noexcept nogil

    @cython.locals(owner=cython.int, looked=cython.longlong)
    cdef long long questions(self, int s) noexcept nogil

    cdef long long kswapds_delay(self) noexcept nogil

    cdef void begin_round(self) noexcept nogil

    @cython.locals(size=cython.int, took=cython.longlong)
    cdef long long shrink_slab(self) noexcept nogil
