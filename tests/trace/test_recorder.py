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
from recap.trace.pagedata import page_data
from recap.trace.private import private_files, private_folder
from recap.trace.recorder import EVENTS, Request, ended_by_signals, record, room, wanted
from recap.trace.spool import Spool
from recap.trace.surroundings import read_page_flags
from recap.trace.target import CgroupTarget
from recap.trace.tracedat import read_tracedat

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
    text = "\n".join(lines)
    assert "tracing_mark_write: START" in text


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
@pytest.mark.parametrize(
    ("script", "code", "told"),
    [("exit 7", 7, "sh ended with status 7"), ("kill -9 $$", 137, "sh ended with status -9")],
)
def test_the_exit_code_is_the_commands(tmp_path: Path, script: str, code: int, told: str) -> None:
    done = subprocess.run(
        command("-o", str(tmp_path / "out"), "--events", "light", "--", "sh", "-c", script),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code
    assert told in done.stderr
    assert Recording(tmp_path / "out").start is not None


@needs_tracing
def test_when_the_time_is_up_the_command_and_its_children_end(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"sleep 600 & echo $! > {pids}; wait"
    found = record(Request(tmp_path / "out", ["sh", "-c", script], "light", duration=0.5, page_flags=False))
    assert (found.status, found.ended_by) == (None, "duration")
    assert 0.5 <= found.seconds < 2
    child = Path("/proc", pids.read_text().strip())
    deadline = time.monotonic() + 10
    while child.exists() and "sleep" in (child / "cmdline").read_text() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not child.exists() or not (child / "cmdline").read_text()


@needs_tracing
def test_a_process_that_runs_already_is_recorded_until_it_ends(tmp_path: Path) -> None:
    process = subprocess.Popen(["sleep", "1"])
    found = record(Request(tmp_path / "out", events="light", page_flags=False, pids=[process.pid]))
    assert process.wait(0) == 0
    assert (found.pids, found.ended_by, found.status) == ([process.pid], None, None)
    with pytest.raises(InputError, match="cannot be followed: No such process"):
        record(Request(tmp_path / "again", events="light", page_flags=False, pids=[process.pid]))
    assert list((tmp_path / "again").iterdir()) == []


def test_a_cgroup_is_there_until_it_is_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recap.trace.target.CGROUPS", tmp_path)
    first, second = tmp_path / "machine.slice", tmp_path / "memory/old"
    (first / "inner").mkdir(parents=True)
    (second / "inner").mkdir(parents=True)
    (first / "cgroup.procs").touch()
    (first / "cgroup.events").write_text("populated 1\nfrozen 0\n")
    (second / "cgroup.procs").touch()
    (second / "inner/cgroup.procs").write_text("17\n")
    new, old = CgroupTarget("/machine.slice"), CgroupTarget("old")
    assert (new.lives(), old.lives()) == (True, True)
    (first / "cgroup.events").write_text("populated 0\nfrozen 0\n")
    (second / "inner/cgroup.procs").write_text("")
    assert (new.lives(), old.lives()) == (False, False)
    with pytest.raises(InputError, match="there is no process in it"):
        CgroupTarget("old")
    with pytest.raises(InputError, match="no such cgroup"):
        CgroupTarget("elsewhere")
    shutil.rmtree(second)
    assert not old.lives()


@needs_tracing
def test_a_cpu_that_comes_later_is_read_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    online = [[0]]
    monkeypatch.setattr("recap.trace.tracefs.cpus_of", lambda _instance: online[0])
    monkeypatch.setattr("recap.trace.spool.cpus_of", lambda _instance: online[0])

    def live(_told: object) -> None:
        online[0] = cpus

    cpus = sorted(os.sched_getaffinity(0))
    found = record(Request(tmp_path / "out", events="light", duration=0.6, page_flags=False), live)
    assert found.cpus == len(cpus)
    assert set(np.unique(Recording(tmp_path / "out").events.cpu)) == set(cpus)


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
@pytest.mark.usefixtures("alone")
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
    with pytest.raises(InputError, match="are given together"):
        record(Request(tmp_path / "new", ["true"], pids=[1]))
    assert not (tmp_path / "new").exists()


def test_only_a_folder_that_is_ours_and_empty_is_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used/file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    for name, reason in (("used", "is not empty"), ("link", "is a link"), ("used/file", "is not a folder")):
        with pytest.raises(InputError, match=reason):
            record(Request(tmp_path / name, ["true"]))
    monkeypatch.setattr("recap.trace.private.os.geteuid", lambda: 12345)
    with pytest.raises(InputError, match="belongs to another user"):
        record(Request(tmp_path / "elsewhere", ["true"]))


def test_no_file_is_written_elsewhere_whatever_is_put_in_the_folders_place(tmp_path: Path) -> None:
    with private_files(), private_folder(tmp_path / "out") as place:
        (tmp_path / "out").rename(tmp_path / "moved")
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "out").symlink_to(tmp_path / "elsewhere")
        (place / "trace.dat").write_text("x")
        (place / "raw").mkdir()
    assert sorted(path.name for path in (tmp_path / "moved").iterdir()) == ["raw", "trace.dat"]
    assert list((tmp_path / "elsewhere").iterdir()) == []
    modes = [path.stat().st_mode & 0o777 for path in (tmp_path / "moved", *sorted((tmp_path / "moved").iterdir()))]
    assert modes == [0o700, 0o700, 0o600]


@needs_tracing
@pytest.mark.compiled
def test_no_kernel_address_is_kept(tmp_path: Path) -> None:
    symbols = (line.split() for line in Path("/proc/kallsyms").read_text().splitlines())
    writer = next((int(line[0], 16) for line in symbols if line[2] == "tracing_mark_write"), 0)
    folder = tmp_path / "out"
    record(Request(folder, [sys.executable, "-c", TOUCH], page_flags=False))
    trace = read_tracedat(folder / "trace.dat")
    insertion = next(described for described in trace.formats.values() if described.name == "mm_lru_insertion")
    assert any("*" in field.type for field in insertion.fields.values())
    with page_data(trace) as pages:
        for lane in pages.lanes:
            while not lane.last:
                lane.turn()
                whole = bytes(lane.data[lane.begin : lane.end])
                for shift in (0, 4):  # records begin at whole words of four bytes
                    words = np.frombuffer(whole[shift : len(whole) - shift], "<u8")
                    assert not ((words >> np.uint64(48) == 0xFFFF) & (words >> np.uint64(32) != 0xFFFFFFFF)).any()
                    assert writer == 0 or not (words - np.uint64(writer) < 4096).any()


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
