"""What `info` and `record` print."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from recap.lab.info import info
from recap.report.information import BARS, duration, information, sparkline
from recap.report.recorder import diagnosis, recorded, running
from recap.trace.doctor import Check
from recap.trace.record_file import RecordFile
from recap.trace.recorder import Live

Golden = Callable[[str, str], None]
Printed = Callable[[RenderableType], str]

RECORD = RecordFile(
    kernel="Linux",
    command=["make"],
    status=0,
    events=1_234_567,
    lost=12,
    seconds=61.25,
    bytes=7_654_321,
    event_set="full",
    enabled=[],
    buffer_kb=32768,
    cpus=2,
    recorder=[1, 2],
    ended_by=None,
)


@pytest.mark.compiled
def test_a_recording_under_pressure(printed: Printed, golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    golden("info-hugetlb.txt", printed(information(info("recordings/hugetlb-1cpu"))))


@pytest.mark.compiled
def test_a_narrow_terminal_hides_nothing() -> None:
    found = info(Path(__file__).parents[2] / "recordings" / "hugetlb-1cpu")
    narrow = Console(width=80, file=StringIO())
    with narrow.capture() as text:
        narrow.print(information(found))
    lines = text.get().splitlines()
    assert "…" not in text.get()
    assert all(len(line) <= 80 for line in lines)
    assert [line.split()[0] for line in lines[:4]] == ["source", "events", "machine", "allocations"]
    curves = [line for line in lines if "▁" in line]
    assert len(curves) == 9
    assert all(20 < sum(block in BARS for block in line) < 60 for line in curves)


def test_a_recording_that_lost_events(printed: Printed, golden: Golden) -> None:
    golden("record-lost.txt", printed(recorded(RECORD, Path("out"))))


def test_the_running_line() -> None:
    line = running(Live(2.0, 2_000_000, 3, 5_000_000))
    assert line == "recording: 2 s, 2,000,000 events, 1,000,000/s, 3 lost, 5.0 MB"


def test_the_doctors_table(printed: Printed) -> None:
    text = printed(diagnosis([Check("tracefs", "ok", "there"), Check("root", "missing", "not root", "use sudo")]))
    assert text == "ok       tracefs  there\nmissing  root     not root; use sudo\n"


def test_sparklines_go_from_least_to_most() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([5, 5]) == "▁▁"
    assert sparkline([]) == ""
    assert len(sparkline(list(range(1000)))) == 60


def test_durations_have_the_unit_that_suits() -> None:
    assert [duration(n) for n in (0, 5, 1500, 2_000_000, 3_210_000_000)] == ["0", "5 ns", "1.5 µs", "2 ms", "3.21 s"]
