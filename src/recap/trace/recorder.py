"""Records this machine: a private trace instance around a command, /proc before and after, one folder as the result.

What is recorded is the whole machine, the recorder included; `record.json` names its threads, and says how many
events were seen and lost. Whatever ends the recording, the trace so far is kept and the kernel is left as it was.
"""

from __future__ import annotations

import fnmatch
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from recap.errors import InputError, RecapError
from recap.trace import surroundings
from recap.trace.addresses import Addresses, blank_pages
from recap.trace.container import RawFolder, pack
from recap.trace.formats import parse_fields, parse_format
from recap.trace.opening import RAW, TRACE
from recap.trace.private import empty, private_files, private_folder
from recap.trace.recording import END, START
from recap.trace.spool import Spools, spooled
from recap.trace.target import CgroupTarget, Command, Endless, Processes, Target, check_command
from recap.trace.tracedat import page_header
from recap.trace.tracefs import Instance, TracingError, private_instance, tracefs

RECORD = "record.json"
CLOCK = "mono"
LOOK = 0.25  # seconds between two looks at the command, and at the buffers
BUFFER_PERCENT = 20  # how full a buffer is when its reader wakes
LARGEST_BUFFER_KB = 32 << 10  # for each CPU: 0.8 s at a million events a second
LARGEST_SHARE = 32  # all buffers together take at most this part of the memory that is available
LEAST_BUFFER_KB = 1 << 10
SAVED_COMMS = 4096
NO_ADDRESS = f"{0:016x} t tracing_mark_write\n"  # what marks are from; where it lies is kept nowhere
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

EventSet = Literal["light", "full"]
PAGES = (
    "kmem:mm_page_alloc",
    "kmem:mm_page_free",
    "kmem:mm_page_free_batched",
    "kmem:mm_page_pcpu_drain",
    "kmem:mm_page_alloc_extfrag",
    "kmem:mm_page_alloc_zone_locked",
)
PROCESSES = ("sched:sched_process_fork", "sched:sched_process_exec", "sched:sched_process_exit")
# The light set tells every allocation, and when anybody reclaims or compacts; the full one what happens then.
EVENTS: dict[EventSet, tuple[str, ...]] = {
    "light": (
        *PAGES,
        *PROCESSES,
        "vmscan:mm_vmscan_direct_reclaim_*",
        "vmscan:mm_vmscan_memcg_reclaim_*",
        "vmscan:mm_vmscan_*kswapd*",
        "compaction:mm_compaction_begin",
        "compaction:mm_compaction_end",
        "compaction:mm_compaction_kcompactd_*",
        "oom:mark_victim",
    ),
    "full": (
        *PAGES,
        *PROCESSES,
        "sched:sched_switch",
        "vmscan:*",
        "compaction:*",
        "oom:*",
        "migrate:mm_*",
        "pagemap:mm_lru_*",
        "filemap:mm_filemap_add_to_page_cache",
        "filemap:mm_filemap_delete_from_page_cache",
        "huge_memory:*",
        "writeback:writeback_dirty_folio",
        "writeback:writeback_dirty_page",
        "block:block_rq_issue",
        "block:block_rq_complete",
        "page_capture:*",
    ),
}
NEVER = ("vmscan:mm_shrink_slab_*",)  # ten times as many as all others under pressure, and of no use to recap


class RecordFile(msgspec.Struct, frozen=True):
    """What record.json says of a recording."""

    kernel: str
    command: list[str]
    status: int | None  # the command's exit status; None if there was none, or it was ended with the recording
    events: int  # recorded
    lost: int  # that found no room; `recap info` shows where
    seconds: float  # from START to END
    bytes: int  # of trace.dat
    event_set: str
    enabled: list[str]
    buffer_kb: int
    cpus: int
    recorder: list[int]  # recap's own threads: their work is in the trace too
    ended_by: str | None  # the signal that ended it, or "duration"
    list_order: str = surroundings.LIST_ORDER
    pids: list[int] = []  # recorded as long as these processes lived, but as all else: the whole machine
    cgroup: str | None = None
    schema: int = 1


