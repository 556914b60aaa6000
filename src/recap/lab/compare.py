"""One recorded demand under several policies, over several seeds, beside what the recorded kernel did."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from recap.demand import highalloc
from recap.demand.demand import Demand
from recap.demand.from_trace import from_trace
from recap.errors import InputError
from recap.kernel import LINUX_6_1, profile_of
from recap.lab import workloads
from recap.lab.assumptions import told
from recap.lab.results import Column, Comparison, Interval, RunRecord
from recap.lab.statistics import interval
from recap.mm import sysctl
from recap.policy import Candidate, candidate
from recap.sim.closed_loop import Simulation
from recap.sim.observe import Observer
from recap.sim.run import Setup, Synthetic, simulate
from recap.sim.timeline import Timeline
from recap.trace import Recording, Snapshot
from recap.trace.snapshot import LRU

KERNEL = "kernel"
SHARED_COUNTERS = (
    "pgscan_kswapd",
    "pgsteal_kswapd",
    "pgscan_direct",
    "pgsteal_direct",
    "pgrefill",
    "pgactivate",
    "pgdeactivate",
    "pswpout",
    "pageoutrun",
    "nr_vmscan_write",
)
STALL_COUNTERS = ("allocstall_dma", "allocstall_dma32", "allocstall_normal", "allocstall_movable")
COMPACTION_COUNTERS = (
    "compact_stall",
    "compact_fail",
    "compact_success",
    "thp_fault_alloc",
    "thp_fault_fallback",
)
MISSING = [
    "swap-in, and re-reads of what the model evicted but the recorded kernel kept",
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

Progress = Callable[[int, int, str], None]


Results = dict[tuple[str, int], dict[str, float]]


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
    candidates = {found.name: found for found in map(candidate, policies)}
    folder = Path(out) if out else None
    wanted = dict(sysctls or {})
    plan = [(seed, found) for seed in range(seeds) for found in candidates.values()]
    if workloads.is_workload(str(source)):
        return compare_synthetic(str(source), plan, wanted, progress, folder)
    source = Path(source)
    recording = Recording(source)
    setup = prepare(recording, wanted)
    store = Store(folder, fingerprint(source, setup)) if folder else None
    todo = [Run(setup, found, seed) for seed, found in plan]
    columns = [recorded_column(recording, setup.demand), *policy_columns(run_all(todo, progress, store))]
    assumptions = setup.demand.assumptions + rules_assumed(setup.snapshot) + ASSUMED + told()
    return finished(Comparison(str(source), columns, assumptions, MISSING, digest(columns)), todo, store)


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
    name: str, plan: list[tuple[int, Candidate]], wanted: dict[str, str], progress: Progress | None, out: Path | None
) -> Comparison:
    """`compare` for a workload without a recording: there is no kernel's column."""
    setup = workloads.workload(name, wanted)
    store = Store(out, f"{model_identity()} {name} {sorted(wanted.items())}") if out else None
    todo = [Run(setup, found, seed) for seed, found in plan]
    columns = policy_columns(run_all(todo, progress, store))
    result = Comparison(name, columns, highalloc.ASSUMPTIONS, workloads.MISSING, digest(columns))
    return finished(result, todo, store)


def prepare(recording: Recording, wanted: dict[str, str]) -> Setup:
    """Read the recording once, for all runs."""
    values = sysctl.settings(recording.sysctl, wanted)
    demand = from_trace(recording)
    snapshot = recording.snapshot(0)
    assert snapshot is not None  # from_trace refuses a recording without
    swap_pages = recording.meminfo(0).get("SwapFree", 0) // 4
    return Setup(demand, snapshot, swap_pages, values, wanted)


@dataclass(frozen=True)
class Run:
    """One policy, one seed; `series` tells apart what is run on several machines."""

    setup: Setup | Synthetic
    policy: Candidate
    seed: int
    series: str = ""

    @property
    def key(self) -> tuple[str, int]:
        """What its results are found by."""
        return self.series or self.policy.name, self.seed

    @property
    def watched(self) -> bool:
        """Is it observed, where its results are kept? A study's runs are too many."""
        return not self.series


def run_all(todo: list[Run], progress: Progress | None, store: Store | None) -> Results:
    """All runs, on every core: the engine works without the interpreter lock. Ctrl-C loses only unfinished runs."""
    results: Results = {}
    if store:
        results.update({run.key: kept for run in todo if (kept := store.read(run)) is not None})
    stop = threading.Event()
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        running = {pool.submit(perform, run, stop, store): run for run in todo if run.key not in results}
        try:
            while running:
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    run = running.pop(done)
                    results[run.key] = done.result()
                    if progress:
                        progress(len(results), len(todo), f"{run.key[0]}, seed {run.seed}")
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    return {run.key: results[run.key] for run in todo}


