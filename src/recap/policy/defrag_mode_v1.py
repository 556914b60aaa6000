"""vm.defrag_mode as first posted, when its published figures were measured."""

from __future__ import annotations

from collections.abc import Mapping

from recap.policy.policy import Policy


class DefragModeV1(Policy):
    """As defrag-mode, but kswapd continues until the high mark is free in whole pageblocks, even when it has reclaimed
    what compaction needs and has given up on the order: it does not leave the rest to kcompactd.

    Johannes Weiner, 20250313210647.1314586-1-hannes@cmpxchg.org (13 Mar 2025), a211c6550efc without a1f0220f3319, which
    fixed this before 6.15 was released.
    """

    @property
    def rules(self) -> Mapping[str, bool]:
        return {"defrag_mode": True, "kswapd_only_blocks": True}
