"""The block device: one queue, requests of up to 32 pages, each as long as one of the recorded kernel's."""

from __future__ import annotations

import cython
import numpy as np

from recap.pages import Array, Memory, adopt

if not cython.compiled:
    from recap.mm.writeback import end_page_writeback

    PAGES_PER_REQUEST = 32
    DRAWS = 4096
    CONGESTION_ON = 113
    CONGESTION_OFF = 103


class Device:
    """Writes pages that the memory manager submits.

    Args:
        memory: whose pages are written.
        latency: ns from issue to completion of recorded write requests, to draw from.
        seed: of the draw.
    """

    def __init__(self, memory: Memory, latency: Array, seed: int) -> None:
        self.m = memory
        self.latency = adopt(np.random.default_rng(seed).choice(latency, DRAWS))
        self.pfn = adopt(np.zeros(2 * int(memory.nr_frames), np.uint32))
        self.done = adopt(np.zeros(2 * int(memory.nr_frames), np.int64))
        self.first = 0
        self.last = 0
        self.busy_until = 0
        self.requests = 0

    def collect(self, now: int) -> None:
        """Queue what was submitted since the last time; neighbours in time share a request."""
        for i in range(self.m.nr_submitted):
            if i % PAGES_PER_REQUEST == 0:
                self.busy_until = max(self.busy_until, now) + self.latency[self.requests % DRAWS]
                self.requests += 1
            self.pfn[self.last % len(self.pfn)] = self.m.submitted[i]
            self.done[self.last % len(self.pfn)] = self.busy_until
            self.last += 1
        self.m.nr_submitted = 0
        self.note_congestion()

    def idle(self) -> bool:
        """Is nothing under way?"""
        return self.first == self.last

    def next_completion(self) -> int:
        """When the oldest page under way is written."""
        return self.done[self.first % len(self.pfn)]

    def complete(self) -> None:
        """Finish the oldest page under way."""
        end_page_writeback(self.m, self.pfn[self.first % len(self.pfn)])
        self.first += 1
        self.note_congestion()

    def note_congestion(self) -> None:
        """Is the request queue nearly full? (rule 49: on at 113 requests of 128, off below 103)"""
        waiting = (self.last - self.first) // PAGES_PER_REQUEST
        if waiting >= CONGESTION_ON:
            self.m.write_congested = True
        elif waiting < CONGESTION_OFF:
            self.m.write_congested = False
