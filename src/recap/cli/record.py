"""`recap record`: this machine, around a command."""

import signal
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from recap.cli.console import Json, line, named, show
from recap.cli.streams import say
from recap.report.recorder import recorded, running
from recap.trace.recorder import RecordFile, Request, record

Folder = Annotated[Path, Parameter(name=["--out", "-o"], converter=named)]
Duration = Annotated[float | None, Parameter(validator=Number(gt=0))]
Megabytes = Annotated[int | None, Parameter(validator=Number(gte=1, lte=4096))]
COMMAND_FAILED = 1


def verb(
    *command: Annotated[str, Parameter(allow_leading_hyphen=True)],
    out: Folder,
    events: Literal["light", "full"] = "full",
    duration: Duration = None,
    buffer: Megabytes = None,
    page_flags: bool = True,
    json: Json = False,
) -> int:
    """Record the page allocator of this machine around a command, for a time, or until Ctrl-C.

    Everything the machine does is recorded, not the command alone. It needs root and nothing else: no trace-cmd, no
    compiler, no BPF. The trace is in a private instance of tracefs; whatever ends the recording, the kernel is left as
    it was and what was recorded so far is kept. `recap doctor` tells beforehand whether it can work.

    Parameters
    ----------
    command
        What to run, after `--`; without it the recording ends with Ctrl-C, or when the time is up.
    out
        A new folder for the recording.
    events
        `light`: pages, reclaim and compaction begin and end. `full`: all that `verify` and `compare` want.
    duration
        End after so many seconds, and the command with it.
    buffer
        Megabytes of buffer for each CPU; more of it loses less.
    page_flags
        Save the state of all page frames before and after: 0.1 s for each GiB of memory, and 99.9 % of the frees find
        their allocation.
    """
    request = Request(out, command, events, duration, buffer * 1024 if buffer else None, page_flags)
    with line() as tell:
        found = record(request, lambda live: tell(running(live)), lambda share: tell(f"packing the trace: {share:.0%}"))
    show(found, lambda result: recorded(result, out), as_json=json)
    return exit_code(found)


def exit_code(found: RecordFile) -> int:
    """The exit code: 0, 1 where the command failed, or what a signal that cut it short stands for."""
    if found.status:
        say(f"{found.command[0]} ended with status {found.status}")
        return COMMAND_FAILED
    if found.ended_by in (None, "duration") or (found.ended_by == "SIGINT" and not found.command):
        return 0
    return 128 + signal.Signals[found.ended_by]
