from recap.pages cimport Memory

cdef void congestion_wait(Memory m, int s, long long longest) noexcept nogil
