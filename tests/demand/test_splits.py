"""Large folios of the start that the trace frees in parts are single pages from the start on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recap.demand.splits import split, split_later
from recap.trace import Snapshot, read_snapshot
from tests.demand.test_streams import alloc, free, ops, streams, trace
from tests.trace.test_snapshot import save, small

PARTED, WHOLE, UNTOUCHED = 64, 96, 128  # first frames of folios of four pages


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    """Three folios of four pages on an LRU list."""
    arrays, meta = small()
    meta["pageflags"] |= {"PG_head": 5}
    heads = np.array([PARTED, WHOLE, UNTOUCHED])
    arrays["flags"][heads] = 1 << 4 | 1 << 5
    arrays["mapping"][heads + 1] = 4 << 32
    arrays["lists"] = np.array([[2, 0, 2, 0, head] for head in heads], np.int64)
    return read_snapshot(save(tmp_path / "snap0.npz", arrays, meta))


def test_what_the_trace_frees_in_parts_is_split(snapshot: Snapshot) -> None:
    events = trace(free(PARTED + 1), free(PARTED), free(WHOLE, order=2), alloc(WHOLE), free(WHOLE))
    heads, orders = split_later(snapshot, events)
    assert (heads.tolist(), orders.tolist()) == ([PARTED], [2])
    found = split(snapshot, heads, orders)
    pages = list(range(PARTED, PARTED + 4))
    assert found.lru_list(2).tolist() == [*pages, WHOLE, UNTOUCHED]
    assert found.has("PG_lru")[pages].all()
    assert found.compound_blocks()[0].tolist() == [WHOLE, UNTOUCHED]


def test_nothing_to_split_is_the_same_snapshot(snapshot: Snapshot) -> None:
    assert split(snapshot, *split_later(snapshot, trace(free(WHOLE, order=2)))) is snapshot


def test_a_free_of_a_block_that_was_not_one_at_the_start_is_dropped() -> None:
    """File pages are freed one by one; a large folio in their frames was moved there by compaction, unseen."""
    passed = streams(free(8, order=2), free(8), in_use=(8, 9, 10, 11))
    assert passed.dropped_frees == 1
    assert len(ops(passed)) == 1
