"""Records this machine: a private trace instance around a command, /proc before and after, one folder as the result.

What is recorded is the whole machine, the recorder included; `record.json` names its threads, and says how many
events were seen and lost. Whatever ends the recording, the trace so far is kept and the kernel is left as it was.
"""

from __future__ import annotations

import fnmatch
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from recap.errors import InputError, RecapError
from recap.kernel import version_of
from recap.trace import on_disk, surroundings
from recap.trace.comms import save_comms
from recap.trace.finishing import NO_ADDRESS, finish
from recap.trace.guard import guarded
from recap.trace.lease import Lease, leased
from recap.trace.opening import RAW
from recap.trace.private import empty, private_files, private_folder
from recap.trace.process import Process
from recap.trace.record_file import UNFINISHED, RecordFile, Start, write_record
from recap.trace.recording import END, START
from recap.trace.spool import Spools, spooled
from recap.trace.state import kcore
from recap.trace.state.btf import UnknownTypeError
from recap.trace.state.kcore import RunningKernel
from recap.trace.state.memory import UnreadableError
from recap.trace.state.take import take_live
from recap.trace.target import CgroupTarget, Command, Endless, Processes, Target, check_command
from recap.trace.tracefs import PREFIX, Instance, TracingError, mounted, private_instance, refuse_obstacle, tracefs

SNAPSHOT = "snap0.npz"
CLOCK = "mono"
LOOK = 0.25  # seconds between two looks at the command, and at the buffers
BUFFER_PERCENT = 20  # how full a buffer is when its reader wakes
LARGEST_BUFFER_KB = 32 << 10  # for each CPU: 0.8 s at a million events a second
LARGEST_SHARE = 32  # all buffers together take at most this part of the memory that is available
LEAST_BUFFER_KB = 1 << 10
SAVED_COMMS = 4096
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
# Since 6.7 (51a755c56dc0) per-cpu lists that are idle shrink, unreported: this work does it, about once a second.
DECAY, DECAYS = "workqueue:workqueue_execute_start", "vmstat_update"
DECAY_SINCE = (6, 7)
NEVER = ("vmscan:mm_shrink_slab_*",)  # ten times as many as all others under pressure, and of no use to recap


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
    lists: bool = True  # read the kernel's own lists at the start


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
    name = f"{PREFIX}{os.getpid()}"
    refuse_obstacle()
    with ended_by_signals() as ending, ExitStack() as stack:
        guard = stack.enter_context(guarded(name))
        lease = stack.enter_context(leased(lease_of(name, request.folder, place)))
        root = stack.enter_context(tracefs())
        stack.enter_context(saved_comms(root, lease))
        instance = stack.enter_context(private_instance(root, name))
        enabled = set_up(instance, request)
        surroundings.save_once(place)
        copy_formats(root, instance, enabled, raw)
        save_comms(root, raw)
        kernel = running_kernel(stack) if request.lists else "--no-lists was given"
        spools = stack.enter_context(spooled(instance, raw, guard.hold))
        found = begin(request, place, instance, enabled, [os.getpid(), guard.process.pid, *spools.threads()])
        run = Tracing(request, place, umask, instance, spools, ending, lease, live, kernel)
        run.trace()
        close(request.folder, spools)
        stats = instance.stats()
        save_comms(root, raw)
    found = msgspec.structs.replace(
        found,
        status=run.status,
        events=stats.events,
        lost=stats.lost,
        seconds=run.seconds,
        cpus=len(spools.by_cpu),
        recorder=[*found.recorder[:2], *spools.threads()],
        ended_by=ending.reason,
        start=run.start_taken,
    )
    return finish(place, request.folder, found, packing)


def lease_of(instance: str, folder: Path, place: Path) -> Lease:
    """What this process is about to do."""
    this, recorder = place.stat(), Process.of(os.getpid())
    assert recorder
    return Lease(instance, str(folder.absolute()), this.st_dev, this.st_ino, recorder, mounted=mounted() is None)


