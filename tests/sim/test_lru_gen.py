"""The multi-generational LRU in the closed loop, on a small machine, with every invariant checked as it goes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recap.demand.demand import Demand
from recap.demand.kinds import Kind, Op
from recap.kernel import IN_SWAP, Profile, linux
from recap.mm import boot, invariants
from recap.mm.vmstat import NAMES
from recap.sim.closed_loop import Simulation
from recap.trace import read_snapshot
from tests.sim.test_closed_loop import MEBIBYTES, PAGES, allocs, demand

RECORDING = Path("recordings/mglru-6.18")
KERNELS = [replace(linux(6, minor).having(multi_gen_lru=True), name=f"6.{minor}") for minor in (8, 12, 18)]
each_kernel = pytest.mark.parametrize("profile", KERNELS, ids=lambda profile: profile.name)


def simulated(wanted: Demand, profile: Profile, swap: int = 0) -> Simulation:
    """The machine after the last operation."""
    memory = boot.empty_machine(MEBIBYTES, 1, 31, profile=profile)
    memory.nr_swap_pages = swap
    simulation = Simulation(memory, wanted, 0)
    while simulation.advance(200):
        invariants.check(memory)
    invariants.check(memory)
    return simulation


def counted(simulation: Simulation) -> dict[str, int]:
    return dict(zip(NAMES, simulation.m.array("vmstat").tolist(), strict=False))


@each_kernel
def test_page_cache_beyond_memory_is_evicted_with_hardly_a_page_looked_at_twice(profile: Profile) -> None:
    found = counted(simulated(demand(allocs(0, 4 * PAGES), kind=Kind.FILE), profile))
    stolen = found["pgsteal_kswapd"] + found["pgsteal_direct"]
    assert stolen >= 3 * PAGES - 200
    assert stolen <= found["pgscan_kswapd"] + found["pgscan_direct"] < 1.1 * stolen
    assert found["oom_kill"] == 0


@each_kernel
def test_anonymous_memory_goes_to_swap(profile: Profile) -> None:
    """All of it is young, so generations must begin first."""
    simulation = simulated(demand(allocs(0, PAGES + PAGES // 2)), profile, swap=4 * PAGES)
    found = counted(simulation)
    assert found["pswpout"] > PAGES // 4
    assert found["oom_kill"] == 0
    lrugen = simulation.m.array("lrugen")[0]
    assert lrugen["max_seq"] > 3
    assert (simulation.m.array("resident") == IN_SWAP).sum() > PAGES // 4


@each_kernel
def test_without_swap_somebody_is_killed(profile: Profile) -> None:
    assert counted(simulated(demand(allocs(0, PAGES), allocs(PAGES, PAGES // 2)), profile))["oom_kill"] >= 1


@each_kernel
def test_files_go_before_anonymous_pages(profile: Profile) -> None:
    wanted = demand(allocs(0, PAGES // 4) + allocs(PAGES // 4, 2 * PAGES), kind=Kind.FILE)
    kinds = wanted.obj_kind.copy()
    kinds[: PAGES // 4] = Kind.ANON
    found = counted(simulated(replace(wanted, obj_kind=kinds), profile, swap=4 * PAGES))
    assert found["pgsteal_kswapd"] + found["pgsteal_direct"] > PAGES // 2
    assert found["pswpout"] == 0


@each_kernel
@pytest.mark.compiled
def test_pages_that_come_back_are_protected_with_those_used_as_often(profile: Profile) -> None:
    """A working set is read three times over and over, between streams that are read once: at last it stays."""
    hot = [(Op.TOUCH, obj) for obj in range(PAGES // 8)] * 3
    ops: list[tuple[Op, int]] = []
    for stream in range(6):
        ops += hot + [(Op.TOUCH, (1 + stream) * PAGES + obj) for obj in range(PAGES)]
    simulation = simulated(demand(ops, kind=Kind.FILE), profile)
    found = counted(simulation)
    assert found["pgrefill"] >= PAGES // 8
    assert 64 < found["workingset_refault_file"] < 4 * PAGES // 8


def test_a_large_folio_of_a_file_is_evicted_whole() -> None:
    found = counted(simulated(demand(allocs(0, PAGES), kind=Kind.FILE, order=2), KERNELS[-1]))
    assert found["pgsteal_kswapd"] + found["pgsteal_direct"] > 2 * PAGES
    assert found["pgactivate"] == 0


@pytest.mark.parametrize("mglru", [False, True])
def test_pages_move_to_the_other_kind_of_lists(mglru: bool) -> None:
    """As where /sys/kernel/mm/lru_gen/enabled is written to: none is lost."""
    source = RECORDING if not mglru else Path("recordings/hugetlb-1cpu")
    snapshot = read_snapshot(source / "snap0.npz")
    assert snapshot.multi_gen != mglru
    memory = boot.from_snapshot(snapshot, profile=linux(6, 18).having(multi_gen_lru=mglru))
    invariants.check(memory)
    sizes = 1 << memory.array("page")["order"][snapshot.on_lru()].astype(np.int64)
    assert memory.array("node")["lru_size"].sum() == sizes.sum()


def test_a_snapshot_has_the_kernels_generations() -> None:
    snapshot = read_snapshot(RECORDING / "snap0.npz")
    found = snapshot.generations
    assert found is not None
    assert found.ordered
    memory = boot.from_snapshot(snapshot, profile=linux(6, 18).having(multi_gen_lru=True))
    invariants.check(memory)
    for lru, item in enumerate(("INACTIVE_ANON", "ACTIVE_ANON", "INACTIVE_FILE", "ACTIVE_FILE")):
        assert memory.array("node")["lru_size"][0, lru] == snapshot.node_stat(f"NR_{item}")


def test_flags_tell_the_generations_where_no_lists_were_kept() -> None:
    snapshot = read_snapshot(RECORDING / "snap0.npz")
    kept = snapshot.generations
    assert kept is not None
    bare = replace(snapshot, lists=snapshot.lists[snapshot.lists[:, 0] != 3], lru_gen=None)
    found = bare.generations
    assert found is not None
    assert not found.ordered
    assert (found.gen == kept.gen).all()
    assert (found.refs == kept.refs).all()
    assert found.state.max_seq % 4 == kept.state.max_seq % 4
    assert {key: len(pfns) for key, pfns in found.lists.items()} == {key: len(pfns) for key, pfns in kept.lists.items()}
