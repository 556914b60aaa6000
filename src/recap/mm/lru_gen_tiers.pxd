cimport cython

from recap.kernel cimport MAX_NR_TIERS, MIN_LRU_BATCH
from recap.mm.lru_gen cimport ANON, FILE
from recap.pages cimport Memory

@cython.locals(one=cython.int, pages=cython.longlong, place=cython.int)
cdef long long refaulted(Memory m, int node, int kind, int tier) noexcept nogil

@cython.locals(one=cython.int, pages=cython.longlong, place=cython.int)
cdef long long gone(Memory m, int node, int kind, int tier) noexcept nogil

@cython.locals(back=cython.longlong, out=cython.longlong, place=cython.int)
cdef void reset_ctrl_pos(Memory m, int node, int kind) noexcept nogil

cdef bint comes_back_less(long long back, long long out, long long gain, long long than_back, long long than_out, long long than_gain) noexcept nogil

@cython.locals(back=cython.longlong, out=cython.longlong)
cdef bint tier_comes_back_less(Memory m, int node, int kind, int tier, long long gain, int than, long long than_gain) noexcept nogil

@cython.locals(first=cython.int, gain=cython.longlong, tier=cython.int)
cdef int get_tier_idx(Memory m, int node, int kind) noexcept nogil

@cython.locals(gain=cython.longlong, tier=cython.int)
cdef int tier_against_other_type(Memory m, int node, int kind, int swappiness) noexcept nogil

@cython.locals(back=cython.longlong, out=cython.longlong, than_back=cython.longlong, than_out=cython.longlong, tier=cython.int)
cdef bint file_comes_back_less(Memory m, int node, int swappiness) noexcept nogil
