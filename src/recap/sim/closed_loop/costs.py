"""What reclaim and compaction cost in CPU time, and how long who does them then waits for a CPU."""

from __future__ import annotations

import cython

from recap.demand.demand import Demand
from recap.pages import Memory

if not cython.compiled:
    STEP_NS = 500
    SHORTEST_WAIT_NS = 5_000

DEFAULT_MIGRATE_NS = 2_000


class Costs:
    """Of one machine.

    Args:
        memory: whose scan controls tell what was done.
        demand: for what was measured in the recording.
        scan_ns: CPU time of reclaim for each page scanned.
    """

    def __init__(self, memory: Memory, demand: Demand, scan_ns: int) -> None:
        self.m = memory
        self.scan_ns = scan_ns
        self.migrate_ns = demand.migrate_ns or DEFAULT_MIGRATE_NS
        self.reclaim_wait = round(1000 * demand.reclaim_wait)
        self.compaction_wait = round(1000 * demand.compaction_wait)
        self.wait = 0

    def charge(self, s: int) -> int:
        """CPU time of the last step of scan control `s`: by the pages it scanned and those compaction moved.

        `wait` is how long it waits for a CPU then: as long, for each ns it ran, as the recorded ones did.
        """
        reclaim = STEP_NS + self.m.sc[s].scanned_now * self.scan_ns
        compaction = self.m.cc[s].migrated_now * self.migrate_ns
        self.m.sc[s].scanned_now = 0
        self.m.cc[s].scanned_now = 0
        self.m.cc[s].migrated_now = 0
        self.wait = (reclaim * self.reclaim_wait + compaction * self.compaction_wait) // 1000
        return reclaim + compaction
