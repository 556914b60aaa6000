"""/proc/buddyinfo and pagetypeinfo: in form identical to a kernel's, in content a count of the lists."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recap.mm import boot
from recap.mm.buddyinfo import MIGRATETYPE_NAMES, FreeBlocks, free_blocks
from recap.trace import Recording

RECORDING = Path("recordings/hugetlb-1cpu")


def recorded(n: int) -> FreeBlocks:
    """What a saved /proc/pagetypeinfo says."""
    found = Recording(RECORDING).pagetypeinfo(n)
    zones = [name for _, name in found.blocks]
    free = [[found.free[0, zone, name] for name in MIGRATETYPE_NAMES] for zone in zones]
    blocks = [[found.blocks[0, zone][name] for name in MIGRATETYPE_NAMES] for zone in zones]
    return FreeBlocks(zones, np.array(free), np.array(blocks), 9)


@pytest.mark.parametrize("n", [0, 1])
def test_the_form_is_the_kernels(n: int) -> None:
    assert recorded(n).pagetypeinfo() == (RECORDING / f"pagetypeinfo.{n}").read_text()
    text = (RECORDING / f"buddyinfo.{n}").read_text()
    assert recorded(n).buddyinfo().split()[:4] == text.split()[:4]
    sizes = [len(line) for line in text.splitlines()]
    assert [len(line) for line in recorded(n).buddyinfo().splitlines()] == sizes


def test_a_snapshots_counts_are_those_of_the_machine_made_of_it() -> None:
    snapshot = Recording(RECORDING).snapshot(0)
    assert snapshot is not None
    memory = boot.from_snapshot(snapshot)
    counts = free_blocks(memory)
    assert list(counts.zones) == ["DMA", "DMA32"]
    assert (counts.free.sum(axis=1) == memory.array("zone")["nr_free"][:, :11]).all()
    assert (counts.blocks.sum(axis=1) == recorded(0).blocks.sum(axis=1)).all()  # the file was read a little later


def test_a_long_list_is_not_counted_to_its_end() -> None:
    many = FreeBlocks(["Normal"], np.full((1, 5, 11), 123_456), np.zeros((1, 5), int), 9)
    line = many.pagetypeinfo().splitlines()[4]
    assert line == "Node    0, zone   Normal, type    Unmovable " + ">100000 " * 11
