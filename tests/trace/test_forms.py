"""Raw pages, LLFree's replay and Parquet: made, read, compared."""

import gzip
import json
import lzma
import struct
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recap.errors import InputError
from recap.lab.info import info
from recap.trace import Event, Events, Recording, open_trace
from recap.trace.container import RawFolder, pack
from recap.trace.opening import open_flow
from recap.trace.table import COLUMNS
from tests.trace import writer
from tests.trace.writer import ALLOC, FREE, PRINT, page

try:
    from recap.trace.arrow import arrow
    from recap.trace.parquet import write_parquet

    arrow()
    NO_ARROW = False
except Exception:
    NO_ARROW = True

needs_arrow = pytest.mark.skipif(NO_ARROW, reason="pyarrow is not installed")


def raw_folder(folder: Path) -> Path:
    """Two CPUs' pages, laid out like tracefs."""
    first = writer.data(1, ALLOC.pack(77, pfn=5, order=3)) + writer.data(2, PRINT.pack(77, buf="START\n"))
    second = writer.data(2, FREE.pack(77, pfn=5, order=3))
    for cpu, records in ((0, first), (10, second)):
        pages = folder / f"per_cpu/cpu{cpu}/trace_pipe_raw"
        pages.parent.mkdir(parents=True)
        pages.write_bytes(page(4096, 100, records) + page(4096, 200, records) + b"a part of a page")
    for described in writer.FORMATS:
        path = folder / f"events/{described.system}/{described.name}/format"
        path.parent.mkdir(parents=True)
        path.write_text(described.text())
    (folder / "events/header_page").write_text(writer.HEADER_PAGE)
    (folder / "events/header_event").write_text(writer.HEADER_EVENT)
    (folder / "saved_cmdlines").write_text("77 two words\n")
    (folder / "trace_clock").write_text("local [mono] global\n")
    return folder


def same(one: Events, other: Events) -> None:
    """Both tables are equal in all that is told."""
    for name in COLUMNS:
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert one.comms == other.comms
    assert one.marks == other.marks
    assert one.lost == other.lost
    assert one.other == other.other
    assert (one.clock, one.cpus, one.symbols) == (other.clock, other.cpus, other.symbols)


def test_raw_pages(tmp_path: Path) -> None:
    events = open_trace(raw_folder(tmp_path))
    assert events.time.tolist() == [101, 102, 103, 201, 202, 203]
    assert events.cpu.tolist() == [0, 10, 0] * 2
    assert events.event.tolist()[:3] == [Event.MM_PAGE_ALLOC, Event.MM_PAGE_FREE, Event.TRACE_MARKER]
    assert (events.comms, events.marks, events.clock) == ({77: "two words"}, ["START", "START"], "mono")


def test_raw_pages_packed_are_the_same(tmp_path: Path) -> None:
    raw = raw_folder(tmp_path / "raw")
    pack(RawFolder(raw), tmp_path / "trace.dat")
    same(open_trace(raw), open_trace(tmp_path / "trace.dat"))


def test_what_a_killed_recorder_leaves_is_a_recording(tmp_path: Path) -> None:
    raw_folder(tmp_path / "raw")
    assert len(Recording(tmp_path).events) == 6
    assert Recording(tmp_path).start == 103


def test_a_folder_without_formats(tmp_path: Path) -> None:
    folder = raw_folder(tmp_path)
    (folder / "events/header_page").unlink()
    with pytest.raises(InputError, match="header_page: cannot be read"):
        open_trace(folder)


@needs_arrow
@pytest.mark.parametrize("compact", [False, True])
def test_parquet_and_back(tmp_path: Path, compact: bool) -> None:
    events = open_trace(raw_folder(tmp_path / "raw"))
    write_parquet(events.flow(), tmp_path / "trace.parquet", compact=compact)
    same(open_trace(tmp_path / "trace.parquet"), events)


