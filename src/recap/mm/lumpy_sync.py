"""The second, synchronous pass of lumpy reclaim: waiting for the pages of an area on their way to the device.

c661b078fd62 (2.6.23). It is split into steps because a reclaimer sleeps in the middle of it.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import IN_SWAP, NONE, PG_ACTIVE, PG_SWAPBACKED, PG_WRITEBACK, STATE_ALLOCATED, TENTH_NS, TICK_NS
    from recap.mm.backing_dev import congestion_wait
    from recap.mm.lru import lruvec_add
    from recap.mm.page_fate import PAGE_ACTIVATE, PAGE_OUT, PAGE_RECLAIMED, may_enter_fs
    from recap.mm.shrink_folio_list import release_page, shrink_folio
    from recap.mm.vmstat import PGACTIVATE, PGSTEAL_DIRECT
    from recap.mm.workingset import workingset_eviction
    from recap.mm.writeback import leave_memory
    from recap.pages import RET_FOLIOS, Memory, list_add, list_del, list_empty


def begin_second_pass(m: Memory, s: int) -> None:
    """Keep what a lumpy batch did not free, wait for the device, try once more (shrink_inactive_list, rule 37c)."""
    kept = m.scratch_heads + RET_FOLIOS
    while not list_empty(m, kept):
        pfn = m.page[kept].prev
        list_del(m, pfn)
        m.page[pfn].flags &= ~PG_ACTIVE
        list_add(m, pfn, m.isolated_heads + s)
    m.sc[s].sync = 1
    congestion_wait(m, s, TENTH_NS)


def second_pass(m: Memory, s: int, cpu: int) -> int:
    """Go on with the synchronous pass: pages on their way to the device are waited for; pages reclaimed (rule 39.4, 8).

    What cannot be reclaimed goes back to its list at once, not at the end of the pass. `sync` is 0 when it is through.
    """
    head = m.isolated_heads + s
    reclaimed = 0
    while not list_empty(m, head):
        pfn = m.page[head].prev
        if m.page[pfn].flags & PG_WRITEBACK and may_enter_fs(m, s, pfn):
            congestion_wait(m, s, TICK_NS)
            break
        fate = shrink_folio(m, s, pfn)
        if fate == PAGE_OUT:
            continue
        list_del(m, pfn)
        m.page[pfn].state = STATE_ALLOCATED
        if fate == PAGE_RECLAIMED:
            reclaimed += 1
            workingset_eviction(m, pfn)
            leave_memory(m, pfn, IN_SWAP if m.page[pfn].flags & PG_SWAPBACKED else NONE)
            release_page(m, s, cpu, pfn)
            continue
        if fate == PAGE_ACTIVATE:
            m.page[pfn].flags |= PG_ACTIVE
            m.vmstat[PGACTIVATE] += 1
        lruvec_add(m, pfn, False)
    if list_empty(m, head):
        m.sc[s].sync = 0
    m.vmstat[PGSTEAL_DIRECT] += reclaimed
    return reclaimed
