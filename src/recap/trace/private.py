"""A folder that only its owner enters, for what is written as root."""

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from recap.errors import InputError

OTHER_NAME = "give another name"
OBSTACLES = {errno.ENOTDIR: "is not a folder", errno.ENOENT: "there is no such folder"}
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
    with suppress(FileExistsError, NotADirectoryError):
        path.mkdir(parents=True)
    with own_folder(path) as place:
        if next(place.iterdir(), None):
            raise InputError(path, "", "is not empty", "give another folder, or move it away")
        place.chmod(stat.S_IRWXU)
        yield place


@contextmanager
def own_folder(path: Path) -> Iterator[Path]:
    """A folder that is ours and no link, whatever is in it, under such a name."""
    try:
        folder = os.open(path, DIRECTORY)
    except OSError as error:
        problem = "is a link" if path.is_symlink() else OBSTACLES.get(error.errno or 0)
        if problem is None:
            raise
        raise InputError(path, "", problem, OTHER_NAME) from None
    try:
        owner = os.fstat(folder).st_uid
        if owner != os.geteuid():
            raise InputError(path, "", f"belongs to another user ({owner})", OTHER_NAME)
        yield Path(f"/proc/self/fd/{folder}")
    finally:
        os.close(folder)


def empty(folder: Path) -> None:
    """Remove all that is in a folder."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
