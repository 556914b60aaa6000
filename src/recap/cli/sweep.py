"""`recap sweep`: one kernel parameter over a range of values."""

from typing import Annotated

from cyclopts import Parameter

from recap.cli.compare import Seeds, Settings, sysctls_of
from recap.cli.console import Json, Out, Readable, progress_of_runs, show, write_plots
from recap.cli.executor import Jobs, On, executor
from recap.cli.streams import say
from recap.demand.starts import StartName
from recap.lab.sweep import sweep
from recap.report.sweep import sweep_plots, sweep_tables

Policies = Annotated[tuple[str, ...], Parameter(name=["--policy", "-p"], negative=(), show_default=False)]
Metrics = Annotated[tuple[str, ...], Parameter(name=["--metric", "-m"], negative=(), show_default=False)]


def verb(  # noqa: PLR0913 (each is an option)
    source: Readable,
    setting: str,
    /,
    *,
    policy: Policies = ("none",),
    seeds: Seeds = 3,
    write: Settings = (),
    start: StartName | None = None,
    metric: Metrics = ("success_percent", "stall_ms", "stolen_pages"),
    out: Out = None,
    jobs: Jobs = None,
    on: On = None,
    json: Json = False,
) -> None:
    """Run a workload at each value of a kernel parameter, under each policy, over several seeds.

    Parameters
    ----------
    source
        A recording or a synthetic workload, as for `recap compare`.
    setting
        NAME=V1,V2,... or NAME=LOW..HIGH, which stands for 5 values (NAME=LOW..HIGH/9: for 9), spaced by equal ratios if
        the ends are far apart. NAME is a kernel parameter, or an assumption of the model in percent, such as
        assume.cpu_wait=0..200; `recap compare` lists them.
    policy
        A policy to run, as for `recap compare`; can be repeated. Default: the unchanged kernel.
    seeds
        How many runs of each, each with another random seed; intervals need at least two.
    write
        Another kernel parameter to set, the same at all values; can be repeated.
    start
        The memory state to start from, as for `recap compare`.
    metric
        A metric to show; can be repeated. Default: success_percent, stall_ms, stolen_pages. --json has all.
    out
        A folder for sweep.json, for the plots (with pip install 'recap-mm[plots]'), and for finished runs: the same
        command resumes an interrupted sweep.
    """
    sysctls = sysctls_of(write)
    with executor(jobs, on) as where, progress_of_runs() as update:
        result = sweep(
            source,
            setting,
            policy,
            seeds=seeds,
            sysctls=sysctls,
            start=start,
            progress=update,
            out=out,
            executor=where,
        )
    show(result, lambda found: sweep_tables(found, metric), as_json=json)
    if out is not None:
        write_plots(out, lambda: sweep_plots(result, metric))
        say(f"sweep.json is in {out}")
