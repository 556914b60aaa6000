"""Long traces: piece by piece they need little memory, and give the same as in one piece."""

import errno
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from recap.errors import InputError
from recap.trace import Flow, columns, open_trace
from recap.trace.blocks import LOOK
from recap.trace.memory import forget
from recap.trace.opening import open_flow
from recap.trace.table import COLUMNS, Events, joined
from tests.trace import writer
from tests.trace.writer import FREE, Instance, Recording, page

SIZE = 4096
PAGES = 32768
LIMIT = 260 << 20  # bytes; a table of the trace takes more than all of that
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


def long_replay(path: Path, pages: int) -> int:
    """A file for LLFree's replay, of two CPUs in turn; how many events are in it."""
    data = np.zeros((1 + pages, SIZE // 4), "<u4")
    data[0, :3] = pages, 2, 1 << 20
    data[1:, 0] = np.arange(pages) % 2
    entries = data[1:, 4:].reshape(pages, 255, 4)
    entries[:, :, 0] = 1 + np.arange(pages * 255).reshape(pages, 255)
    path.write_bytes(data.tobytes())
    return pages * 255


def under_limit(what: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Read a trace in a process that may have so much memory."""
    command = [sys.executable, "-c", UNDER_LIMIT, what, str(LIMIT), str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.compiled
@pytest.mark.parametrize("make", [long_trace, long_replay])
def test_info_needs_no_whole_table(tmp_path: Path, make: Callable[[Path, int], int]) -> None:
    path = tmp_path / "trace"
    events = make(path, PAGES)
    assert events * columns.ROW_BYTES > LIMIT
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


def text_of(count: int) -> list[str]:
    """Lines of two CPUs, in order of time, some at the same time; with marks, and something lost."""
    frees = [f"x-1 [{n % 2:03}] {n // 3}.000000: mm_page_free: pfn={n} order=0" for n in range(count)]
    frees[count // 2] = "CPU:1 [LOST 12 EVENTS]"
    frees[count // 3] = f"x-1 [000] {count // 9}.000000: print: tracing_mark_write: first"
    frees[count // 2 - 1] = f"x-1 [000] {count // 6}.000000: print: tracing_mark_write: second"
    return frees


def test_a_text_is_read_as_its_events_are_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recap.trace.text.BLOCK", 4096)
    monkeypatch.setattr("recap.trace.blocks.PIECE", 100)
    path = tmp_path / "trace.txt"
    path.write_text("\n".join(text_of(3000)))
    flow, rows = open_flow(path), 0
    for piece in flow.pieces:
        rows += len(piece)
        if rows:
            ahead = (flow.share - LOOK) / (1 - LOOK) * 3000 - rows
            assert ahead < 3 * 4096 / 45  # lines of that length in three blocks
    assert (rows, flow.marks, len(flow.lost)) == (2999, ["first", "second"], 1)


@pytest.mark.parametrize("rows", [1 << 18, 100])
def test_a_text_in_parts_is_put_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    lines = text_of(1200)
    path, parts = tmp_path / "trace.txt", tmp_path / "parts.txt"
    path.write_text("\n".join(lines))
    whole = open_trace(path)
    monkeypatch.setattr("recap.trace.text.BLOCK", 2000)
    monkeypatch.setattr("recap.trace.blocks.PIECE", rows)
    by_cpu = sorted(lines, key=lambda line: line[:9])
    parts.write_text("\n".join(by_cpu))
    pieces = gathered(open_flow(parts))
    for name in COLUMNS:
        assert np.array_equal(getattr(whole, name), getattr(pieces, name)), name
    assert pieces.marks == whole.marks == ["first", "second"]


def test_a_text_without_any_order_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recap.trace.text.BLOCK", 2000)
    monkeypatch.setattr("recap.trace.blocks.MOST_HELD", 500)
    lines = text_of(1200)
    path = tmp_path / "trace.txt"
    path.write_text("\n".join(lines))
    assert len(open_trace(path)) == 1199
    random.Random(1).shuffle(lines)
    path.write_text("\n".join(lines))
    with pytest.raises(InputError, match="more than 500 events would have to wait"):
        open_trace(path)


def test_a_bad_line_far_on_is_told_by_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recap.trace.text.BLOCK", 2000)
    lines = text_of(1200)
    lines[100] = "x" * 9000
    lines[1000] = "x-1 [000] 333.000000: mm_page_free: pfn=zero order=0"
    path = tmp_path / "trace.txt"
    path.write_text("\n".join(lines))
    events = open_trace(path)
    assert len(events) == 1197  # neither the line that is no event
    assert (events.unread.count, events.unread.line) == (1, 1001)
    assert events.unread.problem.endswith("'zero' is not a number")


@pytest.fixture
def on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every table is a long one, and goes to this folder."""
    folder = tmp_path / "disk"
    folder.mkdir()
    monkeypatch.setattr(columns, "largest", lambda: 0)
    monkeypatch.setattr(columns, "place", lambda: folder)
    return folder


def test_a_long_table_is_on_disk_and_the_same(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    path = tmp_path / "trace.dat"
    long_trace(path, 3)
    whole = open_trace(path)
    folder = request.getfixturevalue("on_disk")
    long = open_trace(path)
    for name in COLUMNS:
        column = getattr(long, name)
        assert np.array_equal(getattr(whole, name), column), name
        forget(column)
        assert np.array_equal(getattr(whole, name), column), name
        assert not column.flags.writeable
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("on_disk")
def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_file: int, _start: int, _size: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    long_trace(tmp_path / "trace.dat", 3)
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(InputError, match="no room for a long trace: No space left on device; set TMPDIR"):
        open_trace(tmp_path / "trace.dat")


def test_a_table_of_a_gigabyte_or_a_quarter_of_memory_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    for room, most in ((None, 1 << 30), (1 << 40, 1 << 30), (400 << 20, 100 << 20)):
        columns.largest.cache_clear()
        monkeypatch.setattr(columns, "available", lambda room=room: room)
        assert not columns.is_long(most // columns.ROW_BYTES)
        assert columns.is_long(most // columns.ROW_BYTES + 1)
    columns.largest.cache_clear()
