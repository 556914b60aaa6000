"""Which zone serves a request: watermarks look at counters that lag behind, by an amount that has a limit.

Each CPU keeps changes of a zone's free pages to itself up to a limit, and another CPU's operation under the zone lock
may be half done. Within these limits, and only there, the kernel's choice of a zone is believed.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import ALLOC_NO_WATERMARKS, GFP_WRITE, NONE
    from recap.mm.page_alloc import (
        fast_alloc_flags,
        get_page_from_freelist,
        gfp_to_alloc_flags,
        gfp_zone,
        preferred_zone,
    )
    from recap.mm.watermark import zone_watermark_fast
    from recap.pages import page_zone
    from recap.sim.open_loop.operations import SLOW
    from recap.sim.open_loop.replay import DIRTY_LIMITS, LAGGING_COUNTERS, Replay

    LESS_KNOWN = 128  # pages


def under_way(r: Replay, at: int, pages: int) -> None:
    """The model took a step with the first of its run; others see the counter change when the run is over."""
    if r.m.nr_cpus == 1:
        return
    c = r.cpu[at]
    zone = page_zone(r.m, r.pfn[at])
    if r.run_end[c] < r.now or r.run_zone[c] != zone:
        r.run_pages[c] = 0
    r.run_zone[c] = zone
    r.run_pages[c] += pages
    r.run_end[c] = at


def unseen(r: Replay, zone: int, sign: int) -> int:
    """By how many pages at most a zone's counter may be too high (sign 1) or too low (-1)."""
    pages = r.counter_lag[zone]
    for cpu in range(r.m.nr_cpus):
        if r.run_end[cpu] > r.now and r.run_zone[cpu] == zone and r.run_pages[cpu] * sign < 0:
            pages -= r.run_pages[cpu] * sign
    return pages


def believe_zone(r: Replay, pfn: int, predicted: int) -> None:
    """The kernel chose another zone than the model: where compaction has searched, its free pages are known less well.

    Pages that it took unseen are free to the model, so that all that follows would be served by the wrong zone, too.
    """
    for zone in range(page_zone(r.m, predicted), page_zone(r.m, pfn) + 1):
        r.counter_lag[zone] += LESS_KNOWN * (r.searches[zone] > 0)
    for zone in range(page_zone(r.m, pfn), page_zone(r.m, predicted) + 1):
        r.counter_lag[zone] += LESS_KNOWN * (r.searches[zone] > 0)


def settle_watermark(r: Replay, i: int, zone: int, alloc_flags: int, wanted: bool) -> bool:
    """Can a zone pass its watermark, or be refused, as is wanted? If need be its counter is let lag, within limits."""
    highest = gfp_zone(r.flags[i])
    if zone_watermark_fast(r.m, zone, r.order[i], highest, alloc_flags, r.flags[i]) == wanted:
        return True
    r.m.zone[zone].vm_stat_diff = -unseen(r, zone, 1) if wanted else unseen(r, zone, -1)
    if zone_watermark_fast(r.m, zone, r.order[i], highest, alloc_flags, r.flags[i]) == wanted:
        r.inferred[LAGGING_COUNTERS] += 1
        return True
    r.m.zone[zone].vm_stat_diff = 0
    return False


def chosen(r: Replay, i: int, alloc_flags: int) -> bool:
    """Can a walk of the zones end in the kernel's: those above it refused, itself not?"""
    kernels = page_zone(r.m, r.pfn[i])
    zone = preferred_zone(r.m, gfp_zone(r.flags[i]))
    while zone > kernels:
        if not settle_watermark(r, i, zone, alloc_flags, False):
            return False
        zone -= 1
    return settle_watermark(r, i, zone, alloc_flags, True)


def refused_everywhere(r: Replay, i: int, alloc_flags: int) -> bool:
    """Can a walk of the zones end in none?"""
    zone = preferred_zone(r.m, gfp_zone(r.flags[i]))
    while zone >= 0:
        if not settle_watermark(r, i, zone, alloc_flags, False):
            return False
        zone -= 1
    return True


def first_try(r: Replay, i: int, alloc_flags: int) -> bool:
    """Did the first try, at the low watermark, serve this request, as far as the rules can tell?"""
    if chosen(r, i, alloc_flags):
        return True
    if refused_everywhere(r, i, alloc_flags):
        return False
    if r.flags[i] & GFP_WRITE:  # node_dirty_ok refuses all zones; how much is dirty is not followed
        r.inferred[DIRTY_LIMITS] += 1
        return False
    return True


def predict(r: Replay, i: int, cpu: int) -> int:
    """The frame the model hands out for a traced request on a CPU: by the fast path, the slow path, or past all
    watermarks."""
    order = r.order[i]
    gfp = r.flags[i]
    pfn = NONE
    alloc_flags = fast_alloc_flags(r.m, gfp)
    if r.ops.partner[i] != SLOW and first_try(r, i, alloc_flags):
        pfn = get_page_from_freelist(r.m, cpu, order, gfp, alloc_flags)
    if pfn == NONE:
        alloc_flags = gfp_to_alloc_flags(r.m, gfp, order)
        chosen(r, i, alloc_flags)
        pfn = get_page_from_freelist(r.m, cpu, order, gfp, alloc_flags)
    if pfn == NONE:
        pfn = get_page_from_freelist(r.m, cpu, order, gfp, ALLOC_NO_WATERMARKS)
    for zone in range(r.m.nr_zones):
        r.m.zone[zone].vm_stat_diff = 0
    return pfn
