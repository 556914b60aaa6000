"""How much each assumption of the model matters: the figures of level 2 at its least and its most, in Markdown.

python bench/assumptions.py [--seeds N] RECORDING...
"""

from __future__ import annotations

import sys
from pathlib import Path

from level2 import AIMS, figure

from recap.lab.assumptions import ASSUMPTIONS
from recap.lab.results import Column
from recap.lab.sweep import sweep

RANGE = {
    "assume.touched": (0, 100),
    "assume.pace": (0,),
    "assume.reclaim_time": (50, 200),
    "assume.shrinker_time": (0, 200),
    "assume.compaction_time": (50, 200),
    "assume.contention": (0, 200),
    "assume.cpu_wait": (0, 200),
    "assume.write_time": (50, 200),
    "assume.anon_again": (25, 100),
}


def rows(path: Path, seeds: int) -> None:
    """One line as assumed, and one for each other value."""
    name, usual = next((name, found.usual) for name, found in ASSUMPTIONS.items())
    tell(path, "as assumed", sweep(path, f"{name}={usual}", seeds=seeds).points[0])
    for name, values in RANGE.items():
        for point in sweep(path, f"{name}={','.join(map(str, values))}", seeds=seeds).points:
            tell(path, f"{name} = {point.value}", point)


def tell(path: Path, what: str, point) -> None:
    """A line of the table."""
    column = Column(what, point.policy, point.seeds, point.metrics)
    cells = []
    for _, names, _ in AIMS:
        found = figure(column, names)
        cells.append(f"{found.mean:,.0f} ±{(found.high - found.low) / 2:,.0f}")
    print(f"| {path.name} | {what} | " + " | ".join(cells) + " |", flush=True)


def main(arguments: list[str]) -> None:
    """All recordings."""
    seeds = 3
    if arguments[0] == "--seeds":
        seeds, arguments = int(arguments[1]), arguments[2:]
    print("| recording | assumed | " + " | ".join(name for name, _, _ in AIMS) + " |")
    print("|" + "---|" * (len(AIMS) + 2))
    for path in map(Path, arguments):
        rows(path, seeds)


if __name__ == "__main__":
    main(sys.argv[1:])
