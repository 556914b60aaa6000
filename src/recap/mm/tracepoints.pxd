from recap.pages cimport Memory

cdef void emit(Memory m, int event, unsigned int pfn, int order, int migratetype) noexcept nogil

cdef void emit_capture(Memory m, int step, unsigned int pfn, int order) noexcept nogil

cdef void discard_emitted(Memory m) noexcept nogil
