"""The multi-generational LRU: a list for each generation, type and zone, and how used the pages on them are.

`max_seq` counts generations, the youngest is `max_seq % MAX_NR_GENS`. A page is promoted by its generation number alone
(`Page.gen`); eviction moves it to that generation's list when it comes across it, as the kernel does.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import (
        LRU_INACTIVE_FILE,
        MAX_NR_GENS,
        MAX_NR_TIERS,
        MAX_NR_ZONES,
        MIN_NR_GENS,
        PG_ACTIVE,
        PG_DIRTY,
        PG_LRU,
        PG_RECLAIM,
        PG_REFERENCED,
        PG_SWAPBACKED,
        PG_SWAPCACHE,
        PG_WORKINGSET,
        PG_WRITEBACK,
    )
    from recap.pages import Memory, list_add, list_add_tail, list_del, page_node, page_zone

    GEN_MASK = 7  # of Page.gen: the generation, and one
    REFS_SHIFT = 3
    MAX_REFS = 3  # LRU_REFS_WIDTH is 2
    ANON, FILE = 0, 1


def folio_type(m: Memory, pfn: int) -> int:
    """Anonymous or file (folio_is_file_lru)."""
    return ANON if m.page[pfn].flags & PG_SWAPBACKED else FILE


def folio_gen(m: Memory, pfn: int) -> int:
    """The generation a page is of; -1: it is on no list (folio_lru_gen)."""
    return (m.page[pfn].gen & GEN_MASK) - 1


def set_gen(m: Memory, pfn: int, gen: int) -> None:
    """Its generation, or -1; how often it was used stays."""
    m.page[pfn].gen = (m.page[pfn].gen & ~GEN_MASK) | (gen + 1)


def set_refs(m: Memory, pfn: int, refs: int) -> None:
    """How often a page was used beyond the first times (LRU_REFS_MASK)."""
    m.page[pfn].gen = (m.page[pfn].gen & GEN_MASK) | (refs << REFS_SHIFT)


def lru_gen_list(m: Memory, node: int, gen: int, kind: int, zone: int) -> int:
    """The head of a generation's list of a type and zone."""
    return m.gen_heads + ((node * MAX_NR_GENS + gen) * 2 + kind) * m.nr_zones + zone


def nr_gens(m: Memory, node: int, kind: int) -> int:
    """Generations of a type (get_nr_gens)."""
    return m.lrugen[node].max_seq - m.lrugen[node].min_seq[kind] + 1


def gen_is_active(m: Memory, node: int, gen: int) -> bool:
    """The two youngest generations count as active (lru_gen_is_active)."""
    seq = m.lrugen[node].max_seq
    return gen == seq % MAX_NR_GENS or gen == (seq - 1) % MAX_NR_GENS


def count(m: Memory, pfn: int, gen: int, pages: int) -> None:
    """Add to what a generation, and the list of the classic LRU that it stands for, holds (lru_gen_update_size)."""
    node = page_node(m, pfn)
    zone = page_zone(m, pfn)
    kind = folio_type(m, pfn)
    lru = kind * LRU_INACTIVE_FILE + (1 if gen_is_active(m, node, gen) else 0)
    m.lrugen[node].nr_pages[(gen * 2 + kind) * MAX_NR_ZONES + zone] += pages
    m.node[node].lru_size[lru] += pages
    m.zone[zone].nr_lru[lru] += pages


def count_anon(m: Memory, pfn: int, pages: int) -> None:
    """Anonymous pages on any LRU list are counted."""
    if m.page[pfn].flags & PG_SWAPBACKED:
        m.node[page_node(m, pfn)].nr_anon += pages


def folio_seq(m: Memory, pfn: int, reclaiming: bool) -> int:
    """The generation that a page joins (lru_gen_add_folio; lru_gen_folio_seq since 4d5d14a01e2c)."""
    node = page_node(m, pfn)
    kind = folio_type(m, pfn)
    flags = m.page[pfn].flags
    oldest = m.lrugen[node].min_seq[kind]
    youngest = m.lrugen[node].max_seq
    used = 1 if flags & PG_WORKINGSET and m.rules.gens_by_workingset else 0
    waits = flags & PG_RECLAIM != 0 and flags & (PG_DIRTY | PG_WRITEBACK) != 0
    if flags & PG_ACTIVE:
        return max(oldest, youngest - (MIN_NR_GENS - 1) + used) if m.rules.gens_by_workingset else youngest
    if not reclaiming and ((kind == ANON and not flags & PG_SWAPCACHE) or waits):
        return max(oldest, youngest - 1)
    if m.rules.gens_by_workingset:
        return max(oldest, youngest - (MAX_NR_GENS - 1) + (0 if reclaiming else used))
    return oldest if reclaiming or oldest + MIN_NR_GENS >= youngest else oldest + 1


