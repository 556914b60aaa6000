"""`recap diff`: two kept comparisons beside each other."""

from recap.cli.compare import CHECK_FAILED, Flag, Limits, Verbose
from recap.cli.console import Json, Readable, show
from recap.cli.streams import say
from recap.lab.diff import diff
from recap.lab.fail_if import FailIf
from recap.report.diff import diff_in_brief, diff_table, everything


def verb(
    before: Readable,
    after: Readable,
    /,
    *,
    fail_if: Limits = (),
    brief: Flag = False,
    verbose: Verbose = False,
    json: Json = False,
) -> int:
    """Compare two results that `recap compare --out` kept, policy by policy.

    Parameters
    ----------
    before
        A folder of `recap compare --out`.
    after
        Another one: of a changed policy or model, with other settings, or of another recording.
    fail_if
        'METRIC<N' or 'METRIC>N': exit with 1 if the whole 95 % interval of a difference is beyond N, as for
        `recap compare`; can be repeated.
    brief
        Show ten rows for each policy.
    verbose
        Show all counters.
    """
    limits = [FailIf.parse(text) for text in fail_if]
    result = diff(before, after)
    show(result, everything if verbose else diff_in_brief if brief else diff_table, as_json=json)
    broken = [line for limit in limits for pair in result.policies for line in limit.broken_by(pair.before, pair.after)]
    for line in broken:
        say(f"check failed: {line}")
    return CHECK_FAILED if broken else 0
