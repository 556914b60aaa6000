"""Runs on a Dask cluster: on a scheduler that is there, on processes of this machine, or through a batch system.

A worker gets each setup once. This process keeps each run as soon as it ends, so that a worker that dies costs the time
of its runs and nothing else, and a scheduler that dies loses no finished run.
"""

from __future__ import annotations

import hashlib
import sys
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zstandard

from recap.errors import InputError, RecapError, import_extra
from recap.lab.executor import Finished, jobs_or_all, perform
from recap.lab.kept import Run, Store, model_identity
from recap.policy.identity import is_users_own
from recap.sim.run import Setup, Synthetic

if TYPE_CHECKING:
    from distributed import Client, Future

LOCAL = "local"
BATCH_SYSTEMS = {
    "htcondor": "HTCondorCluster",
    "lsf": "LSFCluster",
    "moab": "MoabCluster",
    "oar": "OARCluster",
    "pbs": "PBSCluster",
    "sge": "SGECluster",
    "slurm": "SLURMCluster",
}
WHERE = f"write tcp://HOST:8786, {LOCAL}, or one of {', '.join(BATCH_SYSTEMS)}"
ANY_PORT = "127.0.0.1:0"  # of the dashboard: several clusters may run at once
CONNECT_SECONDS = 10
LEAST_AHEAD = 64  # runs handed to the scheduler before earlier ones have ended
AHEAD_PER_CPU = 4
MOST_DEATHS = 10  # of workers under one run
DYNAMIC = "<dynamic-code>"  # what cloudpickle has in place of the name of a policy's file
SHARED = ("demand", "origin")  # what is large of a Setup
COMPRESSION = 1  # of setups: most of a demand is small numbers


class Cluster:
    """Makes runs on a Dask cluster; a context manager, which ends what it has started.

    Workers and scheduler need the same recap, NumPy and Dask. A policy that hangs there is not named.

    Args:
        address: of a scheduler, such as tcp://host:8786; `local`: processes of this machine; or a batch system that
            dask-jobqueue knows, such as `slurm`, by that library's own configuration.
        jobs: how many workers to start, where recap starts them; if not given, one for each CPU of this machine.

    Errors:
        InputError: no scheduler answers, or dask.distributed is not installed.

    Example:
        >>> with recap.Cluster("local", jobs=1) as workers:
        ...     result = recap.compare("highalloc:128", ["none"], seeds=2, executor=workers)
        >>> result.column("none").seeds
        2
    """

    def __init__(self, address: str, jobs: int | None = None) -> None:
        jobs = jobs_or_all(jobs)
        self.address = address
        self.sent: list[tuple[tuple[object, ...], Future]] = []  # what workers have
        self.started: Any = None
        self.client = self.connect(jobs)

    def connect(self, jobs: int) -> Client:
        """A client of the cluster, which is started if it is not there."""
        distributed = import_extra("distributed", "cluster")
        if self.address == LOCAL:
            self.started = distributed.LocalCluster(n_workers=jobs, threads_per_worker=1, dashboard_address=ANY_PORT)
        elif self.address in BATCH_SYSTEMS:
            self.started = self.submit_workers(jobs)
        elif "://" not in self.address:
            raise InputError("--on", self.address, "is no address of a scheduler", WHERE)
        try:
            client: Client = distributed.Client(self.started or self.address, timeout=CONNECT_SECONDS)
        except (OSError, ValueError) as error:
            problem = f"no scheduler answers: {error}"
            raise InputError("--on", self.address, problem, "start one with `dask scheduler`") from error
        return client

    def submit_workers(self, jobs: int) -> Any:
        """Workers as jobs of a batch system."""
        system = getattr(import_extra("dask_jobqueue", "cluster"), BATCH_SYSTEMS[self.address])
        try:
            cluster = system()
        except ValueError as error:
            remedy = "fill in jobqueue.yaml (the documentation of dask-jobqueue)"
            raise InputError("--on", self.address, str(error), remedy) from error
        cluster.scale(jobs=jobs)
        return cluster

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        if self.started is not None:
            self.started.close()

    def finished(self, todo: Sequence[Run], store: Store | None) -> Generator[tuple[Run, dict[str, float]], None, None]:
        """Each run as it ends, kept by this process."""
        batch = Batch(self, todo, watched=store is not None)
        try:
            for run, found in batch.ended():
                if store:
                    store.keep(run, *found)
                yield run, found.metrics
        finally:
            batch.cancel()

    def shared(self, setup: Setup | Synthetic) -> Future:
        """What is large of a setup, on the cluster: sent once, and the scheduler has it for workers to come."""
        parts = shared_parts(setup)
        for known, future in self.sent:
            if all(one is other for one, other in zip(known, parts, strict=False)):
                return future
        packed = zstandard.compress(pickled(parts), COMPRESSION)
        key = f"setup-{hashlib.sha256(packed).hexdigest()[:32]}"
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
            future = self.client.submit(unpacked, packed, key=key)
        self.sent.append((parts, future))
        return future

    @property
    def ahead(self) -> int:
        """How many runs the scheduler should have, so that no worker waits for one."""
        threads: int = sum(self.client.nthreads().values())
        return max(LEAST_AHEAD, AHEAD_PER_CPU * threads)