@pytest.mark.slow
@needs_arrow
@pytest.mark.compiled
@pytest.mark.parametrize(("compact", "bytes_a_row"), [(False, 2.5), (True, 2)])
def test_a_real_trace_to_parquet_and_back(tmp_path: Path, hugetlb: Path, compact: bool, bytes_a_row: float) -> None:
    events = open_trace(hugetlb / "trace.dat")
    write_parquet(events.flow(), tmp_path / "trace.parquet", compact=compact)
    same(open_trace(tmp_path / "trace.parquet"), events)
    assert (tmp_path / "trace.parquet").stat().st_size <= bytes_a_row * len(events)


@needs_arrow
def test_parquet_without_rows(tmp_path: Path) -> None:
    events = open_trace(raw_folder(tmp_path / "raw"))
    path, again = tmp_path / "none.parquet", tmp_path / "group.parquet"
    write_parquet(replace(events.slice(0, 0), marks=[]).flow(), path)
    assert len(open_trace(path)) == 0
    pa = arrow()
    told = {b"recap": pa.parquet.read_metadata(path).metadata[b"recap"]}
    pa.parquet.write_table(pa.parquet.read_table(path).replace_schema_metadata(told), again)  # one group of no rows
    assert pa.parquet.ParquetFile(again).num_row_groups == 1
    assert len(open_trace(again)) == 0


@needs_arrow
def test_parquet_says_time_and_event_as_people_expect(tmp_path: Path) -> None:
    events = open_trace(raw_folder(tmp_path / "raw"))
    write_parquet(events.flow(), tmp_path / "trace.parquet")
    columns = arrow().parquet.read_table(tmp_path / "trace.parquet").to_pydict()
    rows = sorted(zip(columns["time"], columns["cpu"], columns["event"], strict=True))
    assert rows[:3] == [(101, 0, "mm_page_alloc"), (102, 10, "mm_page_free"), (103, 0, "trace_marker")]


@needs_arrow
@pytest.mark.parametrize(("last", "refused"), [("page_capture", False), ("page_gone", True)])
def test_parquet_of_recap_0_1(tmp_path: Path, last: str, refused: bool) -> None:
    """It had numbers for events, and their names in the metadata; one with other numbers is refused."""
    events = open_trace(raw_folder(tmp_path / "raw"))
    path = tmp_path / "trace.parquet"
    write_parquet(events.flow(), path, compact=True)
    pa = arrow()
    table = pa.parquet.read_table(path)
    about = json.loads(pa.parquet.read_metadata(path).metadata[b"recap"])
    about["events"] = [event.name.lower() for event in list(Event)[: Event.PAGE_CAPTURE]] + [last]
    numbers = pa.array(np.sort(events.event))  # rows are sorted by event
    table = table.set_column(table.column_names.index("event"), "event", numbers)
    pa.parquet.write_table(table.replace_schema_metadata({b"recap": json.dumps(about).encode()}), path)
    if refused:
        with pytest.raises(InputError, match="has events this recap does not know"):
            open_trace(path)
    else:
        same(open_trace(path), events)


@needs_arrow
def test_parquet_with_an_event_that_is_not_known(tmp_path: Path) -> None:
    events = open_trace(raw_folder(tmp_path / "raw"))
    path = tmp_path / "trace.parquet"
    write_parquet(events.flow(), path)
    pa = arrow()
    told = {b"recap": pa.parquet.read_metadata(path).metadata[b"recap"]}
    table = pa.parquet.read_table(path)
    names = pa.array(["mm_page_gone"] * len(table))
    table = table.set_column(table.column_names.index("event"), "event", names)
    pa.parquet.write_table(table.replace_schema_metadata(told), path)
    with pytest.raises(InputError, match="column event has mm_page_gone"):
        open_trace(path)


@needs_arrow
def test_other_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    pa = arrow()
    pa.parquet.write_table(pa.table({"time": [1]}), path)
    with pytest.raises(InputError, match="is not a trace of recap's"):
        open_trace(path)
    path.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(InputError, match="is damaged"):
        open_trace(path)


