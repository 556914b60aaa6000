"""Who waited, and the slices the report's page has of it."""

import base64
import gzip

import numpy as np
import pytest

from recap.report import waits
from recap.sim.note import Note
from tests.report.conftest import timeline


def test_tasks_come_with_the_longest_wait_first() -> None:
    first, second = waits.waiters(timeline(0))
    assert (first.name, first.waits, first.failed, round(first.total_ms, 6)) == ("beta [1]", 1, 1, 0.9)
    assert (second.name, second.waits, second.failed, round(second.total_ms, 6)) == ("alpha [0]", 1, 0, 0.3)


def test_slices_are_packed_in_columns() -> None:
    packed = waits.packed("none", timeline(0))
    content = gzip.decompress(base64.b64decode(packed["packed"]))
    assert packed["count"] == 2
    assert np.frombuffer(content, "<u4", 6).reshape(3, 2).tolist() == [[1000, 2000], [300, 900], [0, 1]]
    assert np.frombuffer(content, "u1", 6, 24).reshape(3, 2).tolist() == [[Note.STALL] * 2, [9, 4], [1, 0]]
    assert packed["tasks"] == ["alpha [0]", "beta [1]"]


def test_of_very_many_the_longest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "LARGEST", 1)
    assert waits.slices(timeline(0))["time"].tolist() == [2_000_000]
    assert [waiter.name for waiter in waits.waiters(timeline(0))] == ["beta [1]"]


def test_a_run_too_long_for_microseconds_has_coarser_ticks() -> None:
    seen = timeline(0)
    seen.notes["until"] += 3600 * 10**9 * 2
    packed = waits.packed("none", seen)
    content = gzip.decompress(base64.b64decode(packed["packed"]))
    length = np.frombuffer(content, "<u4", 2, 8) * packed["tick"]
    assert length == pytest.approx([7200.0003, 7200.0009])
