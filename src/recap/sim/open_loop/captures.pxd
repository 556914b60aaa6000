cimport cython

from recap.kernel cimport ALLOC_WMARK_MASK, CAPTURE_IDLE, NONE, PG_LRU, PG_SHMEM, STATE_ALLOCATED
from recap.mm.capture cimport capture_alloc_or_return, capture_page, close_capture, open_capture, wants_page
from recap.mm.page_alloc cimport gfp_to_alloc_flags, gfp_zone
from recap.mm.watermark cimport wmark_pages, zone_watermark_ok
from recap.pages cimport list_empty, page_zone
from recap.sim.open_loop.capture_truth cimport believe, believe_verdict, undo
from recap.sim.open_loop.counters cimport unseen
from recap.sim.open_loop.operations cimport (
    CAPTURE_CLOSE,
    CAPTURE_CLOSED,
    CAPTURE_OPEN,
    CAPTURE_SETTLE,
    CAPTURE_WRITE,
    NEVER,
    NO_ROLE,
)
from recap.sim.open_loop.replay cimport CAPTURE_STEP, LAGGING_COUNTERS, Replay, deviate
from recap.sim.open_loop.searches cimport used_unreported
from recap.trace.event cimport CaptureMode, CaptureStep, Event

@cython.locals(t=cython.int)
cdef void apply_capture(Replay r, long long i, int role) noexcept nogil

@cython.locals(slot=cython.int, step=cython.int)
cdef void opened(Replay r, long long i, int t) noexcept nogil

@cython.locals(t=cython.int, pfn=cython.uint)
cdef void captured(Replay r, long long i) noexcept nogil

@cython.locals(t=cython.int, slot=cython.int, step=cython.int)
cdef void left_alone(Replay r, long long i) noexcept nogil

@cython.locals(order=cython.int, at=cython.uint, end=cython.uint, next_use=cython.longlong)
cdef void note_mappings(Replay r, int slot, unsigned int pfn, bint asking) noexcept nogil

cdef bint lost_mapping(Replay r, int slot, unsigned int pfn) noexcept nogil

@cython.locals(slot=cython.int, alloc_flags=cython.int, zone=cython.int)
cdef void settled(Replay r, long long i, int t) noexcept nogil

@cython.locals(at=cython.longlong)
cdef long long verdict_of(Replay r, long long head) noexcept nogil

@cython.locals(zone=cython.int, slot=cython.int, highest=cython.int, released=cython.longlong, mark=cython.longlong, wanted=cython.bint)
cdef void settle_counter(Replay r, long long verdict, int t, int alloc_flags) noexcept nogil

@cython.locals(head=cython.uint, pfn=cython.uint, pages=cython.longlong)
cdef long long pages_in_zone(Replay r, int slot, int zone) noexcept nogil

cdef void emptied(Replay r, long long i, int t) noexcept nogil

@cython.locals(slot=cython.int)
cdef void closed(Replay r, long long i, int t) noexcept nogil

cdef void come_to(Replay r, int t, long long head) noexcept nogil

cdef void joined(Replay r, long long i) noexcept nogil

cdef bint of_group(Replay r, long long at, long long head) noexcept nogil

@cython.locals(at=cython.longlong)
cdef bint same_step(Replay r, int t, long long head, int k) noexcept nogil

@cython.locals(k=cython.int, n=cython.int)
cdef void compare_steps(Replay r, int t, long long head) noexcept nogil

cdef void count_step(Replay r, int t, bint exact) noexcept nogil

@cython.locals(j=cython.int, at=cython.longlong, wrong=cython.uint)
cdef void differ(Replay r, int t, long long head, int k) noexcept nogil
