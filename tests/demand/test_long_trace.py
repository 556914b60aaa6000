"""A trace whose table is on disk makes the same demand."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from recap.demand.from_trace import from_trace
from recap.trace import Recording, columns, table

CALM = Path(__file__).parents[2] / "recordings/calm-1cpu"


@pytest.mark.slow
@pytest.mark.compiled
def test_the_demand_of_a_long_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = from_trace(Recording(CALM))
    told: list[str] = []
    monkeypatch.setattr(columns, "largest", lambda: 0)
    monkeypatch.setattr(columns, "place", lambda: tmp_path)
    monkeypatch.setattr(table, "PIECE", 100_000)
    long = from_trace(Recording(CALM, lambda _share, what: told.append(what)))
    for field in fields(short):
        one, other = getattr(short, field.name), getattr(long, field.name)
        assert np.array_equal(one, other) if isinstance(one, np.ndarray) else repr(one) == repr(other), field.name
    assert set(told) == {"reading the trace", "following its tasks"}
