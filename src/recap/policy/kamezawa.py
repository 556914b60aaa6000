"""kamezawa: isolate the pageblock under reclaim."""

from __future__ import annotations

import cython

from recap.policy.policy import Policy

if not cython.compiled:
    from recap.kernel import PAGE_ALLOC_COSTLY_ORDER


class Kamezawa(Policy):
    """The pageblock that a costly request's reclaim begins on is isolated until the batch ends.

    KAMEZAWA Hiroyuki, 2 Oct 2008 (20081002154446.3695a3b0.kamezawa.hiroyu@jp.fujitsu.com): MIGRATE_ISOLATE instead of
    capture, as a pageblock is about a huge page. He left open which block; here it is a movable one that lumpy reclaim
    comes to. If all of it is free in the end, it is handed over as a captured block is, otherwise anybody may have it
    again. Reclaim without lumpy areas (6.1) never begins on a block: there it changes nothing.
    """

    def isolates(self, order: int) -> bool:
        return order > PAGE_ALLOC_COSTLY_ORDER
