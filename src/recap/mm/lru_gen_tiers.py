"""Refault feedback of the multi-generational LRU: which type to evict from, and which tiers of it to protect.

Pages of a generation used more often are of higher tiers. A tier whose pages come back more often than those of the
first is protected; what is compared fades by half with each generation (the kernel's PID controller, without its D).
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import MAX_NR_TIERS, MIN_LRU_BATCH
    from recap.mm.lru_gen import ANON, FILE
    from recap.pages import Memory

    MAX_SWAPPINESS = 200
    ALL_TIERS = 4  # in place of one


def refaulted(m: Memory, node: int, kind: int, tier: int) -> int:
    """Pages of a tier, or of all, that came back (read_ctrl_pos)."""
    pages = 0
    for one in range(0 if tier == ALL_TIERS else tier, MAX_NR_TIERS if tier == ALL_TIERS else tier + 1):
        place = kind * MAX_NR_TIERS + one
        pages += m.lrugen[node].avg_refaulted[place] + m.lrugen[node].refaulted[place]
    return pages


def gone(m: Memory, node: int, kind: int, tier: int) -> int:
    """Pages of a tier, or of all, that were evicted, or protected from it (read_ctrl_pos)."""
    pages = 0
    for one in range(0 if tier == ALL_TIERS else tier, MAX_NR_TIERS if tier == ALL_TIERS else tier + 1):
        place = kind * MAX_NR_TIERS + one
        pages += m.lrugen[node].avg_total[place] + m.lrugen[node].evicted[place] + m.lrugen[node].protected[place]
    return pages


def reset_ctrl_pos(m: Memory, node: int, kind: int) -> None:
    """A generation is gone: what it told counts half as much from now on (reset_ctrl_pos)."""
    for place in range(kind * MAX_NR_TIERS, (kind + 1) * MAX_NR_TIERS):
        back = m.lrugen[node].avg_refaulted[place] + m.lrugen[node].refaulted[place]
        out = m.lrugen[node].avg_total[place] + m.lrugen[node].evicted[place] + m.lrugen[node].protected[place]
        m.lrugen[node].avg_refaulted[place] = back // 2
        m.lrugen[node].avg_total[place] = out // 2
        m.lrugen[node].refaulted[place] = 0
        m.lrugen[node].evicted[place] = 0
        m.lrugen[node].protected[place] = 0


def comes_back_less(back: int, out: int, gain: int, than_back: int, than_out: int, than_gain: int) -> bool:
    """Do pages come back less often, by their gain, than those they are held against? (positive_ctrl_err)"""
    return back < MIN_LRU_BATCH or back * (than_out + MIN_LRU_BATCH) * than_gain <= (than_back + 1) * out * gain


def tier_comes_back_less(m: Memory, node: int, kind: int, tier: int, gain: int, than: int, than_gain: int) -> bool:
    """The same of a tier of one type, held against the first of another."""
    back, out = refaulted(m, node, kind, tier), gone(m, node, kind, tier)
    return comes_back_less(back, out, gain, refaulted(m, node, than, 0), gone(m, node, than, 0), than_gain)


def get_tier_idx(m: Memory, node: int, kind: int) -> int:
    """The highest tier that is not protected, held against the first with a margin (get_tier_idx)."""
    gain = 3 if m.rules.gens_by_workingset else 2
    first = 2 if m.rules.gens_by_workingset else 1
    tier = 1
    while tier < MAX_NR_TIERS and tier_comes_back_less(m, node, kind, tier, gain, kind, first):
        tier += 1
    return tier - 1


def tier_against_other_type(m: Memory, node: int, kind: int, swappiness: int) -> int:
    """The same, held against the other type's first (get_type_to_scan before 37a260870f2c, 6.14)."""
    gain = swappiness if kind == ANON else MAX_SWAPPINESS - swappiness
    tier = 1
    while tier < MAX_NR_TIERS and tier_comes_back_less(
        m, node, kind, tier, gain, FILE if kind == ANON else ANON, MAX_SWAPPINESS - gain
    ):
        tier += 1
    return tier - 1


def file_comes_back_less(m: Memory, node: int, swappiness: int) -> bool:
    """Are files the cheaper type? By the first tiers, since 37a260870f2c (6.14) by all (get_type_to_scan)."""
    tier = ALL_TIERS if m.rules.types_by_all_tiers else 0
    back, out = refaulted(m, node, FILE, tier), gone(m, node, FILE, tier)
    than_back, than_out = refaulted(m, node, ANON, tier), gone(m, node, ANON, tier)
    return comes_back_less(back, out, MAX_SWAPPINESS - swappiness, than_back, than_out, swappiness)
