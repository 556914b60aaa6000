"""The columns of a table while it grows: in memory, or where they would take much of it, in files without a name.

What is in such a file the kernel may take from memory and read again, so a long trace costs disk, not memory. The
files are in $TMPDIR or /var/tmp, as /tmp often is memory itself; they are gone when the columns are.
"""

from __future__ import annotations

import errno
import mmap
import os
import tempfile
import weakref
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from recap.errors import InputError
from recap.trace.memory import available, forget
from recap.trace.table import COLUMNS

Column = npt.NDArray[Any]
ROW_BYTES = sum(np.dtype(kind).itemsize for kind in COLUMNS.values())
MEMORY_PAGE = 4096
LARGEST = 1 << 30  # bytes of a table in memory, and of memory that can be had ...
LARGEST_SHARE = 4  # ... at most this part
DISK = Path("/var/tmp")


@cache
def largest() -> int:
    """Bytes of the largest table that is kept in memory; once for all tables and what is made of them."""
    room = available()
    return LARGEST if room is None else min(LARGEST, room // LARGEST_SHARE)


def is_long(rows: int) -> bool:
    """Whether a table of `rows`, and each column that goes with it, belongs on disk."""
    return rows * ROW_BYTES > largest()


def zeros(count: int, kind: type[np.generic], rows: int) -> Column:
    """A column of zeros that goes with a table of `rows`."""
    if not count or not is_long(rows):
        return np.zeros(count, kind)
    column = OnDisk(count, {"column": kind})
    column.have(0, count)
    return column.columns["column"]


class Table(Protocol):
    """Columns that are filled from the first row on."""

    columns: dict[str, Column]
    rows: int  # that there is room for

    def have(self, start: int, stop: int) -> None:
        """Get ready for these rows, as far as there is room for them."""
        ...

    def grow(self) -> None:
        """Make more room."""
        ...

    def cut(self, rows: int) -> dict[str, Column]:
        """The columns, cut to `rows`."""
        ...


class InMemory:
    """Columns in memory."""

    def __init__(self, rows: int) -> None:
        self.columns: dict[str, Column] = {name: np.empty(rows, kind) for name, kind in COLUMNS.items()}
        self.rows = rows

    def have(self, start: int, stop: int) -> None:
        """Have the kernel clear the memory of rows to come, while those before are filled."""
        for column in self.columns.values():
            column[start : min(stop, self.rows) : MEMORY_PAGE // column.itemsize] = 0

    def grow(self) -> None:
        """Make the columns twice as long, in place where the memory allows."""
        self.rows *= 2
        self.cut(self.rows)

    def cut(self, rows: int) -> dict[str, Column]:
        """The columns, cut to `rows`."""
        for column in self.columns.values():
            column.resize(rows, refcheck=False)
        return self.columns


class OnDisk:
    """Columns in files. They are as long as they may become, and take disk as far as they are filled."""

    def __init__(self, rows: int, kinds: dict[str, type[np.generic]] | None = None) -> None:
        self.columns: dict[str, Column] = {}
        self.rows = rows
        self.files = []
        for name, kind in (kinds or dict(COLUMNS)).items():
            with tempfile.TemporaryFile(dir=place()) as opened:
                opened.truncate(rows * np.dtype(kind).itemsize)
                self.columns[name] = np.frombuffer(mmap.mmap(opened.fileno(), 0), kind)
                file = os.dup(opened.fileno())
            weakref.finalize(self, os.close, file)
            self.files.append(file)

    def have(self, start: int, stop: int) -> None:
        """Allocate disk for these rows: a full disk is reported now, not when they are written."""
        forget(*self.columns.values())
        for file, column in zip(self.files, self.columns.values(), strict=True):
            first, last = (min(row, self.rows) * column.itemsize for row in (start, stop))
            if first == last:
                continue
            try:
                os.posix_fallocate(file, first, last - first)
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                    raise
                problem = f"has no room for a long trace: {error.strerror}"
                raise InputError(place(), "", problem, "set TMPDIR to a folder on a larger disk") from None

    def grow(self) -> None:
        """They are as long as they may become."""
        raise AssertionError("more records than fit into the trace")

    def cut(self, rows: int) -> dict[str, Column]:
        """The columns, cut to `rows`."""
        forget(*self.columns.values())
        return {name: column[:rows] for name, column in self.columns.items()}


def place() -> Path:
    """Where the files are."""
    return Path(tempfile.gettempdir()) if "TMPDIR" in os.environ or not DISK.is_dir() else DISK
