"""Who waits for memory: the requests that could not be served at once, and what was done while they waited."""

from __future__ import annotations

import base64
import gzip
from dataclasses import dataclass
from typing import Any

import numpy as np

from recap.pages import Array
from recap.sim.note import Note
from recap.sim.timeline import Timeline

SLICES = (Note.STALL, Note.RECLAIM, Note.COMPACT)
LARGEST = 20_000  # slices of each kind kept for a policy's page, the longest
MOST_TASKS = 6
NS, MS = 1e9, 1e6
TICK_NS = 1000  # the page's unit of time, unless the run is too long for 32 bits of it


@dataclass(frozen=True)
class Waiter:
    """A task that waited."""

    name: str
    number: int  # among the tasks of `packed`
    waits: int
    failed: int
    total_ms: float
    longest_ms: float


def waiters(seen: Timeline) -> list[Waiter]:
    """The tasks that waited longest in all."""
    stalls = seen.notes_of(Note.STALL)
    took = (stalls["until"] - stalls["time"]) / MS
    tasks, place = np.unique(stalls["task"], return_inverse=True)
    total = np.bincount(place, took, len(tasks))
    numbers = {int(task): i for i, task in enumerate(np.unique(slices(seen)["task"]))}
    most = sorted(range(len(tasks)), key=lambda i: (-total[i], tasks[i]))[:MOST_TASKS]
    return [
        Waiter(
            task_name(seen, int(tasks[i])),
            numbers[int(tasks[i])],
            int((place == i).sum()),
            int(((place == i) & (stalls["served"] == 0)).sum()),
            float(total[i]),
            float(took[place == i].max()),
        )
        for i in most
        if int(tasks[i]) in numbers
    ]


def task_name(seen: Timeline, task: int) -> str:
    """A task's name and its number in the demand, which tells apart tasks of one name."""
    return f"{seen.tasks[task]} [{task}]" if task < len(seen.tasks) else "kernel thread"


def slices(seen: Timeline) -> Array:
    """The waits and the reclaim and compaction during them, in order of time; of very many, the longest."""
    found = [longest(seen.notes_of(kind)) for kind in SLICES]
    together = np.concatenate(found)
    return together[np.argsort(together["time"], kind="stable")]


def longest(notes: Array) -> Array:
    """Those that lasted longest, if there are too many."""
    if len(notes) <= LARGEST:
        return notes
    return notes[np.argsort(notes["time"] - notes["until"], kind="stable")[:LARGEST]]


def packed(name: str, seen: Timeline) -> dict[str, Any]:
    """One policy's slices for the page's script: columns of begin and length in ticks, task, kind, order, served."""
    found = slices(seen)
    tick = max(TICK_NS, int(found["until"].max(initial=0)) // (1 << 32) + 1)
    tasks, place = np.unique(found["task"], return_inverse=True)
    columns = [
        (found["time"] // tick).astype("<u4"),
        ((found["until"] - found["time"]) // tick).astype("<u4"),
        place.astype("<u4"),
        found["kind"].astype("u1"),
        found["order"].astype("u1"),
        found["served"].astype("u1"),
    ]
    content = gzip.compress(b"".join(column.tobytes() for column in columns), 9, mtime=0)
    return {
        "name": name,
        "tick": tick / NS,
        "tasks": [task_name(seen, int(task)) for task in tasks],
        "count": len(found),
        "packed": base64.b64encode(content).decode(),
    }
