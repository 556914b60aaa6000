"""What each policy answers, from what its author wrote; plain classes, to serve as a user's too."""
# ruff: noqa: ARG002 (a policy ignores what it need not know)

from __future__ import annotations


class NoCapture:
    """The kernel as it is."""

    def enters_reclaim(self, order: int) -> bool:
        return False

    def releases(self, wanted: int, unreclaimable: int, withheld: int, withheld_by_all: int) -> bool:
        return True

    def takes_neighbour(self, wanted: int, order: int) -> bool:
        return False

    def takes_outsider(self, wanted: int, order: int) -> bool:
        return False

    def merged(self, wanted: int, order: int) -> bool:
        return False

    def batch_ended(self, wanted: int, largest: int) -> bool:
        return True


class OwnPages(NoCapture):
    """Rule 3: costly orders only. Own pages, merged among themselves."""

    def enters_reclaim(self, order: int) -> bool:
        return order > 3


class Whitcroft(OwnPages):
    """Rules 5 and 6: free and captured neighbours are drawn in, and what others free joins."""

    def takes_neighbour(self, wanted: int, order: int) -> bool:
        return True

    def takes_outsider(self, wanted: int, order: int) -> bool:
        return True


class Kosaki(Whitcroft):
    """Do not capture what is not needed; once the wanted size is made, release the others and stop."""

    def releases(self, wanted: int, unreclaimable: int, withheld: int, withheld_by_all: int) -> bool:
        return not unreclaimable

    def merged(self, wanted: int, order: int) -> bool:
        return order >= wanted


class Odd(NoCapture):
    """A user's policy whose every answer depends on its arguments, to go where no shipped policy goes."""

    def enters_reclaim(self, order: int) -> bool:
        return order > 0

    def releases(self, wanted: int, unreclaimable: int, withheld: int, withheld_by_all: int) -> bool:
        return unreclaimable <= 1 << (wanted - 1) and withheld < 3 << wanted and withheld_by_all < 4 << wanted

    def takes_neighbour(self, wanted: int, order: int) -> bool:
        return order < wanted

    def takes_outsider(self, wanted: int, order: int) -> bool:
        return order % 2 == 0

    def merged(self, wanted: int, order: int) -> bool:
        return order == wanted - 1 or order > wanted
