"""piggin: a queue; nobody jumps far ahead of a waiting high-order request."""

from __future__ import annotations

import cython

from recap.policy.policy import Policy

if not cython.compiled:
    from recap.kernel import PAGE_ALLOC_COSTLY_ORDER


class Piggin(Policy):
    """While a costly request reclaims, others are served for as many pages as it wants itself; then they wait for it.

    Nick Piggin, 8 Sep 2008 (200809082359.55288.nickpiggin@yahoo.com.au): queue in the page allocator, so that nobody
    takes what a direct reclaimer freed; the head's priority falls by 1 << order with each allocation that skips it, so
    2^N of order 0 pass for one of order N. He claimed that this should be tried before capture. Requests that cannot
    wait are exempt. Several queue in the order they come, each with a head start of its own.
    """

    def queues(self, order: int) -> bool:
        return order > PAGE_ALLOC_COSTLY_ORDER

    def waits(self, order: int, first: int, skipped: int) -> bool:
        return skipped >= 1 << first
