"""The block device of a recording: requests of up to so many pages, each as long as one drawn from those recorded.

A recorded latency holds the wait behind other requests already, reads among them; none completes before an earlier one.
"""

from __future__ import annotations

import cython
import numpy as np

from recap.pages import Array, Memory, adopt

if not cython.compiled:
    from recap.mm.writeback import end_page_writeback

    DRAWS = 4096
    LOOK_AGAIN_NS = 500
    CONGESTION_ON = 113
    CONGESTION_OFF = 103


class Device:
    """Writes pages that the memory manager submits.

    Args:
        memory: whose pages are written.
        latency: ns from issue to completion of write requests, to draw from.
        seed: of the draw.
        request_pages: pages in a request at most.
    """

    def __init__(self, memory: Memory, latency: Array, seed: int, request_pages: int = 256) -> None:
        self.m = memory
        self.latency = adopt(np.random.default_rng(seed).choice(latency, DRAWS))
        self.pfn = adopt(np.zeros(2 * int(memory.nr_frames), np.uint32))
        self.done = adopt(np.zeros(2 * int(memory.nr_frames), np.int64))
        self.begins = adopt(np.zeros(2 * int(memory.nr_frames), np.uint8))
        self.request_pages = request_pages
        self.first = 0
        self.last = 0
        self.busy_until = 0
        self.requests = 0
        self.waiting = 0

    def collect(self, now: int) -> None:
        """Queue what was submitted since the last time; neighbours in time share a request."""
        for i in range(self.m.nr_submitted):
            if i % self.request_pages == 0:
                self.begin_request(now)
            self.pfn[self.last % len(self.pfn)] = self.m.submitted[i]
            self.done[self.last % len(self.pfn)] = self.busy_until
            self.begins[self.last % len(self.pfn)] = i % self.request_pages == 0
            self.last += 1
        self.m.nr_submitted = 0
        self.note_congestion()

    def begin_request(self, now: int) -> None:
        """One more request, done no sooner than those before it."""
        self.busy_until = max(self.busy_until, now + self.latency[self.requests % DRAWS])
        self.requests += 1
        self.waiting += 1

    def idle(self) -> bool:
        """Is nothing under way?"""
        return self.first == self.last

    def next_completion(self) -> int:
        """When the oldest page under way is written."""
        return self.done[self.first % len(self.pfn)]

    def complete(self) -> None:
        """Finish the oldest page under way."""
        end_page_writeback(self.m, self.pfn[self.first % len(self.pfn)])
        self.waiting -= self.begins[self.first % len(self.pfn)]
        self.first += 1
        self.note_congestion()

    def read_end(self, now: int, longest: int) -> int:
        """When a read that takes so long by itself is through: a recording has its waits in what tasks slept."""
        return now + longest

    def full(self) -> bool:
        """Has a writer to wait for a free request? Those of a recording did, and it shows in their times."""
        return False

    def congestion_end(self, now: int, longest: int) -> int:
        """When somebody who waits for the device goes on: at its next completion, or after so long (rule 49)."""
        if self.idle() or self.m.write_congested:
            return now + longest
        return min(now + longest, max(now + LOOK_AGAIN_NS, self.next_completion()))

    def sleep_end(self, s: int, now: int) -> int:
        """Until when the reclaimer with scan control `s` sleeps."""
        if self.m.sc[s].congestion_wait:
            return self.congestion_end(now, self.m.sc[s].sleep_ns)
        return now + self.m.sc[s].sleep_ns

    def note_congestion(self) -> None:
        """Is the request queue nearly full? (rule 49: on at 113 requests of 128, off below 103)"""
        if self.waiting >= CONGESTION_ON:
            self.m.write_congested = True
        elif self.waiting < CONGESTION_OFF:
            self.m.write_congested = False
