"""One recorded demand under several policies, over several seeds, beside what the recorded kernel did."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from recap import policy as policies
from recap.demand import highalloc
from recap.demand.demand import Demand
from recap.demand.from_trace import from_trace
from recap.errors import InputError
from recap.lab import workloads
from recap.lab.results import Column, Comparison, Interval
from recap.lab.statistics import interval
from recap.mm import sysctl
from recap.sim.run import Setup, Synthetic, simulate
from recap.trace import Recording

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
    "compaction: the model is a 6.1 without it, so costly requests get one round of reclaim and success falls short",
    "refault-driven activation, swap-in and re-reads of what the model evicted but the recorded kernel kept",
    "splitting huge pages in reclaim, slab shrinkers, dirty throttling of writers",
]
ASSUMED = [
    "half of the pages mapped at the start, drawn by the seed, were used since the last scan",
    "CPUs run their tasks round-robin in slices of 3 ms; a woken task waits for 1 ms of the running one at most",
    "writes take as long as recorded ones, drawn by the seed; up to 32 pages share a request",
]

Progress = Callable[[int, int, str], None]


Results = dict[tuple[str, int], dict[str, float]]
Job = Callable[[threading.Event], dict[str, float]]


def compare(
    source: Path | str,
    names: list[str],
    *,
    seeds: int = 5,
    sysctls: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    out: Path | None = None,
) -> Comparison:
    """Run a workload's demand under each policy and seed.

    Args:
        source: a recording with snap0.npz, or the name of a synthetic workload (recap.lab.workloads).
        names: policies, by name or file; `none` is the unchanged kernel.
        seeds: runs of each policy, with seeds 0, 1, ...
        sysctls: kernel parameters to change.
        progress: called with (runs done, runs in all, what ended last).
        out: a folder: finished runs are kept there and not run again, the result is comparison.json.

    Errors:
        InputError: a source that cannot be read, an unknown policy or parameter.
    """
    for name in names:
        policies.load(name)
    names = list(dict.fromkeys(names))
    if workloads.is_workload(source):
        return compare_synthetic(str(source), names, seeds, dict(sysctls or {}), progress, out)
    source = Path(source)
    recording = Recording(source)
    setup = prepare(recording, dict(sysctls or {}))
    store = Store(out, fingerprint(source, setup)) if out else None
    results = run_all(setup, [(name, seed) for seed in range(seeds) for name in names], progress, store)
    columns = [recorded_column(recording, setup.demand)]
    columns += [column(name, [results[name, seed] for seed in range(seeds)]) for name in names]
    assumptions = setup.demand.assumptions + ASSUMED
    result = Comparison(str(source), columns, assumptions, MISSING, digest(columns))
    if store:
        store.write("comparison.json", result)
    return result


def compare_synthetic(
    name: str, names: list[str], seeds: int, wanted: dict[str, str], progress: Progress | None, out: Path | None
) -> Comparison:
    """`compare` for a workload without a recording: there is no kernel's column."""
    setup = workloads.workload(name, wanted)
    store = Store(out, f"{name} {sorted(wanted.items())}") if out else None
    results = run_all(setup, [(policy, seed) for seed in range(seeds) for policy in names], progress, store)
    columns = [column(policy, [results[policy, seed] for seed in range(seeds)]) for policy in names]
    result = Comparison(name, columns, highalloc.ASSUMPTIONS, workloads.MISSING, digest(columns))
    if store:
        store.write("comparison.json", result)
    return result


def prepare(recording: Recording, wanted: dict[str, str]) -> Setup:
    """Read the recording once, for all runs."""
    values = sysctl.settings(recording.sysctl, wanted)
    demand = from_trace(recording)
    snapshot = recording.snapshot(0)
    assert snapshot is not None  # from_trace refuses a recording without
    swap_pages = recording.meminfo(0).get("SwapFree", 0) // 4
    return Setup(demand, snapshot, swap_pages, values, wanted)


def run_all(
    setup: Setup | Synthetic, todo: list[tuple[str, int]], progress: Progress | None, store: Store | None
) -> Results:
    """All runs of one workload, those that are kept already left out."""
    return run_jobs({key: partial(run, setup, *key) for key in todo}, progress, store)


def run_jobs(jobs: Mapping[tuple[str, int], Job], progress: Progress | None, store: Store | None) -> Results:
    """All jobs, on every core: the engine works without the interpreter lock. Ctrl-C loses only unfinished runs."""
    results: Results = {}
    if store:
        results.update({key: kept for key in jobs if (kept := store.read(*key)) is not None})
    stop = threading.Event()
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        running = {pool.submit(job, stop): key for key, job in jobs.items() if key not in results}
        try:
            while running:
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    key = running.pop(done)
                    results[key] = done.result()
                    if store:
                        store.keep(*key, results[key])
                    if progress:
                        progress(len(results), len(jobs), f"{key[0]}, seed {key[1]}")
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    return results


def run(setup: Setup | Synthetic, name: str, seed: int, stop: threading.Event) -> dict[str, float]:
    """One policy, one seed; given up when `stop` is set."""

    def keep_going(_share: float) -> None:
        if stop.is_set():
            raise KeyboardInterrupt

    return simulate(setup, policies.load(name), seed, keep_going)


class Store:
    """A folder of finished runs, so that an interrupted comparison goes on where it stopped."""

    def __init__(self, folder: Path, identity: str) -> None:
        self.folder = folder
        self.identity = identity
        try:
            (folder / "runs").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(folder, "--out", str(error.strerror), "name a folder that can be written") from error

    def path(self, name: str, seed: int) -> Path:
        """Where a run is kept: its name tells the inputs apart."""
        key = hashlib.sha256(f"{self.identity} {policy_identity(name)} {seed}".encode()).hexdigest()[:16]
        return self.folder / "runs" / f"{Path(name).stem}-{seed}-{key}.json"

    def read(self, name: str, seed: int) -> dict[str, float] | None:
        """A finished run of the same inputs, if there is one."""
        path = self.path(name, seed)
        return msgspec.json.decode(path.read_bytes(), type=dict[str, float]) if path.is_file() else None

    def keep(self, name: str, seed: int, metrics: dict[str, float]) -> None:
        """Write a finished run, whole or not at all."""
        self.write(str(self.path(name, seed).relative_to(self.folder)), metrics)

    def write(self, name: str, value: Any) -> None:
        """Write JSON beside its place, then move it there."""
        path = self.folder / name
        scratch = path.with_suffix(".tmp")
        scratch.write_bytes(msgspec.json.format(msgspec.json.encode(value)))
        scratch.replace(path)


def fingerprint(source: Path, setup: Setup) -> str:
    """What a run depends on besides its policy and seed."""
    stat = (source / "trace.dat" if source.is_dir() else source).stat()
    return f"{source.resolve()} {stat.st_size} {stat.st_mtime_ns} {sorted(setup.values.items())}"


def policy_identity(name: str) -> str:
    """A shipped policy's name, or the text of a user's file."""
    return Path(name).read_text() if name.endswith(".py") else name


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


def digest(columns: list[Column]) -> str:
    """SHA-256 over all figures."""
    return hashlib.sha256(msgspec.json.encode(columns)).hexdigest()
