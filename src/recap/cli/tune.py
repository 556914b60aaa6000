"""`recap tune`: the setting of kernel parameters that gives the most."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from recap.cli.compare import Limits, Settings, sysctls_of
from recap.cli.console import Json, Out, no_option, progress_of_runs, show
from recap.cli.executor import Jobs, On, executor
from recap.cli.streams import say
from recap.demand.starts import StartName
from recap.errors import InputError
from recap.lab.tune import FORM, LEAST_SEEDS, tune
from recap.report.tune import tuning


def no_options(_type: object, arguments: list[str]) -> None:
    """Refuse options that do not exist."""
    for argument in arguments:
        no_option(_type, Path(argument))


Arguments = Annotated[
    list[str], Parameter(name="SOURCE KNOB", negative=(), allow_leading_hyphen=True, validator=no_options)
]
Trials = Annotated[int, Parameter(validator=Number(gte=1))]
Seeds = Annotated[int, Parameter(validator=Number(gte=LEAST_SEEDS))]


def verb(  # noqa: PLR0913 (each is an option)
    arguments: Arguments,
    /,
    *,
    goal: str = "success_percent",
    limit: Limits = (),
    policy: Annotated[str, Parameter(name=["--policy", "-p"])] = "none",
    trials: Trials = 40,
    seeds: Seeds = 10,
    write: Settings = (),
    start: StartName | None = None,
    out: Out = None,
    jobs: Jobs = None,
    on: On = None,
    json: Json = False,
) -> None:
    """Search kernel parameters for the setting that gives the most of a goal, at a bounded cost.

    Settings are proposed by Optuna (pip install 'recap-mm[tune]'). What is said of the best one comes from seeds that
    did not choose it. Give several sources, so that it does not fit one recording only.

    Parameters
    ----------
    arguments
        Recordings or synthetic workloads, as for `recap compare`, and parameters with the ranges to search,
        NAME=LOW..HIGH.
    goal
        What to have more of, or less where that is better: any metric of `recap compare` that has a better direction.
    limit
        'METRIC<N' or 'METRIC>N': what the mean must keep on every source; N% is of what it is now, for example
        'stall_ms<110%'; repeat it.
    policy
        The policy under which all is run.
    trials
        How many settings to try.
    seeds
        Runs of the found setting and of the machine's own for the verdict, on each source.
    write
        Set another kernel parameter, the same in all runs; repeat it.
    start
        The memory state to start from, as for `recap compare`.
    out
        A folder for tune.json and finished runs: the same command resumes an interrupted search.
    """
    knobs = [text for text in arguments if "=" in text and not Path(text).exists()]
    sources = [text for text in arguments if text not in knobs]
    if not knobs or not sources:
        raise InputError("tune", " ".join(arguments), "needs a source and a parameter with a range", FORM)
    with executor(jobs, on) as where, progress_of_runs() as update:
        result = tune(
            sources,
            knobs,
            goal=goal,
            limits=limit,
            policy=policy,
            trials=trials,
            seeds=seeds,
            sysctls=sysctls_of(write),
            start=start,
            progress=update,
            out=out,
            executor=where,
        )
    show(result, tuning, as_json=json)
    if out is not None:
        say(f"tune.json is in {out}")
