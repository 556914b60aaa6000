"""Inputs that once ended in a traceback, a hang, or control characters on the terminal (hostile/), and long lines."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recap.errors import InputError
from recap.lab.explain import explain
from recap.mm.boot import as_recorded
from recap.trace import read_snapshot
from tests.cli.conftest import Outcome

Recap = Callable[..., Outcome]
HOSTILE = Path(__file__).parent / "hostile"
EXAMPLE = Path(__file__).parents[2] / "src/recap/example"
LOG = (Path(__file__).parents[1] / "lab/reports/order-4-4.8.txt").read_text()
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
MEGABYTE = 1_000_000
VERBS = {"explain": ["explain"], "info": ["info"], "number": ["info"]}
LINES = ("a", " ", "7", "[", "1*4kB ", "> ", "[ 1.5] ", "Jan 1 ", "=3D", "<", '"{', "\x1b[", "order:4, ", "00:00:00 ")


def test_every_file_is_tried() -> None:
    assert len(list(HOSTILE.iterdir())) == 8


@pytest.mark.parametrize("path", sorted(HOSTILE.glob("*.t*")), ids=lambda path: str(path.stem))
def test_it_is_read_or_refused_in_one_line(recap: Recap, path: Path) -> None:
    recap("explain", str(HOSTILE / "explain-0kB.txt"))  # what is loaded once is not counted
    began = time.process_time()
    outcome = recap(*VERBS[path.stem.partition("-")[0]], str(path))
    assert time.process_time() - began < 1
    assert (outcome.code == 0 and outcome.out) or outcome.is_refusal()
    assert not CONTROL.search(outcome.out + outcome.err)


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    """The arrays of the snapshot that comes with recap."""
    with np.load(EXAMPLE / "snap0.npz") as arrays:
        return dict(arrays)


def without(example: dict[str, Any], name: str, folder: Path) -> Path:
    """The example, of a kernel that does not name a flag of its page frames."""
    shutil.copytree(EXAMPLE, folder)
    meta = json.loads(str(example["meta"]))
    del meta["pageflags"][name]
    np.savez(folder / "snap0.npz", **example | {"meta": np.array(json.dumps(meta))})
    return folder


def test_the_snapshot_without_the_names_of_its_flags() -> None:
    with pytest.raises(InputError, match=r"snap0\.npz: field pageflags: lacks PG_reserved; take the snapshot again"):
        as_recorded(read_snapshot(HOSTILE / "flag-names-missing-snap0.npz"))


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["info", "verify", "compare"])
def test_a_snapshot_without_the_name_of_a_flag(
    recap: Recap, tmp_path: Path, example: dict[str, Any], verb: str
) -> None:
    folder = without(example, "PG_reserved", tmp_path / "recording")
    outcome = recap(verb, str(folder), *(["-p", "none"] if verb == "compare" else []))
    assert outcome.is_refusal(), outcome
    assert "snap0.npz: field pageflags: lacks PG_reserved; " in outcome.err


@pytest.mark.slow
def test_whichever_name_is_missing(tmp_path: Path, example: dict[str, Any]) -> None:
    missed = set()
    for name in json.loads(str(example["meta"]))["pageflags"]:
        snapshot = read_snapshot(without(example, name, tmp_path / name) / "snap0.npz")
        try:
            as_recorded(snapshot)
        except InputError as error:
            assert f"lacks {name}; " in str(error)  # noqa: PT017 (others do not raise)
            missed.add(name)
    assert {"PG_reserved", "PG_lru", "PG_head", "PG_active", "PG_swapbacked"} & missed


@pytest.mark.slow
@pytest.mark.parametrize("piece", LINES)
def test_a_line_of_a_megabyte_is_answered_within_a_second(piece: str) -> None:
    long = piece * (MEGABYTE // len(piece))
    for text in (long, LOG.replace("Mem-Info:", long)):
        began = time.process_time()
        with contextlib.suppress(InputError):
            explain(text)
        assert time.process_time() - began < 1
