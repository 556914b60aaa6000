"""A recording is a folder, or a trace.dat alone."""

import shutil
from pathlib import Path

import pytest

from recap.errors import InputError
from recap.trace import Recording, open_trace
from recap.trace.container import RawFolder, pack
from recap.trace.opening import open_flow
from recap.trace.parquet import write_parquet
from tests.trace import writer
from tests.trace.test_forms import raw_folder
from tests.trace.writer import FREE, PRINT, Instance, page


def marked(*texts: str) -> bytes:
    """A trace with these marks, one a nanosecond."""
    records = b"".join(writer.data(1, PRINT.pack(1, buf=f"{text}\n")) for text in texts)
    pages = page(4096, 0, records + writer.data(1, FREE.pack(1)))
    return writer.write_v7(writer.Recording([Instance({0: pages})]))


def test_a_bare_trace(tmp_path: Path) -> None:
    path = tmp_path / "any.name"
    path.write_bytes(marked("START", "note", "START", "END", "END"))
    recording = Recording(path)
    assert (recording.start, recording.end) == (1, 5)
    assert recording.snapshot(0) is None
    for nothing in (recording.vmstat(0), recording.meminfo(0), recording.sysctl, recording.buddyinfo(0)):
        assert nothing == {}
    assert recording.zoneinfo(1) == []
    assert recording.pagetypeinfo(1).free == {}


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "trace.dat").write_bytes(marked())
    (tmp_path / "vmstat.1").write_text("pgfree 7\n")
    recording = Recording(str(tmp_path))
    assert (recording.start, recording.end) == (None, None)
    assert (recording.vmstat(0), recording.vmstat(1)) == ({}, {"pgfree": 7})


def test_what_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder without a trace in it"):
        Recording(tmp_path)
    with pytest.raises(InputError, match=r"there is no such file; name a folder with a trace\.dat in it"):
        Recording(tmp_path / "nothing")


@pytest.mark.parametrize("name", ["trace.dat", "trace.parquet", "raw", ""])
def test_a_folder_is_opened_alike_whatever_its_trace_is(tmp_path: Path, name: str) -> None:
    """`open_trace` knew only a trace.dat."""
    raw = raw_folder(tmp_path / "made")
    folder = tmp_path / "recording"
    folder.mkdir()
    if name == "trace.dat":
        pack(RawFolder(raw), folder / name)
    elif name == "trace.parquet":
        write_parquet(open_flow(raw), folder / name)
    else:
        shutil.copytree(raw, folder / name, dirs_exist_ok=True)
    assert len(open_trace(folder)) == len(Recording(folder).events) == 6


def test_it_knows_which_of_its_files_were_read(tmp_path: Path) -> None:
    raw_folder(tmp_path / "raw")
    for name in ("vmstat.0", "meminfo.0", "dmesg"):
        (tmp_path / name).write_text("pgfree 7\n")
    recording = Recording(tmp_path)
    assert recording.files == set()
    assert recording.vmstat(0)
    assert not recording.vmstat(1)
    assert recording.files == {tmp_path / "vmstat.0"}
    assert len(recording.events)
    pages = {tmp_path / f"raw/per_cpu/cpu{cpu}/trace_pipe_raw" for cpu in (0, 10)}
    assert pages | {tmp_path / "raw/saved_cmdlines"} < recording.files
    assert not {tmp_path / "meminfo.0", tmp_path / "dmesg"} & recording.files
