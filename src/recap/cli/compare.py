"""`recap compare`: one workload under several policies."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from recap.cli.console import Json, Out, no_option, progress_of_runs, show
from recap.cli.executor import Jobs, On, executor
from recap.cli.streams import say
from recap.demand.starts import StartName
from recap.errors import InputError
from recap.lab.compare import compare_all
from recap.lab.fail_if import FailIf
from recap.lab.results import Comparison, Suite
from recap.lab.until import Until
from recap.report.comparison import comparison, comparison_in_brief, everything
from recap.report.suite import suite

CHECK_FAILED = 1


def check_settings(_type: object, settings: tuple[str, ...]) -> None:
    """Refuse what `sysctl -w` would refuse."""
    for name, _, value in (setting.partition("=") for setting in settings):
        if not (name.strip() and value.strip()):
            raise ValueError("Write NAME=VALUE, for example vm.min_free_kbytes=8192.")


def no_options(kind: object, sources: list[Path]) -> None:
    """Refuse options that do not exist."""
    for source in sources:
        no_option(kind, source)


def sysctls_of(settings: tuple[str, ...]) -> dict[str, str]:
    """Names and values of such settings."""
    return dict(setting.split("=", 1) for setting in settings)


Sources = Annotated[list[Path], Parameter(name="SOURCE", negative=(), allow_leading_hyphen=True, validator=no_options)]
Policies = Annotated[list[str], Parameter(name=["--policy", "-p"], negative=())]
Seeds = Annotated[int, Parameter(validator=Number(gte=1))]
Settings = Annotated[
    tuple[str, ...],
    Parameter(name=["--write", "-w"], negative=(), validator=check_settings, show_default=False),
]
Limits = Annotated[tuple[str, ...], Parameter(negative=(), show_default=False)]
Kernels = Annotated[tuple[str, ...], Parameter(negative=(), show_default=False)]
Flag = Annotated[bool, Parameter(negative=(), show_default=False)]
Verbose = Annotated[bool, Parameter(name=["--verbose", "-v"], negative=(), show_default=False)]


def verb(  # noqa: PLR0913 (each is an option)
    source: Sources,
    /,
    *,
    policy: Policies,
    seeds: Seeds = 5,
    until: str | None = None,
    write: Settings = (),
    start: StartName | None = None,
    kernel: Kernels = (),
    fail_if: Limits = (),
    out: Out = None,
    jobs: Jobs = None,
    on: On = None,
    brief: Flag = False,
    verbose: Verbose = False,
    json: Json = False,
) -> int:
    """Run a workload's demand under each policy, and show the outcomes beside what the kernel did.

    Parameters
    ----------
    source
        A recording: a folder with trace.dat and the files beside it. Or a synthetic workload: highalloc (huge pages on
        a 3 GiB machine of 2008 that builds kernels), highalloc-6.1 (the same on today's kernel), highalloc-2.6.27,
        highalloc-ppc64, highalloc-ppc64-64k; highalloc:512 has 512 MiB. Of several sources, each is compared, and the
        mean of all of them.
    policy
        A policy to compare; can be repeated. `recap policies` lists them; `none` is the unchanged kernel; mine.py (or
        mine.py:Class) is one of your own; kosaki+defrag-mode combines two. Differences are to `none`, or without it to
        the first.
    seeds
        How many runs of each policy, each with another random seed; intervals need at least two.
    until
        METRIC=±N, for example success_percent=±2: add seeds until all 95 % intervals of that metric, of means and of
        differences, are that narrow, up to 1000 seeds.
    write
        A kernel parameter to set, NAME=VALUE as for `sysctl -w`; can be repeated.
    start
        The memory state to start from: the lists of a paused machine (dump), lists read while it ran (live), or page
        flags, for which the order of the lists is drawn at random (flags). Default: the first of these that the
        recording has.
    kernel
        A kernel to run the demand on: a version from 6.1 to 6.18, followed by -classic or -mglru if its LRU lists are
        not those of Debian's kernel of that version; can be repeated, for a column of each: `recap compare RECORDING -p
        none --kernel 6.1 --kernel 6.18`. Default: the recorded kernel.
    fail_if
        'METRIC<N' or 'METRIC>N': exit with 1 if the whole 95 % interval of a policy's difference is beyond N, for
        example 'success_percent < -3' (points lost) or 'stall_ms > 10%' (of the baseline's); can be repeated.
    out
        A folder for the full results, from which `recap report` makes its page and an interrupted comparison resumes.
        With several sources it has a folder for each.
    brief
        Show the conclusions and the ten most important rows.
    verbose
        Show all counters.
    """
    columns = len(set(policy)) * max(len(set(kernel)), 1)
    limits, sysctls = limits_of(fail_if, columns, seeds, until), sysctls_of(write)
    with executor(jobs, on) as where, progress_of_runs() as update:
        result = compare_all(
            source,
            policy,
            seeds=seeds,
            until=until,
            sysctls=sysctls,
            start=start,
            kernels=kernel,
            progress=update,
            out=out,
            executor=where,
        )
    render = everything if verbose else comparison_in_brief if brief else comparison
    if isinstance(result, Suite):
        show(result, lambda found: suite(found, render), as_json=json)
    else:
        show(result, render, as_json=json)
    last = result.together if isinstance(result, Suite) else result
    tell_width(until, last)
    if out is not None:
        tell_folder(out, result)
    return check(limits, last)


def limits_of(texts: tuple[str, ...], columns: int, seeds: int, until: str | None) -> list[FailIf]:
    """The limits, refused before anything is run where there will be no difference to hold them against."""
    limits = [FailIf.parse(text) for text in texts]
    if limits and columns < 2:
        raise InputError("--fail-if", texts[0], "limits a difference", "compare two policies or kernels")
    if limits and seeds < 2 and until is None:
        raise InputError("--fail-if", texts[0], "needs more than one seed", "take more --seeds")
    return limits


def check(limits: list[FailIf], result: Comparison) -> int:
    """Name each limit that is broken; the exit code."""
    broken = [line for limit in limits for line in limit.broken(result.columns, result.baseline)]
    for line in broken:
        say(f"check failed: {line}")
    return CHECK_FAILED if broken else 0


def tell_width(until: str | None, result: Comparison) -> None:
    """Say where all allowed seeds were not enough."""
    wanted = Until.parse(until) if until is not None else None
    widest = wanted.widest(result.columns) if wanted else 0.0
    if wanted and widest > wanted.half:
        seeds = result.columns[-1].seeds
        say(f"after {seeds} seeds {wanted.metric} is still ±{widest:.3g}")


def tell_folder(out: Path, result: Comparison | Suite) -> None:
    """Where everything is."""
    within = "/SOURCE" if isinstance(result, Suite) else ""
    say(f"full results are in {out}; see them with: recap report {out}{within}")
