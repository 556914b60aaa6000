"""Shadow entries of the multi-generational LRU: when a page was evicted, and how used it was, until it comes back.

An object's shadow is twice what the kernel calls the token (the oldest generation's number and the uses), plus one if
the page was of the working set.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import MAX_NR_GENS, MAX_NR_TIERS, PG_SWAPBACKED, PG_WORKINGSET
    from recap.mm.lru_gen import MAX_REFS, folio_refs, folio_tier, folio_type, set_refs, tier_of
    from recap.mm.vmstat import (
        WORKINGSET_ACTIVATE_ANON,
        WORKINGSET_ACTIVATE_FILE,
        WORKINGSET_RESTORE_ANON,
        WORKINGSET_RESTORE_FILE,
    )
    from recap.pages import Memory, page_node

    TOKEN_REFS = 4  # 1 << LRU_REFS_WIDTH


def lru_gen_eviction(m: Memory, pfn: int, obj: int) -> None:
    """Reclaim takes a page of an object: note when, and of which tier (lru_gen_eviction)."""
    node = page_node(m, pfn)
    kind = folio_type(m, pfn)
    refs = folio_refs(m, pfn)
    workingset = m.page[pfn].flags & PG_WORKINGSET != 0 if m.rules.gens_by_workingset else refs > 0
    m.lrugen[node].evicted[kind * MAX_NR_TIERS + folio_tier(m, pfn)] += 1 << m.page[pfn].order
    if obj >= 0:
        token = m.lrugen[node].min_seq[kind] * TOKEN_REFS + max(refs - 1, 0)
        m.shadow[obj] = 2 * token + (1 if workingset else 0)


def is_recent(m: Memory, node: int, kind: int, seq: int) -> bool:
    """Is the generation that a page was evicted from not long gone? (lru_gen_test_recent)"""
    if m.rules.refaults_by_max_seq:
        return m.lrugen[node].max_seq - seq < MAX_NR_GENS
    return seq == m.lrugen[node].min_seq[kind]


def lru_gen_refault(m: Memory, pfn: int, shadow: int) -> None:
    """An evicted object is back in a page that is on no list yet (lru_gen_refault).

    Anonymous pages come back in a fault; files count as read.
    """
    node = page_node(m, pfn)
    kind = folio_type(m, pfn)
    anon = m.page[pfn].flags & PG_SWAPBACKED != 0
    token = shadow // 2
    if not is_recent(m, node, kind, token // TOKEN_REFS):
        return
    used = shadow & 1 != 0
    pages = 1 << m.page[pfn].order
    refs = token % TOKEN_REFS + (1 if used or m.rules.gens_by_workingset else 0)
    m.lrugen[node].refaulted[kind * MAX_NR_TIERS + tier_of(m, refs, used)] += pages
    if anon or not m.rules.gens_by_workingset:
        m.vmstat[WORKINGSET_ACTIVATE_ANON if anon else WORKINGSET_ACTIVATE_FILE] += pages
    restored = used if m.rules.gens_by_workingset else anon or refs >= MAX_REFS
    if restored:
        m.page[pfn].flags |= PG_WORKINGSET
        m.vmstat[WORKINGSET_RESTORE_ANON if anon else WORKINGSET_RESTORE_FILE] += pages
    if m.rules.gens_by_workingset and not used:
        set_refs(m, pfn, refs - 1)
    elif restored and not m.rules.gens_by_workingset:
        set_refs(m, pfn, MAX_REFS)