class Batch:
    """Runs on their way through a cluster."""

    def __init__(self, cluster: Cluster, todo: Sequence[Run], *, watched: bool) -> None:
        self.cluster = cluster
        self.waiting = iter(todo)
        self.watched = watched
        self.policies: dict[str, bytes] = {}
        self.running: dict[Future, Run] = {}
        self.deaths: dict[Run, int] = {}

    def ended(self) -> Iterator[tuple[Run, Finished]]:
        """Each run as it ends."""
        from distributed import as_completed  # noqa: PLC0415 (an extra)

        completed = as_completed()
        for run in islice(self.waiting, self.cluster.ahead):
            completed.add(self.submit(run))
        while self.running:
            future = next(completed)
            run = self.running.pop(future)
            found = self.result_of(future, run)
            if found is not None:
                yield run, found
            for following in [run] if found is None else islice(self.waiting, 1):
                completed.add(self.submit(following))

    def submit(self, run: Run) -> Future:
        """Hand a run to the scheduler."""
        future = self.cluster.client.submit(
            perform_there,
            self.cluster.shared(run.setup),
            changed(run.setup),
            self.policy_of(run),
            run.seed,
            self.watched and run.watched,
            model_identity(),
            pure=False,
        )
        self.running[future] = run
        return future

    def policy_of(self, run: Run) -> bytes:
        """How a policy is made, with what it needs of the user's own files."""
        if run.policy.identity not in self.policies:
            self.policies[run.policy.identity] = pickled(run.policy.make)
        return self.policies[run.policy.identity]

    def result_of(self, future: Future, run: Run) -> Finished | None:
        """What came of a run; None if its worker died, and it has to be made again.

        Errors:
            RecapError: the scheduler is gone, or too many workers died under this run.
        """
        from distributed import KilledWorker  # noqa: PLC0415 (an extra)
        from distributed.comm import CommClosedError  # noqa: PLC0415

        if future.status == "cancelled":
            if self.cluster.client.status != "running":
                raise self.scheduler_gone()
            problem = "was lost with a worker"
        elif future.status == "error" and isinstance(future.exception(), KilledWorker):
            problem = "killed its worker, perhaps for lack of memory"
        else:
            try:
                return Finished(*future.result())
            except CommClosedError as error:
                raise self.scheduler_gone() from error
            except InputError as error:
                if error.path != DYNAMIC:
                    raise
                raise InputError(run.policy.name, *error.args[1:]) from error
        self.deaths[run] = self.deaths.get(run, 0) + 1
        if self.deaths[run] > MOST_DEATHS:
            raise InputError(
                self.cluster.address, f"{run.policy.name}, seed {run.seed}", problem, "look at the workers' logs"
            )
        return None

    def scheduler_gone(self) -> RecapError:
        """What to say then."""
        resumes = "finished runs are kept with --out, and the same command resumes"
        return RecapError(f"{self.cluster.address}: the scheduler is gone; {resumes}")

    def cancel(self) -> None:
        """Take back what has not ended."""
        if self.running and self.cluster.client.status == "running":
            self.cluster.client.cancel(list(self.running), reason="nobody waits for these runs any more")


def pickled(value: object) -> bytes:
    """A value for another machine, which may not have the modules of the user's own that it is made of."""
    import cloudpickle  # noqa: PLC0415 (comes with dask.distributed)

    with ExitStack() as registered:
        for module in filter(users_module, list(sys.modules.values())):
            if module.__name__ not in cloudpickle.list_registry_pickle_by_value():
                cloudpickle.register_pickle_by_value(module)
                registered.callback(cloudpickle.unregister_pickle_by_value, module)
        found: bytes = cloudpickle.dumps(value)
    return found


def users_module(module: Any) -> bool:
    """Is a module neither Python's nor an installed package's?"""
    file = getattr(module, "__file__", None)
    return file is not None and is_users_own(Path(file))


def shared_parts(setup: Setup | Synthetic) -> tuple[object, ...]:
    """What the runs of one recording have in common, whatever their parameters; of a synthetic load all of it."""
    return tuple(getattr(setup, name) for name in SHARED) if isinstance(setup, Setup) else (setup,)


def changed(setup: Setup | Synthetic) -> dict[str, Any]:
    """The rest."""
    if not isinstance(setup, Setup):
        return {}
    return {one.name: getattr(setup, one.name) for one in fields(setup) if one.name not in SHARED}


def unpacked(packed: bytes) -> tuple[Any, ...]:
    """On a worker: what is large of a setup."""
    import cloudpickle  # noqa: PLC0415 (comes with dask.distributed)

    found: tuple[Any, ...] = cloudpickle.loads(zstandard.decompress(packed))
    return found


def setup_of(parts: tuple[Any, ...], rest: dict[str, Any]) -> Setup | Synthetic:
    """On a worker: all of it again."""
    if not rest:
        found: Synthetic = parts[0]
        return found
    return Setup(**dict(zip(SHARED, parts, strict=True)), **rest)


def perform_there(
    parts: tuple[Any, ...], rest: dict[str, Any], policy: bytes, seed: int, watched: bool, model: str
) -> Finished:
    """On a worker: one run."""
    import cloudpickle  # noqa: PLC0415 (comes with dask.distributed)
    from distributed import get_worker  # noqa: PLC0415 (an extra)

    if model_identity() != model:
        worker = get_worker().address
        raise InputError(worker, "", "this worker has another recap or NumPy", "install the same on all of them")
    return perform(setup_of(parts, rest), cloudpickle.loads(policy)(), seed, watched=watched)
