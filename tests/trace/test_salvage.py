"""Recorders that are killed: what was recorded is kept, the kernel is as it was, and the command does not run on."""

from __future__ import annotations

import contextlib
import errno
import io
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from recap.cli import run as recap
from recap.errors import InputError, RecapError
from recap.trace import Event, Recording, on_disk, tracefs
from recap.trace.doctor import doctor
from recap.trace.finishing import finish
from recap.trace.lease import Lease, leases, place_of
from recap.trace.process import Process
from recap.trace.record_file import UNFINISHED, RecordFile, read_record, write_record
from recap.trace.salvage import KILLED, resume, tidy
from tests.lab.disk import Change, Disk, write_what_is_left
from tests.trace.test_forms import raw_folder
from tests.trace.test_recorder import command, needs_tracing

pytestmark = pytest.mark.once
LONG_DEAD = Process(1, -1)
PATIENCE = 60


def until(done: Callable[[], bool]) -> None:
    """Wait for something."""
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# Real recorders


@dataclass
class Killed:
    """A recorder that runs a command with a child of its own."""

    folder: Path
    process: subprocess.Popen[bytes]

    def record(self) -> RecordFile:
        found = read_record(self.folder)
        assert found
        return found

    def kill(self, *others: int) -> None:
        for pid in (*others, self.process.pid):
            os.kill(pid, signal.SIGKILL)
        assert self.process.wait() == -signal.SIGKILL

    def guard(self) -> int:
        return self.record().recorder[1]

    def sleeps(self) -> bool:
        """Whether the command or its child still runs."""
        names = (self.folder.parent / "pids").read_text().split()
        return any(Process.of(int(name)) for name in names)

    def is_tidy(self) -> bool:
        return not place_of(self.instance()).exists()

    def instance(self) -> str:
        return f"{tracefs.PREFIX}{self.process.pid}"

    def check(self) -> None:
        """All that was recorded is there, and nothing else is left."""
        root = tracefs.mounted()
        assert root is None or not (root / "instances" / self.instance()).exists()
        assert not self.sleeps()
        found = self.record()
        recording = Recording(self.folder)
        assert (found.ended_by, found.status) == (KILLED, None)
        assert found.events == len(recording.events) + sum(recording.events.other.values()) > 1000
        assert (recording.start is None, recording.end is None) == (False, False)
        assert recording.vmstat(1)
        assert not (self.folder / "raw").exists()
        assert oct(self.folder.stat().st_mode & 0o777) == "0o700"
        assert {oct(path.stat().st_mode & 0o777) for path in self.folder.iterdir()} == {"0o600"}


@pytest.fixture
def killed(tmp_path: Path, alone: None) -> Iterator[Killed]:  # noqa: ARG001 (while this lasts)
    folder = tmp_path / "out"
    script = f'sleep 600 & echo "$! $$" > {tmp_path}/pids; while :; do sleep 0.02; done'
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(
            command("-o", str(folder), "--events", "light", "--", "sh", "-c", script), stderr=said, stdout=said
        )
    made = Killed(folder, process)
    until((tmp_path / "pids").exists)
    time.sleep(0.5)
    yield made
    process.kill()
    process.wait()
    tidy(made.instance())


@pytest.mark.slow
@needs_tracing
def test_a_killed_recorder_is_tidied_up_after_by_its_guard(killed: Killed) -> None:
    killed.kill()
    until(killed.is_tidy)
    until(lambda: not (killed.folder / "raw").exists())
    killed.check()


@pytest.mark.slow
@needs_tracing
def test_where_the_guard_was_killed_as_well_resume_does_it(killed: Killed, capsys: pytest.CaptureFixture[str]) -> None:
    assert recap(["record", "--resume", str(killed.folder)]) == 2
    assert f"is being recorded by process {killed.process.pid}" in capsys.readouterr().err
    killed.kill(killed.guard())
    assert killed.sleeps()
    assert recap(["record", "--resume", str(killed.folder), "--json"]) == 0
    assert msgspec.json.decode(capsys.readouterr().out, type=RecordFile) == killed.record()
    killed.check()
    assert recap(["record", "--resume", str(killed.folder)]) == 0  # no harm


