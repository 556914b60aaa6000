"""Level 2 of the ladder: the unchanged model beside the recorded kernel, a table in Markdown.

python bench/level2.py [--seeds N] RECORDING...
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from recap.lab.compare import compare
from recap.lab.results import Column, Interval


def points(kernel: float, model: float) -> bool:
    """Within five points."""
    return abs(model - kernel) <= 5


def percent(share: float) -> Callable[[float, float], bool]:
    """Within so many percent."""
    return lambda kernel, model: abs(model - kernel) <= share / 100 * kernel


def events(kernel: float, model: float) -> bool:
    """Within a factor of 1.5, or ten events, whichever is larger."""
    return kernel / 1.5 <= model <= kernel * 1.5 or abs(model - kernel) <= 10


AIMS: tuple[tuple[str, tuple[str, ...], Callable[[float, float], bool]], ...] = (
    ("success %", ("success_percent",), points),
    ("pgsteal", ("pgsteal_kswapd", "pgsteal_direct"), percent(15)),
    ("pgscan", ("pgscan_kswapd", "pgscan_direct"), percent(30)),
    ("allocstall", ("allocstall",), events),
    ("compact_stall", ("compact_stall",), events),
    ("compact_success", ("compact_success",), events),
)


def figure(column: Column, names: tuple[str, ...]) -> Interval:
    """The sum of some metrics; the ends of the intervals are added too, which makes the sum's no narrower."""
    found = [column.metrics[name] for name in names if name in column.metrics]
    return Interval(*(sum(getattr(one, part) for one in found) for part in ("mean", "low", "high")))


def row(name: str, kernel: Column, model: Column) -> str:
    """A recording's line: kernel / model, and a mark where the aim is met."""
    cells = []
    for _, names, met in AIMS:
        real, ours = figure(kernel, names).mean, figure(model, names)
        spread = (ours.high - ours.low) / 2
        cells.append(f"{real:,.0f} / {ours.mean:,.0f} ±{spread:,.0f}{' ✓' if met(real, ours.mean) else ''}")
    return f"| {name} | " + " | ".join(cells) + " |"


def main(arguments: list[str]) -> None:
    """One line for each recording."""
    seeds = 3
    if arguments[0] == "--seeds":
        seeds, arguments = int(arguments[1]), arguments[2:]
    print("| recording | " + " | ".join(name for name, _, _ in AIMS) + " |")
    print("|" + "---|" * (len(AIMS) + 1))
    for path in map(Path, arguments):
        result = compare(path, ["none"], seeds=seeds)
        print(row(path.name, *result.columns), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
