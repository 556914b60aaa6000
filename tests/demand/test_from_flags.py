"""The start from page flags: near what the dump of the same moment holds, sound, and said to be what it is."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from recap.demand.from_flags.lists import merged
from recap.demand.from_flags.metadata import in_runs
from recap.demand.starts import Origin, start_of
from recap.errors import InputError
from recap.lab.compare import compare
from recap.mm import boot, invariants
from recap.trace import Recording
from recap.trace.kpageflags import of_snapshot
from recap.trace.snapshot import FREE, LRU, PCP, Snapshot

RECORDING = Path(__file__).parents[2] / "recordings" / "hugetlb-1cpu"


@pytest.fixture(scope="module")
def dump() -> Snapshot:
    return start_of(Recording(RECORDING), "dump").snapshot


@pytest.fixture(scope="module")
def flags() -> Origin:
    return start_of(Recording(RECORDING), "flags")


@pytest.fixture(scope="module")
def without_dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recording as `recap record` leaves one: page flags in place of a dump."""
    folder = tmp_path_factory.mktemp("recorded") / "hugetlb-1cpu"
    shutil.copytree(RECORDING, folder, ignore=shutil.ignore_patterns("snap*.npz"))
    words = of_snapshot(start_of(Recording(RECORDING), "dump").snapshot)
    start = np.concatenate(([0], np.flatnonzero(words[1:] != words[:-1]) + 1))
    np.savez(folder / "kpageflags.0.npz", start=start, flags=words[start], frames=len(words))
    return folder


def entries(snapshot: Snapshot, kind: int) -> set[tuple[int, ...]]:
    return set(map(tuple, snapshot.lists[snapshot.lists[:, 0] == kind].tolist()))


def right(real: Snapshot, guess: Snapshot, kind: int) -> float:
    return len(entries(real, kind) & entries(guess, kind)) / len(entries(real, kind))


@pytest.mark.compiled
def test_most_of_the_lists_are_those_of_the_dump(dump: Snapshot, flags: Origin) -> None:
    assert right(dump, flags.snapshot, FREE) > 0.95
    assert right(dump, flags.snapshot, PCP) > 0.9
    assert right(dump, flags.snapshot, LRU) == 1.0
    assert np.mean(dump.pageblock == flags.snapshot.pageblock) > 0.9


@pytest.mark.compiled
def test_the_same_from_what_the_recorder_saves(dump: Snapshot, without_dump: Path) -> None:
    found = start_of(Recording(without_dump))
    assert found.name == "flags"
    assert right(dump, found.snapshot, FREE) > 0.9
    assert right(dump, found.snapshot, LRU) > 0.99
    assert [zone.watermark for zone in found.snapshot.zones] == [zone.watermark for zone in dump.zones]


@pytest.mark.compiled
def test_every_seed_makes_a_sound_machine_of_another_order(flags: Origin) -> None:
    first, second = flags.drawn(1), flags.drawn(2)
    assert entries(first, LRU) == entries(second, LRU)
    assert not np.array_equal(first.lists, second.lists)
    assert np.array_equal(first.lists, flags.drawn(1).lists)
    invariants.check(boot.from_snapshot(first))


def test_free_frames_are_the_largest_blocks_that_fit() -> None:
    heads, orders = merged(np.array([1, 2, 3, 4, 5, 6, 7, 9, 1024, 1025]))
    assert list(zip(heads.tolist(), orders.tolist(), strict=True)) == [(1, 0), (2, 1), (4, 2), (9, 0), (1024, 1)]


@pytest.mark.compiled
def test_compare_names_its_start() -> None:
    best, forced = (compare(RECORDING, ["none"], seeds=1, start=start) for start in (None, "flags"))
    assert (best.start, forced.start) == ("dump", "flags")
    assert any("free blocks in their lists is drawn by the seed" in text for text in forced.assumptions)


def test_a_bare_trace_is_refused_in_one_line(tmp_path: Path) -> None:
    shutil.copy(RECORDING / "trace.dat", tmp_path)
    with pytest.raises(InputError, match=r"kpageflags.0.npz.*recap record -o"):
        start_of(Recording(tmp_path))


def test_a_start_that_is_not_there_is_refused(tmp_path: Path) -> None:
    shutil.copy(RECORDING / "trace.dat", tmp_path)
    with pytest.raises(InputError, match="--start dump"):
        start_of(Recording(tmp_path), "dump")


def test_metadata_that_is_close_on_the_disk_is_together_in_memory() -> None:
    wanted = np.array([10, 11, 12, 40, 500, 501, 900])
    found = in_runs(wanted, np.arange(1000, 1020), np.random.default_rng(1))
    assert sorted(found.tolist()) == [*wanted.tolist(), *range(1000, 1020)]
    place = {int(block): at for at, block in enumerate(found)}
    assert [place[block] - place[10] for block in (11, 12, 40)] == [1, 2, 3]
    assert place[501] == place[500] + 1
    assert place[500] != place[40] + 1
    assert in_runs(wanted[:0], np.arange(2), np.random.default_rng(1)).tolist() in ([0, 1], [1, 0])
    assert in_runs(wanted, np.arange(0), np.random.default_rng(2)).size == len(wanted)
