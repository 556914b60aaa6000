"""A live snapshot brought to one event: what the trace says of a frame that changed while the lists were read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recap.demand.settle import of_taking, settle
from recap.mm import boot, invariants
from recap.trace import NO_PFN, Event, Events, Snapshot
from recap.trace.snapshot import Taken, read_snapshot
from recap.trace.state.take import ALL, DONE, LISTS, take_live
from recap.trace.table import COLUMNS
from tests.trace.fake_kernel import FakeKernel, Source

ALLOC, FREED, INSERTED = Event.MM_PAGE_ALLOC, Event.MM_PAGE_FREE, Event.MM_LRU_INSERTION
MARKS = [ALL, LISTS, DONE, "START"]
Row = tuple[Any, int, int, int]  # event or mark, pfn, order, a


def trace(*rows: Row | str) -> Events:
    """A trace: marks by their texts, other events as rows."""
    columns: dict[str, Any] = {name: np.zeros(len(rows), kind) for name, kind in COLUMNS.items()}
    columns["time"][:] = np.arange(len(rows))
    for number, row in enumerate(rows):
        event, pfn, order, a = (Event.TRACE_MARKER, NO_PFN, 0, MARKS.index(row)) if isinstance(row, str) else row
        for name, value in (("event", event), ("pfn", pfn), ("order", order), ("a", a)):
            columns[name][number] = value
    return Events(**columns, comms={}, marks=MARKS, lost=[], other={}, clock="mono", cpus=1, buffers=("",))


@pytest.fixture
def live(tmp_path: Path) -> Snapshot:
    """A snapshot of which two readings agreed."""
    kernel = FakeKernel(
        free={(0, 1): [100, 50, 70], (9, 1): [1024, 2048]},
        per_cpu={1: [201, 200]},
        lru={0: [40], 2: [61, 60, 62], 3: [65]},
    )
    take_live(Source(kernel), tmp_path / "snap0.npz")
    return read_snapshot(tmp_path / "snap0.npz")


def changing(snapshot: Snapshot, **taken: Any) -> Snapshot:
    """The same, of other readings."""
    return replace(snapshot, taken=replace(snapshot.taken, **taken))


def test_of_readings_that_agree_nothing_is_changed(live: Snapshot) -> None:
    found = settle(live, trace((FREED, 300, 0, 0), ALL, LISTS, (ALLOC, 300, 0, 0), DONE, (FREED, 62, 0, 0), "START"))
    assert found is not None
    assert found.snapshot is live
    assert found.assumptions == []
    assert found.spot == 4  # behind the allocation, which the snapshot has, and before the free, which it has not


def test_without_marks_there_is_nothing_to_go_by(live: Snapshot) -> None:
    assert settle(live, trace("START", (ALLOC, 300, 0, 0))) is None


def test_what_changed_while_the_lists_were_read_is_as_the_trace_has_it(live: Snapshot) -> None:
    events = trace(
        ALL,
        LISTS,
        (ALLOC, 100, 0, 0),  # from a free list
        (ALLOC, 201, 0, 0),  # from a per-cpu list
        (ALLOC, 2048, 3, 0),  # from a free block of order 9
        (FREED, 900, 0, 0),
        (FREED, 901, 0, 0),
        (FREED, 3072, 5, 0),
        (FREED, 50, 0, 0),  # free already when its list was read
        DONE,
        (FREED, 777, 0, 0),  # behind it
    )
    found = settle(changing(live, differ=9), events)
    assert found is not None
    after = found.snapshot
    assert found.spot == events.marks.index(DONE) + 7
    assert after.free_list(1, 0, 1).tolist() == [50, 70]
    assert [after.free_list(1, order, 1).tolist() for order in range(3, 9)] == [
        [2048 + (1 << order)] if order != 5 else [3072, 2048 + 32] for order in range(3, 9)
    ]
    assert after.free_list(1, 9, 1).tolist() == [1024]
    assert after.pcp_list(1, 1, 0).tolist() == [901, 900, 200]
    assert [pcp.count for pcp in after.pcps] == [3]
    assert "6 entries" in found.assumptions[0]
    assert "9 places" in found.assumptions[0]
    invariants.check(boot.from_snapshot(after))


def test_lru_lists_are_as_the_trace_has_them(live: Snapshot) -> None:
    events = trace(
        ALL,
        (FREED, 60, 0, 0),
        (ALLOC, 40, 0, 0),  # freed and allocated since its list was read, for something else
        (ALLOC, 800, 0, 0),
        (INSERTED, 800, 0, 2),
        (ALLOC, 801, 0, 0),
        (INSERTED, 801, 0, 1),
        LISTS,
        DONE,
    )
    found = settle(changing(live, whole=False), events)
    assert found is not None
    after = found.snapshot
    assert [after.lru_list(lru).tolist() for lru in range(4)] == [[], [801], [800, 61, 62], [65]]
    assert np.flatnonzero(after.has("PG_lru")).tolist() == [61, 62, 65, 800, 801]
    assert np.flatnonzero(after.has("PG_active")).tolist() == [801]
    assert not after.flags[[40, 60]].any()
    assert after.free_list(1, 0, 1).tolist() == [100, 50, 70]
    assert "4 pages" in found.assumptions[0]


def test_what_was_made_of_the_lists_is_told() -> None:
    told = of_taking(Taken(torn={"free list of zone 1": 3}, cgroups=4, generations=True))
    assert told[0].endswith("found: free list of zone 1: 3")
    assert "4 cgroups" in told[1]
    assert "generations" in told[2]
    assert of_taking(Taken()) == []
