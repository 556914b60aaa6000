"""How much memory there is, and how that behind a file's bytes is given back."""

import mmap
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

MEMINFO = Path("/proc/meminfo")
GB = 1e9


def available() -> int | None:
    """Bytes of memory that can be had (MemAvailable); None where nobody tells."""
    try:
        lines = MEMINFO.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")), None)


def forget(*columns: npt.NDArray[Any]) -> None:
    """Let the kernel have the memory of columns that are in files; they are read again when they are needed."""
    for column in columns:
        base: Any = column
        while isinstance(base, np.ndarray | memoryview):
            base = base.obj if isinstance(base, memoryview) else base.base
        if isinstance(base, mmap.mmap):
            base.madvise(mmap.MADV_DONTNEED)
