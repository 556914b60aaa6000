"""Kernel addresses are blanked in what a recorder left, and in nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from recap.trace.addresses import Addresses, addresses, blank_pages
from recap.trace.container import RawFolder
from recap.trace.finishing import NO_ADDRESS, pack_raw
from recap.trace.formats import parse_format
from recap.trace.opening import open_trace
from recap.trace.pagedata import page_data
from recap.trace.tracedat import read_tracedat
from tests.trace import writer
from tests.trace.test_forms import raw_folder, same
from tests.trace.writer import ALLOC, PRINT, page

WRITER = 0xFFFFFFFF8149AA90
ADDRESS = WRITER.to_bytes(8, "little")


def marked() -> bytes:
    """Two marks and an allocation."""
    mark = writer.data(1, PRINT.pack(77, ip=WRITER, buf="START\n"))
    return mark + writer.data(2, ALLOC.pack(77, pfn=5, order=3)) + mark


def content(path: Path) -> Iterator[bytes]:
    """The pages of a trace.dat."""
    with page_data(read_tracedat(path)) as pages:
        for lane in pages.lanes:
            while not lane.last:
                lane.turn()
                yield bytes(lane.data[lane.begin : lane.end])


@pytest.mark.parametrize(("kallsyms", "kept"), [(NO_ADDRESS, False), ("ffffffff8149aa90 t tracing_mark_write\n", True)])
def test_only_of_what_a_recorder_left(tmp_path: Path, kallsyms: str, kept: bool) -> None:
    raw = raw_folder(tmp_path / "raw")
    (raw / "kallsyms").write_text(kallsyms)
    pages = b"".join(page(4096, 100 * n, marked()) for n in range(4))
    (raw / "per_cpu/cpu0/trace_pipe_raw").write_bytes(pages)
    pack_raw(RawFolder(raw), tmp_path / "trace.dat")
    assert (ADDRESS in b"".join(content(tmp_path / "trace.dat"))) == kept
    same(open_trace(raw), open_trace(tmp_path / "trace.dat"))


def test_a_page_that_makes_no_sense_spoils_no_other() -> None:
    good = page(4096, 100, marked())
    bad_commit = bytearray(good)
    bad_commit[8:12] = (5000).to_bytes(4, "little")
    bad_record = page(4096, 100, marked() + writer.head(9, 1))
    earlier = page(4096, 50, marked())
    data = bytearray(good + bytes(bad_commit) + bad_record + earlier)
    formats = [parse_format(PRINT.system, PRINT.text())]
    blank_pages(data, Addresses(filter(None, formats)), 4096, 8, 16)
    found = [data[start : start + 4096].count(ADDRESS) for start in range(0, len(data), 4096)]
    assert found == [0, 2, 0, 0]


def test_what_is_a_pointer() -> None:
    pointer = parse_format("x", PRINT.text().replace("unsigned long ip", "struct folio * folio"))
    other = parse_format("x", PRINT.text().replace("name: print", "name: other"))
    assert pointer is not None
    assert other is not None
    assert [field.name for field in addresses(pointer)] == ["folio"]
    assert list(addresses(other)) == []
