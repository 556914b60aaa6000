"""One recorded demand under several policies, over several seeds, beside what the recorded kernel did."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from recap.kernel import LINUX_6_1, profile_of
from recap.lab import workloads
from recap.lab.assumptions import assumed
from recap.lab.kept import Run, Store, digest, fingerprint, model_identity
from recap.lab.recorded import recorded_column
from recap.lab.results import Column, Comparison
from recap.lab.runs import Progress, Results, prepare, run_all
from recap.lab.statistics import intervals
from recap.policy import Candidate, candidates
from recap.trace import Recording, Snapshot
from recap.trace.snapshot import LRU

CAPTURE_MODES = {  # of vm.page_capture, by the policy that has the same rules
    "0": "none",
    "1": "own-pages",
    "2": "whitcroft",
    "3": "kosaki",
    "4": "none; it asked kosaki's question of every page and captured nothing",
}
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


def compare(
    source: str | os.PathLike[str],
    policies: Sequence[Any],
    *,
    seeds: int = 5,
    sysctls: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    out: str | os.PathLike[str] | None = None,
) -> Comparison:
    """Run a workload's demand under each policy and seed.

    Args:
        source: a recording with snap0.npz, or the name of a synthetic workload (recap.lab.workloads).
        policies: names of shipped ones, files with a user's, classes or objects; `none` is the unchanged kernel.
        seeds: runs of each policy, with seeds 0, 1, ...
        sysctls: kernel parameters to change.
        progress: called with (runs done, runs in all, what ended last).
        out: a folder: finished runs are kept there and not run again, the result is comparison.json, and
            `recap report` makes pages and tables of it.

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
    named = candidates(policies)
    wanted = dict(sysctls or {})
    plan = [(seed, found) for seed in range(seeds) for found in named.values()]
    if workloads.is_workload(str(source)):
        return compare_synthetic(str(source), plan, wanted, progress, out)
    recording = Recording(source)
    setup = prepare(recording, wanted)
    store = Store(out, fingerprint(recording, setup)) if out is not None else None
    todo = [Run(setup, found, seed) for seed, found in plan]
    columns = [recorded_column(recording, setup.demand), *policy_columns(run_all(todo, progress, store))]
    assumptions = (
        recorded_with(recording.sysctl) + setup.demand.assumptions + rules_assumed(setup.snapshot) + ASSUMED + assumed()
    )
    return finished(Comparison(str(source), columns, assumptions, MISSING, digest(columns)), todo, store)


def recorded_with(values: Mapping[str, str]) -> list[str]:
    """What a recorded kernel with page capture did: its column is one of that policy, and of no other."""
    if "vm.page_capture" not in values:
        return []
    mode = values["vm.page_capture"]
    policy = CAPTURE_MODES.get(mode, "of that number")
    lines = [f"the recorded kernel ran with vm.page_capture={mode}: hold its column against the policy {policy}"]
    if values.get("vm.page_capture_compact") == "0":
        lines.append("no column compacts: vm.page_capture_compact=0 is a kernel without CONFIG_COMPACTION")
    target = values.get("vm.page_capture_target", "0")
    if target != "0":
        lines.append(f"direct reclaim of a costly order wants vm.page_capture_target={target}")
    return lines


def rules_assumed(snapshot: Snapshot) -> list[str]:
    """By which rules a recorded kernel newer than 6.1 is modelled."""
    if profile_of(snapshot.kernel) == LINUX_6_1:
        return []
    told = [f"all rules are those of Linux 6.1, the recorded kernel is {snapshot.kernel}"]
    if int(snapshot.has("PG_lru").sum()) > 2 * int((snapshot.lists[:, 0] == LRU).sum()):
        told.append(
            "the LRU lists are empty at first: the recorded kernel's multi-generational LRU is not in the snapshot"
        )
    return told


def finished(result: Comparison, todo: list[Run], store: Store | None) -> Comparison:
    """The result, kept where runs are."""
    if store:
        store.write("comparison.json", result)
        store.write("runs.json", [store.record(run) for run in todo])
    return result


def compare_synthetic(
    name: str,
    plan: list[tuple[int, Candidate]],
    wanted: dict[str, str],
    progress: Progress | None,
    out: str | os.PathLike[str] | None,
) -> Comparison:
    """`compare` for a workload without a recording: there is no kernel's column."""
    setup = workloads.workload(name, wanted)
    store = Store(out, f"{model_identity()} {name} {sorted(wanted.items())}") if out is not None else None
    todo = [Run(setup, found, seed) for seed, found in plan]
    columns = policy_columns(run_all(todo, progress, store))
    result = Comparison(name, columns, workloads.assumptions(name), workloads.MISSING, digest(columns))
    return finished(result, todo, store)


def policy_columns(results: Results) -> list[Column]:
    """A column for each policy, in the order they were asked for."""
    names = dict.fromkeys(name for name, _ in results)
    runs = {name: [found for (of, _), found in results.items() if of == name] for name in names}
    return [Column(name, name, len(found), intervals(found)) for name, found in runs.items()]
