"""Snapshots: the real ones are sound and agree with /proc, damaged ones are told."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from recap.errors import InputError
from recap.trace import Event, Recording, Snapshot, read_snapshot
from recap.trace.snapshot import frames

TAIL_MAPPING = np.uint64(0xDEAD000000000400)

Arrays = dict[str, npt.NDArray[Any]]


@pytest.fixture(scope="module")
def snapshot(hugetlb: Path) -> Snapshot:
    return read_snapshot(hugetlb / "snap0.npz")


def test_lists_agree_with_the_counters(snapshot: Snapshot) -> None:
    for zone in snapshot.zones:
        free = sum(
            len(snapshot.free_list(zone.index, order, migratetype)) << order
            for order in range(11)
            for migratetype in range(5)
        )
        assert free == snapshot.zone_stat(zone, "NR_FREE_PAGES")
    for pcp in snapshot.pcps:
        held = sum(len(snapshot.pcp_list(pcp.zone, n, pcp.cpu)) << min(n // 3, 9) for n in range(12))
        assert held == pcp.count
    for lru, item in enumerate(("INACTIVE_ANON", "ACTIVE_ANON", "INACTIVE_FILE", "ACTIVE_FILE")):
        assert len(snapshot.lru_list(lru)) == snapshot.node_stat(f"NR_{item}")


def test_flags_agree_with_the_lists(snapshot: Snapshot) -> None:
    lru = np.concatenate([snapshot.lru_list(n) for n in range(4)])
    assert snapshot.has("PG_lru")[lru].all()
    assert snapshot.has("PG_active")[snapshot.lru_list(3)].all()
    assert not snapshot.has("PG_active")[snapshot.lru_list(2)].any()
    assert (snapshot.mapcount_refcount[lru, 1] > 0).all()
    assert (snapshot.mapcount[lru] >= -1).all()


def test_list_order_is_kept(snapshot: Snapshot) -> None:
    rows = snapshot.lists
    some = rows[(rows[:, 0] == 1) & (rows[:, 1] == 1) & (rows[:, 2] == 1)]
    assert len(some) > 10
    assert snapshot.pcp_list(1, 1, 0).tolist() == some[:, 4].tolist()
    assert len(snapshot.free_list(1, 10, 4)) == 0


def test_the_kernels_own_words(snapshot: Snapshot) -> None:
    assert snapshot.kernel.startswith("6.1.0")
    assert [zone.name for zone in snapshot.zones] == ["DMA", "DMA32"]
    assert snapshot.enums["migratetype"]["MIGRATE_MOVABLE"] == 1
    assert not snapshot.flags.flags.writeable


def small() -> tuple[Arrays, dict[str, Any]]:
    """A snapshot of 1024 frames."""
    zone = {"index": 0, "name": "DMA", "start_pfn": 0, "spanned": 1024, "present": 1024, "managed": 1000}
    zone |= {"watermark": [1, 2, 3], "watermark_boost": 0, "lowmem_reserve": [0], "nr_reserved_highatomic": 0}
    meta: dict[str, Any] = {
        "kernel": "6.1",
        "zones": [zone | {"vm_stat": [5]}],
        "pcp": [{"zone": 0, "cpu": 0, "count": 1, "high": 2, "batch": 3, "free_factor": 0}],
        "node_vm_stat": [7],
        "migratetype": {"MIGRATE_MOVABLE": 1},
        "zone_stat_item": {"NR_FREE_PAGES": 0},
        "node_stat_item": {"NR_FILE_DIRTY": 0},
        "pageflags": {"PG_lru": 4},
    }
    arrays: Arrays = {name: np.zeros(1024, np.uint64) for name in ("flags", "mapping", "index", "private")}
    arrays["mapcount_refcount"] = np.zeros((1024, 2), np.int32)
    arrays["pageblock"] = np.zeros(2, np.uint8)
    arrays["lists"] = np.array([[0, 0, 3, 1, 8], [2, 0, 2, 0, 100]], np.int64)
    return arrays, meta


def save(path: Path, arrays: Arrays, meta: object) -> Path:
    np.savez_compressed(path, allow_pickle=False, meta=np.array(json.dumps(meta)), **arrays)
    return path


def test_the_small_one_is_sound(tmp_path: Path) -> None:
    snapshot = read_snapshot(save(tmp_path / "snap0.npz", *small()))
    assert snapshot.free_list(0, 3, 1).tolist() == [8]
    assert snapshot.zone_stat(snapshot.zones[0], "NR_FREE_PAGES") == 5
    assert snapshot.node_stat("NR_FILE_DIRTY") == 7


@pytest.mark.parametrize(
    ("ask", "field"),
    [
        (lambda found: found.has("PG_reserved"), "pageflags"),
        (lambda found: found.node_stat("NR_SHMEM"), "node_stat_item"),
        (lambda found: found.zone_stat(found.zones[0], "NR_BOUNCE"), "zone_stat_item"),
    ],
)
def test_a_name_that_was_not_saved(tmp_path: Path, ask: Callable[[Snapshot], object], field: str) -> None:
    snapshot = read_snapshot(save(tmp_path / "snap0.npz", *small()))
    with pytest.raises(InputError, match=f"snap0.npz: field {field}: lacks "):
        ask(snapshot)


def drop(name: str) -> Callable[[Arrays, dict[str, Any]], object]:
    return lambda arrays, _: arrays.pop(name)


def put(name: str, value: object) -> Callable[[Arrays, dict[str, Any]], object]:
    return lambda arrays, _: arrays.update({name: np.asarray(value)})


def listed(*row: int) -> Callable[[Arrays, dict[str, Any]], object]:
    return lambda arrays, _: arrays.update(lists=np.vstack([arrays["lists"], [row]]))


def meta(key: str, value: object) -> Callable[[Arrays, dict[str, Any]], object]:
    return lambda _, values: values.update({key: value})


DAMAGE = {
    "array flags: is missing": drop("flags"),
    "array flags: is of int32, not of uint64": put("flags", np.zeros(1024, np.int32)),
    "array mapping: has the shape (7,)": put("mapping", np.zeros(7, np.uint64)),
    "array flags: has the shape ()": put("flags", np.uint64(3)),
    "array lists: has the shape (1, 4)": put("lists", np.zeros((1, 4), np.int64)),
    "array pageblock: names an unknown migratetype": put("pageblock", np.full(2, 5, np.uint8)),
    "array pageblock: is too short": put("pageblock", np.zeros(1, np.uint8)),
    "array lists, row 2: names an unknown kind": listed(4, 0, 0, 0, 1),
    "array lists, row 2: names an unknown zone": listed(0, 5, 0, 0, 1),
    "array lists, row 2: names an unknown generation": listed(3, 4, 0, 0, 1),
    "array lists, row 2: names a generation of an unknown zone": listed(3, 0, 0, 5, 1),
    "array lists, row 2: names an order out of range": listed(0, 0, 11, 0, 1),
    "array lists, row 2: names an unknown migratetype": listed(0, 0, 0, 5, 1),
    "array lists, row 2: names an unknown per-cpu list": listed(1, 0, 0, 77, 1),
    "array lists, row 2: names an unknown LRU list": listed(2, 0, -1, 0, 1),
    "array lists: has a free block where none can be": listed(0, 0, 1, 0, 1),
    "array lists: has a free block with another in it, or with a page of an LRU list": listed(0, 0, 1, 0, 14),
    "array lists, row 2: names a page frame beyond memory": listed(0, 0, 0, 0, 1024),
    "array lists, row 2: names a page frame that is on another list": listed(1, 0, 0, 0, 100),
    "field kernel: is missing or not of type str": meta("kernel", 6.1),
    "field zones: is missing or not of type list": meta("zones", {}),
    "field zones: holds something other than objects": meta("zones", [7]),
    "field index: holds something other than whole numbers": meta("zones", [{"index": 1.5}]),
    "field node_vm_stat: holds something other than whole numbers": meta("node_vm_stat", [1 << 70]),
    "field pageflags: holds something other than numbers from 0 to 63": meta("pageflags", {"PG_lru": 64}),
    "field node_stat_item: holds something other than numbers": meta("node_stat_item", {"NR": 2}),
}


@pytest.mark.parametrize("problem", DAMAGE)
def test_damage_is_told(tmp_path: Path, problem: str) -> None:
    arrays, values = small()
    DAMAGE[problem](arrays, values)
    with pytest.raises(InputError) as told:
        read_snapshot(save(tmp_path / "snap0.npz", arrays, values))
    assert f"snap0.npz: {problem}" in str(told.value)
    assert str(told.value).endswith("; take the snapshot again")


def test_zone_beyond_memory(tmp_path: Path) -> None:
    arrays, values = small()
    values["zones"][0]["spanned"] = 1025
    with pytest.raises(InputError, match="zone DMA: goes beyond 1024 page frames"):
        read_snapshot(save(tmp_path / "snap0.npz", arrays, values))


def test_a_zone_or_cpu_that_no_kernel_has(tmp_path: Path) -> None:
    arrays, values = small()
    values["pcp"][0]["cpu"] = 1 << 40
    with pytest.raises(InputError, match=r"pcp of zone 0, cpu \d+: is impossible"):
        read_snapshot(save(tmp_path / "snap0.npz", arrays, values))
    arrays, values = small()
    values["zones"][0]["index"] = 77
    with pytest.raises(InputError, match="zone DMA: has the number 77"):
        read_snapshot(save(tmp_path / "snap0.npz", arrays, values))


def test_meta_that_is_no_object(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="field meta: is not a JSON object"):
        read_snapshot(save(tmp_path / "snap0.npz", small()[0], [1]))


def test_bytes_changed_or_missing(tmp_path: Path) -> None:
    good = save(tmp_path / "good.npz", *small()).read_bytes()
    chance = random.Random(7)
    path = tmp_path / "bad.npz"
    for _ in range(300):
        bad = bytearray(good)
        bad[chance.randrange(len(bad))] = chance.randrange(256)
        path.write_bytes(bad if chance.random() < 0.7 else bad[: chance.randrange(len(bad))])
        try:
            read_snapshot(path)
        except InputError:
            continue


def test_no_snapshot(hugetlb: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_snapshot(tmp_path / "snap0.npz")
    with pytest.raises(InputError, match="is not a snapshot"):
        read_snapshot(hugetlb / "vmstat.0")
    assert Recording(hugetlb).snapshot(2) is None


def test_compound_blocks_are_whole_and_in_use(snapshot: Snapshot) -> None:
    heads, orders = snapshot.compound_blocks()
    assert len(heads) == np.count_nonzero(snapshot.has("PG_head")) > 1000
    inside = frames(heads, orders)
    assert len(np.unique(inside)) == len(inside)
    assert snapshot.in_use()[inside].all()
    tails = np.setdiff1d(inside, np.concatenate((heads, heads + 1)))
    assert (snapshot.mapping[tails] == TAIL_MAPPING).all()


@pytest.mark.compiled
def test_compound_blocks_are_freed_at_their_order(hugetlb: Path, snapshot: Snapshot) -> None:
    """Of the frames not allocated anew before, the trace tells the order at which they are first freed."""
    heads, orders = snapshot.compound_blocks()
    order_of = dict(zip(heads.tolist(), orders.tolist(), strict=True))
    events = Recording(hugetlb).events
    rows = np.flatnonzero(events.event <= np.uint8(Event.MM_PAGE_FREE))
    first = rows[np.unique(events.pfn[rows], return_index=True)[1]]
    freed = first[(events.event[first] == np.uint8(Event.MM_PAGE_FREE)) & np.isin(events.pfn[first], heads)]
    assert len(freed) > 100
    assert events.order[freed].tolist() == [order_of[pfn] for pfn in events.pfn[freed].tolist()]
