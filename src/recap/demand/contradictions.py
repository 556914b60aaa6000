"""Where in a trace a memory state belongs: where the fewest frames contradict it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recap.trace import Event, Events, Snapshot


def snapshot_spot(events: Events, snapshot: Snapshot, low: int, high: int) -> tuple[int, int, int]:
    """Where a snapshot belongs between two events: where the frames in use by the trace are those of the snapshot, and
    of such spots where the frames that per-cpu lists gave back are off them.

    Returns:
        (spot, contradictions, frames): the first event after the snapshot, where the fewest frames contradict; how many
        do; how many the trace names at all.
    """
    event, named = events.event[low:high], events.pfn[low:high]
    known = named < len(snapshot.flags)
    used = np.flatnonzero((event <= np.uint8(Event.MM_PAGE_FREE)) & known)
    fits = snapshot.in_use()[named[used]] == (event[used] == np.uint8(Event.MM_PAGE_ALLOC))
    contradictions = contradicting(named, used, fits, high - low)
    drained = np.flatnonzero((event == np.uint8(Event.MM_PAGE_PCPU_DRAIN)) & known)
    held = contradicting(named, drained, ~snapshot.on_pcp()[named[drained]], high - low)
    best = contradictions == contradictions.min()
    spot = int(np.where(best, held, held.max() + 1).argmin())
    return low + spot, int(contradictions[spot]), len(np.unique(named[used]))


def contradicting(
    named: npt.NDArray[np.uint32], rows: npt.NDArray[np.int64], fits: npt.NDArray[np.bool_], length: int
) -> npt.NDArray[np.int64]:
    """How many frames contradict a snapshot put before each event, and behind all.

    Every event of `rows` changes its frame's state, so that the snapshot's state of the frame fits one side of it only:
    `fits` says whether it fits the side after it.
    """
    order = np.argsort(named[rows], kind="stable")
    rows, fits = rows[order], fits[order]
    pfn = named[rows]
    first = np.concatenate(([True], pfn[1:] != pfn[:-1])) if len(rows) else np.zeros(0, np.bool_)
    until = np.where(np.roll(first, -1), length, np.roll(rows, -1))
    change = np.zeros(length + 2, np.int64)  # contradictions that begin or end with a spot
    np.add.at(change, rows[~fits] + 1, 1)
    np.add.at(change, until[~fits] + 1, -1)
    change[0] += np.count_nonzero(first & fits)
    np.add.at(change, rows[first & fits] + 1, -1)
    return np.cumsum(change)[:-1]
