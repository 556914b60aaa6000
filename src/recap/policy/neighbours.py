"""neighbours: own pages, and the free blocks they border on."""

from __future__ import annotations

from recap.policy.own_pages import OwnPages


class Neighbours(OwnPages):
    """whitcroft without what outsiders free: separates what the two contribute.

    Andy Whitcroft, 9 Sep 2008 (20080909163559.GD21687@brain): what matters is merging with neighbours that are free
    already, and with pages that others free meanwhile. He gave no figures for either.
    """

    def takes_neighbour(self, wanted: int, order: int) -> bool:
        return True
