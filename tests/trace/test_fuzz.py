"""A hundred thousand mutated files on every run of the checked build; `make fuzz` takes a million."""

import pytest

from tests.conftest import engine
from tests.trace.fuzz import run

CHECKED, OTHERWISE = 100_000, 3_000


@pytest.mark.compiled
def test_no_reader_stumbles() -> None:
    wanted = CHECKED if "checked" in str(engine()) else OTHERWISE
    found = run(wanted)
    assert sum(tries for tries, _ in found.values()) >= wanted
    assert all(0 < read < tries for tries, read in found.values()), found
