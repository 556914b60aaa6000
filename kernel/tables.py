# SPDX-License-Identifier: GPL-2.0
"""Tables of what run.py measured: `python3 tables.py RUNS.jsonl [LOAD [ROW...]]`, for example race4-1cpu "served, %".

Means over the seeds with 95 % t-intervals, and what each mode differs by from none, seed by seed: both start from the
same memory.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from math import sqrt
from pathlib import Path
from typing import Any

from guests import MODES

WITH_MAP = MODES.index("kosaki-map")
T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)
Runs = dict[tuple[int, int], dict[str, float]]  # by mode and seed


def figures(line: dict[str, Any]) -> dict[str, float]:
    """A run's figures."""
    vmstat, capture = line["vmstat"], line["capture"]
    reclaims = capture["reclaims"]
    if line["mode"] == WITH_MAP:
        capture = {name: count for name, count in capture.items() if name != "looked"}  # words, not struct pages
    shown = ("handed", "refused", "own", "left", "neighbours", "outsiders", "stolen", "peak", "asked", "looked")
    counted = ("pgsteal_direct", "pgsteal_kswapd", "compact_stall", "compact_success", "pswpout")
    return {
        "served, %": 100 * line["got"] / line["asked"],
        "direct reclaims": reclaims,
        "of which served, %": 100 * capture["served"] / reclaims if reclaims else 0.0,
        **{name: capture[name] for name in shown if name in capture},
        "withheld, page·ms": capture["page_us"] / 1000,
        **{name: vmstat.get(name, 0) for name in counted},
        "guest seconds": line["guest_s"],
    }


def interval(values: list[float]) -> str:
    """A mean, and half its interval."""
    n = len(values)
    mean = sum(values) / n
    digits = 0 if abs(mean) >= 1000 else 1 if abs(mean) >= 10 else 2
    if n < 2:
        return f"{mean:,.{digits}f}"
    spread = sqrt(sum((value - mean) ** 2 for value in values) / (n - 1))
    return f"{mean:,.{digits}f} ±{T[min(n - 2, len(T) - 1)] * spread / sqrt(n):,.{digits}f}"


def row(name: str, runs: Runs, modes: list[int]) -> list[str]:
    """One figure: each mode's mean, then each difference from none."""
    values = [[each[name] for (mode, _), each in runs.items() if mode == wanted and name in each] for wanted in modes]
    means = [interval(each) if each else "" for each in values]
    changes = []
    for wanted in modes[1:]:
        pairs = [
            each[name] - runs[0, seed][name]
            for (mode, seed), each in runs.items()
            if mode == wanted and name in each and name in runs.get((0, seed), ())
        ]
        changes.append(interval(pairs) if pairs else "")
    return [name, *means, *changes]


def measured(path: Path) -> dict[tuple[str, int, int], Runs]:
    """The runs of each cell: load, compaction, target."""
    cells: defaultdict[tuple[str, int, int], Runs] = defaultdict(dict)
    for line in map(json.loads, path.read_text().splitlines()):
        if "failed" not in line and line.get("asked"):
            cells[line["load"], line["compact"], line["target"]][line["mode"], line["seed"]] = figures(line)
    return cells


def main() -> None:
    """A table for each cell of the loads that are asked for, with the rows that are."""
    path, *words = sys.argv[1:]
    load_wanted, rows_wanted = words[:1], words[1:]
    for (load, compact, target), runs in sorted(measured(Path(path)).items()):
        if load_wanted and load not in load_wanted:
            continue
        modes = sorted({mode for mode, _ in runs})
        wanted = f", target {target}" if target else ""
        print(f"\n### {load}, compaction {'on' if compact else 'off'}{wanted}\n")
        counts = [f"{MODES[mode]} ({sum(key[0] == mode for key in runs)} runs)" for mode in modes]
        print("|", " | ".join(["", *counts, *(f"{MODES[mode]} less none" for mode in modes[1:])]), "|")
        print("|---" * (2 * len(modes)), end="|\n")
        for name in rows_wanted or dict.fromkeys(name for each in runs.values() for name in each):
            print("|", " | ".join(row(name, runs, modes)), "|")


if __name__ == "__main__":
    main()
