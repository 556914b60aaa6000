"""One recorded demand under several policies, over several seeds, beside what the recorded kernel did."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recap.demand.starts import StartName
from recap.kernel import LINUX_6_1, LINUX_6_18, version_of
from recap.lab import workloads
from recap.lab.assumptions import assumed
from recap.lab.executor import Executor
from recap.lab.kept import fingerprint, model_identity, write_result
from recap.lab.kernels import column_of, on_kernels
from recap.lab.recorded import recorded_figures
from recap.lab.results import Comparison, Suite
from recap.lab.runs import Progress, before_runs, prepare
from recap.lab.trial import Case, Trial
from recap.lab.until import LEAST_SEEDS, Until
from recap.policy import candidates
from recap.policy.catalogue import KERNEL_MODES
from recap.trace import Recording

MISSING = [
    "swap-in; re-reads of what the model evicted but the recorded kernel kept, unless the page became active then",
    "splitting huge pages in reclaim, slab shrinkers, dirty throttling beyond what was recorded",
    "pages that compaction cannot move because somebody else holds them for a moment",
]
ASSUMED = [
    "tasks keep the recorded pace but for their stalls, with the recorded waits for a CPU and dirty throttling",
    "CPUs are shared as by the 6.1 scheduler, all tasks with the same weight",
    "no pageblock is marked to be skipped by compaction at the start, and its scanners begin at the ends of the zones",
    "of the tasks' dirty pages the oldest are written when they ask for writing; metadata pages as recorded",
    "small pages in place of huge ones are taken where the recorded kernel took them",
    "what a write to nr_hugepages cannot get is asked for with the next one, as soon as the recorded one came",
]


def compare(  # noqa: PLR0913 (all but two have defaults)
    source: str | os.PathLike[str],
    policies: Sequence[Any],
    *,
    seeds: int = 5,
    until: str | None = None,
    sysctls: Mapping[str, str] | None = None,
    start: StartName | None = None,
    kernels: Sequence[str] = (),
    progress: Progress | None = None,
    out: str | os.PathLike[str] | None = None,
    executor: Executor | None = None,
) -> Comparison:
    """Run a workload's demand under each policy and seed.

    Args:
        source: a recording with snap0.npz, or the name of a synthetic workload (recap.lab.workloads).
        policies: names of shipped ones, files with a user's, classes or objects; `none` is the unchanged kernel.
        seeds: runs of each policy, with seeds 0, 1, ...
        until: `METRIC=±N`: add seeds until all 95 % intervals of that metric are that narrow, up to 1000 seeds.
        sysctls: kernel parameters to change.
        start: which state to start from, `dump`, `live` or `flags`; the best there is if not given.
        kernels: versions such as `6.18`: each policy runs under the rules of each, not of the source's own kernel.
        progress: called with (runs done, runs in all, what ended last); before the first, with what is read.
        out: a folder: finished runs are kept there and not run again, the result is comparison.json, and
            `recap report` makes pages and tables of it.
        executor: where to run: recap.Threads(jobs) or a recap.Cluster; on every CPU of this machine if not given.

    Errors:
        InputError: a source that cannot be read, an unknown policy or parameter, a mistake in a user's policy.

    Example:
        >>> class Small:
        ...     "Capture for every order, whatever the cost."
        ...     def enters_reclaim(self, order):
        ...         return order > 0
        >>> result = recap.compare("recordings/hugetlb-1cpu", ["none", Small], seeds=1)
        >>> [column.name for column in result.columns]
        ['kernel', 'none', 'Small']
        >>> result.column("Small").metrics["captured_pages"].mean > 0
        True
    """
    found = compare_all(
        [source],
        policies,
        seeds=seeds,
        until=until,
        sysctls=sysctls,
        start=start,
        kernels=kernels,
        progress=progress,
        out=out,
        executor=executor,
    )
    assert isinstance(found, Comparison)
    return found


def compare_all(  # noqa: PLR0913 (what compare takes)
    sources: Sequence[str | os.PathLike[str]],
    policies: Sequence[Any],
    *,
    seeds: int = 5,
    until: str | None = None,
    sysctls: Mapping[str, str] | None = None,
    start: StartName | None = None,
    kernels: Sequence[str] = (),
    progress: Progress | None = None,
    out: str | os.PathLike[str] | None = None,
    executor: Executor | None = None,
) -> Comparison | Suite:
    """`compare` for any number of sources; for several, also the change over all of them.

    The folder of several has one of each source, and suite.json.

    Example:
        >>> found = recap.lab.compare.compare_all(["highalloc:128", "highalloc:160"], ["none", "kosaki"], seeds=1)
        >>> [result.source for result in found.comparisons], found.together.source
        (['highalloc:128', 'highalloc:160'], 'mean of 2 sources')
    """
    enough = Until.parse(until) if until is not None else None
    columns = on_kernels(list(candidates(policies).values()), kernels)
    cases = [case_of(source, dict(sysctls or {}), start, progress, kernels) for source in sources]
    folders = folders_of(out, cases) if out is not None else []
    trial = Trial(cases, columns, folders, executor)
    trial.run(max(seeds, LEAST_SEEDS) if enough else seeds, progress)
    while enough and (more := enough.seeds(trial.together().columns, trial.seeds)) > trial.seeds:
        trial.run(more, progress)
    found = trial.comparisons()
    if len(cases) == 1:
        return found[0]
    suite = Suite(found, trial.together())
    if out is not None:
        write_result(Path(out), "suite.json", suite)
    return suite


def folders_of(out: str | os.PathLike[str], cases: Sequence[Case]) -> list[str | os.PathLike[str]]:
    """Where each source's runs are kept: one source has the folder for itself."""
    if len(cases) == 1:
        return [out]
    names = [Path(case.source).name for case in cases]
    numbers = [names[:i].count(name) + 1 for i, name in enumerate(names)]
    return [Path(out, name if number == 1 else f"{name}-{number}") for name, number in zip(names, numbers, strict=True)]


