"""tracefs, the kernel's tracing file system: found or mounted, and a private instance in it.

The top-level buffer belongs to everybody and is never touched. What is changed is undone: the instance is
removed, and the mount with it where it was ours.
"""

import ctypes
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from recap.errors import RecapError

PLACE = Path("/sys/kernel/tracing")
MOUNTS = Path("/proc/self/mounts")
LOCKDOWN = Path("/sys/kernel/security/lockdown")
PREFIX = "recap-"  # of our instances; the recorder's process id follows
COUNTER = re.compile(r"^([a-z ]+): (\d{1,20})$", re.MULTILINE)
LOST = ("overrun", "commit overrun", "dropped events")


class TracingError(RecapError):
    """This machine cannot be recorded; one line says why."""


@dataclass(frozen=True, slots=True)
class Stats:
    """What a buffer has seen so far: events written and not lost, and events lost."""

    events: int
    lost: int


def mounted() -> Path | None:
    """Where tracefs is, if it is mounted."""
    mounts = (line.split() for line in MOUNTS.read_text().splitlines())
    return next((Path(mount[1]) for mount in mounts if mount[2] == "tracefs"), None)


def locked_down() -> bool:
    """Whether the kernel is locked down so far that it shows no trace, not even to root."""
    try:
        return "[confidentiality]" in LOCKDOWN.read_text()
    except OSError:
        return False


def obstacle() -> str | None:
    """The first thing that prevents tracing here, and what to do about it; None if nothing does."""
    if not Path("/proc/self").exists():
        return "this is not Linux, or /proc is not mounted; recap records Linux only"
    if os.geteuid() != 0:
        return "recording needs root; run it with sudo"
    if locked_down():
        return "the kernel is locked down (confidentiality) and shows no trace; boot with lockdown=none"
    if mounted() is None and "\ttracefs\n" not in Path("/proc/filesystems").read_text():
        return "the kernel has no tracefs; use one with CONFIG_TRACING and CONFIG_EVENT_TRACING"
    return None


def refuse_obstacle() -> None:
    """TracingError where something stands in the way."""
    reason = obstacle()
    if reason:
        raise TracingError(reason)


def system_call(name: str, *arguments: bytes | int | None) -> None:
    """A call of the C library's that Python does not have; OSError where it fails."""
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


@contextmanager
def tracefs() -> Iterator[Path]:
    """Where tracefs is; mounted for as long as it is needed, where it was not."""
    refuse_obstacle()
    place = mounted()
    if place is not None:
        yield place
        return
    try:
        system_call("mount", b"recap", bytes(PLACE), b"tracefs", 0, None)
    except OSError as error:
        problem = f"tracefs cannot be mounted on {PLACE} ({error.strerror}); a container needs CAP_SYS_ADMIN for it"
        raise TracingError(problem) from None
    try:
        yield PLACE
    finally:
        with suppress(OSError):  # somebody else has begun to use it
            system_call("umount2", bytes(PLACE), 0)


@dataclass
class Instance:
    """A trace buffer of our own, in which nothing is on yet."""

    path: Path
    cpus: list[int] = field(default_factory=list)

    def write(self, name: str, value: str) -> None:
        """Write one of its control files."""
        try:
            (self.path / name).write_text(value)
        except OSError as error:
            raise TracingError(f"{self.path / name} does not take {value!r} ({error.strerror})") from None

    def read(self, name: str) -> str:
        """Read one of its control files."""
        return (self.path / name).read_text(errors="replace")

    def events(self) -> Iterator[tuple[str, str]]:
        """Every event this kernel has: system and name."""
        for system in sorted((self.path / "events").iterdir()):
            if system.is_dir():
                yield from ((system.name, event.name) for event in sorted(system.iterdir()) if event.is_dir())

    def mark(self, text: str) -> None:
        """Write a line into the trace."""
        self.write("trace_marker", f"{text}\n")

    def stats(self) -> Stats:
        """What its CPUs' buffers have seen."""
        events = lost = 0
        for cpu in self.cpus:
            found = dict(COUNTER.findall(self.read(f"per_cpu/cpu{cpu}/stats")))
            events += int(found.get("entries", 0)) + int(found.get("read events", 0))
            lost += sum(int(found.get(name, 0)) for name in LOST)
        return Stats(events, lost)


def cpus_of(instance: Path) -> list[int]:
    """The CPUs that are online now and have a buffer. The buffer of one that goes offline keeps what it has."""
    numbers: list[int] = []
    for part in Path("/sys/devices/system/cpu/online").read_text().strip().split(","):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return [cpu for cpu in numbers if (instance / "per_cpu" / f"cpu{cpu}").exists()]


@contextmanager
def private_instance(root: Path, name: str = "") -> Iterator[Instance]:
    """An instance that is gone afterwards, come what may; by default it is named for this process."""
    path = root / "instances" / (name or f"{PREFIX}{os.getpid()}")
    try:
        path.mkdir()
    except OSError as error:
        problem = f"{path.parent} takes no new instance ({error.strerror}); see `recap doctor`"
        raise TracingError(problem) from None
    try:
        yield Instance(path, cpus_of(path))
    finally:
        remove(path)


def remove(path: Path) -> None:
    """Switch an instance off and remove it."""
    for name, value in (("tracing_on", "0"), ("events/enable", "0")):
        with suppress(OSError):
            (path / name).write_text(value)
    path.rmdir()


def left_over(root: Path) -> list[Path]:
    """Instances of recorders that were killed before they could tidy up."""
    found = []
    for path in (root / "instances").glob(f"{PREFIX}*"):
        pid = path.name.removeprefix(PREFIX)
        if pid.isdecimal() and not Path("/proc", pid).exists():
            found.append(path)
    return sorted(found)