@dataclass(frozen=True, slots=True)
class Live:
    """How a running recording is doing."""

    seconds: float
    events: int
    lost: int
    bytes: int


@dataclass
class Request:
    """What to record: along with a command, with what runs already, for a time, or until a signal ends it."""

    folder: Path
    command: Sequence[str] = ()
    events: EventSet = "full"
    duration: float | None = None
    buffer_kb: int | None = None
    page_flags: bool = True  # save the state of all page frames at the start
    pids: Sequence[int] = ()  # record as long as these live
    cgroup: str | None = None  # or this


@dataclass
class Ending:
    """Why a recording ends before its command does."""

    reason: str | None = None
    wanted: bool = field(default=False)

    def __call__(self, number: int, _frame: object) -> None:
        """A signal has arrived."""
        self.wanted, self.reason = True, signal.Signals(number).name


def record(
    request: Request,
    live: Callable[[Live], None] | None = None,
    packing: Callable[[float], None] | None = None,
) -> RecordFile:
    """Record, and leave a RECORDING in the folder.

    Args:
        request: what to record, and where to.
        live: told how it goes, a few times a second.
        packing: told the share of the trace that is packed, 0 to 1.

    Errors:
        TracingError: this machine cannot be recorded.
        InputError: the folder or the command is not usable.
    """
    check(request)
    with private_files() as umask, private_folder(request.folder) as place:
        return record_into(place, umask, request, live, packing)


def record_into(
    place: Path,
    umask: int,
    request: Request,
    live: Callable[[Live], None] | None,
    packing: Callable[[float], None] | None,
) -> RecordFile:
    """The same, into a folder that is ready. What is said names the folder as it was asked for."""
    raw = place / RAW
    with ended_by_signals() as ending, ExitStack() as stack:
        root = stack.enter_context(tracefs())
        stack.enter_context(saved_comms(root))
        instance = stack.enter_context(private_instance(root))
        enabled = set_up(instance, request)
        surroundings.save_once(place)
        copy_formats(root, instance, enabled, raw)
        spools = stack.enter_context(spooled(instance, raw))
        comms = Comms()
        run = Tracing(request, place, umask, instance, spools, ending, live)
        run.trace()
        close(request.folder, spools)
        stats = instance.stats()
        comms.save(root, raw)
        buffer_kb = int(instance.read(f"per_cpu/cpu{instance.cpus[0]}/buffer_size_kb").split()[0])
    target = place / TRACE
    pack_or_keep(raw, target, request.folder, packing)
    found = RecordFile(
        kernel=" ".join(os.uname()),
        command=list(request.command),
        status=run.status,
        events=stats.events,
        lost=stats.lost,
        seconds=run.seconds,
        bytes=target.stat().st_size,
        event_set=request.events,
        enabled=enabled,
        buffer_kb=buffer_kb,
        cpus=len(spools.by_cpu),
        recorder=[os.getpid(), *spools.threads()],
        ended_by=ending.reason,
        pids=list(request.pids),
        cgroup=request.cgroup,
    )
    (place / RECORD).write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    return found


def read_record(folder: Path) -> RecordFile | None:
    """What a recording's record.json says; None where there is none of ours."""
    try:
        return msgspec.json.decode((folder / RECORD).read_bytes(), type=RecordFile)
    except (OSError, msgspec.MsgspecError):
        return None


def check(request: Request) -> None:
    """Refuse before anything is touched."""
    check_command(request.command)
    if bool(request.command) + bool(request.pids) + bool(request.cgroup) > 1:
        problem, mend = "are given together", "give a command, --pid or --cgroup"
        raise InputError("record", "a command, --pid, --cgroup", problem, mend)


