"""`recap verify`: replay a recording, predict every allocation."""

from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from recap.cli.console import Json, Readable, progress, show
from recap.lab.episode_tests import try_episodes
from recap.lab.verify import explain_deviation, verify
from recap.report.episodes import episode_tests
from recap.report.verification import surroundings, verification

Explain = Annotated[int | None, Parameter(validator=Number(gte=1), show_default=False)]
Episodes = Annotated[bool, Parameter(negative=(), show_default=False)]


def verb(recording: Readable, /, *, explain: Explain = None, episodes: Episodes = False, json: Json = False) -> None:
    """Replay a recorded kernel's allocator and predict which page frame every allocation returned.

    If the model deviates, `--explain 1` shows the surroundings of the first deviation.

    Parameters
    ----------
    recording
        A folder with trace.dat and the kernel's memory state (snap0.npz) at its start.
    explain
        Show the surroundings of the deviation with this number instead: events, frames and lists.
    episodes
        Test reclaim instead: do each recorded direct reclaim and compaction by the model, from the kernel's state at
        its beginning, and compare the results: `recap verify recordings/hugetlb-1cpu --episodes`.
    """
    with progress() as update:

        def replayed(share: float) -> None:
            update(share, "replaying")

        if episodes:
            tests = try_episodes(recording, progress=lambda share: update(share, "reclaiming and compacting"))
        elif explain is not None:
            found = explain_deviation(recording, explain, progress=replayed)
        else:
            result = verify(recording, progress=replayed)
    if episodes:
        show(tests, episode_tests, as_json=json)
    elif explain is not None:
        show(found, surroundings, as_json=json)
    else:
        show(result, verification, as_json=json)
