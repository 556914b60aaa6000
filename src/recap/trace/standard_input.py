"""What comes through a pipe, as a file that can be mapped and read twice: `-`, /dev/stdin, `<(zcat trace.txt.gz)`."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from pathlib import Path

from recap.errors import InputError

STANDARD_INPUT = "/dev/stdin"
DESCRIPTOR = re.compile(r"(?:/dev|/proc/self)/fd/(\d{1,6})")


def seekable(path: Path) -> Path:
    """The path of a file with the same content; what is no pipe stays where it is."""
    name = str(path)
    described = DESCRIPTOR.fullmatch(name)
    if name in ("-", STANDARD_INPUT):
        return spooled(name, 0, Path(STANDARD_INPUT))
    if described:
        return spooled(name, int(described[1]), path)
    if path.is_fifo():
        with path.open("rb") as pipe:
            number = os.dup(pipe.fileno())
        return spooled(name, number, Path(f"/dev/fd/{number}"))
    return path


def spooled(name: str, number: int, path: Path) -> Path:
    """An open file, which `path` names, replaced by a temporary one with all that comes through it, if it is a pipe."""
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            with tempfile.TemporaryFile() as file, os.fdopen(os.dup(number), "rb") as pipe:
                shutil.copyfileobj(pipe, file, 1 << 20)
                file.flush()
                os.dup2(file.fileno(), number)
    except OSError as error:
        raise InputError(name, "", f"cannot be read: {error.strerror}", "give a file, or something to read") from None
    return path
