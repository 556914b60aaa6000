"""Files, and the names of files, that are on the disk when a call returns: a power cut takes nothing of them away."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

SCRATCH = ".recap-*.tmp"
AT_ONCE = 16  # a journalling file system commits what several wait for in one go


def replace(path: Path, content: bytes) -> None:
    """Write one file, in place of what was there; a link is replaced, not followed."""
    scratch = write_scratch(path.parent, content)
    scratch.replace(path)
    sync_folder(path.parent)


def write_scratch(folder: Path, content: bytes) -> Path:
    """A file under a name that nobody else has, on the disk with all its content."""
    path = folder / SCRATCH.replace("*", secrets.token_hex(8))
    try:
        with path.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise
    return path


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    sync(folder, os.O_DIRECTORY)


def sync(path: Path, flags: int = 0) -> None:
    """Have a file, or the names in a folder, on the disk."""
    descriptor = os.open(path, os.O_RDONLY | flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_all(folder: Path) -> None:
    """Have everything in and below a folder on the disk, its own name excepted."""
    sync_each([folder, *folder.rglob("*")])


def sync_each(paths: Iterable[Path]) -> None:
    """Have each of these on the disk."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in pool.map(sync, paths):
            pass
