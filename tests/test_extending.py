"""docs/extending.md names files that exist, and what it calls the only place of a thing is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from recap.cli import VERBS
from recap.lab.recorded import COMPACTION_COUNTERS, SHARED_COUNTERS
from recap.mm import vmstat
from recap.trace import SCHEMA, Event

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/recap"
PAGE = (ROOT / "docs/extending.md").read_text()
PATHS = set(re.findall(r"`([\w./-]*(?:/|\.(?:py|pxd|md))|tests/\w+)`", PAGE))
KERNELS_OWN = {"thp_fault_alloc", "thp_fault_fallback"}  # the model knows no huge page from another block


@pytest.mark.parametrize("path", sorted(path for path in PATHS if not re.search(r"NAME|FORM", path)))
def test_a_file_that_is_named_exists(path: str) -> None:
    assert (ROOT / path).exists() or (PACKAGE / path).exists() or path.startswith(".")


def test_a_table_is_in_the_file_that_is_named() -> None:
    tables = []
    for path, text in re.findall(r"^\d\. `([\w/]+\.py)`(.*(?:\n   .*)*)", PAGE, re.MULTILINE):
        if "NAME" not in path and "FORM" not in path:
            place = ROOT / path if (ROOT / path).exists() else PACKAGE / path
            tables += [(path, name, name in place.read_text()) for name in re.findall(r"`([A-Z][A-Z_]{3,})`", text)]
    assert len(tables) > 10
    assert [(path, name) for path, name, there in tables if not there] == []


def test_every_kind_has_its_list() -> None:
    sections = PAGE.split("\n## ")[1:]
    assert len(sections) > 10
    assert [section.splitlines()[0] for section in sections if "\n1. " not in section] == ["A kernel"]


@pytest.mark.parametrize("name", vmstat.NAMES)
def test_a_counter_is_counted_somewhere(name: str) -> None:
    counted = re.compile(rf"vmstat\[.*\b{name.upper()}(?:_EVENT)?\b.*\] [+-]=")
    engine = [path for room in ("mm", "sim") for path in (PACKAGE / room).rglob("*.py")]
    assert any(counted.search(path.read_text()) for path in engine)


def test_a_recorded_counter_is_one_that_the_model_has() -> None:
    assert {*SHARED_COUNTERS, *COMPACTION_COUNTERS} - KERNELS_OWN <= set(vmstat.NAMES)


def test_every_event_has_its_columns() -> None:
    assert SCHEMA.keys() == set(Event)


def test_a_verb_is_a_file_and_a_line() -> None:
    files = {path.stem for path in (PACKAGE / "cli").glob("*.py")} - {"__init__", "console", "executor", "streams"}
    assert files == {name for name, _, _ in VERBS}
