"""The questions the engine asks while a task reclaims: a policy answers those it cares about.

Every answer is yes or no, every argument a plain number. This base class answers "no capture": it is the kernel as it
is.
"""

from __future__ import annotations

from collections.abc import Mapping


class Policy:
    """Base of all policies: nothing is ever captured.

    A policy is asked on the reclaim path only. Orders are binary logarithms of pages; `wanted` is the order of the
    request that reclaims. A user's policy need not extend it: any class with some of these methods will do. One may
    extend a shipped policy, whose answers then stand for what it leaves out; it cannot call them through `super()`,
    as they are compiled. The questions: `enters_reclaim(order)`, `releases(wanted, unreclaimable, withheld,
    withheld_by_all)`, `takes_neighbour(wanted, order)`, `takes_outsider(wanted, order)`, `merged(wanted, order)`,
    `batch_ended(wanted, largest)`, `counts_twice(wanted)`, `relaxes_mark(order)`, `closes_pcp(order)`,
    `isolates(order)`, `queues(order)` and `waits(order, first, skipped)`.

    `rules` are rules of the kernel that it changes, by their names in recap.kernel.Profile: compaction_capture,
    lumpy_reclaim, defrag_mode.

    Example:
        >>> class Mine:
        ...     def enters_reclaim(self, order):
        ...         return order > 3
        >>> machine = recap.Machine.empty(16, policy=Mine)
        >>> machine.open_capture(0, wanted=3), machine.open_capture(1, wanted=4)
        (False, True)
    """

    @property
    def rules(self) -> Mapping[str, bool]:
        """The kernel's rules that it changes, by their names in recap.kernel.Profile; a user's class sets `rules`."""
        return {}

    def enters_reclaim(self, order: int) -> bool:
        """A request of this order enters direct reclaim: open a capture list for it?"""
        return False

    def releases(self, wanted: int, unreclaimable: int, withheld: int, withheld_by_all: int) -> bool:
        """The reclaimer is about to release a page: keep it?

        Args:
            wanted: order of the request.
            unreclaimable: pages that reclaim cannot free in the aligned block of that order around this page.
            withheld: pages on the reclaimer's own list.
            withheld_by_all: pages on all capture lists together.
        """
        return True

    def takes_neighbour(self, wanted: int, order: int) -> bool:
        """A captured block has a buddy of this order on a free list, or on another's capture list: draw it in?"""
        return False

    def takes_outsider(self, wanted: int, order: int) -> bool:
        """Somebody else frees a block of this order beside a captured one: does it join the capture list?"""
        return False

    def merged(self, wanted: int, order: int) -> bool:
        """A captured block has grown to this order: is capture over, and all else to be released at once?"""
        return False

    def batch_ended(self, wanted: int, largest: int) -> bool:
        """A batch of reclaim ended, the largest block held is of this order (-1: none): settle the list now?"""
        return True

    def counts_twice(self, wanted: int) -> bool:
        """The watermark test at the hand-over: count the block as free, though it is not? (The bug of v1.)"""
        return False

    def relaxes_mark(self, order: int) -> bool:
        """After reclaim, a request of this order looks at the free lists: test the mark for order 0 only?"""
        return False

    def closes_pcp(self, order: int) -> bool:
        """A request of this order enters direct reclaim: empty the per-cpu lists and keep them so meanwhile?"""
        return False

    def isolates(self, order: int) -> bool:
        """Reclaim for this order begins on a movable pageblock: hand out nothing of it until the batch ends?"""
        return False

    def queues(self, order: int) -> bool:
        """A request of this order enters direct reclaim: does it queue for the pages that are freed?"""
        return False

    def waits(self, order: int, first: int, skipped: int) -> bool:
        """A request comes while another one queues: must it wait for its turn?

        Args:
            order: of the request that comes.
            first: order of the one at the head of the queue.
            skipped: pages that others were given since that one is at the head.
        """
        return False