def replay(entries: list[tuple[int, int, bool, int, int, int]], cpus: int = 2) -> bytes:
    """A file for LLFree's replay: one page for each CPU; time in microseconds, pfn, alloc, order, flags, pid."""
    out = struct.pack("<III", cpus, cpus, 1 << 20).ljust(4096, b"\0")
    for cpu in range(cpus):
        body = b""
        for time, pfn, alloc, order, flags, pid in entries:
            value = time | pfn << 38 | alloc << 62 | order << 63 | flags << 67 | pid << 96
            body += value.to_bytes(16, "little")
        out += struct.pack("<IIII", cpu, 0, 0, 0) + body.ljust(4080, b"\0")
    return out


def test_llfree(tmp_path: Path) -> None:
    path = tmp_path / "trace.bin"
    path.write_bytes(replay([(7, 0x123456, True, 9, 0x140CCA, 4242), (9, 0x123456, False, 9, 0, 1)]))
    events = open_trace(path)
    row = {name: getattr(events, name).tolist()[:2] for name in COLUMNS}
    assert row == {
        "time": [7000, 7000],
        "event": [Event.MM_PAGE_ALLOC] * 2,
        "cpu": [0, 1],
        "context": [0, 0],
        "pid": [4242, 4242],
        "pfn": [0x123456] * 2,
        "order": [9, 9],
        "migratetype": [1, 1],
        "flags": [0x140CCA] * 2,
        "a": [0, 0],
        "b": [0, 0],
    }
    assert events.event.tolist()[2:] == [Event.MM_PAGE_FREE] * 2
    assert events.cpus == 2


def test_llfree_damaged(tmp_path: Path) -> None:
    path = tmp_path / "trace.bin"
    path.write_bytes(replay([(7, 1, True, 11, 0, 1)]))
    with pytest.raises(InputError, match="offset 0x1010, field order: the order is out of range"):
        open_trace(path)


TEXT = """\
sh-7 [001] 1.000000: mm_page_alloc: page=1 pfn=0x5 order=3 migratetype=1 gfp_flags=GFP_KERNEL
CPU:1 [LOST 12 EVENTS]
sh-7 [001] 1.500000: print: tracing_mark_write: START
sh-7 [000] 1.500000: softirq_raise: vec=1
x y-8 [000] 1.500000: sched_switch: a:8 [120] S ==> b:15 [120]
"""


@needs_arrow
@pytest.mark.parametrize("content", [TEXT.encode(), replay([(7, 5, True, 9, 0x140CCA, 4), (9, 5, False, 9, 0, 1)])])
def test_other_forms_to_parquet_and_back(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "trace"
    path.write_bytes(content)
    write_parquet(open_flow(path), tmp_path / "trace.parquet")
    same(open_trace(tmp_path / "trace.parquet"), open_trace(path))


@pytest.mark.parametrize("packer", [bytes, gzip.compress, lzma.compress])
def test_a_support_archive(tmp_path: Path, hugetlb: Path, packer: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "sosreport.tar"
    with tarfile.open(path, "w") as archive:
        for name in ("zoneinfo", "buddyinfo", "vmstat"):
            archive.add(hugetlb / f"{name}.0", f"sosreport-host/proc/{name}")
        archive.add(hugetlb / "vmstat.1", "../../etc/passwd")
    path.write_bytes(packer(path.read_bytes()))
    recording = Recording(path)
    assert recording.vmstat(0) == Recording(hugetlb).vmstat(0)
    assert recording.vmstat(1) == {}
    assert len(recording.events) == 0
    found = info(path)
    assert [zone.zone for zone in found.zones] == ["DMA", "DMA32"]
    assert found.zones[1].unusable_percent == pytest.approx(50.7, abs=40)
    assert found.vmstat["pgsteal_kswapd"] > 0


def test_an_archive_without_proc(tmp_path: Path) -> None:
    path = tmp_path / "other.tar"
    with tarfile.open(path, "w") as archive:
        archive.add(__file__, "proc/nothing")
    with pytest.raises(InputError, match="it contains no files of /proc"):
        Recording(path)
    path.write_bytes(b"\x1f\x8b and no more")
    with pytest.raises(InputError, match="the archive is damaged"):
        Recording(path)
