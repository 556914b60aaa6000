"""Which kernel parameters, within which ranges, give the most of a goal at a bounded cost?

Optuna's sampler proposes settings, some at a time; each is run with a few seeds and held against the machine's own
setting with the same seeds. The best few are run with other seeds to choose one, from which every parameter is dropped
that makes no difference that can be told. What is said of the winner comes from a third set of seeds, which chose
nothing: the best of many tries is partly luck.

There is no journal. Proposals follow from seeds and results alone, so the same command makes the same ones; runs that
were kept are not made again, and that is all there is to resume.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from recap.demand.starts import StartName
from recap.errors import InputError, import_extra
from recap.lab.bounds import Bound
from recap.lab.executor import Executor
from recap.lab.figures import PERCENT, figures
from recap.lab.kept import Run, Store, digest
from recap.lab.results import BASELINE, CHANCE, METRICS, SCHEMA, Figure
from recap.lab.runs import Progress, Results, run_all
from recap.lab.statistics import difference
from recap.lab.sweep import far_apart
from recap.lab.trial import mean_of
from recap.lab.tunable import Tunable, tunable
from recap.policy import Candidate, candidate
from recap.sim.run import Setup, Synthetic

FORM = "write NAME=LOW..HIGH, for example vm.min_free_kbytes=2048..32768"
BATCH = 8  # settings proposed at a time, whatever runs them: results must not depend on it
SEARCH_SEEDS, CHOICE_SEEDS = 3, 10
BEST = 4  # settings that are run again to choose one
LEAST_SEEDS = 2
DIRECTIONS = {metric.name: metric.better for metric in METRICS if metric.better}
Setting = tuple[tuple[str, int], ...]  # parameters that differ from the machine's own
OWN: Setting = ()


class Knob(msgspec.Struct, frozen=True):
    """A kernel parameter and the range to search; `own` is the machine's value, where it is known."""

    name: str
    low: int
    high: int
    own: int | None = None

    @classmethod
    def parse(cls, text: str) -> Knob:
        """`vm.min_free_kbytes=2048..32768`.

        Errors:
            InputError: anything else.
        """
        name, _, told = text.partition("=")
        low, _, high = told.partition("..")
        if not (name and low.isdecimal() and high.isdecimal() and int(low) < int(high)):
            raise InputError("tune", text, "is no parameter with a range", FORM)
        return cls(name, int(low), int(high))


class Tried(msgspec.Struct, frozen=True):
    """A setting of the search: how much more of the goal it gave than the machine's own, and whether limits held."""

    setting: dict[str, int]
    gain: float
    within: bool


class Tuning(msgspec.Struct, frozen=True):
    """The result of `tune`. `before` and `after` are means over the sources, with seeds that chose nothing."""

    sources: list[str]
    policy: str
    goal: str
    better: str  # more, or less
    limits: list[str]
    knobs: list[Knob]
    found: dict[str, int]  # what to change; empty where nothing helps that can be told
    idle: list[str]  # the parameters that are not in it
    before: dict[str, Figure]
    after: dict[str, Figure]
    broken: list[str]  # limits that do not hold with these seeds
    tried: list[Tried]
    seeds: int
    digest: str  # SHA-256 over the figures of every run
    schema: int = SCHEMA


