"""Some thousands of mutated files on every run; `make fuzz` takes a million."""

import pytest

from tests.trace.fuzz import run

FILES = 6000


@pytest.mark.compiled
def test_no_reader_stumbles() -> None:
    found = run(FILES)
    assert sum(tries for tries, _ in found.values()) >= FILES
    assert all(0 < read < tries for tries, read in found.values()), found
