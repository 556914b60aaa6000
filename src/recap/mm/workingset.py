"""Refaults: a page that is read again soon after it was evicted was part of the working set, and becomes active.

How soon is measured in evictions and activations: an object's shadow holds the node's age when it was evicted, twice
that plus one if it had been active before; -1: it was never evicted.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import PG_ACTIVE, PG_SWAPBACKED, PG_WORKINGSET
    from recap.mm.lru import lru_note_cost
    from recap.mm.lru_gen_refault import lru_gen_eviction, lru_gen_refault
    from recap.mm.vmstat import (
        WORKINGSET_ACTIVATE_ANON,
        WORKINGSET_ACTIVATE_FILE,
        WORKINGSET_REFAULT_ANON,
        WORKINGSET_REFAULT_FILE,
        WORKINGSET_RESTORE_ANON,
        WORKINGSET_RESTORE_FILE,
    )
    from recap.pages import Memory, page_node


def workingset_age_nonresident(m: Memory, node: int, pages: int) -> None:
    """Evicted pages grow older with each eviction and activation (workingset_age_nonresident)."""
    m.node[node].nonresident_age += pages


def workingset_eviction(m: Memory, pfn: int) -> None:
    """Reclaim takes a page: note when (workingset_eviction)."""
    if not m.rules.refaults:
        return
    obj = m.frame[pfn].object
    if m.rules.multi_gen_lru:
        lru_gen_eviction(m, pfn, obj)
        return
    if obj >= 0:
        m.shadow[obj] = 2 * m.node[page_node(m, pfn)].nonresident_age + (1 if m.page[pfn].flags & PG_WORKINGSET else 0)
    workingset_age_nonresident(m, page_node(m, pfn), 1 << m.page[pfn].order)


def workingset_refault(m: Memory, pfn: int) -> None:
    """An evicted object is back in a page that is on no LRU list yet (workingset_refault, 6.1)."""
    node = page_node(m, pfn)
    obj = m.frame[pfn].object
    shadow = m.shadow[obj]
    anon = m.page[pfn].flags & PG_SWAPBACKED != 0
    m.shadow[obj] = -1
    m.vmstat[WORKINGSET_REFAULT_ANON if anon else WORKINGSET_REFAULT_FILE] += 1 << m.page[pfn].order
    if m.rules.multi_gen_lru:
        lru_gen_refault(m, pfn, shadow)
        return
    size = m.node[node].lru_size[3] + (m.node[node].lru_size[2] if anon else 0)
    if m.nr_swap_pages > 0:
        size += m.node[node].lru_size[1] + (0 if anon else m.node[node].lru_size[0])
    if m.node[node].nonresident_age - shadow // 2 > size:
        return
    workingset_activate(m, pfn, shadow & 1 != 0)


def workingset_activate(m: Memory, pfn: int, used: bool) -> None:
    """A page came back soon enough to have been in the working set: it is active, and what takes such pages costs."""
    anon = m.page[pfn].flags & PG_SWAPBACKED != 0
    m.page[pfn].flags |= PG_ACTIVE
    workingset_age_nonresident(m, page_node(m, pfn), 1 << m.page[pfn].order)
    m.vmstat[WORKINGSET_ACTIVATE_ANON if anon else WORKINGSET_ACTIVATE_FILE] += 1 << m.page[pfn].order
    if used:
        m.page[pfn].flags |= PG_WORKINGSET
        lru_note_cost(m, page_node(m, pfn), not anon, 1 << m.page[pfn].order, 0)
        m.vmstat[WORKINGSET_RESTORE_ANON if anon else WORKINGSET_RESTORE_FILE] += 1 << m.page[pfn].order


def snapshot_refaults(m: Memory, node: int) -> None:
    """Reclaim ends: whether pages came back is asked again from here on (snapshot_refaults)."""
    m.node[node].refaults_anon = m.vmstat[WORKINGSET_ACTIVATE_ANON]
    m.node[node].refaults_file = m.vmstat[WORKINGSET_ACTIVATE_FILE]
