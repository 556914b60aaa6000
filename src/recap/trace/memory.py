"""Whether a table fits into memory: said while it is read, before the machine finds out the hard way."""

from pathlib import Path

import numpy as np

from recap.errors import InputError
from recap.trace.table import COLUMNS

ROW_BYTES = sum(np.dtype(kind).itemsize for kind in COLUMNS.values())
MEMINFO = Path("/proc/meminfo")
GB = 1e9


def available() -> int | None:
    """Bytes of memory that can be had (MemAvailable); None where nobody tells."""
    try:
        lines = MEMINFO.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")), None)


def expect(path: Path, rows: int, share: float) -> None:
    """Refuse a trace of which so many rows are so small a share that the rest will not fit."""
    refuse(path, int(rows / share - rows) if share else 0)


def refuse(path: Path, rows: int) -> None:
    """Refuse a trace of which so many rows more would not fit."""
    left, room = rows * ROW_BYTES, available()
    if room is not None and left > room:
        problem = f"its table needs {left / GB:.1f} GB more memory, and {room / GB:.1f} GB can be had"
        raise InputError(path, "", problem, "record for a shorter time; `recap info` and `convert` need no whole table")
