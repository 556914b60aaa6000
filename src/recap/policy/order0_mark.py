"""order0-mark: no capture; after reclaim the watermark is tested for order 0 only."""

from __future__ import annotations

import cython

from recap.policy.policy import Policy

if not cython.compiled:
    from recap.kernel import PAGE_ALLOC_COSTLY_ORDER


class Order0Mark(Policy):
    """The test that a captured block meets at its hand-over, without capture: shows what the test alone contributes.

    Ours, to take rule 9 of the series apart from the rest. Mainline went the same way in 97a16fc82a7c (4.4).
    """

    def relaxes_mark(self, order: int) -> bool:
        return order > PAGE_ALLOC_COSTLY_ORDER
