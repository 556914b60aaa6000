"""What is run: one demand under each policy and seed, on every core, and what comes of it."""

from __future__ import annotations

import os
import queue
import threading
import warnings
from collections.abc import Callable

from recap.demand.from_trace import from_trace
from recap.demand.starts import StartName, start_of
from recap.errors import InputError, RecapWarning
from recap.kernel import PAGE_SIZE
from recap.lab.kept import Run, Store
from recap.lab.overdue import Overdue
from recap.mm import sysctl
from recap.policy.policy import Policy
from recap.sim.closed_loop import Simulation
from recap.sim.observe import Observer
from recap.sim.run import Setup, simulate
from recap.trace import Recording

LOOK_SECONDS = 0.5  # between two looks at policies that may hang
LEAVE_AFTER_SECONDS = 1.0  # a thread that does not notice an error of another one
Progress = Callable[[int, int, str], None]  # (runs done, runs in all, what ended last; before: what is read)
Results = dict[tuple[str, int], dict[str, float]]  # by Run.key


def prepare(recording: Recording, wanted: dict[str, str], start: StartName | None = None) -> Setup:
    """Read the recording once, for all runs.

    Errors:
        InputError: it is of a machine that cannot be modelled.
    """
    check_page_size(recording)
    values = sysctl.settings(recording.sysctl, wanted)
    origin = start_of(recording, start)
    demand = from_trace(recording, origin)
    swap_pages = recording.meminfo(0).get("SwapFree", 0) // 4
    return Setup(demand, origin.with_cpus(demand.cpus), swap_pages, values, wanted)


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
    """All runs, on every core: the engine works without the interpreter lock. Ctrl-C loses only unfinished runs.

    It ends at once: threads that are still in the engine, or in a policy that does not answer, are left behind.
    """
    results: Results = {}
    if store:
        results.update({run.key: kept for run in todo if (kept := store.read(run)) is not None})
    waiting: queue.SimpleQueue[Run] = queue.SimpleQueue()
    for run in todo:
        if run.key not in results:
            waiting.put(run)
    try:
        with Workers(waiting, store) as workers:
            for _ in range(len(todo) - len(results)):
                run, found = workers.next_ended()
                results[run.key] = found
                if progress:
                    progress(len(results), len(todo), f"{run.key[0]}, seed {run.seed}")
    except KeyboardInterrupt:
        lost = "finished runs are kept, the same command resumes" if store else "--out DIR would keep finished runs"
        raise KeyboardInterrupt(lost) from None
    return {run.key: results[run.key] for run in todo}


class Workers:
    """A thread for each core, which takes run after run. None of them outlives the process, nor holds up its end."""

    def __init__(self, waiting: queue.SimpleQueue[Run], store: Store | None) -> None:
        self.waiting = waiting
        self.store = store
        self.ended: queue.SimpleQueue[tuple[Run, dict[str, float] | BaseException]] = queue.SimpleQueue()
        self.stop = threading.Event()
        self.overdue = Overdue()
        count = min(os.cpu_count() or 1, waiting.qsize())
        self.threads = [threading.Thread(target=self.work, daemon=True) for _ in range(count)]

    def __enter__(self) -> Workers:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.stop.set()
        if kind is None or not issubclass(kind, KeyboardInterrupt):
            for thread in self.threads:
                thread.join(LEAVE_AFTER_SECONDS)

    def work(self) -> None:
        """Run what is waiting, until nothing is."""
        while not self.stop.is_set():
            try:
                run = self.waiting.get_nowait()
            except queue.Empty:
                return
            try:
                self.ended.put((run, self.result_of(run)))
            except BaseException as error:
                self.ended.put((run, error))

    def next_ended(self) -> tuple[Run, dict[str, float]]:
        """The next run that ends; meanwhile, name policies that do not answer."""
        while True:
            for line in self.overdue.look():
                warnings.warn(line, RecapWarning, stacklevel=2)
            try:
                run, found = self.ended.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                continue
            if isinstance(found, BaseException):
                raise found
            return run, found

    def result_of(self, run: Run) -> dict[str, float]:
        """One run; another process may have done it meanwhile."""
        kept = self.store.read(run) if self.store else None
        if kept is not None:
            return kept
        policy = run.policy.make()
        self.overdue.follow(threading.get_ident(), policy)
        return perform(run, policy, self.stop, self.store)


def perform(run: Run, policy: Policy, stop: threading.Event, store: Store | None) -> dict[str, float]:
    """One run, observed where its results are kept; given up when `stop` is set."""

    def keep_going(_share: float) -> None:
        if stop.is_set():
            raise KeyboardInterrupt

    observers: list[Observer] = []

    def watch(simulation: Simulation) -> Observer:
        observers.append(Observer(simulation, pictures=run.seed == 0))
        return observers[0]

    wanted = watch if store and run.watched else None
    found = simulate(run.setup, policy, run.seed, keep_going, watch=wanted)
    if store:
        store.keep(run, found, observers[0].timeline() if observers else None)
    return found
