"""kosaki: capture that knows what it wants, keeps nothing it cannot use, and ends when it has it."""

from __future__ import annotations

from recap.policy.whitcroft import Whitcroft


class Kosaki(Whitcroft):
    """The wanted order is remembered with the list: it says what is needed, and when it is enough.

    KOSAKI Motohiro asked for it, 4 Sep 2008 (20080904162900.B262.KOSAKI.MOTOHIRO@jp.fujitsu.com), and nobody posted
    code. A page is not needed where reclaim cannot complete the block of the wanted size around it. As soon as merging
    has made the wanted block, all else is released and capture is over.
    """

    def looks_around(self, wanted: int) -> bool:
        return True

    def releases(self, wanted: int, unreclaimable: int, withheld: int, withheld_by_all: int) -> bool:
        return unreclaimable == 0

    def merged(self, wanted: int, order: int) -> bool:
        return order >= wanted
