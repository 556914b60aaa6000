"""Level 2 of the ladder: the unchanged model beside the recorded kernel, in Markdown.

python bench/level2.py [--seeds N] RECORDING...

A table of the aims; then each figure of the kernel that is not where 95 % of the model's runs are to be expected, and
how many are.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from recap.lab.compare import compare, recorded_policy
from recap.lab.results import Column, Interval, Range
from recap.trace import Recording


def points(kernel: float, model: float) -> bool:
    """Within five points."""
    return abs(model - kernel) <= 5


def percent(share: float) -> Callable[[float, float], bool]:
    """Within that percentage."""
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


def expected(kernel: Column, model: Column) -> dict[str, tuple[float, float, Range]]:
    """Every figure that both have, but for those that are nothing in both: the kernel's, the model's mean, and where
    one more run of the model would be.
    """
    found = {}
    for name, real in kernel.metrics.items():
        if real.prediction is not None and (real.mean or model.metrics[name].mean):
            found[name] = (real.mean, model.metrics[name].mean, real.prediction)
    return found


def outside(name: str, found: dict[str, tuple[float, float, Range]]) -> Iterator[str]:
    """A line for each figure of the kernel that does not look like one of the model's."""
    for metric, (real, ours, where) in found.items():
        if real not in where:
            yield f"| {name} | {metric} | {real:,.0f} | {ours:,.0f} | {where.low:,.0f} to {where.high:,.0f} |"


def coverage(found: list[tuple[float, float, Range]]) -> str:
    """How many of the kernel's figures are within."""
    hits = sum(real in where for real, _, where in found)
    return f"{hits} of {len(found)} ({hits / max(1, len(found)):.2f})"


def main(arguments: list[str]) -> None:
    """One line for each recording."""
    seeds = 3
    if arguments[0] == "--seeds":
        seeds, arguments = int(arguments[1]), arguments[2:]
    print("| recording | " + " | ".join(name for name, _, _ in AIMS) + " |")
    print("|" + "---|" * (len(AIMS) + 1))
    found = {}
    for path in map(Path, arguments):
        kernel, model = compare(path, [recorded_policy(Recording(path).sysctl)], seeds=seeds).columns
        print(row(path.name, kernel, model), flush=True)
        found[path.name] = expected(kernel, model)
    print("\n| recording | figure | kernel | model | 95 % prediction |\n|---|---|---|---|---|")
    for name, figures in found.items():
        for line in outside(name, figures):
            print(line)
    for name, figures in found.items():
        print(f"{name}: {coverage(list(figures.values()))} of the kernel's figures within")
    print(f"together: {coverage([pair for figures in found.values() for pair in figures.values()])}")


if __name__ == "__main__":
    main(sys.argv[1:])
