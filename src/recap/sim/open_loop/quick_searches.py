"""Compaction's quick searches, done by the model's rules and held against what the trace tells of the blocks later.

A search that must have been wrong is undone: the lists are turned back, and the block it took is put back where it was.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import MIGRATE_MOVABLE, NONE, STATE_ALLOCATED
    from recap.mm.free_area import add_to_free_list, free_list, page_is_buddy
    from recap.mm.free_scanner import fast_search, move_freelist_head
    from recap.mm.migrate_scanner import fast_find_migrateblock
    from recap.mm.skip_hint import pageblock_start
    from recap.pages import list_del, list_empty, list_rotate_to_front
    from recap.sim.open_loop.evidence import first_use
    from recap.sim.open_loop.operations import NEVER
    from recap.sim.open_loop.replay import SEARCHED_PAGES, Replay
    from recap.sim.open_loop.truth import isolate_free_page
    from recap.trace.event import Event

    MOST_FAILURES = 6  # of a search in a row that change how deep the next one looks (freelist_scan_limit)


def keep_lists(r: Replay, s: int) -> None:
    """Remember how a zone's movable lists and a compactor are before a search."""
    r.compactors.kept[0] = r.m.cc[s]
    for order in range(r.m.max_order):
        head = free_list(r.m, r.m.cc[s].zone, order, MIGRATE_MOVABLE)
        r.compactors.kept_first[order] = r.m.page[head].next


def turn_back(r: Replay, s: int) -> None:
    """Undo what a search did, but for the block that it took."""
    for order in range(r.m.max_order):
        head = free_list(r.m, r.m.cc[s].zone, order, MIGRATE_MOVABLE)
        if r.m.page[head].next != r.compactors.kept_first[order]:
            list_rotate_to_front(r.m, r.compactors.kept_first[order], head)
    r.m.cc[s] = r.compactors.kept[0]


def search_free(r: Replay, s: int, wanted: int) -> bool:
    """Look for free pages quickly. `wanted` is a frame that must be among them, NONE if that is not known.

    False: the rules take another block, so that nothing is known of this search.
    """
    keep_lists(r, s)
    r.searches[r.m.cc[s].zone] += 1
    found = fast_search(r.m, s)
    head = r.m.compact_heads + s
    if list_empty(r.m, head):
        if wanted != NONE:
            turn_back(r, s)
            return False
    elif not take_apart(r, s, wanted):
        put_back(r, s)
        return False
    r.compactors.around[s] = NONE if found == NONE else pageblock_start(r.m, found)
    return True


def search_otherwise(r: Replay, s: int, wanted: int) -> bool:
    """Does the search find this frame if it looks deeper, or less deep? How often it failed before may not be known."""
    failures = r.m.cc[s].fast_search_fail
    for other in range(MOST_FAILURES):
        r.m.cc[s].fast_search_fail = other
        if other != failures and search_free(r, s, wanted):
            return True
    r.m.cc[s].fast_search_fail = failures
    return False


def take_apart(r: Replay, s: int, wanted: int) -> bool:
    """The block found is single pages from now on, if that can be (split_map_pages)."""
    head = r.m.compact_heads + s
    block = r.m.page[head].next
    order = r.m.page[block].order
    if wanted == NONE:
        if not used_by(r, s, block, order):
            return False
    elif not block <= wanted < block + (1 << order):
        return False
    list_del(r.m, block)
    r.inferred[SEARCHED_PAGES] += 1 << order
    for pfn in range(block, block + (1 << order)):
        r.m.page[pfn].state = STATE_ALLOCATED
        r.m.page[pfn].order = 0
    own(r, s, block, order)
    return True


def put_back(r: Replay, s: int) -> None:
    """Undo a search that took a block: it was the first of its list when the list was turned."""
    head = r.m.compact_heads + s
    block = r.m.page[head].next
    order = r.m.page[block].order
    list_del(r.m, block)
    add_to_free_list(r.m, r.m.cc[s].zone, block, order, MIGRATE_MOVABLE, False)
    r.m.zone[r.m.cc[s].zone].free_pages += 1 << order
    turn_back(r, s)


def used_by(r: Replay, s: int, block: int, order: int) -> bool:
    """Does the trace tell that a compactor took this block: is it moved to, or freed, before the compaction is over?"""
    i = first_use(r, block, order)
    if i == NEVER or (r.event[i] != Event.MM_PAGE_FREE and r.event[i] != Event.MM_LRU_INSERTION):
        return False
    if i > r.compactors.until[s]:
        return False
    return r.event[i] == Event.MM_LRU_INSERTION or r.compactors.slot[r.ops.thread(i)] == s


def own(r: Replay, s: int, block: int, order: int) -> None:
    """A compactor has these free pages to move others to."""
    for pfn in range(block, block + (1 << order)):
        if r.compactors.owner[pfn] == 0:
            r.compactors.left[s] += 1
        r.compactors.owner[pfn] = s + 1


def own_isolated(r: Replay, i: int, block: int, order: int) -> None:
    """The same for what a scan has isolated."""
    s = r.compactors.slot[r.ops.thread(i)]
    if s >= 0:
        own(r, s, block, order)


def take_wanted(r: Replay, s: int, block: int) -> None:
    """The kernel's search took this block, though the model's would not: its list begins behind it now."""
    order = r.m.page[block].order
    if r.m.page[block].migratetype == MIGRATE_MOVABLE:
        move_freelist_head(r.m, free_list(r.m, r.m.cc[s].zone, order, MIGRATE_MOVABLE), block)
    if block >= r.m.cc[s].search_low and order < r.m.cc[s].order:
        r.m.cc[s].search_order = order
        r.m.cc[s].fast_search_fail = 0
    r.inferred[SEARCHED_PAGES] += 1 << order
    isolate_free_page(r.m, block)
    own(r, s, block, order)


def find_pageblock(r: Replay, i: int, s: int) -> None:
    """A quick search for a pageblock to move pages from; undone where the scan begins at another one.

    A pageblock that is found so is given up at once, as the search sets its hint (until 7efc3b726103, 6.2).
    """
    keep_lists(r, s)
    found = fast_find_migrateblock(r.m, s)
    if r.m.cc[s].total_migrate_scanned == r.compactors.kept[0].total_migrate_scanned or r.m.cc[s].fast_search_fail > 0:
        found = NONE
    given_up = not page_is_buddy(r.m, r.pfn[i], r.m.pageblock_order) and r.flags[i] == 1 and r.b[i] == 0
    if found != NONE and (found != r.pfn[i] or not given_up):
        turn_back(r, s)
