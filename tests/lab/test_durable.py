"""Finished runs are not lost and not made up: power cuts, errors of the disk, damage, and several processes."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from recap.cli import run as command
from recap.lab.kept import KeptComparison, Run, Store
from recap.policy import candidate
from recap.trace.on_disk import SCRATCH
from tests.lab.disk import Change, Disk, write_what_is_left
from tests.report.conftest import timeline

pytestmark = pytest.mark.filterwarnings("always::recap.errors.RecapWarning")
METRICS = {"success_percent": 61.25, "oom_kills": 0.0}
SOURCE = "highalloc:128"
RUNS, DICE = 3, 20
SEEDS = 2


def run(policy: str, seed: int) -> Run:
    setup: Any = None
    return Run(setup, candidate(policy), seed)


def figures(number: int) -> dict[str, float]:
    return {**METRICS, "stolen_pages": float(number)}


# Power cuts


def test_no_power_cut_loses_or_changes_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut at each call that changes the disk, with dice for what came through."""
    moments: list[tuple[list[Change], list[int]]] = []
    returned: list[int] = []
    disk = Disk(tmp_path / "out", lambda changes: moments.append((changes, list(returned))))
    with monkeypatch.context() as patch:
        disk.watch(patch)
        store = Store(disk.folder, "cut")
        for number in range(RUNS):
            store.keep(run("none", number), figures(number), timeline(number))
            returned.append(number)
    chance = Random(1)
    for number, (changes, kept) in enumerate(moments):
        for die in range(DICE):
            there = tmp_path / f"{number}-{die}"
            write_what_is_left(changes, disk.folder, there, chance)
            check(there, kept)
    assert len(moments) > 15 * RUNS


