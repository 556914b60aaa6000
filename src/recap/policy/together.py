"""Two policies at once: one decides about capture, both may change the rest, each its own rules of the kernel."""

from __future__ import annotations

from collections.abc import Mapping

from recap.policy.policy import Policy


class Together(Policy):
    """What is asked about capture, `capturing` answers alone; other questions are answered yes if either says yes.

    Args:
        capturing: decides about capture.
        other: may only do other things.
    """

    def __init__(self, capturing: Policy, other: Policy) -> None:
        self.capturing = capturing
        self.other = other

    @property
    def rules(self) -> Mapping[str, bool]:
        return {**self.capturing.rules, **self.other.rules}

    def enters_reclaim(self, order: int) -> bool:
        return self.capturing.enters_reclaim(order)

    def releases(self, wanted: int, unreclaimable: int, withheld: int, withheld_by_all: int) -> bool:
        return self.capturing.releases(wanted, unreclaimable, withheld, withheld_by_all)

    def takes_neighbour(self, wanted: int, order: int) -> bool:
        return self.capturing.takes_neighbour(wanted, order)

    def takes_outsider(self, wanted: int, order: int) -> bool:
        return self.capturing.takes_outsider(wanted, order)

    def merged(self, wanted: int, order: int) -> bool:
        return self.capturing.merged(wanted, order)

    def batch_ended(self, wanted: int, largest: int) -> bool:
        return self.capturing.batch_ended(wanted, largest)

    def counts_twice(self, wanted: int) -> bool:
        return self.capturing.counts_twice(wanted)

    def relaxes_mark(self, order: int) -> bool:
        return self.capturing.relaxes_mark(order) or self.other.relaxes_mark(order)

    def closes_pcp(self, order: int) -> bool:
        return self.capturing.closes_pcp(order) or self.other.closes_pcp(order)

    def isolates(self, order: int) -> bool:
        return self.capturing.isolates(order) or self.other.isolates(order)

    def queues(self, order: int) -> bool:
        return self.capturing.queues(order) or self.other.queues(order)

    def waits(self, order: int, first: int, skipped: int) -> bool:
        return self.capturing.waits(order, first, skipped) or self.other.waits(order, first, skipped)
