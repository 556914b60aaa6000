"""`-`, /dev/stdin and pipes where a verb reads a file: the command itself, as a shell starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Outcome

LOG = Path(__file__).parents[1] / "lab/reports/order-4-4.8.txt"
TRACE = Path(__file__).parents[1] / "trace/texts/old-free-events.txt"


def piped(content: bytes, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """The command with something in its standard input, which is a pipe."""
    command = [sys.executable, "-m", "recap", *arguments]
    return subprocess.run(command, input=content, capture_output=True, check=False, env=os.environ)


@pytest.mark.parametrize("name", ["-", "/dev/stdin", "/dev/fd/0"])
def test_explain_reads_a_pipe(name: str) -> None:
    done = piped(LOG.read_bytes(), "explain", name)
    direct = piped(b"", "explain", str(LOG))
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == direct.stdout


def test_options_may_stand_on_either_side() -> None:
    first, last = (piped(LOG.read_bytes(), "explain", *order) for order in (("--json", "-"), ("-", "--json")))
    assert first.stdout == last.stdout
    assert first.stdout.startswith(b"[")


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_info_reads_a_pipe(name: str) -> None:
    done = piped(TRACE.read_bytes(), "info", name)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"frees        3" in done.stdout


def test_info_reads_a_named_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["dd", "status=none", f"if={TRACE}", f"of={pipe}"]):
        done = piped(b"", "info", str(pipe))
    assert b"frees        3" in done.stdout


def test_convert_reads_a_pipe(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    target = tmp_path / "trace.parquet"
    assert piped(TRACE.read_bytes(), "convert", "-", str(target)).returncode == 0
    assert b"frees        3" in piped(target.read_bytes(), "info", "-").stdout


@pytest.mark.parametrize("verb", [["verify"], ["compare", "-p", "none"]])
def test_what_needs_a_folder_says_so_of_a_pipe_too(verb: list[str]) -> None:
    done = piped(TRACE.read_bytes(), *verb, "-")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"snap" in done.stderr
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("verb", ["explain", "info"])
def test_nothing_is_refused_in_one_line(verb: str) -> None:
    done = piped(b"", verb, "-")
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1)


@pytest.mark.parametrize("verb", ["explain", "info", "verify"])
def test_an_unknown_option_is_not_taken_for_a_file(recap: Callable[..., Outcome], verb: str) -> None:
    outcome = recap(verb, "--frobnicate")
    assert outcome.is_refusal()
    assert "Unknown option: --frobnicate" in outcome.err
