"""Compaction without its capture: a 6.1 kernel as it was before 5e1f0f098b46 (5.1, 2019).

The block that a direct compactor has freed goes to the free lists, where a racing allocation may take it.
"""

from __future__ import annotations

from collections.abc import Mapping

from recap.policy.policy import Policy


class NoCompactionCapture(Policy):
    """Nothing is captured, not even by compaction."""

    @property
    def rules(self) -> Mapping[str, bool]:
        return {"compaction_capture": False}
