cimport cython

from recap.kernel cimport NONE
from recap.mm.page_alloc cimport fast_alloc_flags, free_pages, get_page_from_freelist
from recap.pages cimport Memory

@cython.locals(i=cython.longlong, pfn=cython.uint)
cpdef void pairs(Memory m, long long rounds, unsigned int gfp)

@cython.locals(i=cython.longlong, pfn=cython.uint, victim=cython.longlong)
cpdef long long churn(Memory m, unsigned int[::1] live, long long nr_live, long long spare, const unsigned char[::1] order, const unsigned int[::1] gfp, const unsigned int[::1] draw)
