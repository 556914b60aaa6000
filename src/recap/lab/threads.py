"""Runs on threads of this process: the engine works without the interpreter lock."""

from __future__ import annotations

import queue
import threading
import warnings
from collections.abc import Generator, Sequence

from recap.errors import RecapWarning
from recap.lab.executor import jobs_or_all, perform
from recap.lab.kept import Run, Store
from recap.lab.overdue import Overdue

LOOK_SECONDS = 0.5  # between two looks at policies that may hang
LEAVE_AFTER_SECONDS = 1.0  # a thread that does not notice an error of another one


class Threads:
    """Makes runs on threads of this process.

    A policy that is not compiled holds the interpreter lock while it answers: `Cluster("local")` has processes.

    Args:
        jobs: how many runs at the same time; if not given, one for each CPU.

    Errors:
        InputError: fewer than one.

    Example:
        >>> result = recap.compare("highalloc:128", ["none"], seeds=2, executor=recap.Threads(1))
        >>> result.column("none").seeds
        2
    """

    def __init__(self, jobs: int | None = None) -> None:
        self.jobs = jobs_or_all(jobs)

    def finished(self, todo: Sequence[Run], store: Store | None) -> Generator[tuple[Run, dict[str, float]], None, None]:
        """Each run as it ends. Threads that are still in the engine, or in a policy that hangs, are left behind."""
        with Workers(self.jobs, todo, store) as workers:
            for _ in todo:
                yield workers.next_ended()


class Workers:
    """Threads, each of which takes run after run. None of them outlives the process, nor holds up its end."""

    def __init__(self, jobs: int, todo: Sequence[Run], store: Store | None) -> None:
        self.waiting: queue.SimpleQueue[Run] = queue.SimpleQueue()
        for run in todo:
            self.waiting.put(run)
        self.store = store
        self.ended: queue.SimpleQueue[tuple[Run, dict[str, float] | BaseException]] = queue.SimpleQueue()
        self.stop = threading.Event()
        self.overdue = Overdue()
        self.threads = [threading.Thread(target=self.work, daemon=True) for _ in range(min(jobs, len(todo)))]

    def __enter__(self) -> Workers:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.stop.set()
        if kind is None or not issubclass(kind, (KeyboardInterrupt, GeneratorExit)):
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
        watched = self.store is not None and run.watched
        found = perform(run.setup, policy, run.seed, watched=watched, progress=self.give_up)
        if self.store:
            self.store.keep(run, *found)
        return found.metrics

    def give_up(self, _share: float) -> None:
        """Where a run that nobody waits for any more ends."""
        if self.stop.is_set():
            raise KeyboardInterrupt
