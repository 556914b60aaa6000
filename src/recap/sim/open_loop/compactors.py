"""Compaction followed through a trace: what its quick searches take from the free lists, and how they turn them.

No event reports a quick search, but the events around it tell all that it depends on: where both scanners are, for what
order, and when a page to be moved finds no free page left to move to. So the search is done by the model's own rules
(fast_isolate_freepages, fast_find_migrateblock) when the recorded compactor must have done it, and what it takes is
believed unless the trace tells another use of the block.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import (
        COMPACT_COMPLETE,
        COMPACT_PARTIAL_SKIPPED,
        GFP_KERNEL,
        MIGRATE_ASYNC,
        MIGRATE_SYNC_LIGHT,
        NONE,
        PG_LRU,
        STATE_BUDDY,
    )
    from recap.mm.page_alloc import gfp_migratetype
    from recap.mm.skip_hint import pageblock_start, reset_isolation_suitable, set_pageblock_skip
    from recap.pages import page_zone
    from recap.sim.open_loop.compaction_events import NO_SLOT
    from recap.sim.open_loop.operations import NEVER
    from recap.sim.open_loop.quick_searches import find_pageblock, search_free, search_otherwise, take_wanted
    from recap.sim.open_loop.replay import ISOLATION, Replay, deviate
    from recap.sim.open_loop.truth import free_block_over
    from recap.trace.event import Event


def follow(r: Replay, i: int) -> None:
    """What an event tells about a compactor."""
    t = r.ops.thread(i)
    event = r.event[i]
    if event == Event.MM_COMPACTION_BEGIN:
        began(r, i, t)
    elif event == Event.MM_COMPACTION_KCOMPACTD_WAKE or event == Event.MM_COMPACTION_KCOMPACTD_SLEEP:
        r.compactors.kcompactd = t
        kcompactd_asked(r, i)
    elif r.compactors.slot[t] == NO_SLOT:
        return
    elif event == Event.MM_COMPACTION_END:
        ended(r, i, t)
    elif event == Event.MM_COMPACTION_ISOLATE_MIGRATEPAGES:
        to_be_moved(r, i, r.compactors.slot[t])
    elif event == Event.MM_COMPACTION_ISOLATE_FREEPAGES:
        scanned_free(r, i, r.compactors.slot[t])
    elif event == Event.MM_MIGRATE_PAGES_START:
        begin_to_move(r, r.compactors.slot[t])
    elif event == Event.MM_MIGRATE_PAGES:
        have_moved(r, i, r.compactors.slot[t])


def kcompactd_asked(r: Replay, i: int) -> None:
    """kcompactd is woken for an order, or goes to sleep: what it does then is not asked for."""
    r.compactors.kcompactd_order = -1
    if r.event[i] == Event.MM_COMPACTION_KCOMPACTD_WAKE:
        r.compactors.kcompactd_order = r.order[i]
        r.m.cc[0].search_order = r.order[i]
        r.m.cc[0].fast_search_fail = 0


def began(r: Replay, i: int, t: int) -> None:
    """A compactor sets its scanners on their marks (compact_zone)."""
    if r.compactors.slot[t] != NO_SLOT:  # its end was lost
        ended(r, i, t)
    s = free_slot(r, t)
    if s == NO_SLOT or r.pfn[i] == NONE:
        return
    r.compactors.slot[t] = s
    r.compactors.busy[s] = 1
    r.compactors.nr_busy += 1
    r.compactors.moving[s] = 0
    r.compactors.left[s] = 0
    r.compactors.until[s] = r.ops.next_step[i] if r.ops.next_step[i] != NEVER else len(r.event)
    r.compactors.around[s] = NONE
    set_control(r, i, s, t != r.compactors.kcompactd)


def free_slot(r: Replay, t: int) -> int:
    """A CompactControl that nobody uses; kcompactd has its own."""
    if t == r.compactors.kcompactd:
        return 0
    for s in range(r.compactors.first_slot, len(r.compactors.busy)):
        if not r.compactors.busy[s]:
            return s
    return NO_SLOT


def set_control(r: Replay, i: int, s: int, direct: bool) -> None:
    """What a compaction begins with."""
    r.m.cc[s].zone = page_zone(r.m, r.pfn[i])
    r.m.cc[s].migrate_pfn = r.pfn[i]
    r.m.cc[s].free_pfn = r.a[i]
    r.m.cc[s].mode = MIGRATE_SYNC_LIGHT if r.b[i] else MIGRATE_ASYNC
    r.m.cc[s].direct_compaction = direct
    r.m.cc[s].ignore_skip_hint = 0
    r.m.cc[s].fast_start_pfn = 0
    r.m.cc[s].last_migrated_pfn = 0
    r.m.cc[s].nr_migratepages = 0
    r.m.cc[s].nr_freepages = 0
    if not direct:
        r.m.cc[s].order = r.compactors.kcompactd_order
        r.m.cc[s].ignore_skip_hint = r.compactors.kcompactd_order < 0
        r.m.cc[s].migratetype = gfp_migratetype(GFP_KERNEL)
        return
    request = r.ops.partner[i]
    r.m.cc[s].order = r.order[request] if request != NEVER else 0
    r.m.cc[s].search_order = r.m.cc[s].order
    r.m.cc[s].fast_search_fail = 0
    r.m.cc[s].migratetype = gfp_migratetype(r.flags[request] if request != NEVER else GFP_KERNEL)


def ended(r: Replay, i: int, t: int) -> None:
    """A compactor is done with a zone; where its scanners met, the hints may be forgotten (compact_finished)."""
    s = r.compactors.slot[t]
    r.compactors.slot[t] = NO_SLOT
    r.compactors.busy[s] = 0
    r.compactors.nr_busy -= 1
    met = COMPACT_COMPLETE <= r.a[i] <= COMPACT_PARTIAL_SKIPPED
    if met and r.event[i] == Event.MM_COMPACTION_END and r.m.cc[s].direct_compaction:
        r.m.zone[r.m.cc[s].zone].compact_blockskip_flush = 1


def to_be_moved(r: Replay, i: int, s: int) -> None:
    """Pages of a pageblock are isolated to be moved; a quick search may have found it (isolate_migratepages)."""
    start = r.m.cc[s].migrate_pfn
    find_pageblock(r, i, s)
    if r.pfn[i] == pageblock_start(r.m, r.pfn[i]) and hint_set(r, i):
        set_pageblock_skip(r.m, r.pfn[i])
    r.m.cc[s].migrate_pfn = r.a[i]
    r.compactors.batch_start[s] = r.pfn[i]
    r.m.cc[s].nr_migratepages = r.b[i]
    if r.b[i] > 0:
        r.m.cc[s].last_migrated_pfn = start


def hint_set(r: Replay, i: int) -> bool:
    """Is a pageblock skipped from now on, since nothing was isolated, or its first page was? (test_and_set_skip)"""
    if r.b[i] > 0:
        return r.m.page[r.pfn[i]].flags & PG_LRU != 0
    return r.a[i] == r.pfn[i] + (1 << r.m.pageblock_order)


def scanned_free(r: Replay, i: int, s: int) -> None:
    """Free pages were isolated: around what a quick search found, or where the free scanner is (isolate_freepages)."""
    block = pageblock_start(r.m, r.pfn[i])
    last = r.a[i] >= block + (1 << r.m.pageblock_order)
    if r.compactors.around[s] == block:
        if r.m.cc[s].nr_freepages + r.b[i] < r.m.cc[s].nr_migratepages:
            set_pageblock_skip(r.m, block)
    else:
        if last:
            set_pageblock_skip(r.m, block)
        r.m.cc[s].free_pfn = block - (1 << r.m.pageblock_order) if last else r.a[i]
    r.compactors.around[s] = NONE
    r.m.cc[s].nr_freepages += r.b[i]


def begin_to_move(r: Replay, s: int) -> None:
    """Isolated pages are moved, for which free pages are needed."""
    r.compactors.moving[s] = r.m.cc[s].nr_migratepages > 0
    r.compactors.moved[s] = 0
    if r.compactors.moving[s] and r.m.cc[s].nr_freepages == 0:
        search_free(r, s, NONE)


def have_moved(r: Replay, i: int, s: int) -> None:
    """All were tried; an asynchronous direct compactor gives up a block of which one cannot be moved (compact_zone)."""
    if not r.compactors.moving[s]:
        return
    r.m.cc[s].nr_freepages -= r.a[i] - r.compactors.moved[s]
    r.m.cc[s].nr_freepages = max(r.m.cc[s].nr_freepages, 0)
    r.m.cc[s].nr_migratepages = 0
    r.compactors.moving[s] = 0
    if r.b[i] > 0 and r.m.cc[s].direct_compaction and r.m.cc[s].mode == MIGRATE_ASYNC:
        r.m.cc[s].migrate_pfn = ((r.m.cc[s].migrate_pfn - 1) | ((1 << r.m.cc[s].order) - 1)) + 1
        r.m.cc[s].last_migrated_pfn = 0


def page_moved(r: Replay, i: int) -> None:
    """A compactor frees a page that it has moved: does the next one find no page left to move to? (compaction_alloc)"""
    s = r.compactors.slot[r.ops.thread(i)]
    if s == NO_SLOT or not is_of_batch(r, i, s):
        return
    r.compactors.moved[s] += 1
    if r.m.cc[s].nr_freepages > 0:
        r.m.cc[s].nr_freepages -= 1
        if r.m.cc[s].nr_freepages == 0 and r.compactors.moved[s] < r.m.cc[s].nr_migratepages:
            search_free(r, s, NONE)


def frame_used(r: Replay, i: int) -> None:
    """A frame joins an LRU list or is freed: is it a compactor's free page, or did a search take it that was missed?"""
    pfn = r.pfn[i]
    t = r.ops.thread(i)
    s = r.compactors.slot[t]
    if s != NO_SLOT and r.event[i] == Event.MM_LRU_INSERTION:
        block = free_block_over(r.m, pfn)
        if block != NONE and r.m.page[block].state == STATE_BUDDY and page_zone(r.m, pfn) == r.m.cc[s].zone:
            missed(r, i, s, block)
    if r.compactors.owner[pfn] == 0:
        return
    r.compactors.left[r.compactors.owner[pfn] - 1] -= 1
    r.compactors.owner[pfn] = 0
    if s != NO_SLOT and r.event[i] == Event.MM_LRU_INSERTION:
        count_left(r, i, s, t)


