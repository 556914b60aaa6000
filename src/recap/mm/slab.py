"""Pages of the caches of inodes and dentries: what reclaim can make the file systems give up, and how much at a time.

They are on no LRU list; the caches keep their objects in an order of their own, here a list of pages with objects of
about one age. A page is free when all objects in it are, so one that is in use keeps it.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import GFP_FS, NONE, PG_ACTIVE, PG_REFERENCED
    from recap.mm.lru import node_lru_pages
    from recap.mm.page_alloc import free_pages
    from recap.mm.vmstat import SLABS_SCANNED
    from recap.pages import Memory, list_add, list_del, list_empty, page_node

    SHRINK_BATCH = 128
    SEEKS = 2
    OBJECTS = 8


def add_slab_page(m: Memory, pfn: int) -> None:
    """A page has become one of a cache's, its objects the youngest; PG_ACTIVE says that dentries hold the inodes."""
    m.page[pfn].flags = PG_REFERENCED | PG_ACTIVE
    list_add(m, pfn, m.slab_heads + page_node(m, pfn))
    m.node[page_node(m, pfn)].nr_slab += 1


def del_slab_page(m: Memory, pfn: int) -> None:
    """The cache has given up a page."""
    list_del(m, pfn)
    m.node[page_node(m, pfn)].nr_slab -= 1


def shrink_slab(m: Memory, s: int, cpu: int) -> int:
    """Age the caches as much as the last pass aged the LRU lists; pages freed (shrink_slab, rule 47).

    Who must not enter a file system leaves the work to the next one. (9092c71bb724, 4.16, goes by the priority instead,
    which comes to about as much.) What a recording frees of slab is its demand's, and not here.
    """
    node = m.sc[s].node
    if m.node[node].nr_slab == 0:
        return 0
    lru_pages = node_lru_pages(m, node)
    objects = m.node[node].nr_slab * OBJECTS
    m.node[node].slab_due += 4 * max(m.sc[s].nr_scanned, 1) // SEEKS * objects // (lru_pages + 1)
    m.node[node].slab_due = min(m.node[node].slab_due, 2 * objects)
    if not m.sc[s].gfp & GFP_FS:
        return 0
    freed = 0
    while m.node[node].slab_due >= SHRINK_BATCH:
        m.node[node].slab_due -= SHRINK_BATCH
        freed += prune(m, node, cpu, SHRINK_BATCH // OBJECTS)
    return freed


def prune(m: Memory, node: int, cpu: int, pages: int) -> int:
    """Look at the oldest objects: dentries used since the last look get another round, then their inodes go one later.

    (prune_dcache; an unused dentry begins as used, dput; its inode is unused from then on, prune_icache.)
    """
    freed = 0
    m.vmstat[SLABS_SCANNED] += pages * OBJECTS
    while pages > 0 and not list_empty(m, m.slab_heads + node):
        pages -= 1
        pfn = m.page[m.slab_heads + node].prev
        if m.page[pfn].flags:
            m.page[pfn].flags = PG_ACTIVE if m.page[pfn].flags & PG_REFERENCED else 0
            list_del(m, pfn)
            list_add(m, pfn, m.slab_heads + node)
            continue
        del_slab_page(m, pfn)
        if m.frame[pfn].object >= 0:
            m.resident[m.frame[pfn].object] = NONE
            m.frame[pfn].object = -1
        m.frame[pfn].freed_by = 0
        free_pages(m, cpu, pfn, 0)
        freed += 1
    return freed
