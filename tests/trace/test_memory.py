"""Long traces: piece by piece they need little memory, and give the same as in one piece."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from recap.errors import InputError
from recap.trace import Flow, memory, open_trace
from recap.trace.opening import open_flow
from recap.trace.table import COLUMNS, Events, joined
from tests.trace import writer
from tests.trace.writer import FREE, Instance, Recording, page

SIZE = 4096
PAGES = 24576
LIMIT = 200 << 20  # bytes; a table of the trace takes more than all of that
UNDER_LIMIT = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_DATA, (int(sys.argv[2]),) * 2)
from recap.lab.info import info
from recap.trace import open_trace
try:
    print(info(sys.argv[3]).events if sys.argv[1] == "info" else len(open_trace(sys.argv[3])))
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


def long_trace(path: Path, pages: int) -> int:
    """A trace of so many pages that are alike but for their times; how many events are in it."""
    body = b"".join(writer.data(10, FREE.pack(7, pfn=number)) for number in range(120))
    one = page(SIZE, 0, body)
    stream = bytearray(one * pages)
    for number in range(pages):
        stream[number * SIZE : number * SIZE + 8] = (number * 10_000).to_bytes(8, "little")
    recording = Recording([Instance({0: bytes(stream), 1: bytes(stream)})], formats=(FREE,))
    path.write_bytes(writer.write_v7(recording, "zstd", pages_in_chunk=32))
    return 2 * 120 * pages


def under_limit(what: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Read a trace in a process that may have so much memory."""
    command = [sys.executable, "-c", UNDER_LIMIT, what, str(LIMIT), str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.compiled
def test_info_needs_no_whole_table(tmp_path: Path) -> None:
    path = tmp_path / "trace.dat"
    events = long_trace(path, PAGES)
    assert events * memory.ROW_BYTES > LIMIT
    done = under_limit("info", path)
    assert (done.returncode, done.stdout.strip()) == (0, str(events)), done.stderr
    refused = under_limit("table", path)
    assert refused.returncode == 1
    assert "more than there is memory for" in refused.stderr


def gathered(flow: Flow) -> Events:
    """All pieces as one table."""
    return joined(list(flow.pieces))


@pytest.mark.compiled
@pytest.mark.parametrize("rows", [1 << 18, 1000, 7])
def test_pieces_are_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr("recap.trace.ingest.PIECE", rows)
    monkeypatch.setattr("recap.trace.pagedata.SHARE", 3 * SIZE)
    path = tmp_path / "trace.dat"
    long_trace(path, 20)
    whole, pieces = open_trace(path), gathered(open_flow(path))
    for name in COLUMNS:
        assert np.array_equal(getattr(whole, name), getattr(pieces, name)), name


def test_a_table_that_cannot_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 1000 * memory.ROW_BYTES)
    memory.expect(Path("x.dat"), 1000, 0.5)
    with pytest.raises(InputError, match="can be had"):
        memory.expect(Path("x.dat"), 1001, 0.4)
