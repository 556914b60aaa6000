"""Whatever is done to a file, the answer is a table or one line: never anything else, and never a wait."""

import random
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recap.errors import InputError
from recap.trace.pagedata import page_data
from recap.trace.tracedat import read_tracedat
from tests.trace import writer
from tests.trace.conftest import Read
from tests.trace.writer import FREE, PRINT, Instance, Recording, page

SIZE = 256


def small() -> Recording:
    """Two CPUs, every kind of record, and as few bytes as will do."""
    first = (
        writer.data(1, FREE.pack(7, pfn=5, order=3))
        + writer.extend(1 << 30)
        + writer.long_data(2, PRINT.pack(7, buf="START\n"))
        + writer.discarded(40, 8)
        + writer.absolute(1 << 31)
        + writer.data(1, FREE.pack(7, pfn=6))
    )
    second = page(SIZE, 1 << 32, writer.data(1, FREE.pack(8, pfn=7)), lost=3, padded=True)
    streams = {0: page(SIZE, 10, first, padded=True) + second, 1: second}
    return Recording([Instance(streams)], formats=(PRINT, FREE), page_size=SIZE, comms={7: "wl"})


FILES = {
    "6": writer.write_v6(small()),
    "7 none": writer.write_v7(small(), "none"),
    "7 zlib": writer.write_v7(small(), "zlib", pages_in_chunk=1),
    "7 zstd": writer.write_v7(small(), "zstd", pages_in_chunk=1),
}


def survive(read: Read, content: bytes) -> bool:
    """Whether it is a table; if not, it must be an InputError of one line. Anything else fails the test."""
    try:
        events = read(content)
    except InputError as error:
        one_line = str(error)
    else:
        assert (np.diff(events.time) >= 0).all()
        return True
    assert "\n" not in one_line
    assert "; " in one_line
    return False


@pytest.mark.parametrize("version", FILES)
def test_the_small_files_are_sound(read: Read, version: str) -> None:
    events = read(FILES[version])
    assert events.pfn.tolist()[0] == 5
    assert events.marks == ["START"]
    assert len(events) == 5


@pytest.mark.parametrize("version", FILES)
def test_cut_at_every_byte(read: Read, version: str) -> None:
    content = FILES[version]
    assert not any(survive(read, content[:size]) for size in range(len(content) - SIZE))
    for size in range(len(content) - SIZE, len(content)):
        survive(read, content[:size])


@pytest.mark.slow
@pytest.mark.compiled
@pytest.mark.parametrize(
    ("version", "flip"),
    [("6", 1), ("6", 0xFF), ("7 none", 0xFF), ("7 zlib", 0xFF), ("7 zstd", 1), ("7 zstd", 0xFF)],
)
def test_every_byte_flipped(read: Read, version: str, flip: int) -> None:
    content = bytearray(FILES[version])
    for at in range(len(content)):
        content[at] ^= flip
        survive(read, bytes(content))
        content[at] ^= flip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(noise=st.binary(max_size=400), at=st.integers(0, 4000), version=st.sampled_from(sorted(FILES)))
def test_noise_anywhere(read: Read, noise: bytes, at: int, version: str) -> None:
    content = FILES[version]
    at %= len(content)
    survive(read, content[:at] + noise + content[at + len(noise) :])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(records=st.lists(st.tuples(st.integers(0, 31), st.integers(0, 40), st.integers(0, 80)), max_size=40))
def test_pages_of_noise_that_looks_like_records(read: Read, records: list[tuple[int, int, int]]) -> None:
    content = b"".join(writer.head(kind, delta) + struct.pack("<I", word) for kind, delta, word in records)
    survive(read, writer.write_v6(Recording([Instance({0: page(4096, 0, content)})], page_size=4096)))


@pytest.fixture(scope="module")
def beginning(hugetlb: Path) -> bytes:
    """The real recording, its first two chunks only."""
    content = bytearray((hugetlb / "trace.dat").read_bytes())
    (stream,) = read_tracedat(hugetlb / "trace.dat").buffers[0].streams
    struct.pack_into("<I", content, stream.offset, 2)
    end = stream.offset + 4
    for _ in range(2):
        end += 8 + struct.unpack_from("<I", content, end)[0]
    return cut_out(bytes(content), end, stream.offset + 4 + stream.size, stream.size)


def cut_out(content: bytes, start: int, stop: int, size: int) -> bytes:
    """Take bytes out of the pages, and correct the offset of what follows and the stated size."""
    gone = stop - start
    out = content[:start] + content[stop:]
    for old, new in ((stop, start), (size, size - gone)):
        packed = struct.pack("<Q", old)
        assert out.count(packed) == 1
        out = out.replace(packed, struct.pack("<Q", new))
    return out


@pytest.mark.slow
@pytest.mark.compiled
def test_the_beginning_of_a_real_file_mutated(read: Read, beginning: bytes) -> None:
    assert survive(read, beginning)
    chance = random.Random(2008)
    survivors = 0
    for _ in range(300):
        content = bytearray(beginning)
        for _ in range(chance.choice((1, 1, 3, 20))):
            content[chance.randrange(len(content))] = chance.randrange(256)
        if chance.random() < 0.2:
            del content[chance.randrange(len(content)) :]
        survivors += survive(read, bytes(content))
    assert 0 < survivors < 300  # flips in the kernel's symbols do no harm, in a chunk they do


@dataclass(frozen=True)
class Copied(writer.Format):
    """An event format of the real kernel."""

    copy: str = ""

    def text(self) -> str:
        return self.copy


@pytest.mark.slow
@pytest.mark.compiled
def test_real_pages_mutated(tmp_path: Path, read: Read, beginning: bytes) -> None:
    path = tmp_path / "beginning.dat"
    path.write_bytes(beginning)
    trace = read_tracedat(path)
    real = b""
    with page_data(trace) as pages:
        lane = pages.lanes[0]
        while not lane.last:
            lane.turn()
            real += lane.data[lane.begin : lane.end]
    formats = tuple(Copied(f.system, f.name, f.id, {}, f.text) for f in trace.formats.values())
    plain = writer.write_v6(Recording([Instance({0: real})], formats))
    start = plain.index(real)
    assert survive(read, plain)
    chance, survivors = random.Random(2019), 0
    for _ in range(200):
        content = bytearray(plain)
        for _ in range(chance.choice((1, 4))):
            content[start + chance.randrange(len(real))] = chance.randrange(256)
        survivors += survive(read, bytes(content))
    assert 0 < survivors < 200
