"""No lumpy reclaim: an old kernel with the rule taken away that c53919adc045 (3.5) took away."""

from __future__ import annotations

from collections.abc import Mapping

from recap.policy.policy import Policy


class NoLumpy(Policy):
    """Pages are reclaimed one by one, whatever order is wanted; where there is no lumpy reclaim it changes nothing."""

    @property
    def rules(self) -> Mapping[str, bool]:
        return {"lumpy_reclaim": False}
