"""What holds for every verb: help with an example, exit codes, one line for what is wrong."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import recap as package
from recap.cli import VERBS
from recap.errors import InputError
from recap.lab.workloads import WORKLOADS
from tests.cli.conftest import Outcome

Recap = Callable[..., Outcome]
NAMES = [verb for verb, _, _ in VERBS]


def test_help_names_every_verb(recap: Recap) -> None:
    outcome = recap("--help")
    assert outcome.code == 0
    assert all(re.search(rf"\b{name}\b", outcome.out) for name in NAMES)


@pytest.mark.parametrize(("verb", "example"), [(verb, example) for verb, _, example in VERBS])
def test_the_help_of_a_verb_has_its_example(recap: Recap, verb: str, example: str) -> None:
    outcome = recap(verb, "--help")
    assert outcome.code == 0
    assert f"Example: {example}" in " ".join(outcome.out.split())


def test_the_help_of_compare_names_every_workload(recap: Recap) -> None:
    words = set(re.findall(r"[\w.-]+", recap("compare", "--help").out))
    assert WORKLOADS.keys() <= words


def test_help_waits_neither_for_numpy_nor_for_the_engine() -> None:
    script = "import sys, recap.cli; recap.cli.run(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert set(done.stderr.split()) & {"numpy", "msgspec", "recap.pages", "recap.lab", "recap.trace"} == set()


def test_scipy_is_loaded_for_intervals_alone() -> None:
    script = (
        "import importlib, sys\n"
        "for verb in sys.argv[1:]: importlib.import_module(f'recap.cli.{verb}')\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script, *NAMES], capture_output=True, text=True, check=True)
    assert "scipy" not in done.stdout.split()


def test_version(recap: Recap) -> None:
    assert recap("--version").out == f"{package.__version__}\n"


def test_python_m_recap() -> None:
    command = [sys.executable, "-m", "recap", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{package.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["frobnicate"], "frobnicate"),
        (["verify"], "RECORDING"),
        (["verify", "x", "y"], "y"),
        (["verify", "x", "--frobnicate"], "--frobnicate"),
        (["compare", "-p", "none"], "SOURCE"),
        (["compare", "x"], "--policy"),
        (["compare", "x", "-p", "none", "--seeds", "0"], "--seeds"),
        (["compare", "x", "-p", "none", "--seeds", "many"], "--seeds"),
        (["compare", "x", "-p", "none", "-w", "vm.swappiness"], "NAME=VALUE"),
        (["compare", "x", "-p", "none", "-w", "=60"], "NAME=VALUE"),
        (["compare", "x", "-p", "none", "-w", "vm.swappiness="], "NAME=VALUE"),
    ],
)
def test_bad_usage_is_refused_in_one_line(recap: Recap, arguments: list[str], named: str) -> None:
    outcome = recap(*arguments)
    assert outcome.is_refusal()
    assert named in outcome.err


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("a.dat", "offset 12", "not\na trace", "record\nanew"), "a.dat: offset 12: not a trace"),
        (PermissionError(13, "Permission denied", "a.dat"), "a.dat: Permission denied"),
    ],
)
def test_bad_input_is_refused_in_one_line(
    recap: Recap, monkeypatch: pytest.MonkeyPatch, error: Exception, line: str
) -> None:
    monkeypatch.setattr("recap.cli.verify.verify", raising(error))
    outcome = recap("verify", "a")
    assert outcome.is_refusal()
    assert line in outcome.err


@pytest.mark.parametrize("error", [ZeroDivisionError("a bug"), OSError("no file of the user's")])
def test_a_bug_is_not_taken_for_bad_input(recap: Recap, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr("recap.cli.verify.verify", raising(error))
    with pytest.raises(type(error)):
        recap("verify", "a")


def test_ctrl_c_ends_in_one_line(recap: Recap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recap.cli.verify.verify", raising(KeyboardInterrupt()))
    assert recap("verify", "a") == Outcome(128 + signal.SIGINT, "", "recap: interrupted\n")


def test_a_reader_that_leaves_is_no_error() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "w") as pipe:
        command = [sys.executable, "-m", "recap", "--help"]
        done = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, check=False)
    assert done.returncode == -signal.SIGPIPE
    assert done.stderr == b""


@pytest.mark.parametrize("name", package.__all__)
def test_public_names_can_be_had(name: str) -> None:
    assert getattr(package, name).__name__ == name


def test_other_names_cannot() -> None:
    with pytest.raises(AttributeError, match="frobnicate"):
        getattr(package, "frobnicate")  # noqa: B009 (mypy knows that there is no such name)


def raising(error: BaseException) -> Callable[..., None]:
    def fail(_recording: Path, **_options: object) -> None:
        raise error

    return fail
