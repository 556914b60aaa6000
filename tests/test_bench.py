"""The C yardstick works on the engine's own records: a record that grows must grow there too."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

from recap import pages

CC = shutil.which("cc")


@pytest.mark.skipif(CC is None, reason="there is no C compiler")
def test_the_yardsticks_records_are_the_engines(tmp_path: Path) -> None:
    library = tmp_path / "allocator.so"
    subprocess.run([str(CC), "-shared", "-fPIC", "bench/allocator.c", "-o", str(library)], check=True)
    sizes = list((ctypes.c_int64 * 3).in_dll(ctypes.CDLL(str(library)), "record_sizes"))
    assert sizes == [dtype.itemsize for dtype in (pages.PAGE, pages.ZONE, pages.PCP)]
