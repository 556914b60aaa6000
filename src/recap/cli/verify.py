"""`recap verify`: replay a recording, predict every allocation."""

from pathlib import Path

from recap.cli.console import Json, progress, show
from recap.lab.verify import verify as replay
from recap.report.verification import verification


def verify(recording: Path, /, *, json: Json = False) -> None:
    """Replay a recorded kernel's allocator and predict which page frame every allocation returned.

    Parameters
    ----------
    recording
        A folder with trace.dat and the kernel's memory state (snap0.npz) at its start.
    """
    with progress() as update:
        result = replay(recording, progress=lambda share: update(share, "replaying"))
    show(result, verification, as_json=json)