def tune(  # noqa: PLR0913 (what sweep takes)
    sources: Sequence[str | os.PathLike[str]],
    knobs: Sequence[str],
    *,
    goal: str = "success_percent",
    limits: Sequence[str] = (),
    policy: Any = BASELINE,
    trials: int = 40,
    seeds: int = 10,
    sysctls: Mapping[str, str] | None = None,
    start: StartName | None = None,
    progress: Progress | None = None,
    out: str | os.PathLike[str] | None = None,
    executor: Executor | None = None,
) -> Tuning:
    """Search kernel parameters for the setting that gives the most of a goal.

    Args:
        sources: recordings or synthetic workloads; what helps must help on their mean, and keep the limits on each.
        knobs: NAME=LOW..HIGH, kernel parameters with the ranges to search.
        goal: a metric that has a better direction; of several sources, if it is no percentage, in percent of each
            one's own.
        limits: METRIC<N or METRIC>N, what a mean must keep; N% is of the mean of the machine's own setting.
        policy: one policy, under which all is run.
        trials: settings to try.
        seeds: runs of the winner and of the machine's own setting for the verdict, on each source.
        sysctls, start, progress, executor: as for `compare`; `sysctls` are the same in all settings.
        out: a folder where finished runs are kept and not run again; the result is tune.json.

    Errors:
        InputError: as for `compare`; a knob, goal or limit that cannot be; Optuna is not installed.

    Example:
        >>> found = recap.tune(["example"], ["vm.min_free_kbytes=256..8192"], trials=2, seeds=2)
        >>> len(found.tried), found.goal, found.better
        (2, 'success_percent', 'more')
    """
    if goal not in DIRECTIONS:
        raise InputError("--goal", goal, "has no better direction", f"take one of {', '.join(DIRECTIONS)}")
    if not knobs or trials < 1 or seeds < LEAST_SEEDS:
        raise InputError("tune", "", "nothing can be said of no knob, no trial or one seed", FORM)
    read = [tunable(source, sysctls or {}, start, progress) for source in sources]
    ranges = [Knob.parse(text) for text in knobs]
    store = Store(out, " ".join(source.identity for source in read)) if out is not None else None
    bench = Bench(read, candidate(policy), [Bound.parse(text) for text in limits], goal)
    bench.means = Means(trials, len(ranges), seeds, len(read), progress, store, executor)
    found = tuned(bench, [known(knob, read) for knob in ranges], trials, seeds)
    if store:
        store.write("tune.json", found)
    return found


def known(knob: Knob, sources: Sequence[Tunable]) -> Knob:
    """A knob with the machine's own value, where the sources agree on one; both ends of its range are tried."""
    for source in sources:
        for value in (knob.low, knob.high):
            source.at({knob.name: str(value)})
    own = {source.own(knob.name) for source in sources}
    return msgspec.structs.replace(knob, own=own.pop() if len(own) == 1 else None)


@dataclass
class Means:
    """How runs are made, and how many there may be."""

    trials: int
    knobs: int
    seeds: int
    sources: int
    progress: Progress | None
    store: Store | None
    executor: Executor | None

    @property
    def total(self) -> int:
        """An upper limit of all runs."""
        settings = (self.trials + 1) * SEARCH_SEEDS + (BEST + 1 + self.knobs) * CHOICE_SEEDS + 2 * self.seeds
        return self.sources * settings


@dataclass
class Bench:
    """Runs settings on all sources, each once, and says how they do."""

    sources: list[Tunable]
    policy: Candidate
    limits: list[Bound]
    goal: str
    results: Results = field(default_factory=dict)
    setups: dict[tuple[int, Setting], Setup | Synthetic] = field(default_factory=dict)
    means: Means = field(init=False)

    def run(self, settings: Sequence[Setting], seeds: range) -> None:
        """Run what was not run yet."""
        todo = [
            Run(self.setup(i, setting), self.policy, seed, series(i, setting))
            for seed in seeds
            for setting in dict.fromkeys(settings)
            for i in range(len(self.sources))
            if (series(i, setting), seed) not in self.results
        ]
        done, means = len(self.results), self.means
        progress = means.progress
        shown = progress and (lambda more, _all, what: progress(done + more, max(means.total, done + more), what))
        self.results |= run_all(todo, shown, means.store, means.executor)

    def setup(self, i: int, setting: Setting) -> Setup | Synthetic:
        """A source at a setting."""
        if (i, setting) not in self.setups:
            self.setups[i, setting] = self.sources[i].at({name: str(value) for name, value in setting})
        return self.setups[i, setting]

    def of(self, i: int, setting: Setting, seeds: range) -> list[dict[str, float]]:
        """The runs of one source."""
        return [self.results[series(i, setting), seed] for seed in seeds]

    def together(self, setting: Setting, seeds: range) -> list[dict[str, float]]:
        """The mean of all sources, seed by seed."""
        each = [self.of(i, setting, seeds) for i in range(len(self.sources))]
        return [mean_of([runs[k] for runs in each]) for k in range(len(seeds))]

    def goals(self, setting: Setting, seeds: range) -> list[float]:
        """The goal, seed by seed, larger where it is better."""
        sign = 1 if DIRECTIONS[self.goal] == "more" else -1
        scales = [self.scale(i, seeds) for i in range(len(self.sources))]
        each = [[scale * run[self.goal] for run in self.of(i, setting, seeds)] for i, scale in enumerate(scales)]
        return [sign * sum(values) / len(each) for values in zip(*each, strict=True)]

    def scale(self, i: int, seeds: range) -> float:
        """Several sources are made alike by what each has now."""
        if len(self.sources) == 1 or self.goal.endswith(PERCENT):
            return 1.0
        now = sum(run[self.goal] for run in self.of(i, OWN, seeds)) / len(seeds)
        return 100 / now if now else 1.0

    def gain(self, setting: Setting, seeds: range) -> float:
        """How much better than the machine's own setting."""
        return (sum(self.goals(setting, seeds)) - sum(self.goals(OWN, seeds))) / len(seeds)

    def better(self, setting: Setting, than: Setting, seeds: range) -> bool:
        """Certainly?"""
        found = difference(self.goals(than, seeds), self.goals(setting, seeds), same_seeds=True)
        return found.mean > 0 and found.p < CHANCE

    def excess(self, setting: Setting, seeds: range) -> list[float]:
        """How far each limit is broken on the worst source; not above 0 where it holds."""
        return [
            max(
                limit.excess(self.of(i, setting, seeds), self.of(i, OWN, seeds), self.sources[i].name)
                for i in range(len(self.sources))
            )
            for limit in self.limits
        ]


