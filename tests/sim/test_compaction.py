"""Compaction, refaults and writeback in the closed loop, on a small machine with tasks made by hand."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from recap import policy
from recap.demand.compaction_costs import CompactionCosts
from recap.demand.demand import Demand
from recap.demand.kinds import Kind, Op
from recap.kernel import GFP_KERNEL, GFP_RETRY_MAYFAIL, GFP_THISNODE, LINUX_6_1
from recap.mm import boot, invariants
from recap.pages import Memory
from recap.sim.closed_loop import Simulation
from recap.sim.run import metrics
from tests.sim.test_closed_loop import PAGES, allocs, demand

HUGE = 9
TAKEN = 1900


def given_back(taken: list[tuple[Op, int]]) -> list[tuple[Op, int]]:
    """All but every fourth page is freed."""
    return [(Op.FREE, obj) for _, obj in taken if obj % 4]


def pieces(huge: int = 1) -> Demand:
    """Memory in pieces: three of four pages are given back, then blocks of a pageblock are wanted."""
    taken = allocs(0, TAKEN)
    wanted = demand([*taken, *given_back(taken), *allocs(TAKEN, huge)])
    orders = wanted.obj_order.copy()
    orders[TAKEN:] = HUGE
    return replace(wanted, obj_order=orders)


def simulate(wanted: Demand, memory: Memory) -> dict[str, float]:
    simulation = Simulation(memory, wanted, 0)
    while simulation.advance(500):
        invariants.check(memory)
    invariants.check(memory)
    return metrics(simulation)


def machine() -> Memory:
    memory = boot.empty_machine(8, 1, 31, policy.load("none"))
    memory.compaction_proactiveness = 0
    return memory


def test_a_block_is_made_by_moving_pages() -> None:
    found = simulate(pieces(), machine())
    assert found["high_order_successes"] == 1
    assert found["compact_success"] == found["compact_stall"] == 1
    assert found["pgmigrate_success"] > 0
    assert found["compact_free_scanned"] >= found["pgmigrate_success"]


@pytest.mark.parametrize("others", [0, 1])
def test_recorded_waits_for_a_cpu_include_those_that_the_scheduler_makes(others: int) -> None:
    """Compaction that waited as long as it ran takes twice its time, alone or beside a task that wants the CPU too."""
    wanted = replace(pieces(), compaction_costs=CompactionCosts(scanned=20_000, moved=20_000), compaction_wait=1.0)
    alone = simulate(replace(wanted, compaction_wait=0.0), machine())["stall_ms"]
    if others:
        wanted = with_busy_task(wanted)
    assert 1.5 * alone < simulate(wanted, machine())["stall_ms"] < 2.2 * alone


def with_busy_task(wanted: Demand) -> Demand:
    """The same, and a task that only computes."""
    more: dict[str, int | float] = {"op_kind": Op.EXIT, "op_obj": -1, "op_run": 1_000_000_000}
    ops: dict[str, Any] = {
        name: np.append(getattr(wanted, name), np.array([more.get(name, 0)], getattr(wanted, name).dtype))
        for name in ("op_kind", "op_obj", "op_gfp", "op_cpu", "op_run", "op_wait", "op_due", "op_result")
    }
    count = len(wanted.op_kind)
    return replace(
        wanted,
        **ops,
        task_pid=np.arange(2, dtype=np.int32),
        task_first=np.array([0, count]),
        task_count=np.array([count, 1]),
        task_forked=np.zeros(2, np.uint8),
        task_comm=["t", "busy"],
    )


def metadata(*then: Op) -> Demand:
    """The same, but what is kept is blocks of metadata: held by a transaction, and what comes then, each after 1 ms."""
    taken = allocs(0, TAKEN)
    kept = [(op, obj) for op in (Op.HOLD, *then) for _, obj in taken if obj % 4 == 0]
    wanted = demand([*taken, *given_back(taken), *kept, *allocs(TAKEN, 1)], kind=Kind.FILE)
    orders, kinds, wait = wanted.obj_order.copy(), wanted.obj_kind.copy(), wanted.op_wait.copy()
    orders[TAKEN:], kinds[TAKEN:] = HUGE, Kind.KERNEL
    wait[-1] = 1_000_000_000
    return replace(wanted, obj_order=orders, obj_kind=kinds, op_wait=wait)


def test_what_a_transaction_holds_is_neither_moved_nor_reclaimed() -> None:
    found = simulate(metadata(), machine())
    assert found["pgmigrate_fail"] > 0
    assert found["pgmigrate_success"] == found["pgsteal_direct"] == found["pgsteal_kswapd"] == 0
    assert found["high_order_successes"] == 0


def test_committed_it_stays_until_it_is_written() -> None:
    assert simulate(metadata(Op.DIRTY), machine())["high_order_successes"] == 0
    assert simulate(metadata(Op.DIRTY, Op.WRITE_PAGE), machine())["high_order_successes"] == 1


def test_a_page_evicted_before_the_recording_comes_back_active_and_costs() -> None:
    taken = allocs(0, 100)
    wanted = demand([*taken, *((Op.REFAULT, obj) for _, obj in taken)], kind=Kind.FILE)
    memory = machine()
    found = simulate(wanted, memory)
    assert found["workingset_activate_file"] == found["workingset_restore_file"] == 100
    assert memory.array("node")["lru_size"][0, 3] == 100
    assert memory.array("node")["file_cost"][0] > memory.array("node")["anon_cost"][0] == 0


def test_without_compaction_the_same_block_costs_reclaim_or_fails() -> None:
    memory = machine()
    memory.follow(LINUX_6_1.having(compaction=False))
    found = simulate(pieces(), memory)
    assert found["compact_stall"] == found["pgmigrate_success"] == 0
    assert found["allocstall"] > 0


@pytest.mark.parametrize("capture", [True, False])
def test_with_and_without_its_capture_nothing_is_lost(capture: bool) -> None:
    memory = machine()
    memory.follow(LINUX_6_1.having(compaction_capture=capture))
    found = simulate(pieces(2), memory)
    assert found["high_order_attempts"] == 2
    assert found["high_order_successes"] >= 1
    assert found["nr_free_pages"] < PAGES - TAKEN // 4


def unasked(order: int) -> dict[str, float]:
    """Memory in pieces of an order, and two seconds in which nobody asks for more."""
    memory = machine()
    memory.compaction_proactiveness = 100
    taken = allocs(0, TAKEN >> order)
    wanted = demand([*taken, *given_back(taken), *allocs(TAKEN >> order, 1)])
    waits = wanted.op_wait.copy()
    waits[-1] = 2_000_000_000
    return simulate(replace(wanted, op_wait=waits, obj_order=np.full_like(wanted.obj_order, order)), memory)


def test_memory_in_pieces_is_compacted_unasked() -> None:
    found = unasked(order=0)
    assert found["pgmigrate_success"] > 0
    assert found["compact_stall"] == found["compact_daemon_wake"] == 0


def test_compaction_passes_over_large_folios() -> None:
    found = unasked(order=2)
    assert found["compact_migrate_scanned"] > 0
    assert found["pgmigrate_success"] == 0


def test_a_page_read_again_soon_after_its_eviction_is_active() -> None:
    known = allocs(0, 800)
    used_again = [(Op.ACTIVATE, obj) for _, obj in known]
    found = simulate(demand(known + used_again + allocs(800, 1600) + allocs(800, 400), kind=Kind.FILE), machine())
    assert found["workingset_refault_file"] >= found["workingset_activate_file"] > 0


def test_a_task_never_runs_ahead_of_its_recorded_pace() -> None:
    wanted = demand(allocs(0, 3))
    paced = replace(wanted, op_due=np.array([10_000_000, 20_000_000, 50_000_000], np.int64))
    assert simulate(wanted, machine())["simulated_seconds"] < 0.001
    assert simulate(paced, machine())["simulated_seconds"] == pytest.approx(0.05, abs=0.001)


def test_writeback_takes_the_oldest_dirty_pages() -> None:
    pages = allocs(0, 20)
    ops = [*pages, *((Op.DIRTY, obj) for _, obj in pages), (Op.WRITEBACK, 12), *allocs(20, 1)]
    wanted = demand(ops, kind=Kind.FILE)
    waits = wanted.op_wait.copy()
    waits[-1] = 5_000_000
    assert simulate(replace(wanted, op_wait=waits), machine())["nr_written"] == 12


def test_a_zone_without_pages_to_reclaim_counts_its_free_ones_twice() -> None:
    """A block that the min mark withholds keeps the request trying, 16 times without progress (6aaced5abd32)."""
    memory = machine()
    memory.set_watermarks(0, [500, 600, 700])
    wanted = demand(allocs(0, 1401), kind=Kind.KERNEL)
    orders = wanted.obj_order.copy()
    gfp = wanted.op_gfp.copy()
    orders[-1] = HUGE
    gfp[-1] |= GFP_RETRY_MAYFAIL
    found = simulate(replace(wanted, obj_order=orders, op_gfp=gfp), memory)
    assert found["alloc_fail"] == 1
    assert found["allocstall"] == 17


def test_compaction_that_must_not_wait_ends_where_a_lock_is_taken() -> None:
    found = simulate(pieces(), machine())
    memory = machine()
    wanted = replace(pieces(), compaction_costs=CompactionCosts(contended=1.0))
    met = simulate(wanted, memory)
    assert found["allocstall"] == 0
    assert met["allocstall"] > 0


def test_in_defrag_mode_as_posted_kswapd_goes_on_until_blocks_are_free() -> None:
    """Mended, it stops when compaction has what it needs: here pages that stay are in every block."""
    scanned = []
    for name in ("none", "defrag-mode", "defrag-mode-v1"):
        wanted = demand(allocs(0, 4 * PAGES), kind=Kind.FILE)
        kinds = wanted.obj_kind.copy()
        kinds[:TAKEN:8] = Kind.KERNEL
        memory = boot.empty_machine(8, 1, 31, policy.load(name))
        scanned.append(simulate(replace(wanted, obj_kind=kinds), memory)["pgscan_kswapd"])
    assert scanned[2] > 1.1 * max(scanned[:2])


def mixed() -> Demand:
    """Movable pages in every pageblock, then the kernel wants some, which mixes the two, and time passes."""
    taken = allocs(0, TAKEN)
    wanted = demand([*taken, *given_back(taken), *allocs(TAKEN, 200), *allocs(TAKEN + 200, 1)], kind=Kind.FILE)
    kinds, gfp, waits = wanted.obj_kind.copy(), wanted.op_gfp.copy(), wanted.op_wait.copy()
    kinds[TAKEN:] = Kind.KERNEL
    gfp[wanted.op_obj >= TAKEN] = GFP_KERNEL
    waits[-1] = 2_000_000_000
    return replace(wanted, obj_kind=kinds, op_gfp=gfp, op_wait=waits)


@pytest.mark.parametrize("factor", [0, 15_000])
def test_kcompactd_follows_when_kswapd_has_worked_off_a_boost(factor: int) -> None:
    memory = machine()
    memory.watermark_boost_factor = factor
    found = simulate(mixed(), memory)
    assert found["extfrag_events"] > 0
    assert (found["pageoutrun"] > 0) == (found["compact_daemon_wake"] > 0) == (factor > 0)


@pytest.mark.parametrize("flags", [GFP_RETRY_MAYFAIL, GFP_RETRY_MAYFAIL | GFP_THISNODE])
def test_a_write_to_nr_hugepages_ends_with_the_first_page_that_cannot_be_had(flags: int) -> None:
    """Three requests in vain, then a sleep of 50 ms: by their flags one write each, the task sleeping after each."""
    wanted = demand([*allocs(0, PAGES - 300), *allocs(PAGES - 300, 3), (Op.FREE, 0)], kind=Kind.KERNEL)
    orders, gfp, waits = wanted.obj_order.copy(), wanted.op_gfp.copy(), wanted.op_wait.copy()
    orders[-3:] = HUGE
    gfp[-4:-1] |= flags
    waits[-1] = 50_000_000
    found = simulate(replace(wanted, obj_order=orders, op_gfp=gfp, op_wait=waits), machine())
    assert found["high_order_attempts"] == 3
    assert found["high_order_successes"] == 0
    sleeps = 3 if flags & GFP_THISNODE else 1
    assert found["simulated_seconds"] == pytest.approx(0.05 * sleeps, rel=0.2)