def target_of(request: Request, umask: int) -> Target:
    """What the recording lasts as long as; a command is started."""
    if request.command:
        return Command(request.command, umask)
    if request.pids:
        return Processes(request.pids)
    if request.cgroup is not None:
        return CgroupTarget(request.cgroup)
    return Endless()


def set_up(instance: Instance, request: Request) -> list[str]:
    """Clock, buffers and events, all still off; the events that are on, as `system:name`."""
    instance.write("tracing_on", "0")
    instance.write("trace_clock", CLOCK)
    instance.write("buffer_size_kb", str(request.buffer_kb or room(len(instance.cpus))))
    with suppress(TracingError):  # new in 5.0
        instance.write("buffer_percent", str(BUFFER_PERCENT))
    names = [f"{system}:{event}" for system, event in instance.events()]
    enabled = [name for name in names if wanted(name, EVENTS[request.events])]
    if "kmem:mm_page_alloc" not in enabled:
        raise TracingError("this kernel has no event kmem:mm_page_alloc; use one with CONFIG_EVENT_TRACING")
    for name in enabled:
        system, _, event = name.partition(":")
        instance.write(f"events/{system}/{event}/enable", "1")
    return enabled


def wanted(name: str, patterns: Sequence[str]) -> bool:
    """Whether an event belongs to a set."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns) and not any(
        fnmatch.fnmatchcase(name, pattern) for pattern in NEVER
    )


def room(cpus: int) -> int:
    """Kilobytes of buffer for each CPU: much, but no more than this machine can spare."""
    available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 10
    return max(LEAST_BUFFER_KB, min(LARGEST_BUFFER_KB, available // (LARGEST_SHARE * cpus)))


def copy_formats(root: Path, instance: Instance, enabled: Sequence[str], raw: Path) -> None:
    """The formats of what is on, so that the raw pages can be read whatever happens to us."""
    own = [str(path.relative_to(root)) for path in sorted((root / "events/ftrace").glob("*/format"))]
    tracepoints = [f"events/{name.replace(':', '/')}/format" for name in enabled]
    for name in ("events/header_page", "events/header_event", *own, *tracepoints):
        copy(root / name, raw / name)
    copy(instance.path / "trace_clock", raw / "trace_clock")
    (raw / "uname").write_text(" ".join(os.uname()))
    (raw / "kallsyms").write_text(NO_ADDRESS)


def copy(source: Path, target: Path) -> None:
    """A file of tracefs, which has no size before it is read."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        target.write_bytes(source.read_bytes())


def close(folder: Path, spools: Spools) -> None:
    """Let all readers read to the end, and hear what went wrong."""
    spools.stop()
    broken(folder, spools)


def broken(folder: Path, spools: Spools) -> None:
    """Raise what stopped a reader; what it had until then stays, and can be read as it is."""
    for spool in spools.by_cpu.values():
        if spool.error is not None:
            reason, kept = spool.error.strerror, f"what was recorded until then is kept: `recap info {folder}`"
            raise RecapError(f"{folder} cannot be written any more ({reason}); {kept}")


@contextmanager
def saved_comms(root: Path) -> Iterator[None]:
    """Room for more process names than old kernels keep (128), as long as it is needed."""
    path = root / "saved_cmdlines_size"
    try:
        before = int(path.read_text())
    except (OSError, ValueError):
        before = SAVED_COMMS
    if before >= SAVED_COMMS:
        yield
        return
    path.write_text(str(SAVED_COMMS))
    try:
        yield
    finally:
        path.write_text(str(before))