@pytest.mark.slow
@needs_tracing
def test_doctor_does_it_too(killed: Killed) -> None:
    killed.kill(killed.guard())
    told = [check for check in doctor() if check.name == "left over"]
    assert any(str(killed.folder) in check.found and "--resume" in check.remedy for check in told)
    told = [check for check in doctor(clean=True) if check.name == "left over"]
    assert any("events are kept, and the kernel is as it was" in check.found for check in told)
    killed.check()


@pytest.mark.slow
@needs_tracing
def test_on_an_idle_machine_events_reach_the_disk_within_three_seconds(tmp_path: Path) -> None:
    arguments = ["-o", str(tmp_path / "out"), "--events", "light", "--no-page-flags"]  # and a buffer that is never full
    process = subprocess.Popen([sys.executable, "-m", "recap", "record", "--buffer", "64", *arguments])
    pages = tmp_path / "out/raw/per_cpu/cpu0/trace_pipe_raw"
    until(pages.exists)
    time.sleep(3)
    assert pages.stat().st_size > 0
    process.send_signal(signal.SIGINT)
    assert process.wait() == 0


# A tracefs of files


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lease:
    """A dead recorder's folder, and its instance with a page that it has not read."""
    root, place = tmp_path / "tracing", tmp_path / "out"
    raw = raw_folder(place / "raw")
    pages = raw / "per_cpu/cpu0/trace_pipe_raw"
    whole = pages.read_bytes()[:8192]
    pages.write_bytes(whole[:4196])  # killed while it wrote the second
    instance = root / "instances/recap-7"
    unread = instance / "per_cpu/cpu0/trace_pipe_raw"
    unread.parent.mkdir(parents=True)
    unread.write_bytes(whole[4096:])
    for name in ("tracing_on", "trace_marker"):
        (instance / name).write_text("1\n")
    (root / "saved_cmdlines_size").write_text("4096")
    (root / "saved_cmdlines").write_text("88 gone by now\n")
    write_record(place, RecordFile("Linux", ["true"], None, 0, 0, 0, 0, "light", [], 64, 2, [7], UNFINISHED))
    monkeypatch.setattr("recap.trace.salvage.mounted", lambda: root)
    monkeypatch.setattr("recap.trace.salvage.cpus_of", lambda _instance: [0])
    monkeypatch.setattr("recap.trace.salvage.remove", shutil.rmtree)
    monkeypatch.setattr("recap.trace.comms.alive", lambda: iter(()))
    monkeypatch.setattr("recap.trace.lease.LEASES", tmp_path / "run")
    this = place.stat()
    lease = Lease("recap-7", str(place), this.st_dev, this.st_ino, LONG_DEAD, mounted=False, comms_room=128)
    lease.write()
    return lease


def is_undone(folder: Path) -> bool:
    root = folder / "tracing"
    return not list((root / "instances").iterdir()) and (root / "saved_cmdlines_size").read_text() == "128"


@pytest.mark.usefixtures("fake")
def test_what_the_buffers_held_is_kept(tmp_path: Path) -> None:
    found = resume(tmp_path / "out")
    recording = Recording(tmp_path / "out")
    assert recording.events.cpu.tolist() == [0, 10, 0] * 2
    assert (found.events, found.ended_by, found.bytes) == (6, KILLED, (tmp_path / "out/trace.dat").stat().st_size)
    assert {77: "two words", 88: "gone by now"}.items() <= recording.events.comms.items()
    assert recording.vmstat(1)
    assert is_undone(tmp_path)
    assert leases() == []


