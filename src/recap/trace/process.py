"""A process that another one has to tell from a later one of the same number."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Self

import msgspec

STARTED = 19  # among the fields of /proc/PID/stat after the name: when it started, in ticks since boot


class Process(msgspec.Struct, frozen=True):
    """A process, by its number and when it started."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """The one that has this number now."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_bytes()
        except OSError:
            return None
        fields = stat.rpartition(b")")[2].split()
        return None if fields[0] in b"ZX" else cls(pid, int(fields[STARTED]))

    def lives(self) -> bool:
        """Whether it runs."""
        return Process.of(self.pid) == self

    def kill(self) -> None:
        """End it with all that it has started, at once. What is stopped starts nothing more meanwhile."""
        if not self.lives():
            return
        stopped: set[int] = set()
        found = {self.pid}
        while found:
            for pid in found:
                send(pid, signal.SIGSTOP)
            stopped |= found
            found = {child for pid in stopped for child in children(pid)} - stopped
        for pid in stopped:
            send(pid, signal.SIGKILL)


def children(pid: int) -> list[int]:
    """The processes that one has started."""
    found: list[int] = []
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, file.read_text().split())
    return found


def send(pid: int, number: signal.Signals) -> None:
    """A signal, if the process is still there."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)
