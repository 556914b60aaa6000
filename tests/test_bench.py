"""The C yardstick works on the engine's own records: a record that grows must grow there too."""

from __future__ import annotations

import ctypes
import runpy
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


def test_each_rule_to_be_broken_is_where_it_is_looked_for() -> None:
    found = runpy.run_path("bench/broken_rules.py")
    for name, (module, line, _) in (found["RULES"] | found["RULES_SINCE_6_1"]).items():
        assert Path("src/recap", module).read_text().count(line) == 1, name
