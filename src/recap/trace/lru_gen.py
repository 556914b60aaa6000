"""The multi-generational LRU of a snapshot: its lists, generation by generation, and what it knows of its pages.

A page's generation is in its flags too, which a page that was promoted carries ahead of the list it is still on. Where
no lists were kept, flags tell the generations and the node's counters which of them is the youngest; the order of the
pages within one is not known then.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from recap.trace.snapshot import Snapshot

MAX_NR_GENS = 4
GEN_BITS = 7
REFS_BITS = 3  # LRU_REFS_WIDTH is 2, right below the generation
FLAG_BITS = 61
ACTIVE_GENS = 2
MOSTLY = 0.99  # of the pages on LRU lists must have a generation where flags are said to have it
TYPES = ("ANON", "FILE")
FLAGS = {"PG_lru", "PG_unevictable", "PG_swapbacked", "PG_reclaim"}  # that tell generations apart


@dataclass(frozen=True)
class LruGenState:
    """Counters of struct lru_gen_folio. Those kept per type and tier are flat, all tiers of anonymous pages first."""

    enabled: int
    max_seq: int
    min_seq: tuple[int, ...]
    avg_refaulted: tuple[int, ...] = ()
    avg_total: tuple[int, ...] = ()
    refaulted: tuple[int, ...] = ()
    evicted: tuple[int, ...] = ()
    protected: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Generations:
    """What an engine starts from.

    Args:
        state: the generations' numbers, and the refaults so far.
        lists: the frames on each list, head first, by generation, type (0: anonymous, 1: file) and zone index.
        gen: the generation of each frame, or -1.
        refs: how often each frame was used, beyond what PG_referenced and PG_workingset tell.
        ordered: whether the order of the lists is the kernel's.
    """

    state: LruGenState
    lists: dict[tuple[int, int, int], npt.NDArray[np.int64]]
    gen: npt.NDArray[np.int8]
    refs: npt.NDArray[np.uint8]
    ordered: bool


def generations(snapshot: "Snapshot", kept: dict[tuple[int, int, int], npt.NDArray[np.int64]]) -> Generations | None:
    """The generations of a kernel that has them; None where nothing tells them apart.

    Several memory cgroups count their generations each for itself.

    Args:
        snapshot: the memory state.
        kept: its lists, as `Generations` has them.
    """
    told = set(snapshot.enums["pageflags"]) >= FLAGS and snapshot.taken.cgroups <= 1
    place = place_of_generations(snapshot) if told else None
    if place is None:
        return None
    shift, youngest = place
    gen = generation_of(snapshot, shift)
    refs = (snapshot.flags >> np.uint64(shift - 2)).astype(np.uint8) & np.uint8(REFS_BITS)
    state = snapshot.lru_gen or LruGenState(1, youngest + MAX_NR_GENS, oldest(snapshot, gen, youngest))
    ordered = bool(kept) or snapshot.taken.generations
    return Generations(state, kept or lists_by_flags(snapshot, gen), gen, refs, ordered)


def lists_are_missing(snapshot: "Snapshot") -> bool:
    """Are most of the pages that are marked as on the LRU on none of the snapshot's lists?"""
    on_lists = int(np.isin(snapshot.lists[:, 0], (2, 3)).sum())
    return int(snapshot.has("PG_lru").sum()) > 2 * on_lists


def evictable(snapshot: "Snapshot") -> npt.NDArray[np.bool_]:
    """Which frames begin a page that is on an LRU list."""
    found: npt.NDArray[np.bool_] = snapshot.has("PG_lru") & ~snapshot.has("PG_unevictable")
    return found


def generation_of(snapshot: "Snapshot", shift: int) -> npt.NDArray[np.int8]:
    """The generation of each frame, by its flags from bit `shift` on; -1: none."""
    found = ((snapshot.flags >> np.uint64(shift)).astype(np.uint8) & np.uint8(GEN_BITS)).astype(np.int8) - 1
    return np.where(evictable(snapshot), found, -1).astype(np.int8)


