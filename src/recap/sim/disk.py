"""A made-up disk: one head, which serves one request after another, and a queue of 128 requests.

Reads go first, as somebody waits for them, but after two of them comes a write (writes_starved of the deadline
scheduler). A writer for whom no request is free sleeps until one is (get_request_wait): so kswapd cannot write faster
than the disk.
"""

from __future__ import annotations

import cython

from recap.pages import Array, Memory
from recap.sim.device import Device

if not cython.compiled:
    from recap.sim.device import DRAWS

    NR_REQUESTS = 128
    WRITES_STARVED = 2


class Disk(Device):
    """Reads and writes of a synthetic workload.

    Args:
        memory, seed, request_pages: as for a `Device`.
        latency: ns that a write request takes by itself, to draw from.
    """

    def __init__(self, memory: Memory, latency: Array, seed: int, request_pages: int) -> None:
        Device.__init__(self, memory, latency, seed, request_pages)
        self.delay = 0
        self.read_until = 0
        self.passed = 0

    def begin_request(self, now: int) -> None:
        """One more request to write, after all that wait already.

        Times of completion are kept without `delay`, which reads add to for all that is queued.
        """
        begin = max(now, self.read_until) - self.delay
        self.busy_until = max(self.busy_until, begin) + self.latency[self.requests % DRAWS]
        self.requests += 1
        self.waiting += 1

    def next_completion(self) -> int:
        """When the oldest page under way is written."""
        return self.done[self.first % len(self.pfn)] + self.delay

    def read_end(self, now: int, longest: int) -> int:
        """When a read that takes so long by itself is through; what waits to be written waits for it."""
        begin = max(now, self.read_until)
        if self.idle() or begin >= self.busy_until + self.delay:
            self.passed = 0
        elif self.passed == WRITES_STARVED:
            self.passed = 0
            begin += self.latency[self.requests % DRAWS]
        else:
            self.passed += 1
        if not self.idle():
            self.delay += longest
        self.read_until = begin + longest
        return self.read_until

    def full(self) -> bool:
        """Is no request free?"""
        return self.waiting >= NR_REQUESTS
