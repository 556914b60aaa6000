"""A kept comparison as three tables, one row for each fact: what CSV, Parquet and data frames are made of.

* `figures`: policy, seed, metric, value.
* `samples`: policy, seed, seconds, then a column for each thing sampled.
* `events`: policy, seed, event, seconds, duration_ms, task, order, pfn, served.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from recap.lab.kept import KeptComparison
from recap.mm.vmstat import NAMES
from recap.printable import printable
from recap.sim.note import Note
from recap.sim.timeline import KERNEL_THREADS, Timeline
from recap.trace.arrow import arrow

FORMULA = ("=", "+", "-", "@", "\t")
Table = dict[str, list[Any]]  # columns by name, all of one length


def run_samples(kept: KeptComparison) -> Table:
    """Every sample of every run: free pages and watermarks by zone, free blocks by order, LRU sizes, the counters."""
    table: Table = {}
    for run in kept.runs:
        columns = sampled(kept.timeline(run))
        rows = len(columns["seconds"])
        columns = {"policy": [run.policy] * rows, "seed": [run.seed] * rows, **columns}
        for name, values in columns.items():
            table.setdefault(name, []).extend(values)
    return table


def sampled(seen: Timeline) -> Table:
    """The samples of one run, by column."""
    found = seen.samples
    table: Table = {"seconds": (found["time"] / 1e9).tolist()}
    for z, zone in enumerate(seen.zones):
        table[f"free_pages_{zone}"] = found["free_pages"][:, z].tolist()
        for i, mark in enumerate(("min", "low", "high")):
            table[f"watermark_{mark}_{zone}"] = found["watermark"][:, z, i].tolist()
        for order in range(found["free"].shape[3]):
            table[f"nr_free_{zone}_order_{order}"] = found["free"][:, z, :, order].sum(axis=1).tolist()
    for i, lru in enumerate(("inactive_anon", "active_anon", "inactive_file", "active_file")):
        table[f"nr_{lru}"] = found["lru_size"][:, i].tolist()
    table["pcp_pages"] = found["pcp"].tolist()
    table["withheld_pages"] = found["withheld"].tolist()
    for name in NAMES:
        table[name] = seen.vmstat(name).tolist()
    return table


def run_events(kept: KeptComparison) -> Table:
    """Every stall, round of kswapd, stolen page and OOM kill of every run."""
    names = ("policy", "seed", "event", "seconds", "duration_ms", "task", "order", "pfn", "served")
    table: Table = {name: [] for name in names}
    for run in kept.runs:
        seen = kept.timeline(run)
        for note in seen.notes:
            row = {
                "policy": run.policy,
                "seed": run.seed,
                "event": Note(int(note["kind"])).name.lower(),
                "seconds": int(note["time"]) / 1e9,
                "duration_ms": int(note["until"] - note["time"]) / 1e6,
                "task": task_name(seen, int(note["task"])),
                "order": int(note["order"]),
                "pfn": int(note["pfn"]),
                "served": bool(note["served"]),
            }
            add(table, row)
    return table


def task_name(seen: Timeline, task: int) -> str:
    """A task of the demand by its name; the kernel's threads are numbered behind the last."""
    return [*seen.tasks, *KERNEL_THREADS][task]


def add(table: Table, row: Mapping[str, Any]) -> None:
    """One more row."""
    for name, value in row.items():
        table[name].append(value)


TABLES: dict[str, Callable[[KeptComparison], Table]] = {
    "figures": KeptComparison.figures,
    "samples": run_samples,
    "events": run_events,
}


def to_csv(table: Table) -> str:
    """Comma-separated values with a line of names."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(harmless, table))
    writer.writerows(map(harmless, row) for row in zip(*table.values(), strict=True))
    return text.getvalue()


def harmless(cell: Any) -> Any:
    """A text that a spreadsheet would take for a formula gets an apostrophe in front; none steers a terminal."""
    if not isinstance(cell, str):
        return cell
    shown = printable(cell)
    return f"'{shown}" if shown.startswith(FORMULA) else shown


def to_parquet(table: Table) -> bytes:
    """A Parquet file.

    Errors:
        MissingExtraError: pyarrow is not installed.
    """
    pa, file = arrow(), io.BytesIO()
    pa.parquet.write_table(pa.table({name: np.asarray(values) for name, values in table.items()}), file)
    return file.getvalue()
