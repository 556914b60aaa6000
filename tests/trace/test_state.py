"""A kernel's lists from its memory: what is read, when two readings agree, what tore, and what must not be kept."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from recap.trace import doctor
from recap.trace.snapshot import FREE, LRU, PCP, Snapshot, read_snapshot
from recap.trace.state import kcore, take
from recap.trace.state.btf import Btf, UnknownTypeError
from recap.trace.state.kcore import Kcore, RunningKernel
from recap.trace.state.memory import UnreadableError
from recap.trace.state.take import ALL, DONE, LISTS, per_tier, take_live
from tests.trace.fake_kernel import BASE, FLAGS, PAGES, SPAN, VMEMMAP, WATERMARKS, FakeKernel, Source


def some_kernel() -> FakeKernel:
    """A little of everything."""
    return FakeKernel(
        free={(0, 1): [100, 50, 70], (3, 0): [512], (9, 1): [1024, 2048], (10, 1): [3072]},
        per_cpu={1: [201, 200], 3: [300], 12: [2560]},
        lru={0: [40], 2: [61, 60, 62], 3: [65, 64]},
        compound={400: 2},
        types={0: 1, 1: 0, 4: 2},
    )


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeKernel:
    """A kernel that shows its memory where the running one would."""
    kernel = some_kernel()
    for name, path in kernel.files(tmp_path).items():
        monkeypatch.setattr(kcore, name, path)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(kcore, "locked_down", lambda: False)
    return kernel


def test_every_list_is_read_in_its_order(shown: FakeKernel, tmp_path: Path) -> None:
    taken = take_live(RunningKernel(), tmp_path / "snap0.npz")
    snapshot = read_snapshot(tmp_path / "snap0.npz")
    assert (taken.readings, taken.differ, taken.torn) == (2, 0, {})
    for (order, kind), pfns in shown.free.items():
        assert snapshot.listed(FREE, 1, order, kind).tolist() == pfns
    for number, pfns in shown.per_cpu.items():
        assert snapshot.listed(PCP, 1, number, 0).tolist() == pfns
    for number, pfns in shown.lru.items():
        assert snapshot.listed(LRU, 0, number, 0).tolist() == pfns
    assert len(snapshot.lists) == 17
    assert (snapshot.start, snapshot.kernel) == ("live", "6.1.0-x")
    assert snapshot.pageblock.tolist() == [1, 0, 1, 1, 2, 1, 1, 1]


@pytest.mark.usefixtures("shown")
def test_zones_and_compound_pages_are_those_of_the_kernel(tmp_path: Path) -> None:
    take_live(RunningKernel(), tmp_path / "snap0.npz")
    snapshot = read_snapshot(tmp_path / "snap0.npz")
    (zone,) = snapshot.zones
    assert (zone.index, zone.name, zone.start_pfn, zone.spanned) == (1, "DMA32", SPAN[0], SPAN[1] - SPAN[0])
    assert (zone.managed, zone.watermark) == (4000, WATERMARKS)
    assert [(pcp.count, pcp.high, pcp.batch) for pcp in snapshot.pcps] == [(2 + 2 + 16, 100, 31)]
    heads, orders = snapshot.compound_blocks()
    assert (heads.tolist(), orders.tolist()) == ([400], [2])
    assert np.flatnonzero(snapshot.has("PG_lru")).tolist() == [40, 60, 61, 62, 64, 65]


def taken_of(kernel: FakeKernel, path: Path) -> Snapshot:
    """A live snapshot of it."""
    take_live(Source(kernel), path)
    return read_snapshot(path)


def test_lru_lists_of_cgroups_become_one(tmp_path: Path) -> None:
    """Each is spread evenly: of four pages here and two there, every third is of the second."""
    groups: list[dict[int, list[int]]] = [{}, {2: [60, 61, 62, 63]}, {2: [80, 81], 3: [90]}]
    found = taken_of(FakeKernel(cgroups=groups), tmp_path / "snap0.npz")
    assert found.lru_list(2).tolist() == [60, 80, 61, 62, 81, 63]
    assert found.lru_list(3).tolist() == [90]
    assert found.taken.cgroups == 2


def test_generations_of_an_lru_become_two_lists(tmp_path: Path) -> None:
    """The two youngest are active; the oldest is at the tail; zones are mixed."""
    files, anonymous = 1, 0
    found = taken_of(
        FakeKernel(
            generations={
                (7, files, 1): [70, 71],
                (6, files, 1): [60],
                (5, files, 1): [50, 52],
                (5, files, 0): [51],
                (4, files, 1): [40],
                (6, anonymous, 1): [30],
            },
            youngest=7,
        ),
        tmp_path / "snap0.npz",
    )
    assert [found.lru_list(lru).tolist() for lru in range(4)] == [[], [30], [50, 51, 52, 40], [70, 71, 60]]
    assert found.taken.generations
    assert np.flatnonzero(found.has("PG_active")).tolist() == [30, 60, 70, 71]


def test_no_address_is_kept(shown: FakeKernel, tmp_path: Path) -> None:
    shown.page(700, "flags", 1 << FLAGS["PG_slab"])
    for name in ("mapping", "index", "private"):
        shown.page(700, name, BASE + 0x7000)
    kcore.KCORE.write_bytes(shown.core())
    take_live(RunningKernel(), tmp_path / "snap0.npz")
    with np.load(tmp_path / "snap0.npz") as arrays:
        for name in arrays.files:
            if arrays[name].dtype.kind in "ui":
                assert int(arrays[name].astype(np.float64).max()) < 2**47, name
            else:
                assert f"{BASE >> 28:x}" not in str(arrays[name])
    mapping = read_snapshot(tmp_path / "snap0.npz").mapping
    assert len(set(mapping[[60, 61, 62, 64, 65]].tolist())) == 1  # still the same file
    assert mapping[40] & 1  # and this one still anonymous


class Changing:
    """Memory that changes a given number of times while it is read."""

    def __init__(self, fake: FakeKernel, times: int) -> None:
        self.fake, self.times, self.memory = fake, times, Kcore(kcore.KCORE)

    def read_into(self, address: int, buffer: memoryview) -> None:
        if self.times and address >= VMEMMAP:
            self.times -= 1
            zero = self.fake.free[0, 1]
            zero.append(zero.pop(0))
            self.fake.write()
            kcore.KCORE.write_bytes(self.fake.core())
            self.memory = Kcore(kcore.KCORE)
        self.memory.read_into(address, buffer)


def test_lists_are_read_until_two_readings_agree(shown: FakeKernel, tmp_path: Path) -> None:
    kernel, marks = RunningKernel(), list[str]()
    kernel.memory = Changing(shown, 5)  # type: ignore[assignment]
    taken = take_live(kernel, tmp_path / "snap0.npz", marks.append, seconds=60)
    assert (taken.differ, taken.torn) == (0, {})
    assert taken.readings > 4
    assert read_snapshot(tmp_path / "snap0.npz").listed(FREE, 1, 0, 1).tolist() == shown.free[0, 1]
    assert marks == [ALL, *[LISTS, DONE] * (taken.readings // 2)]


def test_what_never_stands_still_is_counted(shown: FakeKernel, tmp_path: Path) -> None:
    kernel = RunningKernel()
    kernel.memory = Changing(shown, 1 << 30)  # type: ignore[assignment]
    taken = take_live(kernel, tmp_path / "snap0.npz", seconds=0.05)
    assert taken.differ > 0
    assert read_snapshot(tmp_path / "snap0.npz").taken.differ == taken.differ


def test_a_torn_list_is_followed_from_both_ends(shown: FakeKernel, tmp_path: Path) -> None:
    shown.page(50, "next", BASE)  # of 100, 50, 70
    kcore.KCORE.write_bytes(shown.core())
    taken = take_live(RunningKernel(), tmp_path / "snap0.npz")
    assert taken.torn == {"free list of zone 1, order 0, migratetype 1": 3}
    assert read_snapshot(tmp_path / "snap0.npz").listed(FREE, 1, 0, 1).tolist() == [100, 50, 70]


@pytest.mark.usefixtures("shown")
def test_a_large_machine_has_only_its_lists_read_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(take, "SMALL_FRAMES", PAGES - 1)
    taken = take_live(RunningKernel(), tmp_path / "snap0.npz")
    monkeypatch.setattr(take, "SMALL_FRAMES", PAGES)
    take_live(RunningKernel(), tmp_path / "snap1.npz")
    assert not taken.whole
    with np.load(tmp_path / "snap0.npz") as one, np.load(tmp_path / "snap1.npz") as two:
        for name in set(one.files) - {"meta"}:
            assert np.array_equal(one[name], two[name]), name


def test_a_machine_without_room_for_it_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(take, "available", lambda: 1 << 20)
    with pytest.raises(UnreadableError, match="4,096 struct pages take 0 MiB, too much of the free memory"):
        take_live(Source(some_kernel()), tmp_path / "snap0.npz")
    assert not list(tmp_path.iterdir())


def test_kernels_that_do_not_show_their_lists(
    shown: FakeKernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kcore.obstacle() is None
    kcore.KALLSYMS.write_text(shown.kallsyms().replace(f"{shown.address('mem_section'):016x}", "0" * 16))
    assert "mem_section" in str(kcore.obstacle())
    assert "CONFIG_KALLSYMS_ALL" in str(kcore.obstacle())
    monkeypatch.setattr(kcore, "BTF", tmp_path / "none")
    assert "CONFIG_DEBUG_INFO_BTF" in str(kcore.obstacle())
    kcore.KCORE.write_bytes(b"no ELF")
    monkeypatch.setattr(kcore, "BTF", kcore.KALLSYMS)
    assert "no ELF core file" in str(kcore.obstacle())
    monkeypatch.setattr(kcore, "KCORE", tmp_path / "none")
    assert "CONFIG_PROC_KCORE" in str(kcore.obstacle())
    monkeypatch.setattr(kcore, "locked_down", lambda: True)
    assert "locked down" in str(kcore.obstacle())
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "needs root" in str(kcore.obstacle())
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert "aarch64" in str(kcore.obstacle())
    with pytest.raises(UnreadableError, match="aarch64"):
        RunningKernel()


@pytest.mark.parametrize("data", [b"", b"\x9f\xeb\x02" + bytes(21)])
def test_types_of_another_format_are_refused(data: bytes) -> None:
    with pytest.raises(UnknownTypeError, match="version 1"):
        Btf(data)


def test_a_hole_in_memory_reads_as_zeros(shown: FakeKernel) -> None:
    buffer = bytearray(b"x" * 64)
    Kcore(kcore.KCORE).read_into(BASE + len(shown.low) - 32, memoryview(buffer))
    assert bytes(buffer) == bytes(64)
    Kcore(kcore.KCORE).read_into(VMEMMAP - 1 << 40, memoryview(buffer))
    assert bytes(buffer) == bytes(64)


def test_doctor_says_which_start_there_will_be_and_why_no_better_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kcore, "obstacle", lambda: None)
    assert doctor.start().found.startswith("live: ")
    monkeypatch.setattr(kcore, "obstacle", lambda: "there is no /proc/kcore")
    found = doctor.start()
    assert found.found.startswith(("flags: ", "none: "))  # by who runs the test
    assert found.found.endswith("; not live: there is no /proc/kcore")


def test_numbers_for_each_type_and_tier_of_a_multi_generational_lru() -> None:
    """Until 6.14 the first tier had none in `protected`; with CONFIG_LRU_GEN_STATS there is a history."""
    assert per_tier([1, 2, 3, 4, 5, 6, 7, 8]) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert per_tier([2, 3, 4, 6, 7, 8]) == [0, 2, 3, 4, 0, 6, 7, 8]
    assert per_tier([1, 2, 3, 4, 5, 6, 7, 8] + [9] * 24) == [1, 2, 3, 4, 5, 6, 7, 8]
