"""A recording is a folder, or a trace.dat alone."""

from pathlib import Path

import pytest

from recap.errors import InputError
from recap.trace import Recording
from tests.trace import writer
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
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(InputError, match=r"there is no such file; name a folder with a trace\.dat in it"):
            Recording(path)
