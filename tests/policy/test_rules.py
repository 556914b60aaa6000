"""Policies that change rules of the kernel, and several policies at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from recap.errors import InputError
from recap.kernel import GFP_KERNEL, MIGRATE_MOVABLE, MIGRATE_UNMOVABLE
from recap.mm.machine import Machine
from recap.policy import candidate, load
from tests.mm.load import MOVABLE
from tests.mm.scenes import BLOCK, fill, free, full_machine, pageblock


def unmovable(machine: Machine) -> int | None:
    return machine.alloc_pages(0, GFP_KERNEL)


def test_defrag_mode_does_not_mix_pageblocks() -> None:
    for name, mixes in (("none", True), ("defrag-mode", False)):
        machine = full_machine(load(name))
        free(machine, 3, 40, 77)
        assert (unmovable(machine) is not None) == mixes
        assert machine.alloc_pages(0, MOVABLE) is not None


def test_defrag_mode_takes_whole_pageblocks() -> None:
    machine = full_machine(load("defrag-mode"))
    free(machine, 3, *range(BLOCK, 2 * BLOCK))
    assert pageblock(machine, BLOCK) == MIGRATE_MOVABLE
    assert unmovable(machine) in range(BLOCK, 2 * BLOCK)
    assert pageblock(machine, BLOCK) == MIGRATE_UNMOVABLE
    assert len(fill(machine)) == 1


def test_rules_go_to_the_machine() -> None:
    for name, lumpy, defrag, capture in (
        ("none", False, False, True),
        ("lumpy", True, False, True),
        ("defrag-mode", False, True, True),
        ("no-compaction-capture", False, False, False),
        ("lumpy+no-compaction-capture+defrag-mode", True, True, False),
        ("kosaki+lumpy", True, False, True),
    ):
        memory = full_machine(load(name)).memory
        rules = memory.profile.rules
        assert (rules.lumpy_reclaim, rules.defrag_mode, rules.compaction_capture) == (lumpy, defrag, capture)


@pytest.mark.parametrize("name", ["kosaki+lumpy", "lumpy+kosaki", "piggin+kosaki", "lameter+kosaki+kamezawa"])
def test_only_one_decides_about_capture(name: str) -> None:
    """kosaki's answers count, wherever it stands: it opens a list, and keeps no page beside one that stays."""
    machine = full_machine(load(name))
    machine.mark_lru(7, on=False)
    assert machine.open_capture(0, 4)
    assert not machine.reclaim_page(0, 0)
    assert machine.reclaim_page(64, 0)


def test_two_that_capture_are_refused() -> None:
    with pytest.raises(InputError, match="kosaki and whitcroft both decide about capture"):
        candidate("kosaki+lumpy+whitcroft")
    with pytest.raises(InputError, match="there is no policy of this name"):
        candidate("kosaki+nothing")


def test_a_users_rules_and_company(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("class Mine:\n    rules = {'defrag_mode': True}\n")
    memory = full_machine(load(f"{path}+kosaki")).memory
    assert memory.profile.rules.defrag_mode
    path.write_text("class Mine:\n    rules = {'defragment': True}\n")
    with pytest.raises(InputError, match=r"rules is .*defragment.*lumpy_reclaim"):
        load(str(path))
