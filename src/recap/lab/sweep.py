"""One kernel parameter or assumption over a range of values, under several policies: what matters where.

Every value is a comparison of its own on the same demand; the runs of all values share the cores, and are kept one by
one, so that an interrupted sweep resumes.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from recap.demand.starts import StartName
from recap.errors import InputError
from recap.lab.assumptions import ASSUMPTIONS, is_assumption, vary
from recap.lab.executor import Executor
from recap.lab.figures import figures
from recap.lab.kept import Run, Store, digest
from recap.lab.results import BASELINE, SCHEMA, Difference, Figure
from recap.lab.runs import Progress, run_all
from recap.lab.tunable import Tunable, tunable
from recap.policy import candidates
from recap.printable import html_table
from recap.sim.run import Setup, Synthetic
from recap.trace.arrow import stream_of_table

STEPS = 5
MOST_VALUES = 64
RATIO = 8  # ends further apart than this are divided in equal ratios
FORM = "write NAME=V1,V2,... or NAME=LOW..HIGH, for example vm.min_free_kbytes=2048..32768"


class SweepPoint(msgspec.Struct, frozen=True):
    """One policy at one value, over all seeds; `metrics` as in Column, `changes` against the value of reference."""

    value: int
    policy: str
    seeds: int
    metrics: dict[str, Figure]
    changes: dict[str, Difference] = {}


class Sweep(msgspec.Struct, frozen=True):
    """The result of `sweep`. A notebook shows success by value and policy.

    Example:
        >>> point = recap.lab.sweep.SweepPoint(60, "none", 1, {"success_percent": recap.Figure(50, 50, 50)})
        >>> recap.Sweep("made up", "vm.swappiness", [point], "", 60, 60).table()["mean"]
        [50]
    """

    source: str
    parameter: str
    points: list[SweepPoint]
    digest: str  # SHA-256 over the figures of every run
    own: int | None  # the machine's value, where it is known; of an assumption the usual one
    reference: int  # what changes are against: the machine's own value, or the first where that is not among them
    baseline: str = BASELINE  # the policy that differences are to
    schema: int = SCHEMA

    def table(self) -> dict[str, list[Any]]:
        """Columns of equal length: value, policy, metric, mean, low, high."""
        names = ("value", "policy", "metric", "mean", "low", "high")
        rows = [(p.value, p.policy, name, v.mean, v.low, v.high) for p in self.points for name, v in p.metrics.items()]
        return {name: [row[i] for row in rows] for i, name in enumerate(names)}

    def policies(self) -> list[str]:
        """In the order they were asked for."""
        return list(dict.fromkeys(point.policy for point in self.points))

    def values(self) -> list[int]:
        """In the order they were asked for."""
        return list(dict.fromkeys(point.value for point in self.points))

    def at(self, value: int, policy: str) -> SweepPoint:
        """One point."""
        return next(point for point in self.points if (point.value, point.policy) == (value, policy))

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The same for polars, pandas, DuckDB and others; needs pyarrow."""
        return stream_of_table(self.table(), requested_schema)

    def plot(self, metric: str = "success_percent") -> Any:
        """A chart of a metric over the values, by altair.

        Errors:
            MissingExtraError: altair is not installed.
        """
        from recap.lab.plot import of_sweep  # noqa: PLC0415 (it imports this file)

        return of_sweep(self, metric)

    def _repr_html_(self) -> str:
        """Success by value and policy, for notebooks."""
        rows = [
            [f"{value:,}", *(str(self.at(value, policy).metrics["success_percent"]) for policy in self.policies())]
            for value in self.values()
        ]
        return html_table(f"{self.source}: success_percent", [self.parameter, *self.policies()], rows)


