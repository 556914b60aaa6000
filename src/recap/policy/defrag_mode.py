"""vm.defrag_mode: reclaim and compact before pageblocks of different types mix."""

from __future__ import annotations

from collections.abc import Mapping

from recap.policy.policy import Policy


class DefragMode(Policy):
    """A request whose own lists are empty takes whole foreign pageblocks only; else it reclaims and compacts, and mixes
    last before the OOM killer. kswapd and kcompactd keep the high mark free in whole pageblocks.

    Johannes Weiner, 20250313210647.1314586-1-hannes@cmpxchg.org (13 Mar 2025): e3aa7df331bc, 101f9d666e4d,
    a211c6550efc (6.15), off by default.
    """

    @property
    def rules(self) -> Mapping[str, bool]:
        return {"defrag_mode": True}