def series(i: int, setting: Setting) -> str:
    """What the runs of a setting on a source are found by."""
    return f"{i}, {' '.join(f'{name}={value}' for name, value in setting) or 'own setting'}"


def tuned(bench: Bench, knobs: list[Knob], trials: int, seeds: int) -> Tuning:
    """Search, choose, and say what the choice is worth."""
    search = range(SEARCH_SEEDS)
    choice = range(search.stop, search.stop + CHOICE_SEEDS)
    verdict = range(choice.stop, choice.stop + seeds)
    bench.run([OWN], search)
    tried = list(searched(bench, knobs, trials, search))
    found = chosen(bench, tried, choice)
    bench.run([OWN, found], verdict)
    before, after = (bench.together(setting, verdict) for setting in (OWN, found))
    held = zip(bench.limits, bench.excess(found, verdict), strict=True)
    return Tuning(
        [source.name for source in bench.sources],
        bench.policy.name,
        bench.goal,
        DIRECTIONS[bench.goal],
        [str(limit) for limit in bench.limits],
        knobs,
        dict(found),
        [knob.name for knob in knobs if knob.name not in dict(found)],
        figures(before),
        figures(after, before),
        [str(limit) for limit, excess in held if excess > 0],
        tried,
        seeds,
        digest([[*key, run] for key, run in sorted(bench.results.items())]),
    )


def searched(bench: Bench, knobs: list[Knob], trials: int, seeds: range) -> Iterator[Tried]:
    """What the sampler proposed, in order, and how it did."""
    optuna = library()
    sampler = optuna.samplers.TPESampler(seed=0, multivariate=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for first in range(0, trials, BATCH):
        asked = [study.ask() for _ in range(min(BATCH, trials - first))]
        settings = [proposed(trial, knobs) for trial in asked]
        bench.run(settings, seeds)
        for trial, setting in zip(asked, settings, strict=True):
            excess = bench.excess(setting, seeds)
            for limit, over in zip(bench.limits, excess, strict=True):
                trial.set_constraint(str(limit), over)
            gain = bench.gain(setting, seeds)
            study.tell(trial, gain)
            yield Tried(dict(setting), gain, max(excess, default=0.0) <= 0)


def library() -> Any:
    """Optuna, quiet."""
    optuna = import_extra("optuna", "tune")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    return optuna


def proposed(trial: Any, knobs: list[Knob]) -> Setting:
    """A setting of all knobs."""
    return tuple(
        (knob.name, trial.suggest_int(knob.name, knob.low, knob.high, log=far_apart(knob.low, knob.high)))
        for knob in knobs
    )


def chosen(bench: Bench, tried: list[Tried], seeds: range) -> Setting:
    """The best of the search with seeds of its own, without what makes no difference that can be told."""
    within = sorted((one for one in tried if one.within), key=lambda one: -one.gain)
    best = list(dict.fromkeys(tuple(one.setting.items()) for one in within))[:BEST]
    bench.run([OWN, *best], seeds)
    allowed = [setting for setting in best if max(bench.excess(setting, seeds), default=0.0) <= 0]
    top = max(allowed, key=lambda setting: bench.gain(setting, seeds), default=OWN)
    found = top
    for name, _ in top:
        without = tuple(one for one in found if one[0] != name)
        bench.run([without], seeds)
        kept = max(bench.excess(without, seeds), default=0.0) <= 0
        if kept and not bench.better(top, without, seeds):
            found = without
    return found
