"""What a parameter changes, predicted and measured: many runs of a real kernel, some with another setting of it.

The kernel's side compares runs with the setting to runs without: they are not paired, as the same load never runs twice
alike. The model's side replays each recording made without the setting, once as it is and once with it; the difference
is taken within a recording, so its interval tells how sure the prediction is, not how much single runs scatter.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from recap.errors import InputError
from recap.lab.kept import Run
from recap.lab.recorded import COMPACTION_COUNTERS, SHARED_COUNTERS, STALL_COUNTERS, allocstall, counted
from recap.lab.results import Interval
from recap.lab.runs import Progress, prepare, run_all
from recap.lab.statistics import change_of_mean, interval
from recap.policy import candidate
from recap.sim.run import success_percent
from recap.trace import Recording
from recap.trace.procfs import read_counters

BASELINE = "baseline"
METRICS = (
    "success_percent",
    "allocstall",
    "pgsteal_kswapd",
    "pgsteal_direct",
    "pgscan",
    "pswpout",
    "compact_stall",
    "compact_success",
)
Values = dict[str, list[float]]  # of each metric, one a run


class Change(msgspec.Struct, frozen=True):
    """What one setting does to one metric, in the kernel and in the model."""

    setting: str
    metric: str
    kernel_before: Interval
    kernel_change: Interval
    model_before: Interval
    model_change: Interval

    @property
    def agrees(self) -> bool:
        """Does the model's mean change lie in the kernel's interval?"""
        return self.kernel_change.low <= self.model_change.mean <= self.kernel_change.high

    @property
    def apart(self) -> bool:
        """Do the two intervals share no point?"""
        return self.kernel_change.apart_from(self.model_change)

    @property
    def certain(self) -> bool:
        """Did the kernel certainly change?"""
        return not self.kernel_change.low <= 0 <= self.kernel_change.high

    @property
    def same_sign(self) -> bool:
        """Is the direction predicted?"""
        return self.kernel_change.mean * self.model_change.mean > 0


@dataclass(frozen=True)
class Series:
    """Runs of one load: FOLDER/SETTING/RUN, where SETTING is `baseline` or NAME=VALUE."""

    folder: Path

    def runs(self, setting: str) -> list[Path]:
        """The runs with a setting, in order."""
        found = [path for path in (self.folder / setting).glob("*") if (path / "vmstat.1").is_file()]
        return sorted((path for path in found if path.name.isdigit()), key=lambda path: int(path.name))

    def settings(self) -> list[str]:
        """What was set, besides the baseline, with two runs at least."""
        names = sorted(path.name for path in self.folder.glob("*=*"))
        return [name for name in names if len(self.runs(name)) > 1]


def counterfactual(folder: Path, seeds: int = 2, progress: Progress | None = None) -> list[Change]:
    """Compare what settings changed with what the model says they would.

    Args:
        folder: runs of a real kernel as tools/counterfactual/record.py makes them.
        seeds: of the model, for each recording.
        progress: called with (runs done, runs in all, what ended last).

    Errors:
        InputError: there are no two runs of the baseline, or of no setting.
    """
    series = Series(folder)
    recordings, settings = series.runs(BASELINE), series.settings()
    if len(recordings) < 2 or not settings:
        remedy = "make some with tools/counterfactual/record.py"
        raise InputError(folder, BASELINE, "lacks two runs of the baseline and of another setting", remedy)
    before = measured(recordings)
    predicted = model_runs(recordings, ["", *settings], seeds, progress)
    return [
        change(setting, metric, before, measured(series.runs(setting)), predicted)
        for setting in settings
        for metric in METRICS
    ]


def change(setting: str, metric: str, before: Values, after: Values, predicted: Mapping[str, Values]) -> Change:
    """One setting, one metric."""
    plain, moved = predicted[""][metric], predicted[setting][metric]
    return Change(
        setting,
        metric,
        interval(before[metric]),
        change_of_mean(before[metric], after[metric]),
        interval(plain),
        interval([b - a for a, b in zip(plain, moved, strict=True)]),
    )


def measured(runs: Sequence[Path]) -> Values:
    """What the kernel counted in each run."""
    return gather([kernel_metrics(run) for run in runs])


def kernel_metrics(run: Path) -> dict[str, float]:
    """The change of /proc/vmstat over one run."""
    change = counted(*(read_counters(run / f"vmstat.{i}") for i in (0, 1)))
    names = (*SHARED_COUNTERS, *STALL_COUNTERS, *COMPACTION_COUNTERS)
    found = {name: change[name] for name in names if name in change}
    served, refused = found["thp_fault_alloc"], found["thp_fault_fallback"]
    return found | {"success_percent": success_percent(served, served + refused), "allocstall": allocstall(found)}


def model_runs(
    recordings: Sequence[Path], settings: Sequence[str], seeds: int, progress: Progress | None
) -> dict[str, Values]:
    """The model's figures for each recording under each setting, averaged over its seeds."""
    plain = candidate("none")
    todo = []
    for path in recordings:
        recording = Recording(path)
        for setting in settings:
            setup = prepare(recording, dict([setting.split("=", 1)]) if setting else {})
            todo += [Run(setup, plain, seed, f"{path.name} {setting}") for seed in range(seeds)]
    results = run_all(todo, progress, None)
    return {
        setting: gather(
            [mean_of([results[f"{path.name} {setting}", seed] for seed in range(seeds)]) for path in recordings]
        )
        for setting in settings
    }


def mean_of(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Every metric's mean over some runs."""
    return {name: math.fsum(run[name] for run in runs) / len(runs) for name in runs[0]}


def gather(runs: Sequence[Mapping[str, float]]) -> Values:
    """The metrics that are compared, each over all runs."""
    scanned = [run | {"pgscan": run["pgscan_kswapd"] + run["pgscan_direct"]} for run in map(dict, runs)]
    return {name: [run[name] for run in scanned] for name in METRICS}
