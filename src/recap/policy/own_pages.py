"""own-pages: keep what the reclaimer itself frees, and nothing else."""

from __future__ import annotations

import cython

from recap.policy.policy import Policy

if not cython.compiled:
    from recap.kernel import PAGE_ALLOC_COSTLY_ORDER


class OwnPages(Policy):
    """Capture only pages that the reclaimer itself releases; they merge among themselves alone.

    Andy Whitcroft, 9 Sep 2008 (20080909163559.GD21687@brain): they began with this; the chance to complete an area of
    the wanted size is near zero, so it makes no statistically visible difference.
    """

    def enters_reclaim(self, order: int) -> bool:
        return order > PAGE_ALLOC_COSTLY_ORDER

    def looks_around(self, wanted: int) -> bool:
        return False
