"""Do the intervals that are printed hold what they promise? In Markdown.

python bench/intervals.py [--runs N] [--resamples N] [--seeds N] RECORDING...

N runs of `none` and of another policy are drawn from again and again, as if each draw were a comparison of a few seeds.

* prediction: how often the 95 % prediction interval of the seeds drawn holds one more run. Promised: 95 %.
* alarms, other seeds: how often two draws of the same policy are found to differ (p < 0.05, before correction).
* alarms, same seeds: how often two columns differ that are the same but for chance: each seed's runs of `none` and the
  other policy, moved to the same mean, are swapped at random. This keeps what a seed does to both.
* alarms, narrower: the same if the more certain of the paired and the unpaired difference were taken.
* until: how often the interval of the mean holds the mean of all runs where seeds were added until it was as narrow as
  half of the first one, as `--until` does.

Each for success_percent, and the mean over all metrics that vary.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from recap.lab.kept import Run
from recap.lab.results import CHANCE
from recap.lab.runs import prepare, run_all
from recap.lab.statistics import difference, interval, paired, prediction, unpaired
from recap.lab.until import GROWTH, LEAST_SEEDS
from recap.policy import candidate
from recap.trace import Recording

METRIC = "success_percent"
OTHER = "kosaki"
Values = list[float]
Draw = Callable[[np.random.Generator, Values, Values, int], bool]  # of none, of the other, how many seeds


def holds_one_more(rng: np.random.Generator, none: Values, _other: Values, seeds: int) -> bool:
    """Is one more run where it is expected?"""
    *drawn, more = rng.permutation(none)[: seeds + 1].tolist()
    return more in prediction(drawn)


def alarm_other_seeds(rng: np.random.Generator, none: Values, _other: Values, seeds: int) -> bool:
    """Do two draws of the same policy differ?"""
    drawn = rng.permutation(none)[: 2 * seeds].tolist()
    return difference(drawn[:seeds], drawn[seeds:], same_seeds=False).p < CHANCE


def swapped(rng: np.random.Generator, none: Values, other: Values, seeds: int) -> tuple[Values, Values]:
    """Two columns that have the same mean, run by the same seeds."""
    moved = np.array(other) - np.mean(other) + np.mean(none)
    chosen = rng.permutation(len(none))[:seeds]
    swap = rng.random(seeds) < 0.5
    first, second = np.array(none)[chosen], moved[chosen]
    return np.where(swap, first, second).tolist(), np.where(swap, second, first).tolist()


def alarm_same_seeds(rng: np.random.Generator, none: Values, other: Values, seeds: int) -> bool:
    """Do they differ?"""
    return difference(*swapped(rng, none, other, seeds), same_seeds=True).p < CHANCE


def alarm_narrower(rng: np.random.Generator, none: Values, other: Values, seeds: int) -> bool:
    """Would they differ if the narrower interval were taken?"""
    columns = swapped(rng, none, other, seeds)
    return min(paired(*columns).p(), unpaired(*columns).p()) < CHANCE


def holds_mean_when_narrow(rng: np.random.Generator, none: Values, _other: Values, _seeds: int) -> bool:
    """Does the interval hold the mean of all runs, once seeds made it half as wide as the first?"""
    drawn = rng.choice(none, len(none) * 4).tolist()
    done = LEAST_SEEDS
    wanted = interval(drawn[:done]).spread / 2
    while done < len(drawn) and (spread := interval(drawn[:done]).spread) > wanted:
        done = min(len(drawn), GROWTH * done, max(done + 1, math.ceil(done * (spread / wanted) ** 2)))
    found = interval(drawn[:done])
    return found.low <= float(np.mean(none)) <= found.high


QUESTIONS: dict[str, Draw] = {
    "prediction": holds_one_more,
    "alarms, other seeds": alarm_other_seeds,
    "alarms, same seeds": alarm_same_seeds,
    "alarms, narrower": alarm_narrower,
    "until": holds_mean_when_narrow,
}


def runs_of(path: Path, runs: int) -> tuple[dict[str, Values], dict[str, Values]]:
    """Each metric over the seeds, of both policies, where it varies in both."""
    setup = prepare(Recording(path), {})
    policies = [candidate("none"), candidate(OTHER)]
    found = run_all([Run(setup, policy, seed) for seed in range(runs) for policy in policies], None, None)
    none, other = ([found[policy.name, seed] for seed in range(runs)] for policy in policies)
    names = [name for name in none[0] if all(len({run[name] for run in one}) > 2 for one in (none, other))]
    return tuple({name: [run[name] for run in one] for name in names} for one in (none, other))  # type: ignore[return-value]


def share(draw: Draw, none: Values, other: Values, resamples: int, seeds: int) -> float:
    """How often, in percent; the same draws each time."""
    rng = np.random.default_rng(1)
    return 100 * sum(draw(rng, none, other, seeds) for _ in range(resamples)) / resamples


def rows(path: Path, options: argparse.Namespace) -> list[str]:
    """A line for each number of seeds."""
    none, other = runs_of(path, options.runs)
    lines = []
    for seeds in options.seeds:
        cells = []
        for draw in QUESTIONS.values():
            found = [share(draw, none[name], other[name], options.resamples, seeds) for name in none]
            headline = found[list(none).index(METRIC)] if METRIC in none else math.nan
            cells.append(f"{headline:.1f} ({np.mean(found):.1f})")
        lines.append(f"| {path.name} | {seeds} | {' | '.join(cells)} |")
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    """A table: percent for success_percent, and in brackets the mean over all metrics."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--resamples", type=int, default=500)
    parser.add_argument("--seeds", type=int, nargs="+", default=[5, 10, 30])
    parser.add_argument("recordings", type=Path, nargs="+", metavar="RECORDING")
    options = parser.parse_args(arguments)
    print(f"| recording | seeds | {' | '.join(QUESTIONS)} |")
    print("|" + "---|" * (len(QUESTIONS) + 2))
    for path in options.recordings:
        for line in rows(path, options):
            print(line, flush=True)


if __name__ == "__main__":
    main()
