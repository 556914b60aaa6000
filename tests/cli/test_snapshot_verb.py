"""`recap snapshot`: what it says of a dump, and of what is none."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from recap.trace.snapshot import read_snapshot
from tests.cli.conftest import Outcome
from tests.trace.fake_kernel import FakeKernel, Source

Recap = Callable[..., Outcome]


@pytest.fixture
def core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dump of a made-up kernel."""
    kernel = FakeKernel(free={(0, 1): [100, 50]})
    monkeypatch.setattr("recap.cli.snapshot.DumpedKernel", lambda _core, _symbols: Source(kernel))
    (tmp_path / "core").write_bytes(b"")
    return tmp_path / "core"


def test_a_dump_becomes_a_snapshot(recap: Recap, core: Path) -> None:
    out = core.with_name("snap0.npz")
    outcome = recap("snapshot", str(core), "-o", str(out), "--json")
    assert (outcome.code, outcome.err) == (0, "")
    assert json.loads(outcome.out)["start"] == "dump"
    found = read_snapshot(out)
    assert (found.start, found.free_list(1, 0, 1).tolist()) == ("dump", [100, 50])
    again = recap("snapshot", str(core), "-o", str(out))
    assert (again.code, again.out) == (2, "")
    assert "is there already" in again.err


def test_a_kernel_without_what_is_wanted_leaves_no_file(
    recap: Recap, core: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Source(FakeKernel())
    monkeypatch.setattr(source, "address", lambda _name: 0)
    monkeypatch.setattr("recap.cli.snapshot.DumpedKernel", lambda _core, _symbols: source)
    outcome = recap("snapshot", str(core), "-o", str(core.with_name("snap0.npz")))
    assert outcome.code == 2
    assert "the kernel does not tell where its" in outcome.err
    assert list(core.parent.iterdir()) == [core]


@pytest.mark.skipif(importlib.util.find_spec("drgn") is not None, reason="drgn is installed")
def test_without_drgn_one_line_says_so(recap: Recap, tmp_path: Path) -> None:
    (tmp_path / "core").write_bytes(b"")
    outcome = recap("snapshot", str(tmp_path / "core"), "-o", str(tmp_path / "snap0.npz"))
    assert outcome.code == 2
    assert "pip install recap-mm[snapshot]" in outcome.err


@pytest.mark.skipif(importlib.util.find_spec("drgn") is None, reason="drgn is not installed")
def test_a_file_that_is_no_dump_is_refused(recap: Recap, tmp_path: Path) -> None:
    (tmp_path / "core").write_bytes(b"no dump")
    outcome = recap("snapshot", str(tmp_path / "core"), "-o", str(tmp_path / "snap0.npz"))
    assert outcome.code == 2
    assert "is no dump whose symbols are known" in outcome.err
