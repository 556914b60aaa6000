"""What a recorder changes in the kernel, written down before it does, so that somebody else can undo it.

A lease lies in /run, where only root writes, and which is empty after a reboot, as tracefs is.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from recap.trace import on_disk
from recap.trace.process import Process
from recap.trace.tracefs import TracingError

LEASES = Path("/run/recap")


class Lease(msgspec.Struct):
    """A recorder's, by the name of its instance."""

    instance: str
    folder: str  # of the recording; what lies there now must be the same one, by these two numbers
    device: int
    inode: int
    recorder: Process
    mounted: bool  # whether it mounted tracefs
    comms_room: int | None = None  # what saved_cmdlines_size was; None if it was not changed
    command: Process | None = None

    def write(self) -> None:
        """Keep it."""
        try:
            LEASES.mkdir(mode=0o700, exist_ok=True)
            on_disk.replace(place_of(self.instance), msgspec.json.encode(self))
        except OSError as error:
            problem = f"{LEASES} cannot be written ({error.strerror}); recap notes there what it changes in the kernel"
            raise TracingError(problem) from None


def place_of(instance: str) -> Path:
    """Where a lease is."""
    return LEASES / f"{instance}.json"


def read_lease(path: Path) -> Lease | None:
    """A lease; None if it is gone, or is none of ours."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Lease)
    except (OSError, msgspec.MsgspecError):
        return None


def leases() -> list[Lease]:
    """Of all recorders, the living and the dead."""
    found = [read_lease(path) for path in sorted(LEASES.glob("*.json"))]
    return [lease for lease in found if lease is not None]


@contextmanager
def leased(lease: Lease) -> Iterator[Lease]:
    """A lease, as long as this lasts."""
    lease.write()
    try:
        yield lease
    finally:
        place_of(lease.instance).unlink(missing_ok=True)


@contextmanager
def taken(instance: str) -> Iterator[Lease | None]:
    """A dead recorder's lease, for whoever undoes its changes, one at a time; None if somebody else has."""
    path = place_of(instance)
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        yield None
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        lease = read_lease(path)
        yield None if lease is None or lease.recorder.lives() else lease
    finally:
        os.close(file)
