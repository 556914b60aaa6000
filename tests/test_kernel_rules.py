"""Rules that kernels differ in: each is declared once, acts somewhere, and has its commit."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from recap import kernel
from recap.kernel import LINUX_2_6_27, LINUX_2_6_27_MM, LINUX_6_1, LINUX_6_18, Rules, linux, profile_of
from recap.mm import boot

ROOT = Path(__file__).parents[1]
ENGINE = [path for room in ("mm", "sim") for path in (ROOT / "src/recap" / room).rglob("*.py")]
NAMES = [one.name for one in fields(Rules)]
COMMIT = re.compile(r"\b[0-9a-f]{8,12}\b")


@pytest.mark.parametrize("name", NAMES)
def test_a_rule_is_read_where_it_acts(name: str) -> None:
    assert any(re.search(rf"\brules\.{name}\b", path.read_text()) for path in ENGINE)


@pytest.mark.parametrize("name", NAMES)
def test_a_rule_names_its_commit(name: str) -> None:
    line = next(line for line in Path(str(kernel.__file__)).read_text().splitlines() if f"    {name}: bool" in line)
    assert COMMIT.search(line), line


def test_a_rule_holds_for_its_versions_only() -> None:
    lumpy = [linux(*version).rules.lumpy_reclaim for version in ((2, 6, 22), (2, 6, 23), (3, 4), (3, 5), (6, 1))]
    assert lumpy == [False, True, True, False, False]
    assert not linux(6, 18).rules.defrag_mode  # off by default
    assert [linux(*version).rules.tuned_pcp for version in ((6, 6), (6, 7), (6, 18))] == [False, True, True]


def test_kernels_between_have_their_own_rules() -> None:
    found = {minor: linux(6, minor).rules for minor in (1, 2, 12, 13, 14, 18)}
    assert [rules.rotations_cost for rules in found.values()] == [False, True, True, True, True, True]
    assert [rules.gens_evict_dirty for rules in found.values()] == [False, False, True, True, False, False]
    assert [rules.gens_by_workingset for rules in found.values()] == [False, False, False, False, True, True]
    assert not any(rules.multi_gen_lru for rules in found.values())  # only where it is turned on


def test_the_rules_a_release_has() -> None:
    assert profile_of("6.1.0-13-amd64") is LINUX_6_1
    assert profile_of("5.10.0") is LINUX_6_1  # older ones are not known
    assert profile_of("6.18.15-amd64") is LINUX_6_18
    assert profile_of("no release") is LINUX_6_1
    between = profile_of("6.8.12")
    assert (between.name, between.rules.tuned_pcp, between.rules.types_by_pageblock) == ("6.8", True, False)


def test_what_tells_kernels_apart() -> None:
    """The page of 2.6.27 has each rule in which it is not like 6.1, and no other."""
    page = (ROOT / "docs/linux-2.6.27.md").read_text()
    told = set(re.findall(r"`([a-z_]+)`", page)) & set(NAMES)
    early, late = vars(LINUX_2_6_27.rules), vars(LINUX_6_1.rules)
    differ = {name for name in NAMES if early[name] != late[name]}
    assert differ == told
    assert [name for name in NAMES if early[name] != vars(LINUX_2_6_27_MM.rules)[name]] == ["unified_lru"]


def test_what_changed_since_6_1() -> None:
    """The page of 6.18 has each rule that began or ended after 6.1, and every row of its table names a commit."""
    page = (ROOT / "docs/linux-6.18.md").read_text()
    spans = {one.name: one.metadata["span"] for one in fields(Rules)}
    later = {name for name, span in spans.items() if span.since > (6, 1) or span.until > (6, 1)}
    rows = [line for line in page.splitlines() if re.match(r"\| [\w -]+ \| 6\.\d", line)]
    assert later | {"multi_gen_lru"} == set(re.findall(r"`([a-z_0-9]+)`", "".join(rows))) & set(NAMES)
    for row in rows:
        assert COMMIT.search(row), row
        *_, done, _ = row.split("|")
        assert done.strip().startswith(("`", "built in", "left: ", "only ")), row
    for name in later:
        (row,) = (line for line in rows if f"`{name}`" in line)
        since = ".".join(map(str, spans[name].since))
        assert since in row or name == "claims_or_steals", row  # which the stable series took earlier


def test_a_machine_follows_the_rules_it_is_given() -> None:
    memory = boot.empty_machine(16, profile=LINUX_6_1.having(compaction=False))
    assert not memory.profile.rules.compaction
    memory.follow(LINUX_6_18)
    assert memory.profile.rules.tuned_pcp
