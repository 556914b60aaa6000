"""One direct reclaim, or one compaction, by the model's rules on a copy of a machine: nothing else runs meanwhile."""

from __future__ import annotations

import cython
import numpy as np

from recap.pages import Memory

if not cython.compiled:
    from recap.kernel import COMPACT_CONTINUE, MIGRATE_ASYNC, MIGRATE_SYNC_LIGHT, NONE
    from recap.mm.compaction import compact_begin, compact_step
    from recap.mm.page_alloc import get_page_from_freelist, gfp_to_alloc_flags, gfp_zone
    from recap.mm.pcplist import drain_all_pages
    from recap.mm.slowpath import LRUVEC, PRIORITY, enter_reclaim, leave_reclaim, slowpath_step
    from recap.mm.vmstat import PGMIGRATE_SUCCESS, PGSCAN_DIRECT

    MOST_STEPS = 1 << 20


def take_over(m: Memory, other: Memory) -> None:
    """Make a machine's memory what another's is; the LRU lists are still to be filled."""
    for name in m.columns:
        m.columns[name] = np.copy(other.array(name))
    m.use_columns()
    for head in range(m.lru_heads, m.slab_heads):
        m.page[head].next = head
        m.page[head].prev = head


def direct_control(m: Memory) -> int:
    """The first control that is no node's.

    Errors:
        ValueError: the machine was made without room for direct reclaimers.
    """
    if len(m.array("sc")) <= m.nr_nodes:
        raise ValueError("this machine has no room for a direct reclaimer; make it with captures=1")
    return int(m.nr_nodes)


def reclaim_once(m: Memory, order: int, gfp: int, cpu: int) -> tuple[int, int, bool]:
    """A direct reclaim for a request: pages reclaimed, pages scanned, and whether the request is served by it."""
    s = direct_control(m)
    m.sc[s].order = order
    m.sc[s].gfp = gfp
    m.sc[s].alloc_flags = gfp_to_alloc_flags(m, gfp, order)
    m.sc[s].reclaim_idx = gfp_zone(gfp)
    m.sc[s].kswapd = 0
    m.sc[s].node = 0
    m.sc[s].queued = 1
    m.sc[s].capture = -1
    m.sc[s].closed_pcp = 0
    m.sc[s].page = NONE
    before = m.vmstat[PGSCAN_DIRECT]
    with cython.nogil:
        reclaim(m, s, cpu)
    reclaimed = int(m.sc[s].nr_reclaimed)
    if m.sc[s].compaction_ready and not reclaimed:  # so that compaction is tried (do_try_to_free_pages)
        reclaimed = 1
    return reclaimed, int(m.vmstat[PGSCAN_DIRECT] - before), m.sc[s].page != NONE


def reclaim(m: Memory, s: int, cpu: int) -> None:
    """`reclaim_once` without the interpreter (__alloc_pages_direct_reclaim)."""
    enter_reclaim(m, s)
    steps = 0
    while m.sc[s].phase in (PRIORITY, LRUVEC) and steps < MOST_STEPS:
        slowpath_step(m, s, cpu)
        steps += 1
    leave_reclaim(m, s)
    if m.sc[s].page == NONE and m.sc[s].nr_reclaimed:
        m.sc[s].page = get_page_from_freelist(m, cpu, m.sc[s].order, m.sc[s].gfp, m.sc[s].alloc_flags)
        if m.sc[s].page == NONE:
            drain_all_pages(m)
            m.sc[s].page = get_page_from_freelist(m, cpu, m.sc[s].order, m.sc[s].gfp, m.sc[s].alloc_flags)


def compact_once(m: Memory, zone: int, order: int, gfp: int, cpu: int, direct: bool, sync: bool) -> tuple[int, int]:
    """A compaction of a zone from its cached positions: how it ended (enum compact_result), and pages moved."""
    s = direct_control(m)
    m.cc[s].order = order
    m.cc[s].search_order = order
    m.cc[s].gfp = gfp
    m.cc[s].alloc_flags = gfp_to_alloc_flags(m, gfp, order) if direct else 0
    m.cc[s].highest_zoneidx = gfp_zone(gfp) if direct else m.zone[zone].index
    m.cc[s].mode = MIGRATE_SYNC_LIGHT if sync else MIGRATE_ASYNC
    m.cc[s].direct_compaction = direct
    m.cc[s].proactive = 0
    m.cc[s].whole_zone = 0
    m.cc[s].ignore_skip_hint = 0
    m.cc[s].ignore_block_suitable = 0
    m.cc[s].fast_search_fail = 0
    m.cc[s].page = NONE
    m.zone[zone].capc = 0
    before = m.vmstat[PGMIGRATE_SUCCESS]
    with cython.nogil:
        result = compact(m, s, zone, cpu)
    return result, int(m.vmstat[PGMIGRATE_SUCCESS] - before)


def compact(m: Memory, s: int, zone: int, cpu: int) -> int:
    """`compact_once` without the interpreter (compact_zone)."""
    result = compact_begin(m, s, zone)
    while result == COMPACT_CONTINUE:
        result = compact_step(m, s, cpu)
    return result
