"""What reclaim and compaction cost in CPU time, and how long who does them then waits for a CPU."""

from __future__ import annotations

import cython
import numpy as np

from recap.demand.compaction_costs import CompactionCosts
from recap.demand.demand import Demand
from recap.demand.reclaim_costs import ReclaimCosts
from recap.pages import Memory, adopt

if not cython.compiled:
    from recap.kernel import SWAP_CLUSTER_MAX

    STEP_NS = 500
    DRAWS = 4096
    SIZES, PASSES = 24, 256  # of passes over the lists: powers of two of pages, and draws for each


class Costs:
    """Of one machine.

    Args:
        memory: whose scan controls tell what was done.
        demand: for what was measured in the recording.
        seed: of the draw of delays.
    """

    def __init__(self, memory: Memory, demand: Demand, seed: int) -> None:
        self.m = memory
        reclaim = demand.reclaim_costs or ReclaimCosts()
        self.scanned_ns = reclaim.scanned
        self.stolen_ns = reclaim.stolen
        self.deactivated_ns = reclaim.deactivated
        self.written_ns = reclaim.written
        self.skipped_ns = reclaim.skipped
        self.looked_ns = reclaim.looked
        draw = np.random.default_rng([seed, 1])
        self.delay_ns = adopt(draw.choice(reclaim.delays, DRAWS))
        self.first_delay_ns = adopt(draw.choice(reclaim.first_delays, DRAWS))
        self.direct_delay_ns = adopt(draw.choice(reclaim.direct_delays, DRAWS))
        after = [draw.choice(reclaim.passes.after(3 << size >> 1), PASSES) for size in range(SIZES)]
        self.slab_ns = adopt(np.concatenate(after))
        self.pass_pages = 0
        self.passes = 0
        self.rounds = 0
        self.saved = 0
        self.begins_round = False
        self.batches = 0
        self.reclaim = 0
        self.delay = 0
        compaction = demand.compaction_costs or CompactionCosts()
        self.compact_scan_ns = compaction.scanned
        self.migrate_ns = compaction.moved
        draw = np.random.default_rng([seed, 2])
        contended = compaction.drawn_contention(draw)
        memory.set_lock_contention((draw.random(DRAWS) < contended).astype(np.uint8))
        self.compaction_wait = round(1000 * demand.compaction_wait)
        self.wait = 0

    def charge(self, s: int) -> int:
        """CPU time of the last step of scan control `s`: by what reclaim and compaction did with pages.

        `reclaim` is what of it reclaim's batches took, `delay` what passes before the next one, preemptible; `wait` is
        how long compaction waits for a CPU then: as long, for each ns it ran, as the recorded ones did.
        """
        self.reclaim = self.reclaimed(s)
        compaction = self.m.cc[s].migrated_now * self.migrate_ns + self.m.cc[s].scanned_now * self.compact_scan_ns
        self.m.cc[s].scanned_now = 0
        self.m.cc[s].migrated_now = 0
        self.wait = compaction * self.compaction_wait // 1000
        return STEP_NS + self.reclaim + compaction

    def next_batch(self, s: int) -> int:
        """CPU time of the batch that scan control `s` comes to, if it can free all its pages: they go when it ends."""
        pages = min(self.m.sc[s].nr[self.m.sc[s].lru], SWAP_CLUSTER_MAX)
        if self.m.sc[s].lru & 1:
            return pages * self.deactivated_ns
        return pages * (self.scanned_ns + self.stolen_ns)

    def reclaimed(self, s: int) -> int:
        """CPU time of the batches since the last time."""
        time = self.m.sc[s].scanned_now * self.scanned_ns + self.m.sc[s].stolen_now * self.stolen_ns
        time += self.m.sc[s].deactivated_now * self.deactivated_ns + self.m.sc[s].paged_out_now * self.written_ns
        time += self.m.sc[s].skipped_now * self.skipped_ns
        self.delay = 0
        if time > 0:
            if self.m.sc[s].kswapd:
                self.delay = self.kswapds_delay()
                self.pass_pages += self.m.sc[s].scanned_now + self.m.sc[s].deactivated_now
            else:
                self.delay = self.direct_delay_ns[self.batches % DRAWS]
            self.batches += 1
            time = max(time // 2, time + min(self.delay, 0))
        self.m.sc[s].scanned_now = 0
        self.m.sc[s].stolen_now = 0
        self.m.sc[s].deactivated_now = 0
        self.m.sc[s].paged_out_now = 0
        self.m.sc[s].skipped_now = 0
        return time + self.questions(s)

    def questions(self, s: int) -> int:
        """CPU time of a direct reclaimer's looks at the blocks around its pages since the last time."""
        owner = s - self.m.nr_nodes
        if owner < 0:
            return 0
        looked = self.m.capture[owner].looked_now
        self.m.capture[owner].looked_now = 0
        return looked * self.looked_ns

    def kswapds_delay(self) -> int:
        """What a batch of kswapd's takes beside its pages. Of the first one of a pass that is what the shrinkers took
        before it, if they took anything."""
        if self.begins_round:
            self.begins_round = False
            self.rounds += 1
            return self.first_delay_ns[self.rounds % DRAWS]
        if self.pass_pages == 0:
            return self.saved
        return self.delay_ns[self.batches % DRAWS]

    def begin_round(self) -> None:
        """kswapd begins to balance."""
        self.begins_round = True
        self.pass_pages = 0

    def shrink_slab(self) -> int:
        """kswapd's pass is over: what the shrinkers take, by its pages (do_shrink_slab, by the priority).

        Where the first batch of the next pass took less than its pages account for, that is kept for it.
        """
        if self.pass_pages == 0:
            return 0
        size = 0
        while size < SIZES - 1 and self.pass_pages >> (size + 1):
            size += 1
        self.pass_pages = 0
        self.passes += 1
        took = self.slab_ns[size * PASSES + self.passes % PASSES]
        self.saved = min(took, 0)
        return max(took, 0)
