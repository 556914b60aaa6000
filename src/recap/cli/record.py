"""`recap record`: this machine, along with a command or with what runs already."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from recap.cli.console import Json, Out, line, named, show
from recap.cli.streams import say
from recap.errors import InputError
from recap.report.recorder import recorded, running
from recap.trace import salvage
from recap.trace.record_file import RecordFile
from recap.trace.recorder import Request, record

Folder = Annotated[Path | None, Parameter(name=["--out", "-o"], converter=named)]
Duration = Annotated[float | None, Parameter(validator=Number(gt=0))]
Megabytes = Annotated[int | None, Parameter(validator=Number(gte=1, lte=4096))]
Pids = Annotated[tuple[int, ...], Parameter(negative=(), show_default=False)]
KILLED = 128  # and the signal's number, as shells have it


def verb(  # noqa: PLR0913 (each is an option)
    *command: Annotated[str, Parameter(allow_leading_hyphen=True)],
    out: Folder = None,
    resume: Out = None,
    pid: Pids = (),
    cgroup: str | None = None,
    events: Literal["light", "full"] = "full",
    duration: Duration = None,
    buffer: Megabytes = None,
    page_flags: bool = True,
    lists: bool = True,
    json: Json = False,
) -> int:
    """Record the page allocator of this machine along with a command, for a time, or until Ctrl-C.

    Everything the machine does is recorded, not the command, process or cgroup alone: they share its memory. It needs
    root and nothing else: no trace-cmd, no compiler, no BPF. The trace is in a private instance of tracefs; whatever
    ends the recording, kill -9 included, the kernel is left as it was and what was recorded so far is kept. `recap
    doctor` tells beforehand whether it can work. The exit code is the command's.

    Parameters
    ----------
    command
        What to run, after `--`; without it the recording ends with Ctrl-C, or when the time is up.
    out
        A folder for the recording: new, or empty. Only its owner can read it.
    resume
        Make a recording of what was left in this folder, if recap was killed while it recorded, or the power was cut.
    pid
        Record until this process ends, or if there are several, all have; as always, the whole machine is recorded.
    cgroup
        Record until this cgroup is empty: its path, as in /proc/PID/cgroup.
    events
        `light`: pages, reclaim and compaction begin and end. `full`: all that `compare` wants.
    duration
        End after so many seconds, and the command with it.
    buffer
        Megabytes of buffer for each CPU; more of it loses less.
    page_flags
        Save the state of all page frames before: up to 0.03 s for each GiB of memory.
    lists
        Read the kernel's own lists before, where /proc/kcore and its BTF show them: the start `live` of `compare`. Only
        its own structures are read, no page's content, and no address is kept.
    """
    if resume is not None:
        with line() as tell:
            show(salvage.resume(resume, packing(tell)), lambda result: recorded(result, resume), as_json=json)
        return 0
    if out is None:
        raise InputError("record", "--out", "is missing", "name a folder for the recording: --out DIR")
    kilobytes = buffer * 1024 if buffer else None
    request = Request(out, command, events, duration, kilobytes, page_flags, pid, cgroup, lists)
    with line() as tell:
        found = record(request, lambda live: tell(running(live)), packing(tell))
    show(found, lambda result: recorded(result, out), as_json=json)
    return exit_code(found)


def packing(tell: Callable[[str], None]) -> Callable[[float], None]:
    """Tells how much of the trace is packed."""
    return lambda share: tell(f"packing the trace: {share:.0%}")


def exit_code(found: RecordFile) -> int:
    """The command's exit code; else 0, or what a signal that cut the recording short stands for."""
    if found.status:
        say(f"{found.command[0]} ended with status {found.status}")
        return found.status if found.status > 0 else KILLED - found.status
    if found.ended_by in (None, "duration") or (found.ended_by == "SIGINT" and not found.command):
        return 0
    return KILLED + signal.Signals[found.ended_by]
