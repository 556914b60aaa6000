"""Two policies at once: one decides about capture, both may decide about the rest and change rules of the kernel."""

from __future__ import annotations

from collections.abc import Mapping

from recap.policy.policy import Policy


class Together(Policy):
    """`capturing` alone answers questions about capture; the answer to others is yes if either says yes.

    Args:
        capturing: decides about capture.
        other: is not asked about capture.
    """

    def __init__(self, capturing: Policy, other: Policy) -> None:
        self.capturing = capturing
        self.other = other

    @property
    def rules(self) -> Mapping[str, bool]:
        return {**self.capturing.rules, **self.other.rules}

    def defer(self, question: bytes, unchanged: bool, a: int, b: int = 0, c: int = 0, d: int = 0) -> bool:
        return self.capturing.answer_to(question, a, b, c, d) or self.other.answer_to(question, a, b, c, d)

    def defer_capture(self, question: bytes, unchanged: bool, a: int, b: int = 0, c: int = 0, d: int = 0) -> bool:
        return self.capturing.answer_to(question, a, b, c, d)
