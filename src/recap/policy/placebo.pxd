from recap.policy.kosaki cimport Kosaki

cdef class Placebo(Kosaki):
    cdef bint releases(self, int wanted, int unreclaimable, long long withheld, long long withheld_by_all) noexcept nogil