def test_tracefs_is_unmounted_if_the_recorder_had_mounted_it(
    fake: Lease, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[object] = []
    monkeypatch.setattr("recap.trace.salvage.system_call", lambda *call: called.append(call))
    fake.mounted = True
    fake.write()
    tidy("recap-7")
    assert called == [("umount2", bytes(tmp_path / "tracing"), 0)]


@pytest.mark.usefixtures("fake")
def test_what_was_in_a_pipe_is_kept(tmp_path: Path) -> None:
    unread = tmp_path / "tracing/instances/recap-7/per_cpu/cpu0/trace_pipe_raw"
    rest = unread.read_bytes()[100:]
    unread.write_bytes(b"")
    read, write = os.pipe()
    os.write(write, rest)
    os.close(write)
    found = tidy("recap-7", [(0, read)])
    os.close(read)
    assert found
    assert found.events == 6


def test_the_command_ends_with_all_it_has_started(fake: Lease) -> None:
    process = subprocess.Popen(["sh", "-c", "sleep 600 & sleep 600; :"], stdout=subprocess.DEVNULL)
    fake.command = Process.of(process.pid)
    fake.write()
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    until(lambda: len(children.read_text().split()) == 2)
    pids = [int(pid) for pid in children.read_text().split()]
    tidy("recap-7")
    assert process.wait(10) == -signal.SIGKILL
    until(lambda: not any(map(Process.of, pids)))


def test_a_process_of_the_same_number_is_left_alone(fake: Lease) -> None:
    process = subprocess.Popen(["sleep", "600"])
    task = Process.of(process.pid)
    assert task
    fake.command = Process(process.pid, task.started - 1)
    fake.write()
    try:
        tidy("recap-7")
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


def test_nothing_is_written_where_another_folder_has_the_name(fake: Lease, tmp_path: Path) -> None:
    (tmp_path / "out").rename(tmp_path / "moved")
    shutil.copytree(tmp_path / "moved", tmp_path / "elsewhere")
    before = sorted((tmp_path / "elsewhere").rglob("*"))
    (tmp_path / "out").symlink_to(tmp_path / "elsewhere")
    assert tidy("recap-7") is None
    assert is_undone(tmp_path)
    (tmp_path / "out").unlink()
    shutil.copytree(tmp_path / "elsewhere", tmp_path / "out")
    fake.write()
    assert tidy("recap-7") is None
    assert sorted((tmp_path / "elsewhere").rglob("*")) == before
    assert resume(tmp_path / "moved").events == 4  # what was on the disk


@pytest.mark.usefixtures("fake")
def test_only_one_tidies_up(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from recap.trace import lease, salvage, tracefs; "
        "lease.LEASES = Path(sys.argv[1]); salvage.mounted = lambda: None; "
        "print(salvage.tidy('recap-7') is not None)"
    )
    run = [sys.executable, "-c", script, str(tmp_path / "run")]
    both = [subprocess.Popen(run, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert sorted(process.communicate()[0] for process in both) == ["False\n", "True\n"]
    assert [process.returncode for process in both] == [0, 0]


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda place: shutil.rmtree(place / "raw"), "holds nothing that `recap record` has left"),
        (lambda place: (place / "record.json").unlink(), "record.json: cannot be read"),
        (shutil.rmtree, "there is no such folder"),
    ],
)
@pytest.mark.usefixtures("fake")
def test_what_cannot_be_resumed(tmp_path: Path, damage: Callable[[Path], None], told: str) -> None:
    damage(tmp_path / "out")
    with pytest.raises(InputError, match=told):
        resume(tmp_path / "out")


def test_a_lease_that_is_damaged_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recap.trace.lease.LEASES", tmp_path)
    (tmp_path / "recap-1.json").write_bytes(b"{")
    (tmp_path / "recap-2.json").write_bytes(b"[1]")
    assert leases() == []
    assert tidy("recap-1") is None
    assert tidy("recap-3") is None


# Errors of the disk


class Failing:
    """Has the n-th of the calls it is put around fail, and all after it: a disk that is gone."""

    def __init__(self, at: int) -> None:
        self.at, self.calls = at, 0

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*given: Any, **options: Any) -> Any:
            self.calls += 1
            if self.calls >= self.at:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return call(*given, **options)

        return wrapped

    def around_writing(self, path: Any, mode: str = "r", *given: Any, **options: Any) -> Any:
        call = self.around(open) if set(mode) & set("wxa+") else open
        return call(path, mode, *given, **options)


