"""The questions the engine asks while a task reclaims: a policy answers those it cares about.

Every answer is yes or no, every argument a plain number. This base class is the unchanged kernel: it
captures nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import cython

if not cython.compiled:

    def strcmp(one: bytes, other: bytes) -> bool:
        """C's: do they differ?"""
        return one != other


# A class that has the second method and not the first answers yes to the first.
IMPLIED_BY = {"looks_around": "releases"}


class Policy:
    """Base of all policies: nothing is ever captured.

    A policy is asked on the reclaim path only. Orders are binary logarithms of pages; `wanted` is the order of the
    request that reclaims. A user's policy need not extend it: any class with some of these methods will do. One may
    extend a shipped policy, whose answers then stand for what it leaves out; it cannot call them through `super()`,
    as they are compiled.

    `rules` are rules of the kernel that it changes, by their names in recap.kernel.Rules: compaction_capture,
    lumpy_reclaim, defrag_mode, kswapd_only_blocks.

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
        """The kernel's rules that it changes, by their names in recap.kernel.Rules; a user's class sets `rules`."""
        return {}

    def enters_reclaim(self, order: int) -> bool:
        """A request of this order enters direct reclaim: open a capture list for it?"""
        return self.defer_capture(b"enters_reclaim", False, order)

    def releases(self, wanted: int, unreclaimable: int, withheld: int, withheld_by_all: int) -> bool:
        """The reclaimer is about to release a page: keep it?

        Args:
            wanted: order of the request.
            unreclaimable: pages that reclaim cannot free in the aligned block of that order around this page.
            withheld: pages on the reclaimer's own list.
            withheld_by_all: pages on all capture lists together.
        """
        return self.defer_capture(b"releases", True, wanted, unreclaimable, withheld, withheld_by_all)

    def looks_around(self, wanted: int) -> bool:
        """Each page of the block around one that may be kept is looked at, which takes time: is it needed?

        Asked before `releases`, whose `unreclaimable` it finds. A policy that knows without looking says no; a class
        that has `releases` and not this method is taken to look.
        """
        return self.defer_capture(b"looks_around", False, wanted)

    def takes_neighbour(self, wanted: int, order: int) -> bool:
        """A captured block has a buddy of this order on a free list, or on another's capture list: draw it in?"""
        return self.defer_capture(b"takes_neighbour", False, wanted, order)

    def takes_outsider(self, wanted: int, order: int) -> bool:
        """Somebody else frees a block of this order beside a captured one: does it join the capture list?"""
        return self.defer_capture(b"takes_outsider", False, wanted, order)

    def merged(self, wanted: int, order: int) -> bool:
        """A captured block has grown to this order: is capture over, and all else to be released at once?"""
        return self.defer_capture(b"merged", False, wanted, order)

    def batch_ended(self, wanted: int, largest: int) -> bool:
        """A batch of reclaim ended, the largest block held is of this order (-1: none): settle the list now?"""
        return self.defer_capture(b"batch_ended", True, wanted, largest)

    def counts_twice(self, wanted: int) -> bool:
        """The watermark test at the hand-over: count the block as free, though it is not? (The bug of v1.)"""
        return self.defer_capture(b"counts_twice", False, wanted)

    def relaxes_mark(self, order: int) -> bool:
        """After reclaim, a request of this order looks at the free lists: test the mark for order 0 only?"""
        return self.defer(b"relaxes_mark", False, order)

    def closes_pcp(self, order: int) -> bool:
        """A request of this order enters direct reclaim: empty the per-cpu lists and keep them so meanwhile?"""
        return self.defer(b"closes_pcp", False, order)

    def isolates(self, order: int) -> bool:
        """Reclaim for this order begins on a movable pageblock: hand out nothing of it until the batch ends?"""
        return self.defer(b"isolates", False, order)

    def queues(self, order: int) -> bool:
        """A request of this order enters direct reclaim: does it queue for the pages that are freed?"""
        return self.defer(b"queues", False, order)

    def waits(self, order: int, first: int, skipped: int) -> bool:
        """A request comes while another one queues: must it wait for its turn?

        Args:
            order: of the request that comes.
            first: order of the one at the head of the queue.
            skipped: pages that others were given since that one is at the head.
        """
        return self.defer(b"waits", False, order, first, skipped)

    def answer_to(self, question: bytes, a: int, b: int, c: int, d: int) -> bool:
        """The answer to a question by its name: how a policy that forwards questions asks another."""
        if strcmp(question, b"relaxes_mark") == 0:
            return self.relaxes_mark(a)
        if strcmp(question, b"closes_pcp") == 0:
            return self.closes_pcp(a)
        if strcmp(question, b"isolates") == 0:
            return self.isolates(a)
        if strcmp(question, b"queues") == 0:
            return self.queues(a)
        if strcmp(question, b"waits") == 0:
            return self.waits(a, b, c)
        return self.answer_to_capture(question, a, b, c, d)

    def answer_to_capture(self, question: bytes, a: int, b: int, c: int, d: int) -> bool:
        """The same for questions about capture."""
        if strcmp(question, b"enters_reclaim") == 0:
            return self.enters_reclaim(a)
        if strcmp(question, b"releases") == 0:
            return self.releases(a, b, c, d)
        if strcmp(question, b"looks_around") == 0:
            return self.looks_around(a)
        if strcmp(question, b"takes_neighbour") == 0:
            return self.takes_neighbour(a, b)
        if strcmp(question, b"takes_outsider") == 0:
            return self.takes_outsider(a, b)
        if strcmp(question, b"merged") == 0:
            return self.merged(a, b)
        if strcmp(question, b"batch_ended") == 0:
            return self.batch_ended(a, b)
        if strcmp(question, b"counts_twice") == 0:
            return self.counts_twice(a)
        return False

    def defer(self, question: bytes, unchanged: bool, a: int, b: int = 0, c: int = 0, d: int = 0) -> bool:
        """A question that no class answers: as the unchanged kernel does, unless it is forwarded to someone else."""
        return unchanged

    def defer_capture(self, question: bytes, unchanged: bool, a: int, b: int = 0, c: int = 0, d: int = 0) -> bool:
        """The same for a question about capture, which only one policy is asked."""
        return self.defer(question, unchanged, a, b, c, d)
