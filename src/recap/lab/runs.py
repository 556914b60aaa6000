"""What is run: one demand under each policy and seed, on every core, and what comes of it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

from recap.demand.from_trace import from_trace
from recap.demand.hotplug import with_all_cpus
from recap.errors import InputError
from recap.kernel import PAGE_SIZE
from recap.lab.kept import Run, Store
from recap.mm import sysctl
from recap.sim.closed_loop import Simulation
from recap.sim.observe import Observer
from recap.sim.run import Setup, simulate
from recap.trace import Recording

Progress = Callable[[int, int, str], None]  # called with (runs done, runs in all, what ended last)
Results = dict[tuple[str, int], dict[str, float]]  # by Run.key


def prepare(recording: Recording, wanted: dict[str, str]) -> Setup:
    """Read the recording once, for all runs.

    Errors:
        InputError: it is of a machine that cannot be modelled.
    """
    check_page_size(recording)
    values = sysctl.settings(recording.sysctl, wanted)
    demand = from_trace(recording)
    snapshot = recording.snapshot(0)
    assert snapshot is not None  # from_trace refuses a recording without
    snapshot = with_all_cpus(snapshot, demand.cpus)
    swap_pages = recording.meminfo(0).get("SwapFree", 0) // 4
    return Setup(demand, snapshot, swap_pages, values, wanted)


def check_page_size(recording: Recording) -> None:
    """Refuse other pages than the model's, where /proc tells."""
    kib = recording.page_kib()
    if kib not in (None, PAGE_SIZE >> 10):
        problem = f"its pages are of {kib} KiB, and the model's of {PAGE_SIZE >> 10}"
        raise InputError(
            recording.path, "meminfo.0", problem, "compare a recording with such pages; `recap info` reads all"
        )


def before_runs(progress: Progress | None) -> Callable[[float, str], None] | None:
    """What to tell of the time before the first run, as no run has ended yet."""
    if progress is None:
        return None
    return lambda share, what: progress(0, 1, f"{what}: {share:.0%}")


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
    """One run, observed where its results are kept; given up when `stop` is set. Another process may have done it
    meanwhile.
    """
    kept = store.read(run) if store else None
    if kept is not None:
        return kept

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
