cimport cython

from recap.mm.migratetype cimport setup_zone_migrate_reserve
from recap.pages cimport Memory

@cython.locals(zone=cython.int, total=cython.longlong, share=cython.longlong)
cdef void set_min_free_pages(Memory m, long long pages) noexcept nogil
