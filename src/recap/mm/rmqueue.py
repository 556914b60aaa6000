"""A block of the request's type off the free lists, or one of another type, by the rules of the kernel's time."""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import NONE
    from recap.mm.buddy import rmqueue_smallest
    from recap.mm.claim import rmqueue_claiming, rmqueue_steal
    from recap.mm.migratetype import rmqueue_fallback, rmqueue_reserve
    from recap.pages import Memory


def rmqueue_migratetype(m: Memory, zone: int, order: int, migratetype: int, alloc_flags: int) -> int:
    """Take a block of the request's type, falling back where there is none; NONE if nothing fits (__rmqueue)."""
    pfn = rmqueue_before_steal(m, zone, order, migratetype, alloc_flags)
    if pfn == NONE and m.rules.claims_or_steals:
        pfn = rmqueue_steal(m, zone, order, migratetype, alloc_flags)
    return pfn


def rmqueue_before_steal(m: Memory, zone: int, order: int, migratetype: int, alloc_flags: int) -> int:
    """The same, but for a single block out of another type's pageblock: the last resort since 6.15 (rmqueue_steal)."""
    if m.rules.claims_or_steals:
        return rmqueue_claiming(m, zone, order, migratetype, alloc_flags)
    pfn = rmqueue_smallest(m, zone, order, migratetype)
    if m.rules.steals_largest:
        return rmqueue_reserve(m, zone, order, migratetype) if pfn == NONE else pfn
    while pfn == NONE and rmqueue_fallback(m, zone, order, migratetype, alloc_flags):
        pfn = rmqueue_smallest(m, zone, order, migratetype)
    return pfn
