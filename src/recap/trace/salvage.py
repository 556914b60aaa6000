"""After a recorder was killed: what its buffers held is kept, and what it changed in the kernel is undone.

Its guard does that at once. Where the guard was killed as well, `recap record --resume` and `recap doctor --clean` do;
after a power cut, when nothing is left but the files, `--resume` does.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import msgspec

from recap.errors import InputError, RecapWarning
from recap.trace import surroundings
from recap.trace.comms import save_comms
from recap.trace.container import RawFolder
from recap.trace.finishing import Packing, finish
from recap.trace.lease import Lease, leases, place_of, taken
from recap.trace.opening import RAW, TRACE, open_flow, trace_in
from recap.trace.private import own_folder, private_files
from recap.trace.raw import sound_size
from recap.trace.record_file import RECORD, UNFINISHED, RecordFile, read_record
from recap.trace.recording import END
from recap.trace.tracefs import Instance, cpus_of, mounted, remove, system_call

NANOSECONDS = 1e9
KILLED = "killed"  # what ended such a recording
PIPE_BITE = 1 << 16


def tidy(instance: str, pipes: Sequence[tuple[int, int]] = (), packing: Packing | None = None) -> RecordFile | None:
    """Tidy up after a killed recorder; None where it has nothing to keep, or has been tidied up after.

    Args:
        instance: the name of its trace instance.
        pipes: each CPU's number and pipe, as far as they can still be read.
        packing: told the share of the trace that is packed, 0 to 1.

    Errors:
        RecapError: the kernel is as it was, but the trace is not packed.
    """
    with taken(instance) as lease, private_files():
        if lease is None:
            return None
        if lease.command:
            lease.command.kill()
        with recording_of(lease) as place:
            try:
                if place:
                    keep(place, instance, pipes)
            finally:
                undo(lease)
            try:
                return complete(place, Path(lease.folder), packing) if place and (place / RAW).is_dir() else None
            finally:
                place_of(instance).unlink()


def resume(folder: Path, packing: Packing | None = None) -> RecordFile:
    """Make a recording of what a killed recorder left, or a power cut.

    Args:
        folder: what `recap record` was given.
        packing: told the share of the trace that is packed, 0 to 1.

    Errors:
        InputError: there is nothing to resume, or it is still recorded.
        RecapError: it cannot be packed.
    """
    with private_files(), own_folder(folder) as place:
        for lease in leases_of(place):
            if lease.recorder.lives():
                problem = f"is being recorded by process {lease.recorder.pid}"
                raise InputError(folder, "", problem, f"end it: kill -INT {lease.recorder.pid}")
            tidy(lease.instance, (), packing)
        if (place / RAW).is_dir():
            return complete(place, folder, packing)
        found = read_record(place)
        if found is None or not (place / TRACE).is_file():
            raise InputError(folder, "", "holds nothing that `recap record` has left", "record again")
        return found


def leases_of(place: Path) -> list[Lease]:
    """The leases of those who record into this folder."""
    return [lease for lease in leases() if writes_to(lease, place)]


def writes_to(lease: Lease, place: Path) -> bool:
    """Whether this is the folder that a lease is about."""
    this = place.stat()
    return (lease.device, lease.inode) == (this.st_dev, this.st_ino)


@contextmanager
def recording_of(lease: Lease) -> Iterator[Path | None]:
    """The folder that a killed recorder wrote to; None if it is gone, or another has its name."""
    with ExitStack() as stack:
        place = None
        with suppress(OSError, InputError):
            place = stack.enter_context(own_folder(Path(lease.folder)))
        yield place if place and writes_to(lease, place) else None


def keep(place: Path, instance: str, pipes: Sequence[tuple[int, int]]) -> None:
    """Write down what is in pipes and buffers, and what a recorder writes at the end."""
    root, raw = mounted(), place / RAW
    if root is None or not (raw / "per_cpu").is_dir():
        return
    trace = Instance(root / "instances" / instance)
    if not trace.path.is_dir():
        return
    if trace.read("tracing_on").strip() == "1":
        surroundings.save_proc(place, 1)
        trace.mark(END)
        trace.write("tracing_on", "0")
    for cpu, pipe in pipes:
        with raw_file(raw, cpu).open("ab") as file:
            while piece := os.read(pipe, PIPE_BITE):
                file.write(piece)
    for cpu in cpus_of(trace.path):
        drain(trace, cpu, raw)
    save_comms(root, raw)


def raw_file(raw: Path, cpu: int) -> Path:
    """Where a CPU's pages go."""
    return raw / f"per_cpu/cpu{cpu}/trace_pipe_raw"


def drain(trace: Instance, cpu: int, raw: Path) -> None:
    """Add a CPU's pages that nobody has read to those that were. A page that was cut is given up."""
    size, target = RawFolder(raw).page_size(), raw_file(raw, cpu)
    target.parent.mkdir(exist_ok=True)
    source = os.open(trace.path / f"per_cpu/cpu{cpu}/trace_pipe_raw", os.O_RDONLY | os.O_NONBLOCK)
    try:
        with target.open("ab") as file, suppress(BlockingIOError):
            file.truncate(file.tell() // size * size)
            while page := os.read(source, size):
                file.write(page)
    finally:
        os.close(source)


def undo(lease: Lease) -> None:
    """Leave tracefs as it was before."""
    root = mounted()
    if root is None:
        return
    instance = root / "instances" / lease.instance
    if instance.is_dir():
        remove(instance)
    if lease.comms_room is not None:
        (root / "saved_cmdlines_size").write_text(str(lease.comms_room))
    if lease.mounted:
        with suppress(OSError):  # somebody else has begun to use it
            system_call("umount2", bytes(root), 0)


def complete(place: Path, folder: Path, packing: Packing | None) -> RecordFile:
    """Pack what there is, and say what it has become."""
    record = read_record(place)
    if record is None:
        problem, remedy = "cannot be read", f"pack the trace alone: recap convert {folder / RAW} {folder / TRACE}"
        raise InputError(folder / RECORD, "", problem, remedy)
    try:
        if not (place / TRACE).is_file():
            leave_out_torn(RawFolder(place / RAW), folder)
        if not record.bytes:  # which it has when all is done
            record = counted(record, trace_in(place))
    except InputError as error:
        named = error.path.replace(str(place), str(folder), 1)
        raise InputError(named, error.where, error.problem, error.remedy) from None
    return finish(place, folder, record, packing)


def leave_out_torn(raw: RawFolder, folder: Path) -> None:
    """Cut off the pages at the end that are zeros or torn, as a power cut leaves them."""
    page_size = raw.page_size()
    for cpu, pages in raw.cpus:
        sound = sound_size(raw, pages)
        torn = pages.stat().st_size // page_size - sound // page_size
        if torn:
            os.truncate(pages, sound)
            told = f"{folder}: the last {torn} pages of CPU {cpu} were not written as a whole, and are left out"
            warnings.warn(told, RecapWarning, stacklevel=2)


def counted(record: RecordFile, trace: Path) -> RecordFile:
    """What a trace says of itself, where the recorder has not, or where not all of it came to the disk."""
    flow = open_flow(trace)
    events = sum(len(piece) for piece in flow.pieces) + sum(flow.other.values())
    first, last = flow.span or (0, 0)
    return msgspec.structs.replace(
        record,
        events=events,
        lost=max(record.lost, sum(span.count or 0 for span in flow.lost)),
        seconds=record.seconds or (last - first) / NANOSECONDS,
        ended_by=KILLED if record.ended_by == UNFINISHED else record.ended_by,
    )
