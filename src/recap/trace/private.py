"""A folder that only its owner enters, for what is written as root."""

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recap.errors import InputError

OTHER_NAME = "give another name"
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@contextmanager
def private_files() -> Iterator[int]:
    """What is created while this lasts is for its owner only; yields the mask that was on before."""
    umask = os.umask(0o077)
    try:
        yield umask
    finally:
        os.umask(umask)


@contextmanager
def private_folder(path: Path) -> Iterator[Path]:
    """A new folder, or one that is ours and empty, under a name that is good while this lasts.

    That name goes by a descriptor: whatever others do to the path meanwhile, links included, no file is written
    elsewhere.
    """
    folder = open_folder(path)
    try:
        yield Path(f"/proc/self/fd/{folder}")
    finally:
        os.close(folder)


def open_folder(path: Path) -> int:
    """The folder's descriptor."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        folder = os.open(path, DIRECTORY)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTDIR, errno.ELOOP):
            raise
        problem = "is a link" if path.is_symlink() else "is not a folder"
        raise InputError(path, "", problem, OTHER_NAME) from None
    try:
        refuse_others(path, folder)
        os.fchmod(folder, stat.S_IRWXU)
    except BaseException:
        os.close(folder)
        raise
    return folder


def refuse_others(path: Path, folder: int) -> None:
    """Refuse a folder that is somebody else's, or in use."""
    owner = os.fstat(folder).st_uid
    if owner != os.geteuid():
        raise InputError(path, "", f"belongs to another user ({owner})", OTHER_NAME)
    if os.listdir(folder):
        raise InputError(path, "", "is not empty", "give another folder, or move it away")


def empty(folder: Path) -> None:
    """Remove all that is in a folder."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