def check(folder: Path, returned: list[int]) -> None:
    """What was said to be kept is there, and nothing is there that is not right."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        store = Store(folder, "cut")
        found = [store.read(run("none", number)) for number in range(RUNS)]
    for number, kept in enumerate(found):
        assert kept in ((figures(number),) if number in returned else (figures(number), None))
    assert len(seen) <= RUNS - len(returned)


# Errors of the disk


class FakeObserver:
    """Sees the same of every run."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def timeline(self) -> object:
        return timeline(10)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Has runs take no time; a list of the seeds that were run."""
    made: list[int] = []

    def simulate(_setup: object, _policy: object, seed: int, _go: object, watch: Any = None) -> dict[str, float]:
        made.append(seed)
        if watch:
            watch(SimpleNamespace())
        return figures(seed)

    monkeypatch.setattr("recap.lab.executor.simulate", simulate)
    monkeypatch.setattr("recap.lab.executor.Observer", FakeObserver)
    return made


def compare(out: Path, seeds: int = SEEDS) -> int:
    return command(["compare", SOURCE, "-p", "none", "--seeds", str(seeds), "--out", str(out), "--json"])


class FaultyDisk:
    """Fails at the n-th call that writes, renames, syncs, opens for writing or makes a folder."""

    def __init__(self, code: int, at: int) -> None:
        self.code, self.at, self.calls = code, at, 0

    def call(self, name: str = "") -> None:
        self.calls += 1
        if self.calls == self.at:
            raise OSError(self.code, os.strerror(self.code), *([name] if name else []))

    @contextmanager
    def connected(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        originals = {name: getattr(os, name) for name in ("fsync", "replace", "mkdir")}
        opened = io.open

        def failing(name: str) -> Callable[..., Any]:
            def wrapped(*given: Any, **options: Any) -> Any:
                self.call()
                return originals[name](*given, **options)

            return wrapped

        def open_file(file: Any, mode: str = "r", *given: Any, **options: Any) -> Any:
            if "x" not in mode:
                return opened(file, mode, *given, **options)
            self.call(str(file))
            return FaultyFile(self, opened(file, mode, *given, **options))

        with monkeypatch.context() as patch:
            for name in originals:
                patch.setattr(os, name, failing(name))
            patch.setattr(io, "open", open_file)
            yield


class FaultyFile:
    """A file whose writes and closing may fail."""

    def __init__(self, disk: FaultyDisk, file: Any) -> None:
        self.disk, self.file = disk, file

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def __enter__(self) -> FaultyFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write(self, content: bytes) -> int:
        self.file.write(content[: len(content) // 2])
        self.disk.call()
        return int(self.file.write(content[len(content) // 2 :]))


@pytest.mark.slow
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_every_error_of_the_disk_is_one_line_and_loses_nothing(
    tmp_path: Path, runs: list[int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert compare(tmp_path / "sound") == 0
    wanted = KeptComparison(tmp_path / "sound").comparison
    capsys.readouterr()
    injected = 0
    while True:
        out, disk = tmp_path / str(injected), FaultyDisk(code, injected + 1)
        runs.clear()
        with disk.connected(monkeypatch):
            ended = compare(out)
        if disk.calls < disk.at:
            break
        injected += 1
        said = capsys.readouterr()
        assert (ended, said.out, said.err.count("\n")) == (2, "", 1), said.err
        assert os.strerror(code) in said.err
        assert not list(out.rglob(SCRATCH))
        finished = len(list(out.glob("runs/*.sha256")))
        runs.clear()
        assert compare(out) == 0
        assert len(runs) == SEEDS - finished
        assert KeptComparison(out).comparison == wanted
        capsys.readouterr()
    assert ended == 0
    assert injected > 30


# Damage


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def edited(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def another_shape(path: Path) -> None:
    path.write_bytes(b'{"success_percent": [1, 2]}')


def gone(path: Path) -> None:
    path.unlink()


DAMAGE = (cut_short, empty, zeros, edited, another_shape, gone)


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("suffix", [".json", ".npz", ".sha256"])
def test_a_damaged_run_is_run_again_and_said_so(
    tmp_path: Path, runs: list[int], capsys: pytest.CaptureFixture[str], damage: Callable[[Path], None], suffix: str
) -> None:
    assert compare(tmp_path) == 0
    before = KeptComparison(tmp_path).comparison
    path = next((tmp_path / "runs").glob(f"none-1-*{suffix}"))
    damage(path)
    runs.clear()
    capsys.readouterr()
    assert compare(tmp_path) == 0
    assert runs == [1]
    said = capsys.readouterr().err
    unfinished = suffix == ".sha256" and damage is gone
    assert said.count("this run is repeated") == (0 if unfinished else 1)
    assert (path.stem in said) != unfinished
    assert KeptComparison(tmp_path).comparison == before
    assert command(["report", str(tmp_path)]) == 0


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ["comparison.json", "runs.json", "runs/none-1-*.json", "runs/none-1-*.npz"])
@pytest.mark.usefixtures("runs")
def test_a_report_is_not_made_of_what_is_damaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], None], name: str
) -> None:
    assert compare(tmp_path) == 0
    path = next(tmp_path.glob(name))
    damage(path)
    capsys.readouterr()
    assert command(["report", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert path.name in said.err
    assert compare(tmp_path) == 0
    assert command(["report", str(tmp_path)]) == 0


def test_a_finished_folder_can_be_read_where_nothing_can_be_written(
    tmp_path: Path, runs: list[int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare(tmp_path) == 0
    wanted = capsys.readouterr().out
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    runs.clear()
    opened = io.open

    def read_only(file: Any, mode: str = "r", *given: Any, **options: Any) -> Any:
        if set(mode) & set("wxa+"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(file))
        return opened(file, mode, *given, **options)

    monkeypatch.setattr(io, "open", read_only)
    assert compare(tmp_path) == 0
    assert capsys.readouterr().out == wanted
    assert runs == []
    assert compare(tmp_path, seeds=SEEDS + 1) == 2
    assert "Read-only file system" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


def test_what_killed_processes_left_is_removed(tmp_path: Path) -> None:
    first = Store(tmp_path, "one")
    for folder in (tmp_path, tmp_path / "runs"):
        (folder / ".recap-0123.tmp").touch()
    second = Store(tmp_path, "another process at work, as far as locks can tell")
    assert len(list(tmp_path.rglob(".recap-*"))) == 2
    del first, second
    Store(tmp_path, "alone")
    assert not list(tmp_path.rglob(".recap-*"))


@pytest.mark.parametrize(
    "given", [["compare", SOURCE, "-p", "none"], ["sweep", SOURCE, "vm.swappiness=1,2"], ["study", "capture-2008"]]
)
def test_an_empty_name_is_no_folder(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert command([*given, "--out", ""]) == 2
    assert "--out" in capsys.readouterr().err


@pytest.mark.usefixtures("runs")
def test_the_checksums_are_such_as_sha256sum_checks(tmp_path: Path) -> None:
    assert compare(tmp_path) == 0
    sums = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.sha256")]
    done = subprocess.run(["sha256sum", "--check", "--strict", *sums], cwd=tmp_path, capture_output=True, check=True)
    assert done.stdout.count(b": OK\n") == SEEDS * 2 + 2
