"""The two workloads, compiled like the engine so that no interpreter is measured; allocator.c has their twins."""

from __future__ import annotations

from typing import Any

import cython

if not cython.compiled:
    from recap.kernel import NONE
    from recap.mm.page_alloc import fast_alloc_flags, free_pages, get_page_from_freelist
    from recap.pages import Memory


def pairs(m: Memory, rounds: int, gfp: int) -> None:
    """Allocate one page and free it again, and again."""
    for _i in range(rounds):
        pfn = get_page_from_freelist(m, 0, 0, gfp, fast_alloc_flags(m, gfp))
        free_pages(m, 0, pfn, 0)


def churn(m: Memory, live: Any, nr_live: int, spare: int, order: Any, gfp: Any, draw: Any) -> int:
    """Keep all but `spare` pages in use: allocate the next block of the tape, or free one drawn from those that live.

    Returns how many blocks live at the end.
    """
    for i in range(len(order)):
        if m.zone[0].free_pages + m.pcp[0].count > spare:
            pfn = get_page_from_freelist(m, 0, order[i], gfp[i], fast_alloc_flags(m, gfp[i]))
            if pfn != NONE:
                live[nr_live] = pfn
                nr_live += 1
        else:
            victim = (draw[i] * nr_live) >> 32
            pfn = live[victim]
            nr_live -= 1
            live[victim] = live[nr_live]
            free_pages(m, 0, pfn, m.page[pfn].order)
    return nr_live
