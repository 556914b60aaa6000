from recap.pages cimport Memory

cdef enum:
    MM_PAGE_PCPU_DRAIN = 3
    MM_PAGE_ALLOC_ZONE_LOCKED = 4
    MM_PAGE_ALLOC_EXTFRAG = 5

cdef void emit(Memory m, int event, unsigned int pfn, int order, int migratetype) noexcept nogil

cdef void discard_emitted(Memory m) noexcept nogil
