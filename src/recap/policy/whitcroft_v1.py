"""whitcroft-v1: page capture with the watermark bug of its first version."""

from __future__ import annotations

from recap.policy.whitcroft import Whitcroft


class WhitcroftV1(Whitcroft):
    """The hand-over tests the watermark at the wanted order: the block, outside the free count already, counts twice.

    Reclaim page capture v1, 1 Jul 2008 (1214935122-20828-1-git-send-email-apw@shadowen.org); v2 fixed it: the bug had
    refused some valid captures.
    """

    def counts_twice(self, wanted: int) -> bool:
        return True
