"""Lumpy reclaim on today's kernel: where a costly order is wanted, whole aligned areas are taken off the LRU lists."""

from __future__ import annotations

from collections.abc import Mapping

from recap.policy.policy import Policy


class Lumpy(Policy):
    """Reclaim by areas beside compaction, as in 2.6.35 to 2.6.37; costly requests wait for the areas' pages to be
    written, and it does not matter that a page was used lately.

    Andy Whitcroft, 5ad333eb66ff (2.6.23); where there was compaction it was no longer used since 3e7d34497067 (2.6.38),
    and Mel Gorman took it out with c53919adc045 (3.5).
    """

    @property
    def rules(self) -> Mapping[str, bool]:
        return {"lumpy_reclaim": True}
