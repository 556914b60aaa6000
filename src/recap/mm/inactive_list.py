"""Reclaiming from an inactive list, a batch at a time."""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import LRU_INACTIVE_FILE, PAGE_ALLOC_COSTLY_ORDER
    from recap.mm.isolate_lru import isolate_batch, putback_lru_pages
    from recap.mm.lumpy_sync import begin_second_pass
    from recap.mm.shrink_folio_list import shrink_folio_list
    from recap.mm.vmstat import PGSCAN_DIRECT, PGSCAN_KSWAPD, PGSTEAL_DIRECT, PGSTEAL_KSWAPD
    from recap.pages import RET_FOLIOS, Memory


def shrink_inactive_list(m: Memory, s: int, cpu: int, lru: int, nr_to_scan: int) -> int:
    """One batch from an inactive list; pages reclaimed (shrink_inactive_list)."""
    file = lru >= LRU_INACTIVE_FILE
    unqueued = m.sc[s].nr_unqueued_dirty
    before = m.sc[s].total_scan
    taken = isolate_batch(m, s, lru, nr_to_scan)
    m.vmstat[PGSCAN_KSWAPD if m.sc[s].kswapd else PGSCAN_DIRECT] += m.sc[s].total_scan - before
    if taken == 0:
        return 0
    m.node[m.sc[s].node].recent_scanned[1 if file else 0] += taken
    reclaimed = shrink_folio_list(m, s, cpu, file)
    if m.rules.lumpy_reclaim and reclaimed < taken and not m.sc[s].kswapd and m.sc[s].order > PAGE_ALLOC_COSTLY_ORDER:
        begin_second_pass(m, s)
    else:
        putback_lru_pages(m, m.scratch_heads + RET_FOLIOS)
    m.vmstat[PGSTEAL_KSWAPD if m.sc[s].kswapd else PGSTEAL_DIRECT] += reclaimed
    m.sc[s].stolen_now += reclaimed
    if m.sc[s].nr_unqueued_dirty - unqueued == taken:
        m.flusher_wanted = True
    m.sc[s].nr_taken += taken
    if file:
        m.sc[s].nr_file_taken += taken
    return reclaimed
