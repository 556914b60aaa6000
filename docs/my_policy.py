"""KOSAKI Motohiro's idea of 4 September 2008, as docs/tutorial.md builds it; `recap compare` takes it with -p."""


class MyPolicy:
    """Capture that knows what it wants, keeps nothing it cannot use, and ends when it has it."""

    def enters_reclaim(self, order):
        return order > 3

    def takes_neighbour(self, wanted, order):
        return True

    def takes_outsider(self, wanted, order):
        return True

    def merged(self, wanted, order):
        return order >= wanted

    def releases(self, wanted, unreclaimable, withheld, withheld_by_all):
        return unreclaimable == 0
