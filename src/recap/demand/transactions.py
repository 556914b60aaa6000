"""Blocks of a filesystem's metadata that a running transaction holds: changed, and dirty only when it is committed.

A trace tells when a commit makes them dirty, not since when they are held: some time between the last commit and this
one, drawn once for all runs. A transaction is committed when it is 5 s old (kjournald2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recap.pages import Array
from recap.trace import Event, Events

COMMIT_INTERVAL_NS = 5_000_000_000  # JBD2_DEFAULT_MAX_COMMIT_AGE
ONE_COMMIT_NS = 1_000_000_000  # what the journal makes dirty with shorter pauses is one commit's


@dataclass(frozen=True, eq=False)
class Holds:
    """From when on which file page is held, in order of time."""

    time: Array
    identity: Array


def holds(events: Events, identity: Array, by_journal: Array, device: int) -> Holds:
    """When the blocks of a device that commits made dirty were changed.

    Args:
        events: of the recording.
        identity: the number of each event's file page.
        by_journal: which events are of the journal's thread.
        device: whose pages are metadata.
    """
    dirtied = (events.event == np.uint8(Event.WRITEBACK_DIRTY_FOLIO)) & (events.a == device) & by_journal
    rows = np.flatnonzero(dirtied)
    time = events.time[rows]
    pause = np.flatnonzero(np.diff(time, prepend=time[:1] - ONE_COMMIT_NS) >= ONE_COMMIT_NS)
    began = np.concatenate(([int(events.time[0])], time[pause]))
    commit = np.cumsum(np.isin(np.arange(len(rows)), pause))
    since = np.maximum(began[commit - 1], time - COMMIT_INTERVAL_NS) if len(rows) else time
    held = since + ((time - since) * np.random.default_rng(0).random(len(rows))).astype(np.int64)
    order = np.argsort(held, kind="stable")
    return Holds(held[order], identity[rows][order])


def filesystem_device(events: Events) -> int:
    """The block device with most read requests: swap and scratch devices are read less."""
    reads = events.flags[(events.event == np.uint8(Event.BLOCK_RQ_ISSUE)) & (events.order == 0)]
    devices, count = np.unique(reads, return_counts=True)
    return int(devices[count.argmax()]) if len(devices) else 0
