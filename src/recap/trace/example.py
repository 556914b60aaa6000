"""The recording that comes with recap: every verb takes it under the name `example`."""

from pathlib import Path

NAME = "example"
FOLDER = Path(__file__).parents[1] / NAME
LOG = "dmesg.txt"  # a kernel's report of a failed allocation, for `recap explain`


def located(path: Path, part: str = "") -> Path:
    """Where it is, or a part of it; any other path, and a file of that name, stays what it is."""
    return FOLDER / part if str(path) == NAME and not path.exists() else path
