"""What a recording goes along with, and lasts no longer than: a command, processes, a cgroup, or nothing."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from recap.errors import InputError

PATIENCE = 5  # seconds for a command to end by itself
CGROUPS = Path("/sys/fs/cgroup")
HIERARCHIES = ("", "unified", "memory")  # where a cgroup's name begins: version 2 alone, beside version 1, version 1
MS = 1000


class Target(Protocol):
    """How long to record."""

    def lives(self) -> bool:
        """Whether it is still there."""
        ...

    def wait(self, seconds: float) -> None:
        """Wait, but not much longer than it lives."""
        ...

    def end(self) -> int | None:
        """The recording is over: the exit status, if there is one."""
        ...


class Endless:
    """Nothing: the recording lasts until its time is up, or Ctrl-C."""

    def lives(self) -> bool:
        """Always."""
        return True

    def wait(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def end(self) -> None:
        """There is nothing to end."""


class Command:
    """A command of our own, which ends with the recording."""

    def __init__(self, command: Sequence[str], umask: int) -> None:
        try:
            self.process = subprocess.Popen(command, umask=umask)
        except OSError as error:
            raise cannot_run(command[0], f"cannot be run: {error.strerror}") from None

    def lives(self) -> bool:
        """Whether it runs."""
        return self.process.poll() is None

    def wait(self, seconds: float) -> None:
        """Wait for its end."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)

    def end(self) -> int | None:
        """End it if it has not ended, gently if possible; the exit status it had by itself."""
        if self.process.poll() is not None:
            return self.process.returncode
        for pid in [*children(self.process.pid), self.process.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        self.wait(PATIENCE)
        if self.lives():
            self.process.kill()
            self.process.wait()
        return None


def children(pid: int) -> Iterator[int]:
    """The processes that one started, and those that they started: a shell's commands do not end with it."""
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, file.read_text().split()):
                yield child
                yield from children(child)


class Processes:
    """Processes that run already: as long as one of them does."""

    def __init__(self, pids: Sequence[int]) -> None:
        self.poll = select.poll()
        self.files = []
        for pid in pids:
            try:
                file = os.pidfd_open(pid)
            except OSError as error:
                problem = f"cannot be followed: {error.strerror}"
                raise InputError(f"--pid {pid}", "", problem, "name a process that runs") from None
            self.files.append(file)
            self.poll.register(file, select.POLLIN)

    def lives(self) -> bool:
        """Whether one runs."""
        self.wait(0)
        return bool(self.files)

    def wait(self, seconds: float) -> None:
        """Wait for the end of any."""
        for file, _ in self.poll.poll(seconds * MS):
            self.poll.unregister(file)
            self.files.remove(file)
            os.close(file)

    def end(self) -> None:
        """They go on."""
        while self.files:
            os.close(self.files.pop())


class CgroupTarget:
    """A cgroup: as long as it or one below it has a process."""

    def __init__(self, name: str) -> None:
        places = [CGROUPS / hierarchy / name.lstrip("/") for hierarchy in HIERARCHIES]
        found = [path for path in (Path(name), *places) if (path / "cgroup.procs").is_file()]
        if not found:
            remedy = f"give its path below {CGROUPS}, as in /proc/PID/cgroup"
            raise InputError(f"--cgroup {name}", "", "there is no such cgroup", remedy)
        self.path = found[0]
        if not self.lives():
            raise InputError(f"--cgroup {name}", "", "there is no process in it", "start what is to be recorded first")

    def lives(self) -> bool:
        """Whether there is a process in it."""
        with suppress(OSError):
            return "populated 1" in (self.path / "cgroup.events").read_text()
        for file in self.path.rglob("cgroup.procs"):  # version 1
            with suppress(OSError):
                if file.read_text():
                    return True
        return False

    def wait(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def end(self) -> None:
        """It goes on."""


def check_command(command: Sequence[str]) -> None:
    """Refuse what cannot be found before anything is touched."""
    if command and shutil.which(command[0]) is None:
        raise cannot_run(command[0], "there is no such command")


def cannot_run(name: str, problem: str) -> InputError:
    """What is wrong with a command."""
    return InputError(name, "", problem, "give one that can be run after `--`")
