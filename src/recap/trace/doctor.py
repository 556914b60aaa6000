"""Whether this machine can be recorded: everything a recording needs, tried one after the other."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import msgspec

from recap.errors import RecapError
from recap.kernel import LINUX_6_1, LINUX_6_18, version_of
from recap.trace import ringbuffer
from recap.trace.formats import parse_fields
from recap.trace.lease import Lease, leases, place_of
from recap.trace.recorder import BUFFER_PERCENT, CLOCK, EVENTS, room, wanted
from recap.trace.salvage import tidy
from recap.trace.state import kcore
from recap.trace.tracefs import Instance, TracingError, left_over, mounted, obstacle, private_instance, remove, tracefs

ENOUGH_DISK = 1 << 30
EXTRAS = {"pyarrow": "converts to and from Parquet"}


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    state: Literal["ok", "warning", "missing"]
    found: str
    remedy: str = ""


def doctor(*, clean: bool = False) -> Iterator[Check]:
    """All checks, the decisive ones first; a `missing` one means that nothing can be recorded.

    Args:
        clean: tidy up after recorders that were killed.
    """
    reason = obstacle()
    if reason:
        problem, _, remedy = reason.partition("; ")
        yield Check("recording", "missing", problem, remedy)
    else:
        yield from tracing(clean=clean)
    yield kernel()
    yield start()
    yield disk()
    yield engine()
    for name, use in EXTRAS.items():
        there = find_spec(name) is not None
        yield Check(name, "ok" if there else "warning", use, "" if there else f"pip install {name}")


def tracing(*, clean: bool) -> Iterator[Check]:
    """What can only be known by trying: a private instance is made, used and removed."""
    yield from killed(clean=clean)
    before = mounted()
    try:
        with tracefs() as root:
            yield Check(
                "tracefs", "ok", f"on {root}" if before else f"not mounted; recap mounts it on {root} meanwhile"
            )
            yield from remains(root, clean=clean)
            with private_instance(root) as instance:
                yield Check("instance", "ok", "a private one can be made")
                yield from events(instance)
                yield from buffers(instance)
                yield pages_read(root, instance)
    except TracingError as error:
        problem, _, remedy = str(error).partition("; ")
        yield Check("recording", "missing", problem, remedy)


def killed(*, clean: bool) -> Iterator[Check]:
    """Recorders that were killed, their guards with them: their instances go on recording into their buffers."""
    for lease in leases():
        if lease.recorder.lives():
            continue
        if clean:
            yield tidied(lease)
        else:
            remedy = f"recap record --resume {lease.folder}, or recap doctor --clean"
            yield Check("left over", "warning", f"{lease.folder}, whose recorder was killed", remedy)


def tidied(lease: Lease) -> Check:
    """Tidy up after a killed recorder."""
    try:
        found = tidy(lease.instance)
    except (OSError, RecapError) as error:
        return Check("left over", "warning", f"{lease.folder}: {error}")
    kept = f"{found.events:,} events are kept, and " if found else ""
    return Check("left over", "ok", f"{lease.folder}: {kept}the kernel is as it was")


def remains(root: Path, *, clean: bool) -> Iterator[Check]:
    """Instances of which no recorder has left word."""
    for path in left_over(root):
        if place_of(path.name).exists():
            continue
        if clean:
            remove(path)
            yield Check("left over", "ok", f"{path} is removed")
        else:
            yield Check("left over", "warning", f"{path}, of a recorder that was killed", "recap doctor --clean")


def events(instance: Instance) -> Iterator[Check]:
    """Which of our events this kernel has."""
    names = [f"{system}:{event}" for system, event in instance.events()]
    for chosen, patterns in EVENTS.items():
        found = sum(wanted(name, patterns) for name in names)
        there = "kmem:mm_page_alloc" in names
        remedy = "" if there else "use a kernel with CONFIG_EVENT_TRACING"
        yield Check(f"--events {chosen}", "ok" if there else "missing", f"{found} events", remedy)


def buffers(instance: Instance) -> Iterator[Check]:
    """How large the buffers would be, and the clock."""
    cpus = len(instance.cpus)
    yield Check("buffers", "ok", f"{room(cpus) >> 10} MB for each of {cpus} CPUs")
    clock = CLOCK in instance.read("trace_clock")
    yield Check("clock", "ok" if clock else "missing", CLOCK, "" if clock else "use Linux 4.1 or newer")


def pages_read(root: Path, instance: Instance) -> Check:
    """Whether an event that is written can be read from the raw pages."""
    instance.write("tracing_on", "1")
    with suppress(TracingError):
        instance.write("buffer_percent", str(BUFFER_PERCENT))
    instance.mark("recap doctor")
    data = parse_fields((root / "events/header_page").read_text())["data"]
    for cpu in instance.cpus:
        file = os.open(instance.path / f"per_cpu/cpu{cpu}/trace_pipe_raw", os.O_RDONLY | os.O_NONBLOCK)
        try:
            page = os.read(file, data.offset + data.size)
        except BlockingIOError:
            page = b""
        finally:
            os.close(file)
        if b"recap doctor" in page:
            return Check("raw pages", "ok", f"{data.offset + data.size} bytes each, and they hold what was written")
    return Check("raw pages", "missing", "a mark that was written did not come out", "look at dmesg for tracing errors")


def kernel() -> Check:
    """The kernel, and whether recap models its allocator."""
    release = os.uname().release
    version = version_of(release)
    known = version is not None and LINUX_6_1.version <= version <= LINUX_6_18.version
    state: Literal["ok", "warning"] = "ok" if known else "warning"
    note = "" if known else "recorded and told apart all the same; the model has the rules of 6.1 to 6.18"
    return Check("kernel", state, release, note)


def start() -> Check:
    """Which start a recording of this machine gives `recap compare`, and why not a better one."""
    reason = kcore.obstacle()
    if reason is None:
        return Check("start", "ok", "live: the kernel's own lists in their order, through /proc/kcore")
    with suppress(OSError), Path("/proc/kpageflags").open("rb") as file:
        if file.read(8):
            return Check("start", "ok", f"flags: page flags without the order of lists; not live: {reason}")
    remedy = "run as root, on a kernel with CONFIG_PROC_PAGE_MONITOR"
    return Check("start", "warning", f"none: /proc/kpageflags cannot be read; not live: {reason}", remedy)


def disk() -> Check:
    """Whether there is room for a recording here."""
    free = shutil.disk_usage(Path.cwd()).free
    enough = free >= ENOUGH_DISK
    return Check("disk", "ok" if enough else "warning", f"{free / 1e9:.1f} GB free here", "" if enough else "make room")


def engine() -> Check:
    """Whether the engine is compiled."""
    compiled = ringbuffer.COMPILED
    remedy = "" if compiled else "install a C compiler and Python's headers, then recap again"
    return Check("engine", "ok" if compiled else "warning", "compiled" if compiled else "not compiled: slow", remedy)
