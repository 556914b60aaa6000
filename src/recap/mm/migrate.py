"""Migration: a page's content moves to another frame, and the frame it leaves is freed."""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import NONE, PG_DIRTY, PG_HELD, PG_JOURNALLED, PG_LRU, PG_SWAPBACKED, PG_WRITEBACK
    from recap.mm.free_scanner import compaction_alloc
    from recap.mm.lru import lruvec_add
    from recap.mm.page_alloc import free_pages
    from recap.mm.vmstat import PGMIGRATE_FAIL, PGMIGRATE_SUCCESS
    from recap.pages import MIGRATEPAGES, Memory, list_del, list_empty


def move_page(m: Memory, cpu: int, src: int, dst: int) -> None:
    """The content of `src` is in `dst` now, at the head of its LRU list; `src` is freed (__unmap_and_move)."""
    m.page[dst].flags = m.page[src].flags & ~PG_LRU
    m.page[dst].gen = m.page[src].gen
    m.frame[dst].freed_by = 0
    m.frame[dst].object = m.frame[src].object
    if m.frame[dst].object >= 0:
        m.resident[m.frame[dst].object] = dst
    if m.page[dst].flags & PG_DIRTY and not m.page[dst].flags & PG_SWAPBACKED:
        m.moved_dirty[m.nr_moved_dirty] = dst
        m.nr_moved_dirty += 1
    lruvec_add(m, dst, False)
    m.page[src].flags = 0
    m.page[src].gen = 0
    m.frame[src].object = -1
    m.frame[src].freed_by = 0
    free_pages(m, cpu, src, 0)


def migrate_pages(m: Memory, s: int, cpu: int) -> bool:
    """Move all isolated pages, the last isolated first; False: no frames were left to move to (migrate_pages).

    The pages that stay go back to the heads of their LRU lists.
    """
    migratepages = m.scratch_heads + MIGRATEPAGES
    enough = True
    while enough and not list_empty(m, migratepages):
        src = m.page[migratepages].next
        if is_busy(m, src):
            put_back(m, src)
            continue
        dst = compaction_alloc(m, s)
        if dst == NONE:
            m.vmstat[PGMIGRATE_FAIL] += 1
            enough = False
            break
        list_del(m, src)
        m.vmstat[PGMIGRATE_SUCCESS] += 1
        m.cc[s].migrated_now += 1
        move_page(m, cpu, src, dst)
    putback_movable_pages(m)
    return enough


def is_busy(m: Memory, pfn: int) -> bool:
    """Is a page held, so that it stays? Writeback is not waited for (MIGRATE_ASYNC, MIGRATE_SYNC_LIGHT).

    Nor is the journal, which holds a filesystem's metadata from its change until it is written in place
    (__buffer_migrate_folio, check_refs).
    """
    if m.page[pfn].flags & PG_WRITEBACK or m.page[pfn].flags & PG_HELD:
        return True
    return m.page[pfn].flags & PG_DIRTY != 0 and m.page[pfn].flags & PG_JOURNALLED != 0


def put_back(m: Memory, pfn: int) -> None:
    """One page could not be moved."""
    list_del(m, pfn)
    m.vmstat[PGMIGRATE_FAIL] += 1
    lruvec_add(m, pfn, False)


def putback_movable_pages(m: Memory) -> None:
    """What is left isolated goes back to its LRU lists (putback_movable_pages)."""
    migratepages = m.scratch_heads + MIGRATEPAGES
    while not list_empty(m, migratepages):
        pfn = m.page[migratepages].next
        list_del(m, pfn)
        lruvec_add(m, pfn, False)
