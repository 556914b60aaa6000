"""The free lists of a zone: one list per order and migratetype, and who is on them."""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import MIGRATE_PCPTYPES, MIGRATE_TYPES, NR_ORDERS, STATE_BUDDY, STATE_TAIL
    from recap.pages import Memory, get_pageblock_migratetype, list_add, list_add_tail, list_del


def free_list(m: Memory, zone: int, order: int, migratetype: int) -> int:
    """The head of a free list."""
    return m.free_heads + (zone * NR_ORDERS + order) * MIGRATE_TYPES + migratetype


def page_is_buddy(m: Memory, pfn: int, order: int) -> bool:
    """Is this frame the head of a free block of exactly this order? (page_is_buddy)"""
    return m.page[pfn].state == STATE_BUDDY and m.page[pfn].order == order


def may_merge_blocks(m: Memory, buddy: int, migratetype: int) -> bool:
    """From pageblock size up, types without fallbacks do not mix with others (__free_one_page; in 2.6.27 all do)."""
    if not m.rules.merges_with_fallbacks_only:
        return True
    theirs = get_pageblock_migratetype(m, buddy)
    return migratetype == theirs or (migratetype < MIGRATE_PCPTYPES and theirs < MIGRATE_PCPTYPES)


def add_to_free_list(m: Memory, zone: int, pfn: int, order: int, migratetype: int, to_tail: bool) -> None:
    """Put a block on a free list (add_to_free_list, add_to_free_list_tail)."""
    head = free_list(m, zone, order, migratetype)
    m.page[pfn].state = STATE_BUDDY
    m.page[pfn].order = order
    m.page[pfn].migratetype = migratetype
    if to_tail:
        list_add_tail(m, pfn, head)
    else:
        list_add(m, pfn, head)
    m.zone[zone].nr_free[order] += 1


def del_page_from_free_list(m: Memory, zone: int, pfn: int) -> None:
    """Take a block off its free list; the caller says what it is from now on (del_page_from_free_list)."""
    list_del(m, pfn)
    m.page[pfn].state = STATE_TAIL
    m.zone[zone].nr_free[m.page[pfn].order] -= 1


def move_to_free_list(m: Memory, zone: int, pfn: int, migratetype: int) -> None:
    """Move a free block to the tail of another type's list (move_to_free_list); in 2.6.27 to the head (rule 13)."""
    head = free_list(m, zone, m.page[pfn].order, migratetype)
    list_del(m, pfn)
    m.page[pfn].migratetype = migratetype
    if m.rules.moves_to_tail:
        list_add_tail(m, pfn, head)
    else:
        list_add(m, pfn, head)


def change_pageblock_range(m: Memory, pfn: int, order: int, migratetype: int) -> None:
    """Set the type of every pageblock of a free block (change_pageblock_range)."""
    first = pfn >> m.pageblock_order
    for i in range(1 << (order - m.pageblock_order)):
        m.pageblock[first + i] = migratetype
