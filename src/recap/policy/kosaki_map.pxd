from recap.policy.kosaki cimport Kosaki

cdef class KosakiMap(Kosaki):
    cdef bint looks_around(self, int wanted) noexcept nogil
