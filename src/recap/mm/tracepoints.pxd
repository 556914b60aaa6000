from recap.pages cimport Memory

cdef enum:
    MM_PAGE_PCPU_DRAIN = 3
    MM_PAGE_ALLOC_ZONE_LOCKED = 4
    MM_PAGE_ALLOC_EXTFRAG = 5

    STEP_OWN = 1
    STEP_NEIGHBOUR = 2
    STEP_STOLEN = 3
    STEP_OUTSIDER = 4
    STEP_TRIMMED = 5
    STEP_RETURNED = 6
    STEP_HANDED = 7
    STEP_REFUSED = 8

cdef void emit(Memory m, int event, unsigned int pfn, int order, int migratetype) noexcept nogil

cdef void emit_capture(Memory m, int step, unsigned int pfn, int order) noexcept nogil