def lru_gen_add_folio(m: Memory, pfn: int, reclaiming: bool) -> None:
    """Put a page on the list of the generation that it joins (lru_gen_add_folio)."""
    node = page_node(m, pfn)
    gen = folio_seq(m, pfn, reclaiming) % MAX_NR_GENS
    pages = 1 << m.page[pfn].order
    if m.page[pfn].flags & PG_ACTIVE and not m.rules.gens_by_workingset:
        set_refs(m, pfn, 0)
        m.page[pfn].flags &= ~PG_REFERENCED
    m.page[pfn].flags &= ~PG_ACTIVE
    set_gen(m, pfn, gen)
    count(m, pfn, gen, pages)
    count_anon(m, pfn, pages)
    head = lru_gen_list(m, node, gen, folio_type(m, pfn), page_zone(m, pfn))
    if reclaiming:
        list_add_tail(m, pfn, head)
    else:
        list_add(m, pfn, head)
    for i in range(pfn, pfn + pages):
        m.page[i].flags |= PG_LRU


def lru_gen_del_folio(m: Memory, pfn: int, reclaiming: bool) -> None:
    """Take a page off its list; but for reclaim it remembers that it was of the young (lru_gen_del_folio)."""
    gen = folio_gen(m, pfn)
    pages = 1 << m.page[pfn].order
    list_del(m, pfn)
    count(m, pfn, gen, -pages)
    count_anon(m, pfn, -pages)
    if not reclaiming and gen_is_active(m, page_node(m, pfn), gen):
        m.page[pfn].flags |= PG_ACTIVE
    set_gen(m, pfn, -1)
    for i in range(pfn, pfn + pages):
        m.page[i].flags &= ~PG_LRU


def promote(m: Memory, pfn: int, gen: int) -> None:
    """A page is of another generation from now on."""
    pages = 1 << m.page[pfn].order
    count(m, pfn, folio_gen(m, pfn), -pages)
    set_gen(m, pfn, gen)
    count(m, pfn, gen, pages)


def folio_inc_gen(m: Memory, pfn: int, reclaiming: bool) -> int:
    """One generation younger, if a page is of the oldest; the one it is of now (folio_inc_gen)."""
    node = page_node(m, pfn)
    old = m.lrugen[node].min_seq[folio_type(m, pfn)] % MAX_NR_GENS
    if folio_gen(m, pfn) != old:
        return folio_gen(m, pfn)
    promote(m, pfn, (old + 1) % MAX_NR_GENS)
    set_refs(m, pfn, 0)
    m.page[pfn].flags &= ~PG_REFERENCED
    if not m.rules.gens_by_workingset:
        m.page[pfn].flags &= ~PG_WORKINGSET
    if reclaiming:
        m.page[pfn].flags |= PG_RECLAIM
    return (old + 1) % MAX_NR_GENS


def lru_gen_inc_refs(m: Memory, pfn: int) -> None:
    """A page is used through its file once more (lru_gen_inc_refs)."""
    if not m.page[pfn].flags & PG_LRU:
        m.page[pfn].flags |= PG_REFERENCED
        return
    refs = m.page[pfn].gen >> REFS_SHIFT
    if not m.page[pfn].flags & PG_REFERENCED:
        m.page[pfn].flags |= PG_REFERENCED
        if m.rules.gens_by_workingset:
            set_refs(m, pfn, 0)
    elif m.rules.gens_by_workingset:
        if refs == MAX_REFS:
            m.page[pfn].flags |= PG_WORKINGSET
        else:
            set_refs(m, pfn, refs + 1)
    elif not m.page[pfn].flags & PG_WORKINGSET:
        m.page[pfn].flags |= PG_WORKINGSET
    else:
        set_refs(m, pfn, min(refs + 1, MAX_REFS))


def lru_gen_set_refs(m: Memory, pfn: int, referenced: bool) -> bool:
    """Eviction finds a page in use: the first time it is kept, then it is of the working set (lru_gen_set_refs)."""
    set_refs(m, pfn, 0)
    if not referenced and not m.page[pfn].flags & PG_WORKINGSET:
        m.page[pfn].flags |= PG_REFERENCED
        return False
    m.page[pfn].flags |= PG_WORKINGSET
    return True


def folio_refs(m: Memory, pfn: int) -> int:
    """How often a page was used, as the tiers count it: before 4d5d14a01e2c without the first time (folio_lru_refs)."""
    refs = m.page[pfn].gen >> REFS_SHIFT
    if m.rules.gens_by_workingset:
        return refs + 1 if m.page[pfn].flags & PG_REFERENCED else 0
    return refs + (1 if m.page[pfn].flags & PG_WORKINGSET else 0)


def tier_of(m: Memory, refs: int, workingset: bool) -> int:
    """The tier of pages that were used so often: each is for twice as many uses (lru_tier_from_refs)."""
    if m.rules.gens_by_workingset:
        if workingset:
            return MAX_NR_TIERS - 1
        refs -= 1
    tier = 0
    while refs > 0:
        tier += 1
        refs >>= 1
    return tier


def folio_tier(m: Memory, pfn: int) -> int:
    """A page's tier."""
    return tier_of(m, folio_refs(m, pfn), m.page[pfn].flags & PG_WORKINGSET != 0)
