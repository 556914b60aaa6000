"""Where the real recording is, and a way to read bytes as a file."""

import fcntl
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from recap.trace import Events, open_trace

Read = Callable[[bytes], Events]


@pytest.fixture(scope="session")
def hugetlb() -> Path:
    """The recording that comes with the project."""
    return Path(__file__).parents[2] / "recordings" / "hugetlb-1cpu"


@pytest.fixture
def alone() -> Iterator[None]:
    """No other test process tidies up after killed recorders, or kills one, at the same time."""
    with (Path(tempfile.gettempdir()) / "recap-tests.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read bytes as a trace.dat."""

    def read(content: bytes) -> Events:
        path = tmp_path / "trace.dat"
        path.unlink(missing_ok=True)  # a new file: the last one may still be mapped
        path.write_bytes(content)
        return open_trace(path)

    return read