def place_of_generations(snapshot: "Snapshot") -> tuple[int, int] | None:
    """From which bit on flags have the generation, and the number (0 to 3) of the youngest.

    Where it is depends on how the kernel was built. At the right place almost every page on an LRU list has one of four
    generations, and the youngest two hold as many pages of files as the node counts as active.
    """
    pages = np.flatnonzero(evictable(snapshot) & ~snapshot.has("PG_swapbacked"))
    sizes = np.int64(1) << snapshot.folio_orders(pages).astype(np.int64)
    active = snapshot.node_stat("NR_ACTIVE_FILE")
    best: tuple[int, int, int] | None = None
    for shift in range(len(TYPES) + snapshot.number("pageflags", "PG_reclaim"), FLAG_BITS):
        number = (snapshot.flags[pages] >> np.uint64(shift)).astype(np.int64) & GEN_BITS
        if np.mean((number >= 1) & (number <= MAX_NR_GENS)) < MOSTLY:
            continue
        by_gen = np.bincount(number, sizes, GEN_BITS + 1)[1 : MAX_NR_GENS + 1]
        for youngest in range(MAX_NR_GENS):
            off = int(abs(by_gen[youngest] + by_gen[youngest - 1] - active))
            if best is None or off < best[0]:
                best = (off, shift, youngest)
    return None if best is None else best[1:]


def oldest(snapshot: "Snapshot", gen: npt.NDArray[np.int8], youngest: int) -> tuple[int, int]:
    """The oldest generation of each type that has pages, counted up to `youngest` + MAX_NR_GENS."""
    found = []
    swapbacked = snapshot.has("PG_swapbacked")
    for kind in range(len(TYPES)):
        mine = gen[(gen >= 0) & (swapbacked == (kind == 0))].astype(np.int64)
        ages = (youngest - mine) % MAX_NR_GENS
        found.append(youngest + MAX_NR_GENS - max(int(ages.max(initial=0)), ACTIVE_GENS - 1))
    return found[0], found[1]


def lists_by_flags(
    snapshot: "Snapshot", gen: npt.NDArray[np.int8]
) -> dict[tuple[int, int, int], npt.NDArray[np.int64]]:
    """Lists by the generations that flags tell, in the order of the active and inactive lists that were made of them;
    where there are none, in the order of frames.
    """
    kinds = snapshot.has("PG_swapbacked") ^ True
    pfns = np.flatnonzero(gen >= 0)
    if snapshot.taken.generations:
        rows = snapshot.lists[snapshot.lists[:, 0] == 2]
        pfns = np.concatenate([rows[rows[:, 2] == lru][:, 4] for lru in (1, 0, 3, 2)])
    lists = {}
    for zone in snapshot.zones:
        inside = pfns[(pfns >= zone.start_pfn) & (pfns < zone.start_pfn + zone.spanned)]
        for number in range(MAX_NR_GENS):
            for kind in range(len(TYPES)):
                mine = inside[(gen[inside] == number) & (kinds[inside] == kind)]
                if len(mine):
                    lists[number, kind, zone.index] = mine
    return lists


def classic_lists(found: Generations) -> list[npt.NDArray[np.int64]]:
    """The frames of what counts as inactive and active, anonymous and of files, youngest first."""
    youngest = found.state.max_seq % MAX_NR_GENS
    lists = []
    for kind in range(len(TYPES)):
        parts: list[list[npt.NDArray[np.int64]]] = [[], []]
        for age in range(MAX_NR_GENS):
            number = (youngest - age) % MAX_NR_GENS
            active = age < ACTIVE_GENS
            parts[active] += [pfns for key, pfns in found.lists.items() if key[:2] == (number, kind)]
        lists += [np.concatenate([np.empty(0, np.int64), *part]) for part in parts]
    return lists
