"""A running trace to disk: each CPU's ring-buffer pages are spliced into a file of their own.

The pages go from the ring buffer into a pipe and from there into the file without a look at them, one thread
for each CPU, and the interpreter is left alone while the kernel moves them.
"""

import fcntl
import os
import select
import threading
from contextlib import suppress
from pathlib import Path

PIPE_BYTES = 1 << 20
NICENESS = -10  # the reader must get its turn before the buffer is full
POLL_MS = 100
NOTHING_THERE = BlockingIOError


class Spool:
    """The reader of one CPU's buffer."""

    def __init__(self, source: Path, target: Path, page_size: int) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        self.page_size = page_size
        self.written = 0
        self.error: OSError | None = None
        self.source = os.open(source, os.O_RDONLY | os.O_NONBLOCK)
        self.target = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        self.pipe = os.pipe()
        with suppress(OSError):  # more than the limit: the usual 64 KiB do, in smaller bites
            fcntl.fcntl(self.pipe[1], fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self.bite = fcntl.fcntl(self.pipe[1], fcntl.F_GETPIPE_SZ) // page_size * page_size
        self.files = [self.source, self.target, *self.pipe]
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.run, name=f"recap {source.parent.name}")

    def start(self) -> None:
        """Begin to read."""
        self.thread.start()

    def run(self) -> None:
        """Read until told to end, then what is left."""
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        poll = select.poll()
        poll.register(self.source, select.POLLIN)
        try:
            while not self.done.is_set():
                if poll.poll(POLL_MS):
                    self.drain()
            self.drain()
            self.drain_rest()
        except OSError as error:
            self.error = error

    def drain(self) -> None:
        """Move every page that is full."""
        while True:
            try:
                moved = os.splice(self.source, self.pipe[1], self.bite, flags=os.SPLICE_F_NONBLOCK)
            except NOTHING_THERE:
                return
            if not moved:
                return
            while moved:
                done = os.splice(self.pipe[0], self.target, moved)
                moved -= done
                self.written += done

    def drain_rest(self) -> None:
        """Copy the page that is not full, when nothing is written any more."""
        while True:
            try:
                page = os.read(self.source, self.page_size)
            except NOTHING_THERE:
                return
            if not page:
                return
            while page:
                done = os.write(self.target, page)
                page = page[done:]
                self.written += done

    def stop(self) -> None:
        """Read to the end, and close."""
        if self.thread.ident is not None and not self.done.is_set():
            self.done.set()
            self.thread.join()
        while self.files:
            os.close(self.files.pop())
