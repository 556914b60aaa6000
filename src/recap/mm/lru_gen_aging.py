"""Aging of the multi-generational LRU: pages in use join the youngest generation, then a younger one begins."""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import (
        LRU_INACTIVE_FILE,
        MAX_NR_GENS,
        MAX_NR_TIERS,
        MAX_NR_ZONES,
        MIN_LRU_BATCH,
        MIN_NR_GENS,
        PG_REFERENCED,
        PG_WORKINGSET,
        PG_YOUNG,
    )
    from recap.mm.lru_gen import (
        ANON,
        FILE,
        folio_gen,
        folio_inc_gen,
        folio_tier,
        lru_gen_list,
        nr_gens,
        promote,
        set_refs,
    )
    from recap.mm.lru_gen_tiers import reset_ctrl_pos
    from recap.pages import Memory, list_add_tail, list_del, list_empty


def swappiness_of(m: Memory, s: int) -> int:
    """vm.swappiness, or 0 where a request cannot swap or hardly anything is left of swap (get_swappiness)."""
    return m.swappiness if m.sc[s].may_swap and m.nr_swap_pages >= MIN_LRU_BATCH else 0


def oldest_seq(m: Memory, node: int, swappiness: int) -> int:
    """The oldest generation that can be evicted from (min_seq[!can_swap]; evictable_min_seq since 798c0330c2ca)."""
    if not swappiness:
        return m.lrugen[node].min_seq[FILE]
    if m.rules.gens_move_apart:
        return min(m.lrugen[node].min_seq[ANON], m.lrugen[node].min_seq[FILE])
    return m.lrugen[node].min_seq[ANON]


def generation_pages(m: Memory, node: int, seq: int, kind: int) -> int:
    """Pages of a type in a generation."""
    pages = 0
    first = ((seq % MAX_NR_GENS) * 2 + kind) * MAX_NR_ZONES
    for zone in range(m.node[node].first_zone, m.node[node].end_zone):
        pages += max(m.lrugen[node].nr_pages[first + zone], 0)
    return pages


def evictable_pages(m: Memory, node: int, swappiness: int) -> int:
    """Pages of all generations that could be evicted at all."""
    pages = 0
    for kind in range(0 if swappiness else 1, 2):
        for seq in range(m.lrugen[node].min_seq[kind], m.lrugen[node].max_seq + 1):
            pages += generation_pages(m, node, seq, kind)
    return pages


def should_run_aging(m: Memory, node: int, swappiness: int) -> bool:
    """Are there so few generations, or so few old pages, that a younger one should begin? (should_run_aging)"""
    distance = m.lrugen[node].max_seq - oldest_seq(m, node, swappiness)
    if m.rules.gens_move_apart:
        return distance <= MIN_NR_GENS
    if distance != MIN_NR_GENS:
        return distance < MIN_NR_GENS
    young = 0
    old = 0
    for kind in range(0 if swappiness else 1, 2):
        young += generation_pages(m, node, m.lrugen[node].max_seq, kind)
        if m.lrugen[node].min_seq[kind] <= m.lrugen[node].max_seq - MIN_NR_GENS:
            old += generation_pages(m, node, m.lrugen[node].max_seq - MIN_NR_GENS, kind)
    pages = evictable_pages(m, node, swappiness)
    return young * MIN_NR_GENS > pages or old * (MIN_NR_GENS + 2) < pages


def is_young(m: Memory, pfn: int) -> bool:
    """Do page tables say that a page was used? As far as a recording tells: new, or in use until later."""
    obj = m.frame[pfn].object
    if obj >= 0 and obj < len(m.in_use_until) and m.now <= m.in_use_until[obj]:
        return True
    return m.page[pfn].flags & PG_YOUNG != 0


def update_gen(m: Memory, pfn: int, gen: int) -> None:
    """A page that page tables say was used is of the youngest generation now (folio_update_gen)."""
    if folio_gen(m, pfn) != gen:
        promote(m, pfn, gen)
    set_refs(m, pfn, 0)
    m.page[pfn].flags &= ~(PG_YOUNG | PG_REFERENCED)
    if m.rules.gens_by_workingset:
        m.page[pfn].flags |= PG_WORKINGSET
    else:
        m.page[pfn].flags &= ~PG_WORKINGSET