def test_an_error_at_any_call_of_the_end_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = RecordFile("Linux", ["true"], 3, 6, 0, 1.5, 0, "light", [], 64, 11, [7], None)
    for at in itertools.count(1):
        folder, failing = tmp_path / str(at), Failing(at)
        raw_folder(folder / "raw")
        write_record(folder, msgspec.structs.replace(record, status=None, events=0, ended_by=UNFINISHED))
        with monkeypatch.context() as patch:
            for name in ("fsync", "replace", "unlink", "rmdir"):
                patch.setattr(os, name, failing.around(getattr(os, name)))
            patch.setattr(io, "open", failing.around_writing)
            try:
                finish(folder, folder, record)
            except RecapError as error:
                told = str(error)
            else:
                break
        assert told.startswith(
            f"{folder} was not finished (Input/output error); nothing is lost: `recap record --resume"
        )
        found = resume(folder)
        assert (found.events, found.status) in ((6, 3), (6, None))
        assert len(Recording(folder).events) == 6
        assert not (folder / "raw").exists()
    assert at > 15


# Power cuts


DICE = 5


def recorded(disk: Disk) -> None:
    """What a recorder does with files."""
    folder = disk.folder
    raw = raw_folder(folder / "raw")
    cpus = sorted(raw.glob("per_cpu/*/trace_pipe_raw"))
    pages = [path.read_bytes()[:8192] for path in cpus]
    for path in cpus:
        path.write_bytes(b"")
    record = RecordFile("Linux", ["true"], None, 0, 0, 0, 0, "light", [], 64, 11, [7], UNFINISHED)
    write_record(folder, record)
    on_disk.sync_all(folder)
    for at in (0, 4096):
        for path, content in zip(cpus, pages, strict=True):
            disk.write(path, content[at : at + 4096])
    (folder / "meminfo.1").write_text("MemTotal: 4 kB\n")
    finish(folder, folder, msgspec.structs.replace(record, status=0, events=6, ended_by=None))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::recap.errors.RecapWarning")
def test_no_power_cut_loses_a_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut at each call that changes the disk, with dice for what came through."""
    moments: list[list[Change]] = []
    disk = Disk(tmp_path / "out", moments.append)
    with monkeypatch.context() as patch:
        disk.watch(patch)
        recorded(disk)
    chance = Random(1)
    begun = next(number for number, cut in enumerate(moments) if len(cut) > 10 and all(map(is_certain, last(cut))))
    done = next(number for number, cut in enumerate(moments) if has_trace(cut))
    assert 20 < begun < done < len(moments) - 10
    monkeypatch.setattr(os, "fsync", lambda _file: None)  # so that checking takes no time
    for number, cut in enumerate(moments):
        for die in range(DICE):
            there = tmp_path / f"{number}-{die}"
            there.mkdir()
            write_what_is_left(cut, disk.folder, there, chance)
            if number < begun:
                with contextlib.suppress(RecapError):
                    check_what_is_left(there)
            else:
                assert check_what_is_left(there) == 6 or number < done


def last(changes: list[Change]) -> Iterable[Change]:
    """What came of each name in the end."""
    return {change.path: change for change in changes}.values()


def is_certain(change: Change) -> bool:
    """Whether a change of a name is on the disk, and what is in the file."""
    return change.synced and (change.file is None or change.file.synced)


def has_trace(changes: list[Change]) -> bool:
    """Whether the packed trace is on the disk."""
    return any(is_certain(change) and change.path.name == "trace.dat" for change in changes)


def check_what_is_left(folder: Path) -> int:
    """How many events there are: the first ones of each CPU."""
    found = resume(folder)
    events = Recording(folder).events
    assert len(events) == found.events
    for cpu, kinds in ((0, [Event.MM_PAGE_ALLOC, Event.TRACE_MARKER] * 2), (10, [Event.MM_PAGE_FREE] * 2)):
        mine = events.event[events.cpu == cpu].tolist()
        assert mine == kinds[: len(mine)]
    return found.events
