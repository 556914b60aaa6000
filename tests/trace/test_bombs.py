"""Small files that unpack to very much, or claim to: refused in one line, before the memory is gone."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import math
import tarfile
import tempfile
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import zstandard

from recap.errors import InputError
from recap.lab.explain import explain
from recap.sim.timeline import read_timeline
from recap.trace import Recording, open_trace, read_snapshot
from recap.trace.codec import LARGEST_BLOCK, unpack_exactly, unzstd
from recap.trace.npz import Npz
from recap.trace.opening import open_flow
from recap.trace.parquet import ROWS_IN_GROUP, STORED, write_parquet
from recap.trace.procfs import read_counters
from recap.trace.record_file import read_record
from recap.trace.surroundings import read_page_flags
from recap.trace.tarball import unpack
from tests.trace.test_forms import raw_folder
from tests.trace.test_snapshot import save, small

GIB = 1 << 30
MOST = 64 << 20  # bytes that a refusal may take


@contextmanager
def little_memory(most: int = MOST) -> Iterator[None]:
    """What is done in here takes no more than that."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


def zeros(dtype: str, *shape: int) -> bytes:
    """The head of an array of zeros, without them."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": dtype, "fortran_order": False, "shape": shape})
    return head.getvalue()


def write_zip(path: Path, members: dict[str, tuple[bytes, int]]) -> None:
    """An archive of members, each a head with so many zeros after it; made piece by piece."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, (head, size) in members.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                member.write(head)
                for at in range(0, size, 1 << 24):
                    member.write(bytes(min(1 << 24, size - at)))


def with_large(path: Path, name: str, head: bytes, size: int) -> None:
    """A snapshot of 1024 frames, one array of it very large."""
    save(path, *small())
    with np.load(path) as arrays:
        members = {key: (head_of(arrays[key]), 0) for key in arrays.files}
    write_zip(path, members | {name: (head, size)})