def missed(r: Replay, i: int, s: int, block: int) -> None:
    """A page was moved to a free block: the search that took it was not seen to be due."""
    r.compactors.moved[s] += r.m.cc[s].nr_freepages
    r.m.cc[s].nr_freepages = 0
    if search_free(r, s, r.pfn[i]):
        return
    deviate(r, ISOLATION, i, NONE)
    if not search_otherwise(r, s, r.pfn[i]):
        take_wanted(r, s, block)


def count_left(r: Replay, i: int, s: int, t: int) -> None:
    """When pages moved to are put on their lists all at once, the free pages left are known (folio_batch_add_and_move).

    The page that is being moved then is freed next.
    """
    j = i + 1
    while j < len(r.event) and r.ops.thread(j) != t:
        j += 1
    if j == len(r.event) or r.event[j] == Event.MM_LRU_INSERTION:
        return
    left = r.compactors.left[s] + (r.event[j] == Event.MM_PAGE_FREE and is_of_batch(r, j, s))
    if left < r.m.cc[s].nr_freepages:
        r.compactors.moved[s] += r.m.cc[s].nr_freepages - left
    r.m.cc[s].nr_freepages = left
    if left == 0 and r.compactors.moved[s] < r.m.cc[s].nr_migratepages:
        search_free(r, s, NONE)
        r.m.cc[s].nr_freepages = r.compactors.left[s]


def is_of_batch(r: Replay, i: int, s: int) -> bool:
    """May this page be one that is being moved?"""
    inside = r.compactors.batch_start[s] <= r.pfn[i] < r.m.cc[s].migrate_pfn
    return r.compactors.moving[s] and inside and r.order[i] == 0


def forget_hints(r: Replay) -> None:
    """Before kswapd sleeps hints are forgotten where compaction was through the zone (reset_isolation_suitable)."""
    for zone in range(r.m.nr_zones):
        reset_isolation_suitable(r.m, zone)
