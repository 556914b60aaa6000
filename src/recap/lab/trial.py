"""Sources under policies, run seed by seed, and the comparison that the runs so far make."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recap.lab.executor import Executor
from recap.lab.figures import beside_model, figures
from recap.lab.kept import Run, Store, digest
from recap.lab.results import BASELINE, KERNEL, Column, Comparison, Figure
from recap.lab.runs import Progress, Results, run_all
from recap.policy import Candidate
from recap.sim.run import Setup, Synthetic

SUCCESS = "success_percent"
ATTEMPTS = "high_order_attempts"


@dataclass(frozen=True)
class Case:
    """One source, read once for all runs.

    `identity` is all that a run depends on besides its policy and seed, `sysctls` what was changed, `kernel` what the
    recorded kernel counted, `recorded` the policy that has its rules, if nothing was changed, and
    `start` the state that runs begin with.
    """

    source: str
    setup: Setup | Synthetic
    identity: str
    sysctls: dict[str, str]
    assumptions: list[str]
    missing: list[str]
    kernel: dict[str, float] | None = None
    recorded: str = ""
    start: str = ""


class Trial:
    """Cases under policies; more seeds can be added.

    Args:
        cases: what to run.
        policies: whose columns to make, in this order.
        folders: of each case, or none: where its finished runs are kept and not run again.
        executor: where to run; on every CPU of this machine if not given.
    """

    def __init__(
        self,
        cases: Sequence[Case],
        policies: Sequence[Candidate],
        folders: Sequence[str | os.PathLike[str]] = (),
        executor: Executor | None = None,
    ) -> None:
        self.cases = cases
        self.policies = {policy.name: policy for policy in policies}
        self.baseline = BASELINE if BASELINE in self.policies else next(iter(self.policies))
        self.stores = [Store(folder, case.identity) for folder, case in zip(folders, cases, strict=bool(folders))]
        self.results: list[Results] = [{} for _ in cases]
        self.executor = executor
        self.seeds = 0

    def runs(self, case: Case) -> list[Run]:
        """All runs of a case, seed by seed."""
        setups = {policy.name: case.setup.on(policy.profile) for policy in self.policies.values()}
        return [Run(setups[name], policy, seed) for seed in range(self.seeds) for name, policy in self.policies.items()]

    def run(self, seeds: int, progress: Progress | None) -> None:
        """Run what is lacking to this many seeds."""
        self.seeds = seeds
        total = len(self.cases) * len(self.policies) * seeds
        for i, case in enumerate(self.cases):
            todo = [run for run in self.runs(case) if run.key not in self.results[i]]
            before = sum(map(len, self.results))
            store = self.stores[i] if self.stores else None
            self.results[i] |= run_all(todo, progress and behind(progress, before, total), store, self.executor)

    def comparisons(self) -> list[Comparison]:
        """One of each case, kept where its runs are."""
        made = []
        for i, case in enumerate(self.cases):
            by_policy = self.by_policy(self.results[i])
            result = self.compared(case.source, [case], case.kernel, by_policy)
            made.append(result)
            if self.stores:
                self.stores[i].write("comparison.json", result)
                self.stores[i].write("runs.json", [self.stores[i].record(run) for run in self.runs(case)])
        return made

    def together(self) -> Comparison:
        """All cases as one: a run of all is their mean, seed by seed, so each case has the same weight."""
        kernels = [case.kernel for case in self.cases if case.kernel is not None]
        kernel = mean_of(kernels) if len(kernels) == len(self.cases) else None
        each = [self.by_policy(results) for results in self.results]
        runs = {
            name: [mean_of([by_policy[name][seed] for by_policy in each]) for seed in range(self.seeds)]
            for name in self.policies
        }
        return self.compared(f"mean of {len(self.cases)} sources", self.cases, kernel, runs)

    def by_policy(self, results: Results) -> dict[str, list[dict[str, float]]]:
        """The runs of each policy, in the order of seeds."""
        return {name: [results[name, seed] for seed in range(self.seeds)] for name in self.policies}

    def compared(
        self,
        source: str,
        cases: Sequence[Case],
        kernel: Mapping[str, float] | None,
        runs: Mapping[str, Sequence[Mapping[str, float]]],
    ) -> Comparison:
        """The columns that runs make."""
        base = runs[self.baseline]
        columns = [
            Column(name, name, self.seeds, figures(found, () if name == self.baseline else base))
            for name, found in runs.items()
        ]
        model = ""
        if kernel is not None:
            recorded = {case.recorded for case in cases}
            model = recorded.pop() if len(recorded) == 1 else ""
            counted = {name: Figure(value, value, value) for name, value in kernel.items()}
            columns.insert(0, beside_model(Column(KERNEL, KERNEL, 1, counted), runs.get(model, ())))
        return Comparison(
            source,
            columns,
            assumptions=list(dict.fromkeys(line for case in cases for line in case.assumptions)),
            missing=list(dict.fromkeys(line for case in cases for line in case.missing)),
            digest=digest([kernel, runs]),
            baseline=self.baseline,
            model=model if model in runs else "",
            sysctls=cases[0].sysctls,
            start=", ".join(dict.fromkeys(case.start for case in cases if case.start)),
        )


def behind(progress: Progress, before: int, total: int) -> Progress:
    """Progress of some runs as that of all."""
    return lambda done, _of, what: progress(before + done, total, what)


def mean_of(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Every metric that all runs have; success is the mean of those that ask for anything."""
    shared = [name for name in runs[0] if all(name in run for run in runs)]
    asking = [run for run in runs if run[ATTEMPTS]] or runs
    return {name: mean([run[name] for run in (asking if name == SUCCESS else runs)]) for name in shared}


def mean(values: Sequence[float]) -> float:
    """The same for any order of the values."""
    return math.fsum(values) / len(values)
