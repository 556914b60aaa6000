"""A process that waits for the end of a recorder, and tidies up after it if it was killed."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# Until there is something to do the guard must be no part of what is recorded: it imports next to nothing.
WATCH = """
import os, socket, sys
recorder, pipes = socket.socket(fileno=0), []
os.write(1, b".")
while True:
    cpu, ends, _, _ = socket.recv_fds(recorder, 16, 1)
    if not cpu:
        break
    pipes += [(int(cpu), end) for end in ends]
from recap.trace.salvage import tidy
tidy(sys.argv[1], pipes)
"""


class Guard:
    """The process."""

    def __init__(self, instance: str) -> None:
        self.here, there = socket.socketpair()
        with there:
            self.process = subprocess.Popen(  # in a session of its own: Ctrl-C is not for it
                [sys.executable, "-P", "-c", WATCH, instance],
                stdin=there.fileno(),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        assert self.process.stdout
        with self.process.stdout as ready:
            ready.read(1)

    def hold(self, cpu: int, pipe: int) -> None:
        """Have it read what is in a CPU's pipe, should this process not come to it."""
        with suppress(OSError):  # it was killed
            socket.send_fds(self.here, [f"{cpu} ".encode()], [pipe])

    def end(self) -> None:
        """There is nothing to wait for any more."""
        self.here.close()
        self.process.wait()


@contextmanager
def guarded(instance: str) -> Iterator[Guard]:
    """A guard of an instance's recorder. If there is no lease in the end, there is nothing to do for it."""
    guard = Guard(instance)
    try:
        yield guard
    finally:
        guard.end()
