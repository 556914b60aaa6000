"""The container: both versions, all compressions, and what is told when it is not what it should be."""

import re
import shutil
import struct
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import zstandard

from recap.errors import InputError
from recap.trace import Event, Events, open_trace
from recap.trace.table import COLUMNS
from recap.trace.tracedat import read_tracedat
from tests.trace import writer
from tests.trace.conftest import Read
from tests.trace.writer import ALLOC, FREE, OTHER, PRINT, SWITCH, Instance, Recording, page

SIZE = 4096
WRITERS: dict[str, Callable[[Recording], bytes]] = {
    "6": writer.write_v6,
    "7 none": partial(writer.write_v7, codec="none"),
    "7 zlib": partial(writer.write_v7, codec="zlib"),
    "7 zstd": partial(writer.write_v7, codec="zstd"),
}
needs_trace_cmd = pytest.mark.skipif(shutil.which("trace-cmd") is None, reason="trace-cmd is not installed")


def stream(cpu: int, pages: int) -> bytes:
    """Pages with every kind of record."""
    out = b""
    for number in range(pages):
        records = (
            writer.data(5 + cpu, ALLOC.pack(77, pfn=number, order=cpu, gfp_flags=0xCC0, migratetype=1))
            + writer.extend(1 << 30)
            + writer.data(3, PRINT.pack(1, buf=f"mark {cpu} {number}\n"))
            + writer.discarded(40, 24)
            + writer.long_data(2, FREE.pack(77, pfn=number, order=2))
            + writer.absolute(number * 10**10 + 5 * 10**9)
            + writer.data(1, SWITCH.pack(1, prev_pid=1, prev_state=1, next_pid=77))
            + writer.data(1, OTHER.pack(1, vec=9))
        )
        out += page(SIZE, number * 10**10, records, lost=number, padded=number % 2 == 1)
    return out


RECORDING = Recording([Instance({0: stream(0, 5), 1: stream(1, 3)})])


def rows(events: Events) -> list[tuple[int, ...]]:
    return list(zip(*(getattr(events, name).tolist() for name in COLUMNS), strict=True))


@pytest.mark.parametrize("version", WRITERS)
def test_all_containers_hold_the_same(read: Read, version: str) -> None:
    events = read(WRITERS[version](RECORDING))
    assert len(events) == 8 * 4
    assert rows(events) == rows(read(writer.write_v6(RECORDING)))
    assert events.other == {"softirq_raise": 8}
    assert events.comms == {1: "init", 77: "two words"}
    assert events.clock == "mono"
    assert events.cpus == 2
    assert events.buffers == ("",)
    pages = [(cpu, number) for number in range(5) for cpu in range(2) if number < (5, 3)[cpu]]
    assert events.marks == [f"mark {cpu} {number}" for cpu, number in pages]
    assert [(e.cpu, e.count) for e in events.lost] == [(0, 1), (1, 1), (0, 2), (1, 2), (0, 3), (0, 4)]


@needs_trace_cmd
@pytest.mark.parametrize("version", WRITERS)
def test_trace_cmd_reads_them_alike(tmp_path: Path, version: str) -> None:
    codecs = subprocess.run(["trace-cmd", "list", "-c"], capture_output=True, text=True, check=True).stdout
    if version == "7 zlib" and "zlib" not in codecs:
        pytest.skip("this trace-cmd knows no zlib")
    path = tmp_path / "trace.dat"
    path.write_bytes(WRITERS[version](RECORDING))
    events = open_trace(path)
    command = ["trace-cmd", "report", "-N", "-R", "-t", "-i", str(path)]
    report = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    told = [
        (int(cpu), int(seconds) * 10**9 + int(nanoseconds), name)
        for cpu, seconds, nanoseconds, name in re.findall(r"\[(\d+)\] +(\d+)\.(\d{9}): (\w+):", report)
        if name != "softirq_raise"
    ]
    names = {Event.TRACE_MARKER: "print"}
    ours = [
        (cpu, time, names.get(Event(event), Event(event).name.lower()))
        for time, event, cpu in zip(events.time.tolist(), events.event.tolist(), events.cpu.tolist(), strict=True)
    ]
    assert ours == told


def test_slices_share_what_is_told_of_the_whole(read: Read) -> None:
    events = read(writer.write_v7(RECORDING))
    part = events.slice(3, 9)
    assert rows(part) == rows(events)[3:9]
    assert part.comms is events.comms
    assert events.counts()[Event.TRACE_MARKER] == 8


def test_columns_are_read_only(read: Read) -> None:
    with pytest.raises(ValueError, match="read-only"):
        read(writer.write_v7(RECORDING)).pfn[0] = 1


def test_processor_ticks_become_nanoseconds(read: Read) -> None:
    ticks = 5 * 10**15
    pages = page(SIZE, ticks, writer.data(0, FREE.pack(1)), lost=3)
    content = writer.write_v7(Recording([Instance({0: pages}, clock="x86-tsc")], rate=(0x5A0B3C21, 32)))
    events = read(content)
    assert events.time.tolist() == [ticks * 0x5A0B3C21 >> 32]
    assert events.lost[0].time == events.time[0]


def test_an_event_without_the_field_matters_only_if_it_occurs(read: Read) -> None:
    fields = {"page": "Q", "order": "I", "gfp_flags": "I", "migratetype": "i"}
    old = writer.Format("kmem", "mm_page_alloc", 501, fields)
    formats = (old, FREE)
    pages = page(SIZE, 0, writer.data(0, FREE.pack(1)))
    assert len(read(writer.write_v6(Recording([Instance({0: pages})], formats=formats)))) == 1
    pages = page(SIZE, 0, writer.data(0, old.pack(1)))
    with pytest.raises(InputError, match="field pfn: event mm_page_alloc has no such field"):
        read(writer.write_v6(Recording([Instance({0: pages})], formats=formats)))


