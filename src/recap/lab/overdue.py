"""A policy that does not answer is named while it still hangs: which question, and at which line it is."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from types import CodeType, FrameType

from recap.policy.plain import PlainPolicy
from recap.policy.policy import Policy
from recap.policy.questions import QUESTIONS
from recap.policy.together import Together

PATIENCE_SECONDS = 5.0


class Overdue:
    """Looks now and then at the threads that run users' policies; the engine does nothing for it."""

    def __init__(self) -> None:
        self.methods: dict[int, dict[CodeType, str]] = {}  # by thread: what its policy may be asked
        self.since: dict[int, tuple[FrameType, float]] = {}  # by thread: the call it is in, and seen since when
        self.told: set[str] = set()

    def follow(self, thread: int, policy: Policy) -> None:
        """A thread begins a run."""
        self.methods[thread] = dict(methods_of(policy))

    def look(self) -> Iterator[str]:
        """A line for each policy that has been in one call for too long, once."""
        now = time.monotonic()
        frames = sys._current_frames()
        for thread, methods in list(self.methods.items()):
            call = call_of(frames.get(thread), methods)
            known = self.since.get(thread)
            if call is None:
                self.since.pop(thread, None)
            elif known is None or known[0] is not call:
                self.since[thread] = (call, now)
            elif now - known[1] >= PATIENCE_SECONDS:
                line = told(call, frames[thread], methods)
                if line not in self.told:
                    self.told.add(line)
                    yield line


def methods_of(policy: Policy) -> Iterator[tuple[CodeType, str]]:
    """The code of each method that a user wrote, and the question it answers."""
    if isinstance(policy, Together):
        yield from methods_of(policy.capturing)
        yield from methods_of(policy.other)
    elif isinstance(policy, PlainPolicy):
        for name in QUESTIONS:
            code = getattr(getattr(policy.user, name, None), "__code__", None)
            if code is not None:
                yield code, name


def call_of(frame: FrameType | None, methods: dict[CodeType, str]) -> FrameType | None:
    """The call of a policy's method that a thread is in."""
    while frame is not None and frame.f_code not in methods:
        frame = frame.f_back
    return frame


def told(call: FrameType, innermost: FrameType, methods: dict[CodeType, str]) -> str:
    """Where it hangs: the innermost line of the policy's own file."""
    frame: FrameType | None = innermost
    while frame is not None and frame.f_code.co_filename != call.f_code.co_filename:
        frame = frame.f_back
    at = frame or call
    return (
        f"{at.f_code.co_filename}: line {at.f_lineno}: {methods[call.f_code]} has not answered for "
        f"{PATIENCE_SECONDS:.0f} s; Ctrl-C ends the run"
    )
