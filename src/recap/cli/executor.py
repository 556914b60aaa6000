"""The options --jobs and --on: where runs are made."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from recap.lab.executor import Executor
from recap.lab.threads import Threads

Jobs = Annotated[
    int | None,
    Parameter(
        validator=Number(gte=1),
        show_default=False,
        help="How many runs at the same time; if not given, one for each CPU of this machine.",
    ),
]
On = Annotated[
    str | None,
    Parameter(
        name="--on",
        negative=(),
        show_default=False,
        help="A Dask cluster (pip install 'recap-mm[cluster]'): the address of its scheduler, such as tcp://host:8786; "
        "local, for processes of this machine; or slurm, pbs, lsf, sge, oar, moab or htcondor, for --jobs workers as "
        "jobs of that batch system, by dask-jobqueue's own configuration.",
    ),
]


@contextmanager
def executor(jobs: int | None, on: str | None) -> Iterator[Executor]:
    """What makes the runs, ended with what it has started."""
    if on is None:
        yield Threads(jobs)
        return
    from recap.lab.cluster import Cluster  # noqa: PLC0415 (an extra)

    with Cluster(on, jobs) as cluster:
        yield cluster
