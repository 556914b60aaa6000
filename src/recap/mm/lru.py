"""The LRU lists: active and inactive, anonymous and file, one set for the node or generations in their place."""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import (
        LRU_INACTIVE_ANON,
        LRU_INACTIVE_FILE,
        NR_LRU_LISTS,
        PG_ACTIVE,
        PG_LRU,
        PG_REFERENCED,
        PG_SWAPBACKED,
        SWAP_CLUSTER_MAX,
    )
    from recap.mm.lru_gen import count_anon, lru_gen_add_folio, lru_gen_del_folio, lru_gen_inc_refs
    from recap.mm.vmstat import PGACTIVATE
    from recap.pages import Memory, list_add, list_add_tail, list_del, lru_list, page_node, page_zone


def page_lru(m: Memory, pfn: int) -> int:
    """The list a page belongs on, by its flags (folio_lru_list; 2.6.27 has the second pair only)."""
    lru = LRU_INACTIVE_ANON if m.page[pfn].flags & PG_SWAPBACKED and not m.rules.unified_lru else LRU_INACTIVE_FILE
    return lru + 1 if m.page[pfn].flags & PG_ACTIVE else lru


def lruvec_add(m: Memory, pfn: int, to_tail: bool) -> None:
    """Put a block on its LRU list; every frame of it says so (lruvec_add_folio)."""
    if m.rules.multi_gen_lru:
        lru_gen_add_folio(m, pfn, to_tail)
        return
    node = page_node(m, pfn)
    lru = page_lru(m, pfn)
    pages = 1 << m.page[pfn].order
    m.page[pfn].flags |= PG_LRU
    if to_tail:
        list_add_tail(m, pfn, lru_list(m, node, lru))
    else:
        list_add(m, pfn, lru_list(m, node, lru))
    m.node[node].lru_size[lru] += pages
    m.zone[page_zone(m, pfn)].nr_lru[lru] += pages
    count_anon(m, pfn, pages)
    for i in range(pfn + 1, pfn + pages):
        m.page[i].flags = PG_LRU


def lruvec_del(m: Memory, pfn: int) -> None:
    """Take a block off its LRU list (lruvec_del_folio)."""
    if m.rules.multi_gen_lru:
        lru_gen_del_folio(m, pfn, False)
        return
    node = page_node(m, pfn)
    list_del(m, pfn)
    lru = page_lru(m, pfn)
    pages = 1 << m.page[pfn].order
    count_anon(m, pfn, -pages)
    m.node[node].lru_size[lru] -= pages
    m.zone[page_zone(m, pfn)].nr_lru[lru] -= pages
    for i in range(pfn, pfn + pages):
        m.page[i].flags &= ~PG_LRU


def activate_page(m: Memory, pfn: int) -> None:
    """Move an inactive page to the active list (folio_activate); in generations it counts as used once more."""
    if m.rules.multi_gen_lru:
        lru_gen_inc_refs(m, pfn)
        return
    if not m.page[pfn].flags & PG_LRU or m.page[pfn].flags & PG_ACTIVE:
        return
    lruvec_del(m, pfn)
    m.page[pfn].flags &= ~PG_REFERENCED
    m.page[pfn].flags |= PG_ACTIVE
    lruvec_add(m, pfn, False)
    m.vmstat[PGACTIVATE] += 1 << m.page[pfn].order


def mark_page_accessed(m: Memory, pfn: int) -> None:
    """A page is used again: referenced the first time, active the second (mark_page_accessed, rule 45)."""
    if m.page[pfn].flags & PG_REFERENCED or m.rules.multi_gen_lru:
        activate_page(m, pfn)
    else:
        m.page[pfn].flags |= PG_REFERENCED


def inactive_is_low(m: Memory, node: int, inactive_lru: int) -> bool:
    """Are there too few inactive pages for the active ones? (inactive_is_low)"""
    inactive = m.node[node].lru_size[inactive_lru]
    active = m.node[node].lru_size[inactive_lru + 1]
    gb = (inactive + active) >> 18
    ratio = 1
    while gb and (ratio + 1) * (ratio + 1) <= 10 * gb:
        ratio += 1
    return inactive * ratio < active


def node_lru_pages(m: Memory, node: int) -> int:
    """Pages on all LRU lists of a node."""
    pages = 0
    for lru in range(NR_LRU_LISTS):
        pages += m.node[node].lru_size[lru]
    return pages


def lru_note_cost(m: Memory, node: int, file: bool, pages: int, rotated: int) -> None:
    """Remember what reclaiming a kind of page cost in I/O, fading (lru_note_cost, 96f8bf4fb1dd, 5.8)."""
    if m.rules.rotations_cost:
        pages = pages * SWAP_CLUSTER_MAX + rotated
    if file:
        m.node[node].file_cost += pages
    else:
        m.node[node].anon_cost += pages
    total = node_lru_pages(m, node)
    if m.node[node].file_cost + m.node[node].anon_cost > total // 4:
        m.node[node].file_cost //= 2
        m.node[node].anon_cost //= 2
