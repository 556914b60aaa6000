"""The recording that comes with the project, against a second decoder and against trace-cmd."""

import re
import shutil
import subprocess
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from recap.trace import NO_PFN, Event, Events, Recording
from tests.trace import slow

TOLD = re.compile(r".*-(\d+) +\[(\d+)\] +(\d+)\.(\d{9}): (\w+): +(.*)")
NAMES = {Event.TRACE_MARKER: "print"}


needs_trace_cmd = pytest.mark.skipif(shutil.which("trace-cmd") is None, reason="trace-cmd is not installed")
pytestmark = pytest.mark.compiled


@pytest.fixture(scope="module")
def recording(hugetlb: Path) -> Recording:
    return Recording(hugetlb)


@pytest.fixture(scope="module")
def events(recording: Recording) -> Events:
    return recording.events


def test_every_event_is_there(recording: Recording, events: Events) -> None:
    ours = {NAMES.get(event, event.name.lower()): count for event, count in events.counts().items()}
    assert ours | events.other == slow.count_events(recording.path)


def test_what_the_recording_says_of_itself(recording: Recording, events: Events) -> None:
    assert events.marks == ["START", "END"]
    assert recording.start is not None
    assert recording.end is not None
    assert 10 < (recording.end - recording.start) / 1e9 < 12  # the load ran for ten seconds
    assert events.lost == []
    assert events.clock == "mono"
    assert "wl" in events.comms.values()
    assert (np.diff(events.time) >= 0).all()


def test_the_kernels_counters_agree(recording: Recording, events: Events) -> None:
    assert recording.start is not None
    assert recording.end is not None
    start, end = np.searchsorted(events.time, [recording.start, recording.end]).tolist()
    during = events.slice(start, end)
    before, after = recording.vmstat(0), recording.vmstat(1)
    stalls = sum(after[name] - before[name] for name in after if name.startswith("allocstall_"))
    assert during.counts()[Event.MM_VMSCAN_DIRECT_RECLAIM_BEGIN] == stalls
    stolen = after["pgsteal_direct"] - before["pgsteal_direct"]
    ends = during.a[during.event == Event.MM_VMSCAN_DIRECT_RECLAIM_END]
    assert stalls > 0
    assert abs(int(ends.sum()) - stolen) <= stolen * 0.5  # direct reclaim also counts slab pages


def test_failed_requests_have_no_frame(events: Events) -> None:
    failed = (events.event == Event.MM_PAGE_ALLOC) & (events.pfn == NO_PFN)
    assert failed.any()
    assert (events.order[failed] > 0).all()


@needs_trace_cmd
def test_trace_cmd_tells_the_same(recording: Recording, events: Events) -> None:
    command = ["trace-cmd", "report", "-N", "-R", "-t", "-i", str(recording.path)]
    lines = [match for line in report(command, 60_000) if (match := TOLD.match(line))]
    ours = iter(range(len(events)))
    compared = 0
    for pid, cpu, seconds, nanoseconds, name, fields in (match.groups() for match in lines):
        if name in events.other:
            continue
        n = next(ours)
        event = Event(int(events.event[n]))
        assert NAMES.get(event, event.name.lower()) == name
        assert int(events.time[n]) == int(seconds) * 10**9 + int(nanoseconds)
        assert int(events.cpu[n]) == int(cpu)
        assert int(events.pid[n]) == int(pid)
        told = dict(re.findall(r"(\w+)=(-?[0-9a-fx]+)\b", fields))
        check_fields(events, n, told)
        compared += 1
    assert compared > 50_000


def check_fields(events: Events, n: int, told: dict[str, str]) -> None:
    """The fields of one event, where their names say which column they are in."""
    ours: dict[str, npt.NDArray[Any]] = {
        "gfp_flags": events.flags,
        "s_dev": events.flags,
        "migratetype": events.migratetype,
    }
    if "pfn" in told:
        ours |= {"pfn": events.pfn, "order": events.order, "i_ino": events.a, "index": events.b}
    if "i_ino" in told:
        del ours["order"]  # a file's folio has one too
    for name, column in ours.items():
        if name in told:
            value = int(told[name], 16 if name == "i_ino" else 0)
            assert int(column[n]) == (min(value, NO_PFN) if name == "pfn" else value)


def report(command: list[str], count: int) -> list[str]:
    """The first lines trace-cmd prints, behind its heading."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        lines = list(islice(process.stdout, 1, count))
        process.terminate()
    return lines
