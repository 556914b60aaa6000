"""A policy that hangs is named by file and line, and neither it nor the engine holds up Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import pytest

from recap.errors import RecapWarning
from recap.lab import executor, overdue, runs, threads
from recap.lab.kept import Run
from recap.policy import candidate

SETUP: Any = None
LET_GO = threading.Event()


class Slow:
    """Answers when it is let go."""

    def enters_reclaim(self, order: int) -> bool:
        return self.think(order)

    def think(self, order: int) -> bool:
        LET_GO.wait(30)  # the line that is named
        return order > 3


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that do nothing but ask the user's object once."""

    def simulate(_setup: object, policy: Any, _seed: int, *_: object, **__: object) -> dict[str, float]:
        return {"answer": float(policy.user.enters_reclaim(9))}

    LET_GO.clear()
    monkeypatch.setattr(executor, "simulate", simulate)
    monkeypatch.setattr(threads, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(overdue, "PATIENCE_SECONDS", 0.05)


def todo(*policies: object) -> list[Run]:
    return [Run(SETUP, candidate(policy), seed) for policy in policies for seed in (0, 1)]


@pytest.mark.usefixtures("asking")
def test_it_is_named_while_it_hangs_once(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    def show(message: Warning | str, category: type[Warning], *_: object) -> None:
        assert category is RecapWarning
        said.append(str(message))
        LET_GO.set()

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        monkeypatch.setattr(warnings, "showwarning", show)
        found = runs.run_all(todo(Slow), None, None)
    assert [result["answer"] for result in found.values()] == [1, 1]
    source = Path(__file__).read_text().splitlines()
    line = next(i for i, text in enumerate(source, 1) if text.endswith("# the line that is named"))
    assert len(said) == 1
    assert said[0].startswith(f"{__file__}: line {line}: enters_reclaim has not answered")


@pytest.mark.usefixtures("asking")
def test_quick_answers_are_not_named() -> None:
    LET_GO.set()
    assert len(runs.run_all(todo(Slow), None, None)) == 2  # a warning would be an error


@pytest.mark.usefixtures("asking")
def test_ctrl_c_does_not_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overdue, "PATIENCE_SECONDS", 60)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        runs.run_all(todo(Slow), None, None)
    assert time.monotonic() - began < 5
    LET_GO.set()


def test_an_error_in_one_run_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> dict[str, float]:
        raise ZeroDivisionError

    monkeypatch.setattr(executor, "simulate", fail)
    with pytest.raises(ZeroDivisionError):
        runs.run_all(todo("none", "kosaki"), None, None)


def test_shipped_policies_are_not_watched() -> None:
    assert dict(overdue.methods_of(candidate("kosaki").make())) == {}
    watched = dict(overdue.methods_of(candidate(Slow).make()))
    assert watched == {Slow.enters_reclaim.__code__: "enters_reclaim"}
