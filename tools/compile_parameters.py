"""What a compilation asks of memory, from a recording: the figures that demand/compilation.py is made of.

    recap record -o DIR -- make -C LINUX -j1 kernel/sched/ kernel/time/ lib/     a kernel tree, as root
    python tools/compile_parameters.py DIR                                       medians over all runs of cc1

A process holds what it allocated until it is freed, by whomever; told is the most of each kind that it held at a time.
Pages of files it brought in stay when it is gone; of those that were there already a trace tells nothing.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from recap.trace import Event, Events, Recording
from recap.trace.gfp import PLAIN

ANON, FILE, PAGE_TABLES, SLAB, KERNEL = "anon", "file", "page_tables", "reclaimable", "kernel"
KINDS = (ANON, FILE, PAGE_TABLES, SLAB, KERNEL)
Array = np.ndarray[Any, Any]


def kinds(events: Events, rows: Array) -> Array:
    """What each allocation is for, by its flags; a movable page that joins the page cache is a file's."""
    flags = events.flags[rows]
    found = np.full(len(rows), KINDS.index(KERNEL), np.int8)
    user_table = PLAIN["__GFP_ZERO"] | PLAIN["__GFP_ACCOUNT"]
    found[(flags & user_table == user_table) & (events.order[rows] == 0)] = KINDS.index(PAGE_TABLES)
    found[flags & PLAIN["__GFP_RECLAIMABLE"] != 0] = KINDS.index(SLAB)
    found[flags & PLAIN["__GFP_MOVABLE"] != 0] = KINDS.index(ANON)
    cached = np.flatnonzero(events.event == np.uint8(Event.MM_FILEMAP_ADD_TO_PAGE_CACHE))
    order = np.lexsort((rows, events.pfn[rows]))
    key = (events.pfn[rows][order].astype(np.int64) << 32) | rows[order]
    at = np.searchsorted(key, (events.pfn[cached].astype(np.int64) << 32) | cached) - 1
    same = (at >= 0) & (key[at] >> 32 == events.pfn[cached])
    found[order[at[same]]] = KINDS.index(FILE)
    return found


def freed_at(events: Events, rows: Array) -> Array:
    """The row in which each allocation is freed; the end of the trace for those that are not."""
    frees = np.flatnonzero(events.event == np.uint8(Event.MM_PAGE_FREE))
    key = np.sort((events.pfn[frees].astype(np.int64) << 32) | frees)
    at = np.searchsorted(key, (events.pfn[rows].astype(np.int64) << 32) | rows)
    known = at < len(key)
    known[known] = key[at[known]] >> 32 == events.pfn[rows][known]
    end = np.full(len(rows), len(events), np.int64)
    end[known] = key[at[known]] & 0xFFFFFFFF
    return end


def descendants(events: Events, name: str) -> set[int]:
    """All that were forked, directly or not, by processes of a name."""
    found = {pid for pid, comm in events.comms.items() if comm == name}
    rows = np.flatnonzero(events.event == np.uint8(Event.SCHED_PROCESS_FORK))
    for parent, child in zip(events.pid[rows].tolist(), events.a[rows].tolist(), strict=True):
        if parent in found:
            found.add(child)
    return found


def most_held(begin: Array, end: Array, pages: Array) -> int:
    """The most pages held at a time."""
    rows = np.concatenate((begin, end))
    change = np.concatenate((pages, -pages))
    return int(np.cumsum(change[np.argsort(rows, kind="stable")]).max(initial=0))


def measure(events: Events, comm: str, ancestor: str) -> dict[str, Any]:
    """Medians over the runs of a program."""
    rows = np.flatnonzero(events.event == np.uint8(Event.MM_PAGE_ALLOC))
    rows = rows[events.order[rows] < 11]
    kind, end, pages = kinds(events, rows), freed_at(events, rows), 1 << events.order[rows].astype(np.int64)
    dirtied = events.pid[events.event == np.uint8(Event.WRITEBACK_DIRTY_FOLIO)]
    family = descendants(events, ancestor)
    table = []
    for pid in (pid for pid, name in events.comms.items() if name == comm and pid in family):
        mine = np.flatnonzero(events.pid[rows] == pid)
        if len(mine) == 0:
            continue
        each = {}
        for number, name in enumerate(KINDS):
            some = mine[kind[mine] == number]
            each[name] = most_held(rows[some], end[some], pages[some])
        table.append(each | {"dirtied": int((dirtied == pid).sum())})
    if not table:
        raise SystemExit(f"compile_parameters: no run of {comm} below {ancestor} is in the trace")
    told = {name: [each[name] for each in table] for name in table[0]}
    return {
        "processes": len(table),
        **{name: dict(zip(("q25", "median", "q75"), np.percentile(values, (25, 50, 75)).tolist(), strict=True))
           for name, values in told.items()},
        "log_sigma_of_anon": float(np.std(np.log(np.maximum(told[ANON], 1)))),
    }  # fmt: skip


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description="What a compilation asks of memory, from a recording.")
    parser.add_argument("recording", type=Path)
    parser.add_argument("--comm", default="cc1", help="the program measured")
    parser.add_argument("--below", default="make", help="only what this program has started")
    wanted = parser.parse_args()
    print(json.dumps(measure(Recording(wanted.recording).events, wanted.comm, wanted.below), indent=1))


if __name__ == "__main__":
    main()
