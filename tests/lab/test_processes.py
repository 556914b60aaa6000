"""Whole processes on one folder: two at once, and killed ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import msgspec
import pytest

from recap.lab import durable
from recap.lab.kept import KeptComparison
from recap.lab.results import Comparison
from recap.trace.on_disk import SCRATCH

pytestmark = [pytest.mark.slow, pytest.mark.compiled, pytest.mark.once]
KILLS = int(os.environ.get("RECAP_KILLS", "3"))  # of each kind; `make fuzz` asks for more
SOURCE = "recordings/hugetlb-1cpu"
COMPARE = ["-m", "recap", "compare", SOURCE, "-p", "none", "-p", "kosaki", "--seeds", "2", "--json", "--out"]
STUDY = [
    "-c",
    """if True:
    import sys
    from pathlib import Path
    from tests.lab.test_capture_2008 import PLAN, capture_2008
    capture_2008(PLAN, out=Path(sys.argv[1]))
""",
]


def start(command: list[str], out: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, *command, str(out)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finished(process: subprocess.Popen[bytes]) -> bytes:
    out, err = process.communicate()
    assert process.returncode == 0, err.decode()
    assert b"run again" not in err
    return out


def test_two_processes_on_one_folder_both_finish_with_one_digest(tmp_path: Path) -> None:
    first, second = (start(COMPARE, tmp_path) for _ in range(2))
    found = {msgspec.json.decode(finished(one), type=Comparison).digest for one in (first, second)}
    assert found == {KeptComparison(tmp_path).comparison.digest}
    assert not list(tmp_path.rglob(SCRATCH))


def whole_runs(folder: Path) -> dict[str, bytes]:
    """The files of all finished runs, held against their checksums."""
    found: dict[str, bytes] = {}
    for path in folder.glob("runs/*.sha256"):
        sums = str(path.relative_to(folder))
        found |= durable.read(folder, sums, durable.read_checksums(path))
    return found


@pytest.mark.parametrize(("command", "result"), [(COMPARE, "comparison.json"), (STUDY, "study.json")])
def test_a_process_that_is_killed_again_and_again_loses_no_finished_run(
    tmp_path: Path, command: list[str], result: str
) -> None:
    began = time.monotonic()
    finished(start(command, tmp_path / "whole"))
    took = time.monotonic() - began
    chance, killed, out = Random(result), 0, tmp_path / "0"
    while killed < KILLS:
        before, process = whole_runs(out), start(command, out)
        try:
            process.wait(took * chance.uniform(0.1, 1))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.communicate()
        assert before.items() <= whole_runs(out).items()
        if (out / result).exists():
            out = tmp_path / str(killed)
    finished(start(command, out))
    assert (out / result).read_bytes() == (tmp_path / "whole" / result).read_bytes()
    assert not list(out.rglob(SCRATCH))
