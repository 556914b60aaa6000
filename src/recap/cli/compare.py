"""`recap compare`: one workload under several policies."""

from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from recap.cli.console import Json, Out, Readable, progress_of_runs, show
from recap.cli.streams import say
from recap.lab.compare import compare
from recap.report.comparison import comparison


def check_settings(_type: object, settings: tuple[str, ...]) -> None:
    """Refuse what `sysctl -w` would refuse."""
    for name, _, value in (setting.partition("=") for setting in settings):
        if not (name.strip() and value.strip()):
            raise ValueError("Write NAME=VALUE, for example vm.min_free_kbytes=8192.")


def sysctls_of(settings: tuple[str, ...]) -> dict[str, str]:
    """Names and values of such settings."""
    return dict(setting.split("=", 1) for setting in settings)


Policies = Annotated[list[str], Parameter(name=["--policy", "-p"], negative=())]
Seeds = Annotated[int, Parameter(validator=Number(gte=1))]
Settings = Annotated[
    tuple[str, ...],
    Parameter(name=["--write", "-w"], negative=(), validator=check_settings, show_default=False),
]


def verb(
    source: Readable,
    /,
    *,
    policy: Policies,
    seeds: Seeds = 5,
    write: Settings = (),
    out: Out = None,
    json: Json = False,
) -> None:
    """Let a workload's demand meet each policy, and set the outcomes beside what the kernel did.

    Parameters
    ----------
    source
        A recording: a folder with trace.dat and the files beside it. Or a synthetic workload: highalloc (huge pages on
        a 3 GiB machine of 2008 that builds kernels), highalloc-6.1 (the same on today's kernel), highalloc-2.6.27,
        highalloc-ppc64, highalloc-ppc64-64k; highalloc:512 has 512 MiB.
    policy
        What to compare; repeat it. `recap policies` lists them, `none` is the kernel as it is; mine.py (or
        mine.py:Class) is one of your own; kosaki+defrag-mode runs two together.
    seeds
        How often each policy runs, each time with other dice; the spread gives the intervals.
    write
        Set a kernel parameter, NAME=VALUE as `sysctl -w` takes it; repeat it.
    out
        A folder for the full results: what `recap report` makes its page of, and where an interrupted comparison
        goes on.
    """
    with progress_of_runs() as update:
        result = compare(source, policy, seeds=seeds, sysctls=sysctls_of(write), progress=update, out=out)
    show(result, comparison, as_json=json)
    if out is not None:
        say(f"full results are in {out}; see them with: recap report {out}")