def replaced(content: bytes, old: bytes, new: bytes) -> bytes:
    assert content.count(old) == 1
    return content.replace(old, new)


V6 = writer.write_v6(RECORDING)
V7 = writer.write_v7(RECORDING)
DAMAGE = {
    "the file is empty": b"",
    "this is not a trace that recap can read": b"\x7fELF" + V6[4:],
    "version '5' is not known": replaced(V6, b"tracing6", b"tracing5"),
    "big-endian": replaced(V6, b"tracing6\0\0", b"tracing6\0\1"),
    "ends inside the page size": V6[:14],
    "ends inside the pages of CPU 1": V6[:-1],
    "compression 'lzma' is not known": replaced(V7, b"zstd\x001", b"lzma\x001"),
    "no ring-buffer pages in it": replaced(V6, b"flyrecord\0", b"latency  \0"),
    "a page size of 16 is out of range": replaced(V6, b"tracing6\0\0\x08\0\x10", b"tracing6\0\0\x08\x10\0"),
    "the page header's description is missing": replaced(V6, b"header_page", b"header_cage"),
    "the page header lacks": replaced(V6, b"u64 timestamp", b"u64 timeshift"),
    "a clock shift of 33 is out of range": writer.write_v7(Recording(RECORDING.instances, rate=(1, 33))),
}


@pytest.mark.parametrize("problem", DAMAGE)
def test_damage_is_told(read: Read, problem: str) -> None:
    with pytest.raises(InputError) as told:
        read(DAMAGE[problem])
    assert problem in str(told.value)
    assert re.fullmatch(r"\S+trace\.dat: (section at 0x[0-9a-f]+, )?offset 0x[0-9a-f]+: .+; .+", str(told.value))


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file; give the path"):
        open_trace(tmp_path / "nothing")
    with pytest.raises(InputError, match="is a folder without a trace in it"):
        open_trace(tmp_path)


def test_options_in_a_circle(read: Read) -> None:
    content = bytearray(V7)
    start = V7.index(b"zstd\x001\0") + 7
    (first,) = struct.unpack_from("<Q", V7, start)
    size = struct.unpack_from("<Q", V7, first + 8)[0]
    struct.pack_into("<Q", content, first + 16 + size - 8, first)
    with pytest.raises(InputError, match="in a circle"):
        read(bytes(content))


def chunk_of(content: bytes) -> int:
    """Where the header of CPU 0's first chunk is: behind their count."""
    option = content.index(b"\0mono\0") + 6
    return 4 + int(struct.unpack_from("<Q", content, option + 12)[0])


@pytest.mark.parametrize("codec", ["zlib", "zstd"])
def test_bombs_are_refused(read: Read, codec: str) -> None:
    content = writer.write_v7(RECORDING, codec)
    bomb = bytearray(content)
    struct.pack_into("<I", bomb, chunk_of(content) + 4, 1 << 31)
    with pytest.raises(InputError, match=r"offset 0x[0-9a-f]+: \d+ bytes claim to hold 2147483648"):
        read(bytes(bomb))
    struct.pack_into("<I", bomb, chunk_of(content) + 4, 2 * SIZE - 1)  # less than it is
    with pytest.raises(InputError, match=r"offset 0x[0-9a-f]+: a chunk cannot be unpacked"):
        read(bytes(bomb))


def test_a_frame_that_claims_more_than_its_chunk(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = zstandard.ZstdCompressor().compress(bytes(1 << 24))
    compress = writer.CODECS["zstd"]
    monkeypatch.setitem(writer.CODECS, "zstd", lambda content: wide if content == bytes(SIZE) else compress(content))
    content = writer.write_v7(Recording([Instance({0: bytes(SIZE)})]))
    with pytest.raises(InputError, match="sizes inside and outside the block differ"):
        read(content)


def test_flipped_bits_in_a_chunk_are_told_with_its_offset(read: Read) -> None:
    content = bytearray(writer.write_v7(RECORDING, "zlib"))
    at = chunk_of(bytes(content))
    content[at + 12] ^= 0xFF
    with pytest.raises(InputError, match=rf"offset {at + 8:#x}: a chunk cannot be unpacked"):
        read(bytes(content))


def test_more_than_there_is_memory_for(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(np, "empty", refuse)
    with pytest.raises(InputError, match="more than there is memory for; record for a shorter time"):
        read(V7)


def test_streams_that_overlap(read: Read) -> None:
    content = bytearray(V6)
    table = V6.index(b"flyrecord\0") + 10
    offset, size = struct.unpack_from("<QQ", V6, table)
    struct.pack_into("<QQ", content, table + 16, offset, size)
    struct.pack_into("<QQ", content, table, 0, len(V6))
    with pytest.raises(InputError, match="overlap"):
        read(bytes(content))


def test_instances_of_different_clocks(read: Read) -> None:
    pages = {0: page(SIZE, 5, writer.data(0, FREE.pack(1)))}
    with pytest.raises(InputError, match="2 clocks"):
        read(writer.write_v7(Recording([Instance(pages), Instance(pages, name="b", clock="boot")])))


def test_what_is_known_without_reading_pages(tmp_path: Path) -> None:
    path = tmp_path / "trace.dat"
    path.write_bytes(V7)
    trace = read_tracedat(path)
    assert trace.version == 7
    assert trace.page_size == SIZE
    assert trace.formats[ALLOC.id].fields["pfn"].offset == 8