def walk_page_tables(m: Memory, node: int, swappiness: int) -> None:
    """Look at the accessed bits of every mapped page (walk_mm); it takes no time here."""
    youngest = m.lrugen[node].max_seq % MAX_NR_GENS
    for gen in range(MAX_NR_GENS):
        for kind in range(0 if swappiness else 1, 2):
            for zone in range(m.node[node].first_zone, m.node[node].end_zone):
                head = lru_gen_list(m, node, gen, kind, zone)
                pfn = m.page[head].next
                while pfn != head:
                    if is_young(m, pfn):
                        update_gen(m, pfn, youngest)
                    pfn = m.page[pfn].next


def inc_min_seq(m: Memory, node: int, kind: int, swappiness: int) -> None:
    """The oldest generation makes room: its pages join the next (inc_min_seq).

    The kernel lets go of its lock after MAX_LRU_BATCH pages; here it is one step.
    """
    old = m.lrugen[node].min_seq[kind] % MAX_NR_GENS
    for zone in range(m.node[node].first_zone, m.node[node].end_zone):
        head = lru_gen_list(m, node, old, kind, zone)
        while not list_empty(m, head) and (swappiness or kind == FILE):
            pfn = m.page[head].prev
            if m.rules.gens_move_apart:
                m.lrugen[node].protected[kind * MAX_NR_TIERS + folio_tier(m, pfn)] += 1 << m.page[pfn].order
            gen = folio_inc_gen(m, pfn, False)
            list_del(m, pfn)
            list_add_tail(m, pfn, lru_gen_list(m, node, gen, kind, zone))
    reset_ctrl_pos(m, node, kind)
    m.lrugen[node].min_seq[kind] += 1


def generation_is_empty(m: Memory, node: int, seq: int, kind: int) -> bool:
    """Is no page of a type on a generation's lists?"""
    empty = True
    for zone in range(m.node[node].first_zone, m.node[node].end_zone):
        empty = empty and list_empty(m, lru_gen_list(m, node, seq % MAX_NR_GENS, kind, zone))
    return empty


def first_populated(m: Memory, node: int, kind: int) -> int:
    """The oldest generation of a type that has pages, or of the youngest two."""
    seq = m.lrugen[node].min_seq[kind]
    while seq + MIN_NR_GENS <= m.lrugen[node].max_seq and generation_is_empty(m, node, seq, kind):
        seq += 1
    return seq


def try_to_inc_min_seq(m: Memory, node: int, swappiness: int) -> bool:
    """Let go of old generations without pages (try_to_inc_min_seq).

    Until 798c0330c2ca (6.14) anonymous pages could not be ahead of files.
    """
    anon = first_populated(m, node, ANON) if swappiness else m.lrugen[node].min_seq[ANON]
    file = first_populated(m, node, FILE)
    if swappiness and not m.rules.gens_move_apart:
        anon = min(anon, file)
        file = max(anon, m.lrugen[node].min_seq[FILE])
    grown = False
    for kind in range(2):
        seq = file if kind == FILE else anon
        if seq != m.lrugen[node].min_seq[kind]:
            reset_ctrl_pos(m, node, kind)
            m.lrugen[node].min_seq[kind] = seq
            grown = True
    return grown


def inc_max_seq(m: Memory, node: int, swappiness: int) -> None:
    """A younger generation begins; the second youngest of before counts as inactive from now on (inc_max_seq)."""
    for kind in range(2):
        if nr_gens(m, node, kind) == MAX_NR_GENS:
            inc_min_seq(m, node, kind, swappiness)
    before = (m.lrugen[node].max_seq - 1) % MAX_NR_GENS
    next_gen = (m.lrugen[node].max_seq + 1) % MAX_NR_GENS
    for kind in range(2):
        for zone in range(m.node[node].first_zone, m.node[node].end_zone):
            pages = m.lrugen[node].nr_pages[(before * 2 + kind) * MAX_NR_ZONES + zone]
            pages -= m.lrugen[node].nr_pages[(next_gen * 2 + kind) * MAX_NR_ZONES + zone]
            lru = kind * LRU_INACTIVE_FILE
            m.node[node].lru_size[lru] += pages
            m.node[node].lru_size[lru + 1] -= pages
            m.zone[zone].nr_lru[lru] += pages
            m.zone[zone].nr_lru[lru + 1] -= pages
    m.lrugen[node].max_seq += 1


def run_aging(m: Memory, node: int, swappiness: int) -> None:
    """Look at page tables, then begin a generation (try_to_inc_max_seq)."""
    walk_page_tables(m, node, swappiness)
    inc_max_seq(m, node, swappiness)
