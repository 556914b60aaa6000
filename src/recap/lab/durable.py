"""Files that are whole or not there, and known to be what was written: after a kill, a full disk or a power cut, and
with several processes at work in one folder.

Files that belong together are put in their places, last of all their checksums, in the form that `sha256sum --check`
reads. What has no checksums was never finished; what does not fit them is damaged.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import weakref
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from recap.errors import InputError
from recap.trace.bounded import bounded_content
from recap.trace.on_disk import SCRATCH, sync_folder, write_scratch

NOT_OURS_TO_WRITE = (errno.EROFS, errno.EACCES, errno.EPERM)
LINE = re.compile(r"([0-9a-f]{64})  (.+)")
LARGEST = 256 << 20  # of a file that is read back; a run's timeline is about a megabyte
AGAIN = "run the same command with --out again: it runs again what is damaged"


def put(folder: Path, sums: str, files: Mapping[str, bytes]) -> None:
    """Write files that belong together, then their checksums. When this returns, all of it is on the disk.

    Args:
        folder: where they go. It may be read-only if all of it is there already.
        sums: the name of the file of checksums.
        files: contents by name, relative to the folder.

    Errors:
        OSError: names the file. What was there before is there still, or is known to be damaged.
    """
    listed = "".join(f"{checksum(content)}  {name}\n" for name, content in files.items())
    scratches: list[tuple[Path, Path]] = []
    path = folder
    try:
        for name, content in {**files, sums: listed.encode()}.items():
            path = folder / name
            scratches.append((write_scratch(path.parent, content), path))
        for scratch, path in scratches:
            scratch.replace(path)
        for parent in {path.parent for _, path in scratches}:
            sync_folder(parent)
    except OSError as error:
        if error.errno in NOT_OURS_TO_WRITE and is_there(folder, sums, files):
            return
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        for scratch, _ in scratches:
            with suppress(OSError):
                scratch.unlink(missing_ok=True)


def checksum(content: bytes) -> str:
    """As sha256sum prints it."""
    return hashlib.sha256(content).hexdigest()


def is_there(folder: Path, sums: str, files: Mapping[str, bytes]) -> bool:
    """Is exactly this on the disk already?"""
    try:
        return read(folder, sums, files) == files
    except InputError:
        return False


def read(folder: Path, sums: str, names: Collection[str]) -> dict[str, bytes]:
    """What was put: contents by name, the same to the last bit.

    Errors:
        InputError: the file that is missing or damaged.
    """
    listed = read_checksums(folder / sums)
    found = {}
    for name in names:
        found[name] = content_of(folder / name)
        if checksum(found[name]) != listed.get(name):
            raise InputError(folder / name, "", f"does not match its checksum in {sums}", AGAIN)
    return found


def read_checksums(path: Path) -> dict[str, str]:
    """Checksums by file name."""
    lines = content_of(path).decode(errors="replace").removesuffix("\n").split("\n")
    matches = [LINE.fullmatch(line) for line in lines]
    if not matches or None in matches:
        raise InputError(path, "", "is not a list of checksums", AGAIN)
    return {match[2]: match[1] for match in matches if match}


def content_of(path: Path) -> bytes:
    """A file, unless it is absurdly large."""
    return bounded_content(path, LARGEST, AGAIN)


def make_folder(folder: Path) -> None:
    """Have a folder, and its name on the disk."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


class Occupied:
    """A folder that this process works in: what killed ones left is removed when no other is at work there."""

    def __init__(self, folder: Path) -> None:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        weakref.finalize(self, os.close, lock)
        with suppress(OSError):  # another process is at work, or the file system has no locks
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for scratch in (*folder.glob(SCRATCH), *folder.glob(f"*/{SCRATCH}")):
                scratch.unlink(missing_ok=True)
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_SH)
