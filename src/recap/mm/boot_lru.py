"""The LRU lists of a machine that is made from a snapshot: the recorded ones, or the other kind made from them.

The kernel moves its pages from one kind to the other when /sys/kernel/mm/lru_gen/enabled is written to
(lru_gen_change_state): so does this where a recording is run on a kernel that has the other kind.
"""

from __future__ import annotations

import numpy as np

from recap import kernel
from recap.kernel import MAX_NR_GENS, MIN_NR_GENS, NR_LRU_LISTS
from recap.pages import Array, Memory
from recap.trace.lru_gen import Generations, LruGenState
from recap.trace.snapshot import Snapshot

BEGINNING = LruGenState(1, MIN_NR_GENS + 1, (0, 0))  # lru_gen_init_lruvec
FILE = 1


def fill_lru(memory: Memory, snapshot: Snapshot) -> None:
    """Put the recorded pages on the lists that this machine's kernel has."""
    if memory.profile.rules.multi_gen_lru:
        fill_generations(memory, snapshot, snapshot.generations or switched_on(memory, snapshot))
        return
    for lru in range(NR_LRU_LISTS):
        pfns = snapshot.lru_list(lru)
        if lru % 2 and snapshot.generations is not None:
            memory.set_flag(pfns.tolist(), kernel.PG_ACTIVE)
        memory.fill(int(memory.lru_heads) + lru, pfns)
        memory.count_lru(lru, pfns)


def fill_generations(memory: Memory, snapshot: Snapshot, found: Generations) -> None:
    """Generations as they were."""
    numbers = {zone.index: number for number, zone in enumerate(snapshot.zones)}
    state = found.state
    memory.start_generations(state.max_seq, list(state.min_seq))
    for name in ("avg_refaulted", "avg_total", "refaulted", "evicted", "protected"):
        memory.set_tiers(name, list(getattr(state, name)))
    for (gen, kind, index), pfns in found.lists.items():
        zone = numbers[index]
        memory.fill(memory.gen_head(gen, kind, zone), pfns)
        memory.set_generations(pfns.tolist(), found.gen[pfns].tolist(), found.refs[pfns].tolist())
        sizes = np.int64(1) << memory.array("page")["order"][pfns].astype(np.int64)
        for one, pages in enumerate(np.bincount(found.gen[pfns], sizes, MAX_NR_GENS).tolist()):
            memory.count_generation(one, kind, zone, int(pages))


def switched_on(memory: Memory, snapshot: Snapshot) -> Generations:
    """Generations made of classic lists: active pages are young, inactive ones old (fill_evictable)."""
    youngest = BEGINNING.max_seq
    seqs = (youngest - 1, youngest, first_file_seq(memory.profile.rules.gens_by_workingset), youngest)
    gen = np.full(len(snapshot.flags), -1, np.int8)
    lists: dict[tuple[int, int, int], Array] = {}
    for lru in reversed(range(NR_LRU_LISTS)):
        pfns = snapshot.lru_list(lru)
        gen[pfns] = seqs[lru] % MAX_NR_GENS
        for zone in snapshot.zones:
            mine = pfns[(pfns >= zone.start_pfn) & (pfns < zone.start_pfn + zone.spanned)]
            key = (seqs[lru] % MAX_NR_GENS, lru // 2, zone.index)
            if len(mine):
                lists[key] = np.concatenate((lists[key], mine)) if key in lists else mine
    return Generations(BEGINNING, lists, gen, np.zeros(len(gen), np.uint8), True)


def first_file_seq(by_workingset: bool) -> int:
    """The generation that pages of files join which nothing is known of (lru_gen_add_folio)."""
    return BEGINNING.max_seq - (MAX_NR_GENS - 1) if by_workingset else BEGINNING.min_seq[FILE] + 1
