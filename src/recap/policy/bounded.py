"""bounded: kosaki, and a cap on what all reclaimers together may withhold."""

from __future__ import annotations

from recap.policy.kosaki import Kosaki


class Bounded(Kosaki):
    """No page joins a capture list while all lists together hold two blocks of the wanted size.

    The answer to KOSAKI's worst case, very many reclaimers that each withhold a little (4 Sep 2008,
    20080904162900.B262.KOSAKI.MOTOHIRO@jp.fujitsu.com). Nobody proposed a cap in the thread; the size is ours.
    """

    def releases(self, wanted: int, unreclaimable: int, withheld: int, withheld_by_all: int) -> bool:
        return unreclaimable == 0 and withheld_by_all < 2 << wanted