def sweep(  # noqa: PLR0913 (what compare takes, and a setting)
    source: str | os.PathLike[str],
    setting: str,
    policies: Sequence[Any] = ("none",),
    *,
    seeds: int = 3,
    sysctls: Mapping[str, str] | None = None,
    start: StartName | None = None,
    progress: Progress | None = None,
    out: str | os.PathLike[str] | None = None,
    executor: Executor | None = None,
) -> Sweep:
    """Run a workload under each policy at each value of a kernel parameter, or of an assumption.

    Args:
        source: as for `compare`.
        setting: NAME=V1,V2,... or NAME=LOW..HIGH, which is divided into 5 values, or NAME=LOW..HIGH/N; in equal ratios
            where the ends are far apart. An assumption of a recording's model is a NAME like assume.cpu_wait, in
            percent; `recap compare` lists them.
        policies, seeds, sysctls, start, progress, executor: as for `compare`; `sysctls` are the same at every value.
        out: a folder where finished runs are kept and not run again; the result is sweep.json.

    Errors:
        InputError: as for `compare`; or no value, too many, or one out of the parameter's range.

    Example:
        >>> result = recap.sweep("recordings/hugetlb-1cpu", "vm.min_free_kbytes=2048,16384", seeds=1)
        >>> [(point.value, point.policy) for point in result.points]
        [(2048, 'none'), (16384, 'none')]
        >>> result.at(16384, "none").metrics["high_order_attempts"].mean
        88.0
    """
    named = candidates(policies)
    parameter, values = values_of(setting)
    read = tunable(source, sysctls or {}, start, progress)
    setups, own = setups_of(read, parameter, values)
    todo = [
        Run(setup, found, seed, key(value, found.name))
        for seed in range(seeds)
        for value, setup in setups.items()
        for found in named.values()
    ]
    store = Store(out, f"{read.identity} {parameter}") if out is not None else None
    results = run_all(todo, progress, store, executor)
    runs = {
        (value, name): [results[key(value, name), seed] for seed in range(seeds)] for value in setups for name in named
    }
    result = swept(read.name, parameter, own, runs)
    if store:
        store.write("sweep.json", result)
    return result


def swept(
    source: str, parameter: str, own: int | None, runs: Mapping[tuple[int, str], list[dict[str, float]]]
) -> Sweep:
    """Every point, beside the baseline at the same value and beside itself at the value of reference."""
    values, names = (list(dict.fromkeys(part)) for part in zip(*runs, strict=True))
    reference = own if own is not None and own in values else values[0]
    baseline = BASELINE if BASELINE in names else names[0]
    points = []
    for (value, name), found in runs.items():
        metrics = figures(found, () if name == baseline else runs[value, baseline])
        beside = figures(found, () if value == reference else runs[reference, name])
        changes = {metric: figure.difference for metric, figure in beside.items() if figure.difference is not None}
        points.append(SweepPoint(value, name, len(found), metrics, changes))
    figures_of_all = [[value, name, found] for (value, name), found in runs.items()]
    return Sweep(source, parameter, points, digest(figures_of_all), own, reference, baseline)


def setups_of(source: Tunable, parameter: str, values: list[int]) -> tuple[dict[int, Setup | Synthetic], int | None]:
    """What runs at each value, and the machine's own value, where that is known."""
    if is_assumption(parameter):
        setup = source.at({})
        if isinstance(setup, Setup):
            return {value: vary(setup, parameter, value) for value in values}, ASSUMPTIONS[parameter].usual
    return {value: source.at({parameter: str(value)}) for value in values}, source.own(parameter)


def key(value: int, policy: str) -> str:
    """What the runs of a point are found by."""
    return f"{value} {policy}"


def values_of(text: str) -> tuple[str, list[int]]:
    """The parameter and its values, each once.

    Errors:
        InputError: anything else, or more values than anybody would wait for.
    """
    name, _, told = text.partition("=")
    low, dots, rest = told.partition("..")
    high, _, steps = rest.partition("/")
    try:
        numbers = (
            between(int(low), int(high), int(steps or STEPS)) if dots else [int(value) for value in told.split(",")]
        )
    except ValueError:
        numbers = []
    if not name or not numbers or min(numbers) < 0:
        raise InputError("sweep", text, "is not a parameter with values", FORM)
    if len(numbers) > MOST_VALUES:
        raise InputError("sweep", text, f"has {len(numbers)} values", f"take at most {MOST_VALUES}")
    return name, list(dict.fromkeys(numbers))


def far_apart(low: int, high: int) -> bool:
    """Is a range one to go through in equal ratios?"""
    return 0 < RATIO * low < high


def between(low: int, high: int, steps: int) -> list[int]:
    """`steps` values from low to high."""
    if high <= low or steps < 2:
        return []
    if steps > MOST_VALUES:
        return [0] * steps
    if far_apart(low, high):
        found = [round(low * math.exp(math.log(high / low) * i / (steps - 1))) for i in range(steps)]
    else:
        found = [round(low + (high - low) * i / (steps - 1)) for i in range(steps)]
    return found
