"""whitcroft: reclaim page capture as posted, version 3 of September 2008."""

from __future__ import annotations

from recap.policy.own_pages import OwnPages


class Whitcroft(OwnPages):
    """Captured pages merge with free neighbours, with other reclaimers' pages and with what others free beside them.

    Andy Whitcroft, "Reclaim page capture v3", 5 Sep 2008 (1220610002-18415-1-git-send-email-apw@shadowen.org). Merging
    continues past the wanted order; the list is settled after every batch.
    """

    def takes_neighbour(self, wanted: int, order: int) -> bool:
        return True

    def takes_outsider(self, wanted: int, order: int) -> bool:
        return True