def case_of(
    source: str | os.PathLike[str],
    wanted: dict[str, str],
    start: StartName | None,
    progress: Progress | None,
    kernels: Sequence[str] = (),
) -> Case:
    """Read a source.

    Errors:
        InputError: as `compare`.
    """
    name = str(source)
    if workloads.is_workload(name):
        synthetic = workloads.workload(name, wanted)
        identity = f"{model_identity()} {name} {sorted(wanted.items())}"
        return Case(name, synthetic, identity, wanted, workloads.assumptions(name), workloads.MISSING)
    recording = Recording(source, before_runs(progress))
    setup = prepare(recording, wanted, start)
    assumptions = (
        setup.origin.assumptions
        + recorded_with(recording.sysctl)
        + setup.demand.assumptions
        + rules_assumed(setup.origin.snapshot.kernel, kernels)
        + ASSUMED
        + assumed()
    )
    kernel = recorded_figures(recording, setup.demand)
    recorded = "" if wanted else column_of(recorded_policy(recording.sysctl), setup.profile, kernels)
    identity = fingerprint(recording, setup)
    return Case(name, setup, identity, wanted, assumptions, MISSING, kernel, recorded, setup.origin.name)


def recorded_policy(values: Mapping[str, str]) -> str:
    """The policy that has the rules of a recorded kernel; empty for a way of capture that recap does not know."""
    mode = values.get("vm.page_capture", "0")
    return KERNEL_MODES[int(mode)] if mode.isdigit() and int(mode) < len(KERNEL_MODES) else ""


def recorded_with(values: Mapping[str, str]) -> list[str]:
    """What a recorded kernel with page capture did: its column is one of that policy, and of no other."""
    if "vm.page_capture" not in values:
        return []
    policy = recorded_policy(values) or "of that number, which recap does not have"
    lines = [f"the recorded kernel ran with vm.page_capture={values['vm.page_capture']}: that is the policy {policy}"]
    if values.get("vm.page_capture_compact") == "0":
        lines.append("no column compacts: vm.page_capture_compact=0 is a kernel without CONFIG_COMPACTION")
    target = values.get("vm.page_capture_target", "0")
    if target != "0":
        lines.append(f"direct reclaim of a costly order wants vm.page_capture_target={target}")
    return lines


def rules_assumed(release: str, kernels: Sequence[str]) -> list[str]:
    """By which rules a recording is modelled, where recap does not have its kernel's."""
    if kernels:
        return [f"the demand is as recorded on {release}: what tasks would do on another kernel is not known"]
    version = version_of(release)
    if version is not None and version < LINUX_6_1.version:
        return [f"all rules are those of Linux 6.1, the nearest profile there is; the recorded kernel is {release}"]
    if version is not None and version > LINUX_6_18.version:
        return [f"all rules are those of Linux 6.18, the newest there are; the recorded kernel is {release}"]
    return []
