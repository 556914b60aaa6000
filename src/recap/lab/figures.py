"""What runs say together: each metric's mean, its difference to the baseline, and where the recorded kernel stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from recap.lab.results import METRICS, Column, Difference, Figure, Interval, Range
from recap.lab.statistics import difference, holm, interval, percentile, prediction

Runs = Sequence[Mapping[str, float]]  # the figures of each run, by name
LISTED = frozenset(metric.name for metric in METRICS)
PERCENT = "percent"


def figures(runs: Runs, baseline: Runs = (), *, same_seeds: bool = True) -> dict[str, Figure]:
    """Each metric over independent runs, with its difference to the baseline's runs, once there are two of each."""
    values = {metric: [run[metric] for run in runs] for metric in runs[0]}
    found = {metric: figure(interval(each)) for metric, each in values.items()}
    if min(len(runs), len(baseline)) < 2:
        return found
    shared = [metric for metric in found if metric in baseline[0]]
    changes = {
        name: difference([run[name] for run in baseline], values[name], same_seeds=same_seeds) for name in shared
    }
    return found | {name: replace(found[name], difference=change) for name, change in corrected(changes).items()}


def figure(value: Interval) -> Figure:
    """A metric that is held against nothing yet."""
    return Figure(value.mean, value.low, value.high)


def corrected(changes: Mapping[str, Difference]) -> dict[str, Difference]:
    """Holm's correction over the metrics that tables list; a counter among the rest is corrected over all."""
    moved = {name: change.p for name, change in changes.items() if change.mean or change.spread}
    adjusted = dict(zip(moved, holm(list(moved.values())), strict=True))
    listed = [name for name in moved if name in LISTED]
    adjusted |= zip(listed, holm([moved[name] for name in listed]), strict=True)
    return {name: replace(change, adjusted=adjusted.get(name, change.p)) for name, change in changes.items()}


def beside_model(kernel: Column, runs: Runs) -> Column:
    """The recorded kernel's figures, each with its place among the runs of the model of that kernel."""
    shared = [name for name in kernel.metrics if len(runs) > 1 and name in runs[0]]
    return replace(kernel, metrics=kernel.metrics | {name: place(kernel.metrics[name], name, runs) for name in shared})


def place(value: Figure, name: str, runs: Runs) -> Figure:
    """One figure among those of the model."""
    model = [run[name] for run in runs]
    expected = prediction(model)
    most = min(expected.high, 100.0) if name.endswith(PERCENT) else expected.high
    return replace(value, percentile=percentile(value.mean, model), prediction=Range(max(0.0, expected.low), most))
