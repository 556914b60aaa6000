"""How much per-cpu lists hold, take and give back: tuned by use, between two bounds (6.7).

A CPU that allocates takes more at a time and may keep more, one that frees gives more back; what it may keep shrinks
while memory is short, and by and by when it is not used.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import (
        CONFIG_PCP_BATCH_SCALE_MAX,
        PAGE_ALLOC_COSTLY_ORDER,
        PCPF_FREE_HIGH_BATCH,
        PCPF_PREV_FREE_HIGH_ORDER,
        WMARK_HIGH,
        ZONE_MOVABLE,
    )
    from recap.mm.watermark import wmark_pages, zone_watermark_ok
    from recap.pages import Memory


def clamped_high(m: Memory, p: int) -> int:
    """How much the lists may hold, put between its bounds, which may have changed."""
    high = max(m.pcp[p].high_min, min(m.pcp[p].high, m.pcp[p].high_max))
    m.pcp[p].high = high
    return high


def lower_high(m: Memory, p: int, pages: int) -> None:
    """Lower the lists' limit by this much, but not below the minimum."""
    m.pcp[p].high = max(m.pcp[p].high - pages, m.pcp[p].high_min)


def nr_pcp_alloc(m: Memory, zone: int, p: int, order: int) -> int:
    """How many blocks an empty list is filled with: doubled each time while nothing is freed (nr_pcp_alloc,
    c0a242394cb9, 51a755c56dc0)."""
    high = clamped_high(m, p)
    if high < m.pcp[p].batch:
        return 1
    batch = m.pcp[p].batch if order else m.pcp[p].batch << m.pcp[p].alloc_factor
    if m.pcp[p].high_min != m.pcp[p].high_max and not m.zone[zone].below_high:
        high = min(high + batch, m.pcp[p].high_max)
        m.pcp[p].high = high
    if order == 0:
        most = max(high - m.pcp[p].count - m.pcp[p].batch, m.pcp[p].batch)
        if batch <= most and m.pcp[p].alloc_factor < CONFIG_PCP_BATCH_SCALE_MAX:
            m.pcp[p].alloc_factor += 1
        batch = min(batch, most)
    return max(batch >> order, 2) if batch > 1 else batch


def count_free(m: Memory, p: int, order: int) -> bool:
    """Note a free (its pages are counted by now); whether the lists are to be emptied (free_frozen_page_commit).

    They are in a long run of frees when two in a row are of a high order (ca71fe1ad922, 6ccdcb6d3a74, 362d37a106dd).
    """
    batch = m.pcp[p].batch
    free_high = False
    m.pcp[p].alloc_factor >>= 1
    if 0 < order <= PAGE_ALLOC_COSTLY_ORDER:
        run = batch + m.pcp[p].high_min // 2 if m.rules.patient_free_high else batch
        free_high = (
            m.pcp[p].free_count >= run
            and m.pcp[p].flags & PCPF_PREV_FREE_HIGH_ORDER != 0
            and (not m.pcp[p].flags & PCPF_FREE_HIGH_BATCH or m.pcp[p].count >= batch)
        )
        m.pcp[p].flags |= PCPF_PREV_FREE_HIGH_ORDER
    else:
        m.pcp[p].flags &= ~PCPF_PREV_FREE_HIGH_ORDER
    if m.pcp[p].free_count < batch << CONFIG_PCP_BATCH_SCALE_MAX:
        m.pcp[p].free_count += 1 << order
    return free_high


def tuned_high(m: Memory, zone: int, p: int, free_high: bool) -> int:
    """How many pages the lists may hold at this free (nr_pcp_high, 51a755c56dc0, 57c0419c5f0e)."""
    batch = m.pcp[p].batch
    high = clamped_high(m, p)
    if high == 0:
        return 0
    if free_high:
        lower_high(m, p, batch << CONFIG_PCP_BATCH_SCALE_MAX)
        return 0
    if m.zone[zone].reclaim_active:
        lower_high(m, p, max(m.pcp[p].free_count, batch))
        return min(batch << 2, m.pcp[p].high)
    if m.pcp[p].high_min == m.pcp[p].high_max:
        return high
    if m.zone[zone].below_high:
        lower_high(m, p, max(m.pcp[p].free_count, batch))
        return max(m.pcp[p].count, m.pcp[p].high_min)
    if m.pcp[p].count >= high and m.pcp[p].high < m.pcp[p].free_count + batch:
        m.pcp[p].high = m.pcp[p].free_count + batch
        clamped_high(m, p)
    return high


def tuned_free(m: Memory, p: int, high: int, free_high: bool) -> int:
    """How many pages to give back: as many as were freed in a row, leaving a batch (nr_pcp_free, 6ccdcb6d3a74)."""
    batch = m.pcp[p].batch
    if free_high:
        return min(m.pcp[p].count, batch << CONFIG_PCP_BATCH_SCALE_MAX)
    if high < batch:
        return 1
    return min(max(m.pcp[p].free_count, batch), high - batch)


def would_give_back(m: Memory, zone: int, p: int, order: int) -> bool:
    """Would a free of this order make the lists give back? Nothing changes."""
    high = m.pcp[p].high
    alloc_factor = m.pcp[p].alloc_factor
    free_count = m.pcp[p].free_count
    flags = m.pcp[p].flags
    m.pcp[p].count += 1 << order
    limit = tuned_high(m, zone, p, count_free(m, p, order))
    full = m.pcp[p].count >= limit
    m.pcp[p].count -= 1 << order
    m.pcp[p].high = high
    m.pcp[p].alloc_factor = alloc_factor
    m.pcp[p].free_count = free_count
    m.pcp[p].flags = flags
    return full


def forget_below_high(m: Memory, zone: int) -> None:
    """After something was given back: is the zone above its high watermark again? (free_frozen_page_commit)"""
    if m.zone[zone].below_high and zone_watermark_ok(m, zone, 0, wmark_pages(m, zone, WMARK_HIGH), ZONE_MOVABLE, 0):
        m.zone[zone].below_high = 0


def decayed_high(m: Memory, p: int) -> int:
    """Once a second idle lists may hold an eighth less; the pages above that (decay_pcp_high, 51a755c56dc0)."""
    if m.pcp[p].high > m.pcp[p].high_min:
        least = m.pcp[p].count - (m.pcp[p].batch << CONFIG_PCP_BATCH_SCALE_MAX)
        m.pcp[p].high = max(least, m.pcp[p].high - (m.pcp[p].high >> 3), m.pcp[p].high_min)
    return m.pcp[p].count - m.pcp[p].high
