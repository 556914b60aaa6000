"""Frees find their allocations: the engine against a dictionary, and what a frame can be held by."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recap.trace import NO_PFN, Event
from recap.trace.occupancy import FRAMES_IN_BLOCK, NR_BUCKETS, Frames, shortest

ALLOC, FREE, INSERT = Event.MM_PAGE_ALLOC, Event.MM_PAGE_FREE, Event.MM_LRU_INSERTION
BEGIN, END = Event.MM_COMPACTION_BEGIN, Event.MM_COMPACTION_END
Row = tuple[Event, int, int, int]  # event, pid, pfn, order; the time is its number

ROWS = st.lists(
    st.tuples(
        st.sampled_from([ALLOC, FREE, FREE, INSERT, BEGIN, END]),
        st.sampled_from([1, 2]),
        st.one_of(st.integers(0, 40), st.integers(500, 530), st.just(NO_PFN), st.just(NO_PFN - 1)),
        st.sampled_from([0, 0, 0, 1, 9, 255]),
    ),
    max_size=60,
)
FIGURES = ("allocations", "frees", "matched", "from_before", "by_use", "given_back", "untold", "in_bulk", "unmatched")


def follow(rows: list[Row], start: dict[int, str] | None = None) -> Frames:
    """The engine over these rows."""
    frames = Frames()
    if start is not None:
        flags = [np.array([start.get(pfn) == state for pfn in range(1024)]) for state in ("held", "free")]
        frames.begin(*flags)
    event, pid, pfn, order = (
        np.array([row[k] for row in rows], kind) for k, kind in enumerate((np.uint8, np.int32, np.uint32, np.uint8))
    )
    frames.make_room(pfn)
    time = np.arange(len(rows), dtype=np.int64)
    frames.advance(event.data, pid.data, pfn.data, order.data, time.data, 0, len(rows))
    return frames


def slow(rows: list[Row], start: dict[int, str]) -> tuple[Counter[str], dict[int, str], list[tuple[int, int]]]:
    """The same with a dictionary: figures, what each frame is, and the lifetimes by order."""
    found: Counter[str] = Counter()
    state: dict[int, Any] = dict(start)
    since: dict[int, tuple[int, int]] = {}
    compacting: set[int] = set()
    row: Counter[int] = Counter()
    lived = []
    names = {"held": "from_before", "free": "unmatched", "used": "by_use", "here": "matched", None: "untold"}
    for time, (event, pid, pfn, order) in enumerate(rows):
        if event in (BEGIN, END):
            compacting = compacting | {pid} if event == BEGIN else compacting - {pid}
        if pfn == NO_PFN or order > 10 or event in (BEGIN, END):
            continue
        block = [frame for frame in range(pfn, pfn + (1 << order)) if frame < NO_PFN]
        known = [frame for frame in block if frame // FRAMES_IN_BLOCK in touched(rows, start)]
        if event == ALLOC:
            found["allocations"] += 1
            state |= dict.fromkeys(known, "here")
            since |= dict.fromkeys(known, (time, order))
        elif event == FREE:
            found["frees"] += 1
            name = names[state.get(pfn)]
            name = "given_back" if name == "unmatched" and pid in compacting else name
            found[name] += 1
            if pfn // FRAMES_IN_BLOCK in touched(rows, start):
                row[pid] = row[pid] + 1 if name == "unmatched" and order == 0 else 0
            if row[pid] == 4:
                found["unmatched"] -= 4
                found["in_bulk"] += 4
                row[pid] = 0
            if name == "matched":
                lived.append((since[pfn][1], time - since[pfn][0]))
            state |= dict.fromkeys(known, "free")
        elif state.get(pfn) == "free":
            state[pfn] = "used"
    return found, state, lived


def touched(rows: list[Row], start: dict[int, str]) -> set[int]:
    """The pageblocks there is a place for."""
    return {pfn // FRAMES_IN_BLOCK for _, _, pfn, _ in rows if pfn != NO_PFN} | {
        pfn // FRAMES_IN_BLOCK for pfn in start
    }


@settings(max_examples=50)
@given(rows=ROWS, start=st.dictionaries(st.integers(0, 600), st.sampled_from(["held", "free"]), max_size=30))
def test_the_engine_does_as_the_dictionary(rows: list[Row], start: dict[int, str]) -> None:
    frames = follow(rows, start)
    found, state, lived = slow(rows, start)
    assert {name: getattr(frames, name) for name in FIGURES} == {name: found[name] for name in FIGURES}
    assert frames.free_frames == sum(kind == "free" for kind in state.values())
    free_in = Counter(pfn // FRAMES_IN_BLOCK for pfn, kind in state.items() if kind == "free")
    assert frames.whole_blocks == sum(number == FRAMES_IN_BLOCK for number in free_in.values())
    counts = frames.lifetime_counts()
    assert counts.sum() == len(lived)
    for order, nanoseconds in lived:
        bucket = max(number for number in range(NR_BUCKETS) if shortest(number) <= nanoseconds)
        assert counts[order, bucket] > 0


def test_compaction_takes_untold() -> None:
    free = dict.fromkeys(range(4), "free")
    moved = follow([(INSERT, 1, 0, 0), (FREE, 1, 0, 0)], free)
    assert (moved.by_use, moved.unmatched) == (1, 0)
    returned = follow(
        [(BEGIN, 7, NO_PFN, 0), (FREE, 7, 1, 0), (FREE, 8, 2, 0), (END, 7, NO_PFN, 0), (FREE, 7, 3, 0)], free
    )
    assert (returned.given_back, returned.unmatched) == (1, 2)


def test_kernel_stacks_are_allocated_in_bulk() -> None:
    free = dict.fromkeys(range(9), "free")
    stack = [(FREE, 52, pfn, 0) for pfn in range(4)]
    assert (follow(stack, free).in_bulk, follow(stack, free).unmatched) == (4, 0)
    other = (FREE, 53, 8, 0)
    assert follow([*stack[:2], other, *stack[2:]], free).in_bulk == 4
    between = [(ALLOC, 1, 7, 0), (FREE, 52, 7, 0)]
    apart = follow([*stack[:2], *between, *stack[2:]], free)
    assert (apart.in_bulk, apart.unmatched) == (0, 4)


def test_absurdly_many_blocks_are_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recap.trace.occupancy.MOST_BLOCKS", 2)
    frames = follow([(FREE, 1, 4096 * number, 0) for number in range(5)])
    assert (frames.frees, frames.untold, frames.free_frames) == (5, 2, 2)
