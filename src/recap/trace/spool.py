"""A running trace to disk: each CPU's ring-buffer pages are spliced into a file of their own.

The pages go from the ring buffer into a pipe and from there into the file without a look at them, one thread
for each CPU, and the interpreter is left alone while the kernel moves them.
"""

import fcntl
import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from recap.trace.formats import parse_fields
from recap.trace.tracefs import Instance, cpus_of

PIPE_BYTES = 1 << 20
NICENESS = -10  # the reader must get its turn before the buffer is full
POLL_MS = 100
FLUSH = 1.0  # seconds after which events are written though their buffer is not full
NOTHING_THERE = BlockingIOError


class Spool:
    """The reader of one CPU's buffer."""

    def __init__(self, source: Path, target: Path, page_size: int) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        self.page_size = page_size
        self.written = 0
        self.error: OSError | None = None
        self.source = os.open(source, os.O_RDONLY | os.O_NONBLOCK)
        self.target = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
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
        flush = time.monotonic() + FLUSH
        try:
            while not self.done.is_set():
                if poll.poll(POLL_MS):
                    self.drain()
                if time.monotonic() >= flush:
                    self.drain()
                    self.copy_page()
                    flush = time.monotonic() + FLUSH
            self.drain()
            while self.copy_page():
                pass
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

    def copy_page(self) -> bool:
        """Copy the page that is not full; False if there is nothing on it. To write it is an event again."""
        try:
            page = os.read(self.source, self.page_size)
        except NOTHING_THERE:
            return False
        self.written += len(page)
        rest = page
        while rest:
            rest = rest[os.write(self.target, rest) :]
        return bool(page)

    def stop(self) -> None:
        """Read to the end, and close."""
        if self.thread.ident is not None and not self.done.is_set():
            self.done.set()
            self.thread.join()
        while self.files:
            os.close(self.files.pop())


class Spools:
    """A reader for each CPU. One that goes offline keeps its buffer, and its reader; one that comes gets a reader."""

    def __init__(self, instance: Instance, raw: Path, hold: Callable[[int, int], None]) -> None:
        self.instance = instance
        self.raw = raw
        self.hold = hold
        data = parse_fields((raw / "events/header_page").read_text())["data"]
        self.page_size = data.offset + data.size
        self.by_cpu: dict[int, Spool] = {}
        for cpu in instance.cpus:
            self.add(cpu)

    def add(self, cpu: int) -> Spool:
        """A reader for one more CPU, not yet started."""
        name = f"per_cpu/cpu{cpu}/trace_pipe_raw"
        spool = self.by_cpu[cpu] = Spool(self.instance.path / name, self.raw / name, self.page_size)
        self.hold(cpu, spool.pipe[0])
        return spool

    def look_for_cpus(self) -> None:
        """Read those too that came online; what they recorded until now is in their buffers."""
        for cpu in cpus_of(self.instance.path):
            if cpu not in self.by_cpu:
                self.instance.cpus.append(cpu)
                self.add(cpu).start()

    def stop(self) -> None:
        """Let all read to the end."""
        for spool in self.by_cpu.values():
            spool.stop()

    def written(self) -> int:
        """Bytes on disk."""
        return sum(spool.written for spool in self.by_cpu.values())

    def threads(self) -> list[int]:
        """The readers' thread ids."""
        return [spool.thread.native_id or 0 for spool in self.by_cpu.values()]


@contextmanager
def spooled(instance: Instance, raw: Path, hold: Callable[[int, int], None]) -> Iterator[Spools]:
    """A reader for each CPU, from before the first event; stopped in any case.

    Args:
        instance: what is read.
        raw: where the pages go.
        hold: told each CPU's number and the pipe that its pages go through.
    """
    spools = Spools(instance, raw, hold)
    try:
        for spool in spools.by_cpu.values():
            spool.start()
        yield spools
    finally:
        spools.stop()
