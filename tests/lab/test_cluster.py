"""Runs on a Dask cluster: the same results, whoever dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recap.errors import InputError, MissingExtraError, RecapError
from recap.lab import cluster as clusters
from recap.lab.cluster import Cluster, perform_there, pickled
from recap.lab.compare import case_of, compare
from recap.lab.kept import Run, Store
from recap.lab.runs import run_all
from recap.lab.threads import Threads
from recap.policy import candidate

pytest.importorskip("distributed")
pytestmark = [pytest.mark.slow, pytest.mark.compiled, pytest.mark.once]
SOURCE = "example"
PATIENCE = 60


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster("local", 2) as found:
        yield found


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A policy that imports another file of its author's, which no worker can find."""
    tmp_path.joinpath("thresholds_of_mine.py").write_text("LEAST = 3\n")
    policy = tmp_path / "mine.py"
    policy.write_text(
        "import thresholds_of_mine\n\n\nclass Mine:\n    def enters_reclaim(self, order):\n"
        "        return order > thresholds_of_mine.LEAST\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return str(policy)


def test_the_digest_is_that_of_threads(cluster: Cluster, mine: str, tmp_path: Path) -> None:
    told: list[int] = []
    there = compare(
        SOURCE,
        ["none", mine],
        seeds=2,
        progress=lambda done, total, _: told.append(done) if total == 4 else None,
        out=tmp_path / "there",
        executor=cluster,
    )
    here = compare(SOURCE, ["none", mine], seeds=2, out=tmp_path / "here", executor=Threads(1))
    assert there == here
    assert told == [1, 2, 3, 4]
    files = [{path.name: path.read_bytes() for path in (tmp_path / at).glob("runs/*")} for at in ("there", "here")]
    assert files[0] == files[1]
    assert len(files[0]) == 12


def test_workers_that_are_killed_cost_time_alone(cluster: Cluster) -> None:
    todo = runs(12)
    expected = run_all(todo, None, None)
    killed: list[int] = []

    def kill_one(done: int, _total: int, _what: str) -> None:
        if done % 3 == 1:
            workers = list(cluster.client.run(os.getpid, on_error="ignore").values())
            os.kill(workers[len(killed) % len(workers)], signal.SIGKILL)
            killed.append(done)

    assert run_all(todo, kill_one, None, cluster) == expected
    assert killed == [1, 4, 7, 10]


def test_a_scheduler_that_dies_loses_no_finished_run(tmp_path: Path) -> None:
    case = case_of(SOURCE, {}, None, None)
    store = Store(tmp_path / "out", case.identity)
    todo = [Run(case.setup, candidate("none"), seed) for seed in range(200)]
    scheduler, address = started(tmp_path, "scheduler", "--port", "0", "--scheduler-file", str(tmp_path / "at.json"))
    worker, _ = started(tmp_path, "worker", "--scheduler-file", str(tmp_path / "at.json"), "--nthreads", "2")
    ended: list[int] = []

    def after_three(done: int, _total: int, _what: str) -> None:
        ended.append(done)
        if done == 3:
            scheduler.kill()

    try:
        with Cluster(address) as far, pytest.raises(RecapError, match="the scheduler is gone; finished runs are kept"):
            run_all(todo, after_three, store, far)
    finally:
        for process in (scheduler, worker):
            process.kill()
            process.wait()
    kept = [run for run in todo if store.read(run) is not None]
    assert 3 <= len(ended) == len(kept) < len(todo)


def started(folder: Path, what: str, *arguments: str) -> tuple[subprocess.Popen[bytes], str]:
    """A scheduler or a worker, once it is there; the address of the scheduler."""
    command = [sys.executable, "-m", "distributed.cli.dask_" + what, "--no-dashboard", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=Path.cwd())
    until = time.monotonic() + PATIENCE
    file = folder / "at.json"
    while time.monotonic() < until and not file.is_file():
        time.sleep(0.1)
    return process, json.loads(file.read_text())["address"]


def test_an_error_in_a_policy_is_named_as_here(cluster: Cluster, tmp_path: Path) -> None:
    policy = tmp_path / "mine.py"
    policy.write_text("class Mine:\n    def enters_reclaim(self, order):\n        return 1 // 0\n")
    said = []
    for executor in (cluster, Threads(1)):
        with pytest.raises(InputError) as error:
            compare(SOURCE, [str(policy)], seeds=1, executor=executor)
        said.append(str(error.value))
    assert said[0] == said[1]
    assert "line 3" in said[0]


def test_workers_with_another_recap_are_refused(cluster: Cluster) -> None:
    run = runs(1)[0]
    make = pickled(run.policy.make)
    with pytest.raises(InputError, match="this worker has another recap or NumPy; install the same"):
        cluster.client.submit(perform_there, (), {}, make, 0, False, "another").result()


def runs(count: int) -> list[Run]:
    setup = case_of(SOURCE, {}, None, None).setup
    return [Run(setup, candidate("none"), seed) for seed in range(count)]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nowhere", "is no address of a scheduler; write tcp://HOST:8786, local, or one of htcondor"),
        ("tcp://127.0.0.1:1", "no scheduler answers"),
    ],
)
def test_what_is_no_cluster(address: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "CONNECT_SECONDS", 1)
    with pytest.raises(InputError, match=said):
        Cluster(address)


def test_the_extra_names_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'recap-mm\[cluster\]'"):
        Cluster("local")


@pytest.mark.parametrize("make", [Threads, lambda jobs: Cluster("local", jobs)])
def test_no_jobs_run_nothing(make: Any) -> None:
    with pytest.raises(InputError, match="--jobs: 0: runs nothing; take 1 or more"):
        make(0)