def perform(run: Run, stop: threading.Event, store: Store | None) -> dict[str, float]:
    """One run, observed where its results are kept; given up when `stop` is set."""

    def keep_going(_share: float) -> None:
        if stop.is_set():
            raise KeyboardInterrupt

    observers: list[Observer] = []

    def watch(simulation: Simulation) -> Observer:
        observers.append(Observer(simulation, pictures=run.seed == 0))
        return observers[0]

    wanted = watch if store and run.watched else None
    found = simulate(run.setup, run.policy.make(), run.seed, keep_going, watch=wanted)
    if store:
        store.keep(run, found, observers[0].timeline() if observers else None)
    return found


class Store:
    """A folder of finished runs, so that an interrupted comparison goes on where it stopped."""

    def __init__(self, folder: Path, identity: str) -> None:
        self.folder = folder
        self.identity = identity
        try:
            (folder / "runs").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(folder, "--out", str(error.strerror), "name a folder that can be written") from error

    def record(self, run: Run) -> RunRecord:
        """Where a run is kept: its files' names tell the inputs apart."""
        key = hashlib.sha256(f"{self.identity} {run.series} {run.policy.identity} {run.seed}".encode()).hexdigest()[:16]
        stem = f"runs/{Path(run.key[0]).stem}-{run.seed}-{key}"
        return RunRecord(run.policy.name, run.seed, f"{stem}.json", f"{stem}.npz" if run.watched else "")

    def read(self, run: Run) -> dict[str, float] | None:
        """A finished run of the same inputs, if there is one."""
        record = self.record(run)
        needed = [record.metrics, record.timeline] if run.watched else [record.metrics]
        if not all((self.folder / name).is_file() for name in needed):
            return None
        return msgspec.json.decode((self.folder / record.metrics).read_bytes(), type=dict[str, float])

    def keep(self, run: Run, metrics: dict[str, float], timeline: Timeline | None) -> None:
        """Write a finished run, whole or not at all: its metrics come last and tell that it is there."""
        record = self.record(run)
        if timeline:
            path = self.folder / record.timeline
            scratch = path.with_suffix(".npz.tmp")
            timeline.write(scratch)
            scratch.replace(path)
        self.write(record.metrics, metrics)

    def write(self, name: str, value: Any) -> None:
        """Write JSON beside its place, then move it there."""
        path = self.folder / name
        scratch = path.with_suffix(".tmp")
        scratch.write_bytes(msgspec.json.format(msgspec.json.encode(value)))
        scratch.replace(path)


def fingerprint(source: Path, setup: Setup) -> str:
    """What a run depends on besides its policy and seed."""
    stat = (source / "trace.dat" if source.is_dir() else source).stat()
    values = sorted(setup.values.items())
    wanted = sorted(setup.wanted.items())
    return f"{model_identity()} {source.resolve()} {stat.st_size} {stat.st_mtime_ns} {values} {wanted}"


@cache
def model_identity() -> str:
    """SHA-256 over the sources of all that a run is made of: a changed model runs again what was kept."""
    package = Path(__file__).parents[1]
    sources = sorted(path for path in package.rglob("*.p[yx]*") if path.suffix in (".py", ".pxd"))
    digest = hashlib.sha256()
    for path in sources:
        if path.relative_to(package).parts[0] not in ("cli", "report"):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def policy_columns(results: Results) -> list[Column]:
    """A column for each policy, in the order they were asked for."""
    names = dict.fromkeys(name for name, _ in results)
    return [column(name, [found for (of, _), found in results.items() if of == name]) for name in names]


def column(name: str, runs: list[dict[str, float]]) -> Column:
    """One policy over its seeds."""
    metrics = {metric: interval([run[metric] for run in runs]) for metric in runs[0]}
    return Column(name, name, len(runs), metrics)


def recorded_column(recording: Recording, demand: Demand) -> Column:
    """What the recorded kernel did: its /proc/vmstat over the load, and what only its trace tells."""
    before, after = recording.vmstat(0), recording.vmstat(1)
    change = {name: float(after[name] - before[name]) for name in after if name in before}
    found = dict(demand.recorded)
    attempts = found["high_order_attempts"]
    found["success_percent"] = 100 * found["high_order_successes"] / attempts if attempts else 0.0
    found["withheld_peak_pages"] = 0.0
    if change:
        found["oom_kills"] = change.get("oom_kill", 0.0)
        found |= {name: change[name] for name in SHARED_COUNTERS + COMPACTION_COUNTERS if name in change}
        found["allocstall"] = sum(change.get(name, 0.0) for name in STALL_COUNTERS)
    return Column(KERNEL, KERNEL, 1, {name: Interval(value, value, value) for name, value in found.items()})


def digest(figures: list[Any]) -> str:
    """SHA-256 over all figures of an experiment."""
    return hashlib.sha256(msgspec.json.encode(figures)).hexdigest()
