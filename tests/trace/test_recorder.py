"""Recording for real, where this machine lets us: what is in the trace, and that the kernel is left as it was."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from recap.errors import InputError
from recap.trace import Event, Recording, tracefs
from recap.trace.doctor import doctor
from recap.trace.recorder import EVENTS, Request, ended_by_signals, record, room, wanted
from recap.trace.spool import Spool
from recap.trace.surroundings import read_page_flags

REASON = tracefs.obstacle()
if REASON is None:
    try:
        with tracefs.tracefs() as found, tracefs.private_instance(found):
            pass
    except tracefs.TracingError as error:
        REASON = str(error)
needs_tracing = pytest.mark.skipif(REASON is not None, reason=f"cannot record here: {REASON}")
TOUCH = "x = bytearray(8 << 20); x[::4096] = b'x' * len(x[::4096])"


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "recap", "record", "--buffer", "4", "--no-page-flags", *arguments]


def is_clean(pid: int) -> bool:
    """Whether nothing of a recorder's is left in tracefs."""
    with tracefs.tracefs() as root:
        return not (root / "instances" / f"{tracefs.PREFIX}{pid}").exists()


@pytest.mark.slow
@needs_tracing
@pytest.mark.compiled
def test_a_recorded_command(tmp_path: Path) -> None:
    before = Path("/proc/self/mounts").read_text()
    folder = tmp_path / "out"
    found = record(Request(folder, [sys.executable, "-c", TOUCH]))
    recording = Recording(folder)
    events = recording.events
    assert found.status == 0
    assert found.lost == 0
    assert len(events) + sum(events.other.values()) == found.events
    start, end = np.searchsorted(events.time, [recording.start or 0, recording.end or 0]).tolist()
    during = events.slice(start, end)
    assert during.counts()[Event.MM_PAGE_ALLOC] > 1000  # the touched pages and more
    faults = recording.vmstat(1)["pgfault"] - recording.vmstat(0)["pgfault"]
    assert faults > 2000
    assert len(read_page_flags(folder / "kpageflags.0.npz")) > 0
    assert json.loads((folder / "record.json").read_text())["list_order"] == "unknown"
    assert not (folder / "raw").exists()
    assert is_clean(os.getpid())
    assert Path("/proc/self/mounts").read_text() == before


@needs_tracing
@pytest.mark.compiled
@pytest.mark.skipif(shutil.which("trace-cmd") is None, reason="trace-cmd is not installed")
def test_trace_cmd_opens_it(tmp_path: Path) -> None:
    found = record(Request(tmp_path / "out", ["true"], events="light", buffer_kb=4096, page_flags=False))
    report = ["trace-cmd", "report", "-i", str(tmp_path / "out" / "trace.dat")]
    lines = subprocess.run(report, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(lines) - 1 == found.events  # the first line counts the CPUs
    assert "tracing_mark_write: START" in "\n".join(lines)


@needs_tracing
@pytest.mark.compiled
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_and_loses_nothing(tmp_path: Path, number: signal.Signals, code: int) -> None:
    folder = tmp_path / "out"
    process = subprocess.Popen(command("-o", str(folder), "--events", "light", "--", "sleep", "60"))
    deadline = time.monotonic() + 30
    while not (folder / "meminfo.0").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(60) == code
    assert Recording(folder).end is not None
    assert json.loads((folder / "record.json").read_text())["ended_by"] == number.name
    assert is_clean(process.pid)


@needs_tracing
def test_lost_events_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Spool, "drain", lambda _spool: None)  # the reader does not get its turn
    folder = tmp_path / "out"
    found = record(Request(folder, [sys.executable, "-c", TOUCH], buffer_kb=64, page_flags=False))
    assert found.lost > 100
    lost = Recording(folder).events.lost
    assert lost
    assert sum(before.count or 0 for before in lost) <= found.lost  # a page that is full does not tell how many