def begin(request: Request, place: Path, instance: Instance, enabled: list[str], recorder: list[int]) -> RecordFile:
    """Have on the disk, before the first event, all that the trace is read with."""
    found = RecordFile(
        kernel=" ".join(os.uname()),
        command=list(request.command),
        status=None,
        events=0,
        lost=0,
        seconds=0,
        bytes=0,
        event_set=request.events,
        enabled=enabled,
        buffer_kb=int(instance.read(f"per_cpu/cpu{instance.cpus[0]}/buffer_size_kb").split()[0]),
        cpus=len(instance.cpus),
        recorder=recorder,
        ended_by=UNFINISHED,
        pids=list(request.pids),
        cgroup=request.cgroup,
    )
    write_record(place, found)
    on_disk.sync_all(place)
    return found


def check(request: Request) -> None:
    """Refuse before anything is touched."""
    check_command(request.command)
    if bool(request.command) + bool(request.pids) + bool(request.cgroup) > 1:
        problem, remedy = "are given together", "give a command, --pid or --cgroup"
        raise InputError("record", "a command, --pid, --cgroup", problem, remedy)


def running_kernel(stack: ExitStack) -> RunningKernel | str:
    """The kernel, to read its lists; or why that cannot be."""
    try:
        kernel = RunningKernel()
    except (UnreadableError, UnknownTypeError) as error:
        return str(error)
    stack.callback(kernel.close)
    return kernel


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
    return enabled + watch_decay(instance, names)


def watch_decay(instance: Instance, names: Sequence[str]) -> list[str]:
    """Have the work reported that lets per-cpu lists shrink, and no other."""
    version = version_of(os.uname().release)
    function = kcore.addresses(kcore.KALLSYMS, (DECAYS,)).get(DECAYS)
    if DECAY not in names or function is None or version is None or version < DECAY_SINCE:
        return []
    place = f"events/{DECAY.replace(':', '/')}"
    try:
        instance.write(f"{place}/filter", f"function == {function:#x}")
        instance.write(f"{place}/enable", "1")
    except TracingError:
        return []
    return [DECAY]


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
def saved_comms(root: Path, lease: Lease) -> Iterator[None]:
    """Room for more process names than old kernels keep (128), as long as it is needed."""
    path = root / "saved_cmdlines_size"
    try:
        before = int(path.read_text())
    except (OSError, ValueError):
        before = SAVED_COMMS
    if before >= SAVED_COMMS:
        yield
        return
    lease.comms_room = before
    lease.write()
    path.write_text(str(SAVED_COMMS))
    try:
        yield
    finally:
        path.write_text(str(before))


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
    lease: Lease
    live: Callable[[Live], None] | None
    kernel: RunningKernel | str  # or why its lists cannot be read
    start_taken: Start | None = None
    began: float = 0.0
    seconds: float = 0.0
    status: int | None = None

    def trace(self) -> None:
        """Trace along with the target, or until the time is up or a signal comes. Its end is not waited for."""
        self.instance.write("tracing_on", "1")
        if self.request.page_flags:
            surroundings.save_page_flags(self.place / surroundings.PAGE_FLAGS)
        self.start_taken = self.take_start()
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

    def take_start(self) -> Start:
        """Read the kernel's lists, where it shows them; page flags are saved by then."""
        flags: Literal["flags"] | None = "flags" if (self.place / surroundings.PAGE_FLAGS).exists() else None
        if isinstance(self.kernel, str):
            return Start(flags, self.kernel)
        path = self.place / SNAPSHOT
        try:
            return Start("live", taken=take_live(self.kernel, path, self.instance.mark))
        except (UnreadableError, UnknownTypeError, OSError) as error:
            path.unlink(missing_ok=True)
            return Start(flags, str(error))

    def start(self) -> Target:
        """Begin with the target; where that cannot be, there is nothing to keep."""
        try:
            target = target_of(self.request, self.umask)
        except InputError:
            empty(self.place)
            raise
        if isinstance(target, Command):
            self.lease.command = Process.of(target.process.pid)
            self.lease.write()
        return target

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
