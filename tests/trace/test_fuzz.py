"""A hundred thousand mutated files on every run of the checked build; `make fuzz` takes a million."""

from pathlib import Path

import pytest

from recap.trace.opening import FLOWS
from tests.conftest import engine
from tests.trace.fuzz import SEED, Part, of_each, targets, work
from tests.trace.test_forms import NO_ARROW

CHECKED, OTHERWISE = 100_000, 3_000
IS_CHECKED = "checked" in str(engine())
PARTS = 10 if IS_CHECKED else 1  # tests of some seconds each, for pytest-xdist to spread


def test_every_form_of_a_trace_has_its_mutants(tmp_path: Path) -> None:
    names = [target.name for target in targets(tmp_path)]
    assert [form for form in FLOWS if not any(name.startswith(form) for name in names)] == ["parquet"] * NO_ARROW


@pytest.mark.slow
@pytest.mark.compiled
@pytest.mark.parametrize("part", range(PARTS))
def test_no_reader_stumbles(part: int) -> None:
    tries = of_each(CHECKED if IS_CHECKED else OTHERWISE)
    found = work(Part(tries, SEED, part, PARTS))
    assert all(0 < read < tries // PARTS for read in found.values()), found
