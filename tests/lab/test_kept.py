"""Finished runs are taken again where all that they depend on is as it was, and nowhere else."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from recap.lab.compare import compare
from recap.lab.kept import fingerprint
from recap.lab.runs import prepare
from recap.trace import Recording
from recap.trace.opening import open_flow
from recap.trace.parquet import write_parquet
from tests.trace.test_forms import raw_folder

RECORDING = Path("recordings/hugetlb-1cpu")
READ = ("snap0.npz", "meminfo.0", "vmstat.0", "vmstat.1", "sysctl.vm", "zoneinfo.0", "zoneinfo.1")
SETUP: Any = SimpleNamespace(values={"vm.swappiness": 60}, wanted={}, origin=SimpleNamespace(name="dump"))


def copy_of(recording: Path, folder: Path) -> Path:
    """The same recording in a folder of its own, of files that may be replaced."""
    folder.mkdir()
    for path in recording.iterdir():
        (folder / path.name).symlink_to(path.resolve())
    return folder


def replace(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def refuse_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recap.lab.executor.simulate", lambda *_, **__: pytest.fail("a finished run was run again"))


@pytest.mark.slow
@pytest.mark.compiled
def test_finished_runs_are_kept_and_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = compare(RECORDING, ["none"], seeds=1, out=tmp_path)
    refuse_to_run(monkeypatch)
    assert compare(RECORDING, ["none"], seeds=1, out=tmp_path).digest == first.digest
    assert (tmp_path / "comparison.json").is_file()


@pytest.mark.slow
@pytest.mark.compiled
def test_runs_of_a_trace_in_parquet_are_kept_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fingerprint looked for a trace.dat."""
    pytest.importorskip("pyarrow")
    folder, out = copy_of(RECORDING, tmp_path / "recording"), tmp_path / "out"
    write_parquet(open_flow(folder / "trace.dat"), folder / "trace.parquet")
    (folder / "trace.dat").unlink()
    first = compare(folder, ["none"], seeds=1, out=out)
    refuse_to_run(monkeypatch)
    assert compare(folder, ["none"], seeds=1, out=out).digest == first.digest


@pytest.mark.slow
@pytest.mark.compiled
def test_a_snapshot_taken_anew_is_run_anew(tmp_path: Path) -> None:
    folder, out = copy_of(RECORDING, tmp_path / "recording"), tmp_path / "out"
    first = compare(folder, ["none"], seeds=1, out=out)
    arrays = dict(np.load(folder / "snap0.npz"))
    lists = arrays["lists"]
    lru = np.flatnonzero(lists[:, 0] == 2)
    lists[lru] = lists[lru[::-1]]  # the LRU lists the other way round: other pages are reclaimed first
    (folder / "snap0.npz").unlink()
    np.savez(folder / "snap0.npz", **arrays)
    assert compare(folder, ["none"], seeds=1, out=out).digest != first.digest


@pytest.mark.slow
@pytest.mark.compiled
def test_every_file_that_a_run_reads_is_in_the_fingerprint(tmp_path: Path) -> None:
    folder = copy_of(RECORDING, tmp_path / "recording")
    recording = Recording(folder)
    setup = prepare(recording, {})
    assert {path.name for path in recording.files} == {"trace.dat", *READ}
    found = {fingerprint(recording, setup)}
    for number, name in enumerate(("trace.dat", *READ), 2):
        replace(folder / name, (RECORDING / name).read_bytes() + b"\n")
        found.add(fingerprint(recording, setup))
        assert len(found) == number
    copied = Recording(copy_of(RECORDING, tmp_path / "copy"))
    assert fingerprint(copied, prepare(copied, {})) in found


OPENED: list[str] = []
sys.addaudithook(lambda event, what: OPENED.append(str(what[0])) if event == "open" else None)


@pytest.mark.slow
@pytest.mark.compiled
def test_no_file_is_read_that_is_not_in_the_fingerprint(tmp_path: Path) -> None:
    """Whatever is read tomorrow: every file of the folder that Python opens."""
    folder = copy_of(RECORDING, tmp_path / "recording")
    OPENED.clear()
    recording = Recording(folder)
    prepare(recording, {})
    opened = {Path(name) for name in OPENED if name.startswith(f"{folder}/")}
    assert opened == recording.files


def in_raw(folder: Path) -> Path:
    raw_folder(folder / "raw")
    return folder / "raw/per_cpu/cpu10/trace_pipe_raw"


def raw_itself(folder: Path) -> Path:
    raw_folder(folder)
    return folder / "per_cpu/cpu10/trace_pipe_raw"


@pytest.mark.parametrize("make", [in_raw, raw_itself])
def test_raw_pages_are_a_trace_too(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    pages = make(tmp_path)

    def found() -> str:
        recording = Recording(tmp_path)
        assert len(recording.events)
        return fingerprint(recording, SETUP)

    before = found()
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/none-0.json").write_text("a run kept in the folder of its recording")
    os.utime(pages, (0, 0))
    assert found() == before
    pages.write_bytes(pages.read_bytes()[:4096])
    assert found() != before


def test_what_was_kept_of_another_model_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "trace.dat").touch()
    recording = Recording(tmp_path)
    now = fingerprint(recording, SETUP)
    assert fingerprint(recording, SETUP) == now
    monkeypatch.setattr("recap.lab.kept.model_identity", lambda: "changed")
    assert fingerprint(recording, SETUP) != now