def head_of(array: object) -> bytes:
    packed = io.BytesIO()
    np.lib.format.write_array(packed, np.asarray(array))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("name", "dtype", "shape"),
    [
        ("flags", "<u8", (GIB // 32,)),
        ("lists", "<i8", (GIB // 160, 5)),
        ("pageblock", "|u1", (GIB // 4,)),
        ("meta", f"<U{GIB // 16}", ()),
        ("another", "<u8", (GIB // 32,)),
    ],
)
def test_a_snapshot_of_one_very_large_array(tmp_path: Path, name: str, dtype: str, shape: tuple[int, ...]) -> None:
    path = tmp_path / "snap0.npz"
    with_large(path, name, zeros(dtype, *shape), np.dtype(dtype).itemsize * math.prod(shape))
    assert path.stat().st_size < 4 << 20
    with little_memory():
        if name == "another":
            assert len(read_snapshot(path).flags) == 1024
        else:
            with pytest.raises(InputError, match=r"has the shape|more than|too long|more rows"):
                read_snapshot(path)


def test_a_snapshot_that_claims_more_frames_than_its_zones(tmp_path: Path) -> None:
    frames = GIB // 256
    path = tmp_path / "snap0.npz"
    save(path, *small())
    sizes = {"flags": 8, "mapping": 8, "index": 8, "private": 8, "mapcount_refcount": 8}
    with np.load(path) as arrays:
        members = {key: (head_of(arrays[key]), 0) for key in arrays.files}
        for name, size in sizes.items():
            shape = (frames, *arrays[name].shape[1:])
            members[name] = (zeros(arrays[name].dtype.str, *shape), frames * size)
    members["pageblock"] = (zeros("|u1", frames // 512), frames // 512)
    write_zip(path, members)
    with little_memory(), pytest.raises(InputError, match="zones: end at frame 1024"):
        read_snapshot(path)


def test_more_than_there_is_memory_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "snap0.npz"
    save(path, *small())
    monkeypatch.setattr("recap.trace.npz.available", lambda: 100_000)
    with pytest.raises(InputError, match=r"unpacks to 0\.0 GB"):
        read_snapshot(path)


def test_an_array_that_is_not_as_long_as_it_says(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_zip(path, {"a": (zeros("<u8", 1 << 40), 8)})
    with path.open("rb") as file, pytest.raises(ValueError, match="does not match its header"):
        Npz(file)


def test_a_timeline_and_page_flags_of_very_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recap.trace.npz.available", lambda: 1 << 20)
    path = tmp_path / "run.npz"
    write_zip(path, {"pictures": (zeros("|u1", 1, GIB // 4), GIB // 4)})
    with little_memory(), pytest.raises(InputError, match="is not the timeline"):
        read_timeline(path, path.read_bytes())
    np.savez(path, start=np.zeros(1, np.int64), flags=np.ones(1, np.uint64), frames=1 << 60, meta=np.array("{}"))
    with little_memory(), pytest.raises(InputError, match="more than there is memory for"):
        read_page_flags(path)


def header(size: int, kind: bytes = b"x") -> bytes:
    """A tar header that claims so many bytes, of a pax header or another kind."""
    entry = tarfile.TarInfo("sos/proc/vmstat")
    entry.type = kind
    entry.size = size
    return entry.tobuf(tarfile.GNU_FORMAT)


@pytest.fixture
def no_folders_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every temporary folder is removed again."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert not list(folder.iterdir())


@pytest.mark.usefixtures("no_folders_left")
@pytest.mark.parametrize("kind", [b"x", b"L", b"g", b"0", b"S"])
@pytest.mark.parametrize("size", [GIB, 1 << 62, (1 << 63) + 5, 1 << 80])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_a_header_that_claims_very_much(tmp_path: Path, kind: bytes, size: int, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "sos.tar"
    path.write_bytes(pack(header(size, kind) + bytes(1 << 20)))
    with little_memory(), pytest.raises(InputError, match=r"damaged|no files of /proc"):
        unpack(path)


@pytest.mark.usefixtures("no_folders_left")
def test_a_pax_header_that_is_that_long(tmp_path: Path) -> None:
    path = tmp_path / "sos.tar.gz"
    with gzip.open(path, "wb", 1) as file:
        file.write(header(GIB // 4))
        for _ in range(16):
            file.write(bytes(GIB // 64))
    assert path.stat().st_size < 4 << 20
    with little_memory(), pytest.raises(InputError, match="a header claims"):
        Recording(path)


@pytest.mark.usefixtures("no_folders_left")
def test_an_xz_window_of_a_gigabyte(tmp_path: Path) -> None:
    path = tmp_path / "sos.tar.xz"
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": GIB, "mode": lzma.MODE_FAST, "mf": lzma.MF_HC3, "nice_len": 10}]
    path.write_bytes(lzma.compress(header(0), filters=filters))
    with pytest.raises(InputError, match="Memory usage limit"):
        unpack(path)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_an_archive_is_read_however_it_is_packed(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, content in (("var/log/messages", b"x" * 70_000), ("proc/vmstat", b"nr_free_pages 5\n")):
            entry = tarfile.TarInfo(f"sos/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    path = tmp_path / "sos.tar"
    path.write_bytes(pack(made.getvalue()))
    assert Recording(path).vmstat(0) == {"nr_free_pages": 5}


def test_a_zstd_window_that_is_larger_than_a_block() -> None:
    largest = LARGEST_BLOCK.bit_length() - 1
    for log, fits in ((largest, True), (largest + 1, False)):
        compressor = zstandard.ZstdCompressor(
            compression_params=zstandard.ZstdCompressionParameters(window_log=log)
        ).compressobj()
        packed = compressor.compress(bytes(1000)) + compressor.flush()
        if fits:
            assert unpack_exactly(unzstd(), memoryview(packed), 1000) == bytes(1000)
        else:
            with pytest.raises(ValueError, match="memory"):
                unpack_exactly(unzstd(), memoryview(packed), 1000)


def test_a_file_of_proc_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "vmstat.0"
    with path.open("wb") as file:
        file.truncate(4 * GIB)
    with little_memory(), pytest.raises(InputError, match="16 MiB"):
        read_counters(path)


def test_a_log_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recap.lab.explain.LARGEST_LOG", 1 << 20)
    with little_memory(), pytest.raises(InputError, match="/dev/zero: has more than 1 MiB"):
        explain(Path("/dev/zero"))
    with Path("/dev/zero").open() as endless:
        monkeypatch.setattr("sys.stdin", endless)
        with little_memory(), pytest.raises(InputError, match="-: has more than 1 MiB"):
            explain("-")
    path = tmp_path / "dmesg.txt"
    with path.open("wb") as file:
        file.truncate(4 * GIB)
    with little_memory(), pytest.raises(InputError, match="more than 1 MiB"):
        explain(path)


@pytest.mark.parametrize("name", ["saved_cmdlines", "events/header_page", "events/kmem/mm_page_alloc/format"])
def test_a_text_beside_raw_pages_that_is_none(tmp_path: Path, name: str) -> None:
    raw_folder(tmp_path)
    with (tmp_path / name).open("wb") as file:
        file.truncate(4 * GIB)
    with little_memory(4 * MOST), pytest.raises(InputError, match=r"6[34] MiB"):
        open_trace(tmp_path)


def test_a_record_file_that_is_none(tmp_path: Path) -> None:
    with (tmp_path / "record.json").open("wb") as file:
        file.truncate(4 * GIB)
    with little_memory():
        assert read_record(tmp_path) is None


def test_a_row_group_of_more_rows_than_recap_writes(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow.parquet import read_metadata, write_table  # noqa: PLC0415 (an extra)

    path = tmp_path / "trace.parquet"
    text = tmp_path / "trace.txt"
    text.write_text("x-7 [000] 12.000346: mm_page_free: page=1 pfn=0x26cc75 order=3\n")
    write_parquet(open_flow(text), path)
    told = {b"recap": read_metadata(path).metadata[b"recap"]}
    rows = ROWS_IN_GROUP + 1
    columns = {name: np.zeros(rows, kind) for name, kind in STORED.items()}
    write_table(pa.table(columns).replace_schema_metadata(told), path, row_group_size=rows)
    assert path.stat().st_size < 1 << 20
    with pytest.raises(InputError, match="row group 0 is larger"):
        open_trace(path)