class Comms:
    """The names of processes and threads: those alive at the start, at the end, and those the kernel kept."""

    def __init__(self) -> None:
        self.found = dict(self.alive())

    def alive(self) -> Iterator[tuple[int, str]]:
        """Every thread's name."""
        for process in Path("/proc").iterdir():
            with suppress(OSError):  # tasks go away meanwhile
                for task in (process / "task").iterdir() if process.name.isdecimal() else ():
                    with suppress(OSError):
                        yield int(task.name), (task / "comm").read_text(errors="replace").rstrip("\n")

    def save(self, root: Path, raw: Path) -> None:
        """Write them the way tracefs does."""
        self.found.update(self.alive())
        with suppress(OSError):
            lines = (root / "saved_cmdlines").read_text(errors="replace").splitlines()
            named = (line.partition(" ") for line in lines)
            self.found |= {int(pid): comm for pid, _, comm in named if pid.isdecimal()}
        text = "".join(f"{pid} {comm}\n" for pid, comm in sorted(self.found.items()))
        (raw / "saved_cmdlines").write_text(text)


@contextmanager
def ended_by_signals() -> Iterator[Ending]:
    """Take the signals that end a program as a wish to end the recording."""
    ending = Ending()
    before = {number: signal.signal(number, ending) for number in SIGNALS}
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass
class Tracing:
    """The trace while it is on."""

    request: Request
    place: Path  # of the recording
    umask: int  # of the command
    instance: Instance
    spools: Spools
    ending: Ending
    live: Callable[[Live], None] | None
    began: float = 0.0
    seconds: float = 0.0
    status: int | None = None

    def trace(self) -> None:
        """Trace along with the target, or until the time is up or a signal comes. Its end is not waited for."""
        self.instance.write("tracing_on", "1")
        if self.request.page_flags:
            surroundings.save_page_flags(self.place / surroundings.PAGE_FLAGS)
        self.instance.mark(START)
        surroundings.save_proc(self.place, 0)
        self.began = time.monotonic()
        target = self.start()
        try:
            self.wait(target)
            self.seconds = time.monotonic() - self.began
            surroundings.save_proc(self.place, 1)
            self.instance.mark(END)
            self.instance.write("tracing_on", "0")
            self.spools.look_for_cpus()
        finally:
            self.status = target.end()

    def start(self) -> Target:
        """Begin with the target; where that cannot be, there is nothing to keep."""
        try:
            return target_of(self.request, self.umask)
        except InputError:
            empty(self.place)
            raise

    def wait(self, target: Target) -> None:
        """Until the target is gone, the time is up, or a signal has come."""
        duration = self.request.duration
        while not self.ending.wanted and target.lives():
            left = LOOK if duration is None else min(LOOK, self.began + duration - time.monotonic())
            if left <= 0:
                self.ending.wanted, self.ending.reason = True, "duration"
                return
            target.wait(left)
            self.look()

    def look(self) -> None:
        """See that all is well, and tell how it goes."""
        broken(self.request.folder, self.spools)
        self.spools.look_for_cpus()
        if self.live is not None:
            stats = self.instance.stats()
            self.live(Live(time.monotonic() - self.began, stats.events, stats.lost, self.spools.written()))


def pack_or_keep(raw: Path, target: Path, folder: Path, packing: Callable[[float], None] | None) -> None:
    """Make the trace.dat; where that is interrupted, the raw pages stay and can be read as they are."""
    try:
        pack_raw(RawFolder(raw), target, packing)
    except (OSError, KeyboardInterrupt) as error:
        reason = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error.strerror)
        kept = f"nothing is lost: `recap convert {folder / RAW} {folder / TRACE}`"
        raise RecapError(f"{folder / TRACE} was not packed ({reason}); {kept}") from None
    shutil.rmtree(raw)


def pack_raw(raw: RawFolder, target: Path, packing: Callable[[float], None] | None = None) -> None:
    """Make a trace.dat; of pages that a recorder left, without the addresses of the recorded kernel."""
    if raw.text("kallsyms", "") != NO_ADDRESS:
        pack(raw, target, packing)
        return
    header = page_header(parse_fields(raw.text("events/header_page")))
    formats = (parse_format(system, text) for system, texts in raw.formats() for text in texts)
    fields = Addresses(described for described in formats if described)
    size = raw.page_size()
    pack(raw, target, packing, lambda pages: blank_pages(pages, fields, size, header.commit, header.payload))
