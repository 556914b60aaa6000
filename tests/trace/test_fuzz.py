"""Some thousands of mutated files on every run; `make fuzz` takes a million."""

import pytest

from tests.trace.fuzz import run

FILES = 6000


@pytest.mark.compiled
def test_no_reader_stumbles() -> None:
    found = list(run(FILES))
    assert sum(tries for _, tries, _ in found) >= FILES
    assert all(0 < read < tries for _, tries, read in found), found