@needs_tracing
def test_the_commands_failure_is_told(tmp_path: Path) -> None:
    done = subprocess.run(
        command("-o", str(tmp_path / "out"), "--events", "light", "--", "sh", "-c", "exit 3"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "sh ended with status 3" in done.stderr
    assert Recording(tmp_path / "out").start is not None


@pytest.mark.slow
@needs_tracing
def test_a_command_that_cannot_run_leaves_no_trace(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("not a program")
    script.chmod(0o755)
    with pytest.raises(InputError, match="cannot be run: Exec format error"):
        record(Request(tmp_path / "out", [str(script)], events="light", page_flags=False))
    assert not (tmp_path / "out" / "raw").exists()
    assert is_clean(os.getpid())


FULL_DISK = """
mount -t tmpfs -o size=3m none "$1" && "$2" -m recap record -o "$1/out" --buffer 4 --no-page-flags -- "$2" -c "$3"
echo "status $?"; "$2" -m recap info "$1/out" --json
"""


@pytest.mark.slow
@needs_tracing
@pytest.mark.compiled
def test_a_full_disk_is_told_and_what_there_is_can_be_read(tmp_path: Path) -> None:
    busy = "for n in range(40): x = bytearray(64 << 20)"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", FULL_DISK, "sh", str(tmp_path), sys.executable, busy],
        capture_output=True,
        text=True,
        check=False,
    )
    status, _, told = done.stdout.partition("\n")
    assert status == "status 2", done.stderr
    assert "out cannot be written any more (No space left on device); what was recorded until then" in done.stderr
    assert done.stderr.count("\n") == 1
    assert json.loads(told)["events"] > 1000


@needs_tracing
def test_doctor_finds_it_able() -> None:
    checks = {check.name: check for check in doctor()}
    assert checks["raw pages"].state == "ok"
    assert "missing" not in {check.state for check in checks.values()}


@needs_tracing
def test_doctor_cleans_up_after_the_killed() -> None:
    with tracefs.tracefs() as root:
        left = root / "instances" / f"{tracefs.PREFIX}{999_000_000 + os.getpid()}"  # no process has such a number
        left.mkdir()
        assert left in tracefs.left_over(root)
        assert any(check.name == "left over" and check.state == "warning" for check in doctor())
        assert any("is removed" in check.found for check in doctor(clean=True))
        assert not left.exists()


def test_what_cannot_be_recorded_is_refused_beforehand(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such command"):
        record(Request(tmp_path / "new", ["no-such-command"]))
    (tmp_path / "trace.dat").touch()
    with pytest.raises(InputError, match="is there already"):
        record(Request(tmp_path, ["true"]))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("patch", "reason"),
    [
        (("recap.trace.tracefs.os.geteuid", lambda: 1000), "needs root"),
        (("recap.trace.tracefs.locked_down", lambda: True), "locked down"),
    ],
)
def test_obstacles(monkeypatch: pytest.MonkeyPatch, patch: tuple[str, object], reason: str) -> None:
    monkeypatch.setattr("recap.trace.tracefs.os.geteuid", lambda: 0)
    monkeypatch.setattr(*patch)
    told = tracefs.obstacle()
    assert told is not None
    assert reason in told
    checks = list(doctor())
    assert (checks[0].state, checks[0].name) == ("missing", "recording")
    with pytest.raises(tracefs.TracingError, match=reason), tracefs.tracefs():
        pass


def test_the_events_of_a_set() -> None:
    assert wanted("vmscan:mm_vmscan_kswapd_wake", EVENTS["light"])
    assert not wanted("vmscan:mm_vmscan_lru_isolate", EVENTS["light"])
    assert not wanted("vmscan:mm_shrink_slab_start", EVENTS["full"])


def test_buffers_fit_the_machine() -> None:
    assert 1024 <= room(os.cpu_count() or 1) <= 32 << 10
    assert room(1 << 20) == 1024


def test_signals_are_taken_and_given_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with ended_by_signals() as ending:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)
        assert (ending.wanted, ending.reason) == (True, "SIGTERM")
    assert signal.getsignal(signal.SIGTERM) == before
