"""No rule of the notes on 2.6.27 is forgotten: each has a test of its number, or is said to have none, and why."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
RULES = 56
TESTS = (ROOT / "tests/mm/test_rules_2_6_27.py", ROOT / "tests/sim/test_linux_2_6_27.py")


def numbers(text: str) -> set[int]:
    """`7, 14 to 16` is 7, 14, 15, 16."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.strip().partition(" to ")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def told() -> tuple[set[int], set[int]]:
    """The rules of the page's first table, and of its second."""
    tables = (ROOT / "docs/linux-2.6.27.md").read_text().split("| rule |")[1:]
    first, second = (re.findall(r"^\| (\d[\d, to]*) \|", table, re.M) for table in tables)
    return set().union(*map(numbers, first)), set().union(*map(numbers, second))


def numbered() -> set[int]:
    """The numbers in the names of tests."""
    names = [name for path in TESTS for name in re.findall(r"^def test_rules?_([\da-z_]+)", path.read_text(), re.M)]
    heads = [re.match(r"(?:\d+[ab]?_|to_)+", name) for name in names]
    return {int(number) for head in heads if head for number in re.findall(r"\d+", head.group())}


def test_every_rule_is_told() -> None:
    there, excused = told()
    assert there | excused == set(range(1, RULES + 1))


def test_every_rule_that_acts_has_a_test_of_its_number() -> None:
    there, excused = told()
    assert there - excused - numbered() == set()


def test_no_test_bears_a_number_that_is_not_told() -> None:
    there, excused = told()
    assert numbered() <= there | excused
