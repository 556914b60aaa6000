"""The closed loop on a small machine with tasks made by hand: reclaim, capture, swap and OOM in virtual time."""

from dataclasses import replace
from threading import Thread

import numpy as np
import pytest

from recap import policy
from recap.demand.demand import Demand
from recap.demand.kinds import Kind, Op
from recap.demand.reclaim_costs import ReclaimCosts
from recap.kernel import (
    GFP_DIRECT_RECLAIM,
    GFP_HIGHMEM,
    GFP_KERNEL,
    GFP_MOVABLE,
    GFP_NORETRY,
    GFP_RETRY_MAYFAIL,
    GFP_THISNODE,
    IN_SWAP,
    LINUX_6_1,
    NONE,
)
from recap.mm import boot, invariants, sysctl
from recap.mm.vmstat import ALLOC_SLOWPATH, ALLOCSTALL
from recap.sim.closed_loop import Simulation
from recap.sim.run import metrics
from recap.trace import NO_PFN

MOVABLE = GFP_KERNEL | GFP_HIGHMEM | GFP_MOVABLE
MEBIBYTES = 8
PAGES = MEBIBYTES << 8


def demand(*tasks: list[tuple[Op, int]], kind: Kind = Kind.ANON, order: int = 0) -> Demand:
    """Each task's operations, on objects of one kind and order, 1000 ns of computing before each."""
    ops = [op for task in tasks for op in task]
    count = np.array([len(task) for task in tasks], np.int64)
    objects = 1 + max(obj for _, obj in ops)
    return Demand(
        obj_kind=np.full(objects, kind, np.uint8),
        obj_order=np.full(objects, order, np.uint8),
        obj_pfn=np.full(objects, NO_PFN, np.uint32),
        op_kind=np.array([op for op, _ in ops], np.uint8),
        op_obj=np.array([obj for _, obj in ops], np.int32),
        op_gfp=np.full(len(ops), MOVABLE, np.uint32),
        op_cpu=np.zeros(len(ops), np.uint8),
        op_run=np.full(len(ops), 1000, np.uint64),
        op_wait=np.zeros(len(ops), np.uint64),
        op_due=np.zeros(len(ops), np.int64),
        op_result=np.ones(len(ops), np.uint8),
        task_pid=np.arange(len(tasks), dtype=np.int32),
        task_first=np.cumsum(count) - count,
        task_count=count,
        task_forked=np.zeros(len(tasks), np.uint8),
        task_comm=["t"] * len(tasks),
        cpus=1,
        duration_ns=0,
        read_ns=np.zeros(0, np.int64),
        write_ns=np.array([50_000, 70_000], np.int64),
        reclaim_costs=None,
        compaction_costs=None,
        compaction_wait=0.0,
        recorded={},
        assumptions=[],
    )


def run(wanted: Demand, name: str = "none", swap: int = 0, seed: int = 0) -> dict[str, float]:
    """All of it, with every invariant checked as it goes."""
    memory = boot.empty_machine(MEBIBYTES, 1, 31, policy.load(name))
    memory.nr_swap_pages = swap
    simulation = Simulation(memory, wanted, seed)
    while simulation.advance(500):
        invariants.check(memory)
    invariants.check(memory)
    return metrics(simulation)


def allocs(first: int, count: int) -> list[tuple[Op, int]]:
    return [(Op.ALLOC, first + i) for i in range(count)]


def test_what_is_given_back_is_free_again() -> None:
    taken = allocs(0, 300)
    found = run(demand(taken + [(Op.FREE, obj) for _, obj in taken], kind=Kind.KERNEL))
    assert found["alloc_fail"] == 0
    assert found["nr_free_pages"] + 200 > PAGES  # all but what the per-cpu list keeps


def test_page_cache_beyond_memory_is_reclaimed_and_everything_served() -> None:
    found = run(demand(allocs(0, 2 * PAGES), kind=Kind.FILE))
    assert found["alloc_fail"] == 0
    assert found["pgsteal_kswapd"] + found["pgsteal_direct"] >= PAGES
    assert found["oom_kills"] == 0


def test_anonymous_memory_goes_to_swap_where_there_is_some() -> None:
    found = run(demand(allocs(0, PAGES + PAGES // 2)), swap=4 * PAGES)
    assert found["pswpout"] > PAGES // 4
    assert found["oom_kills"] == 0


def test_without_swap_the_largest_task_is_killed() -> None:
    found = run(demand(allocs(0, PAGES), allocs(PAGES, PAGES // 2)))
    assert found["oom_kills"] >= 1


def test_a_resident_file_page_is_a_hit() -> None:
    found = run(demand(allocs(0, 10) * 5, kind=Kind.FILE))
    assert found["nr_free_pages"] > PAGES - 100


@pytest.mark.parametrize("name", ["none", "own-pages", "whitcroft", "kosaki"])
def test_every_policy_withholds_nothing_in_the_end_and_repeats_itself(name: str) -> None:
    cache, huge = allocs(0, PAGES), allocs(PAGES, 6)
    wanted = demand(cache + huge, kind=Kind.FILE)
    orders = wanted.obj_order.copy()
    orders[PAGES:] = 4
    wanted = demand_with_orders(wanted, orders)
    first, second = run(wanted, name), run(wanted, name)
    assert first == second
    assert first["high_order_attempts"] == 6
    assert (first["withheld_peak_pages"] > 0) == (first["captured_pages"] > 0)


def demand_with_orders(wanted: Demand, orders: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> Demand:

    kinds = np.where(orders > 0, np.uint8(Kind.KERNEL), wanted.obj_kind).astype(np.uint8)
    return replace(wanted, obj_order=orders, obj_kind=kinds)


def test_a_huge_page_fault_that_failed_at_low_cost_tries_harder() -> None:
    """The second request of vma_alloc_folio, whether the recording has it or not."""
    filled = allocs(0, 2 * PAGES)
    light = MOVABLE | GFP_THISNODE | GFP_NORETRY

    def fault(gfps: list[int]) -> dict[str, float]:
        wanted = demand(filled + allocs(2 * PAGES, 1) * len(gfps), kind=Kind.FILE)
        orders, gfp = wanted.obj_order.copy(), wanted.op_gfp.copy()
        orders[-1] = 9
        gfp[-len(gfps) :] = gfps
        return run(replace(wanted, obj_order=orders, op_gfp=gfp))

    alone, recorded, limited = fault([light]), fault([light, MOVABLE]), fault([light & ~GFP_DIRECT_RECLAIM])
    assert alone["alloc_fail"] >= 1
    assert alone["allocstall"] == recorded["allocstall"] > limited["allocstall"]


def shares_seen(simulation: Simulation) -> set[float]:
    """How far a run in another thread was, whenever this one could look."""
    engine = Thread(target=simulation.advance, args=(1 << 40,))
    engine.start()
    seen = set()
    while engine.is_alive():
        seen.add(simulation.share_done())
    return seen


@pytest.mark.compiled
def test_other_threads_go_on_while_the_engine_runs() -> None:
    wanted = demand([(op, 0) for _ in range(200_000) for op in (Op.ALLOC, Op.FREE)])
    for _ in range(50):  # on a busy machine a whole run may fit between two looks
        simulation = Simulation(boot.empty_machine(MEBIBYTES, 1, 31, policy.load("none")), wanted, 0)
        if any(0 < share < 1 for share in shares_seen(simulation)):
            return
    pytest.fail("the engine never let another thread look")


def simulated(wanted: Demand, swap: int = 0) -> Simulation:
    """The simulation when all tasks are through."""
    memory = boot.empty_machine(MEBIBYTES, 1, 31, policy.load("none"))
    memory.nr_swap_pages = swap
    simulation = Simulation(memory, wanted, 0)
    while simulation.advance(500):
        pass
    invariants.check(memory)
    return simulation


def test_pages_that_recorded_reclaim_found_in_use_stay_in_memory() -> None:
    wanted = demand(allocs(0, PAGES + PAGES // 2))
    objects = len(wanted.obj_kind)
    until = np.full(objects, -1, np.int64)
    until[:100] = 1 << 62
    used = replace(
        wanted,
        obj_looks=np.zeros(objects, np.uint8),
        obj_in_use_until=until,
        obj_shared=np.zeros(objects, np.uint8),
    )
    resident = [simulated(found, swap=4 * PAGES).m.array("resident")[:100] for found in (wanted, used)]
    assert [int((frames < IN_SWAP).sum()) for frames in resident] == [0, 100]


def test_a_page_of_a_file_that_was_evicted_is_read_again_when_it_is_used() -> None:
    cache = allocs(0, 2 * PAGES)
    assert simulated(demand(cache, kind=Kind.FILE)).m.array("resident")[0] == NONE
    again = simulated(demand([*cache, (Op.ACTIVATE, 0)], kind=Kind.FILE))
    assert again.m.array("resident")[0] < IN_SWAP


def test_who_comes_first_to_a_page_of_a_file_reads_it_and_the_next_makes_it_active() -> None:
    """Its recorded order was the other one: the first task read it, and the second found it there."""
    wanted = demand([(Op.ALLOC, 0), (Op.TOUCH, 0)], [(Op.ACTIVATE, 0)], kind=Kind.FILE)
    for first_reads, begin in ((True, [0, 0, 1_000_000]), (False, [1_000_000, 1_000_000, 0])):
        found = run(replace(wanted, op_due=np.array(begin, np.int64)))
        assert found["pgactivate"] == 1, first_reads


def test_a_page_that_its_owner_gave_up_is_not_read_again() -> None:
    wanted = demand([(Op.ALLOC, 0), (Op.FREE, 0)], [(Op.ACTIVATE, 0)], kind=Kind.FILE)
    late = simulated(replace(wanted, op_due=np.array([0, 0, 1_000_000], np.int64)))
    assert late.m.array("resident")[0] == NONE


def test_a_page_used_on_its_way_to_the_lists_is_active_and_no_activation_is_counted() -> None:
    wanted = demand([(Op.ALLOC, 0), (Op.JOIN_ACTIVE, 0)], kind=Kind.FILE)
    assert simulated(wanted).m.array("node")["lru_size"][0].tolist() == [0, 0, 0, 1]
    found = run(wanted)
    assert (found["pgactivate"], found["workingset_activate_file"]) == (0, 0)


@pytest.mark.parametrize(("sleep", "reads_first"), [(0, False), (1, True)])
def test_a_task_that_waits_for_its_time_preempts_nobody_when_it_comes(sleep: int, reads_first: bool) -> None:
    """One computes from 1 ms to 6, then uses a page that another reads at 3 ms. If that one was asleep until then it
    takes the CPU, so the page is used a second time; if it had waited for the CPU it goes on waiting."""
    wanted = demand([(Op.ACTIVATE, 0)], [(Op.ALLOC, 1), (Op.ALLOC, 0)], kind=Kind.FILE)
    timed = replace(
        wanted,
        op_run=np.array([5_000_000, 1000, 1000], np.uint64),
        op_wait=np.array([0, 0, sleep], np.uint64),
        op_due=np.array([6_000_000, 0, 3_000_000], np.int64),
    )
    assert (run(timed)["pgactivate"] == 1) == reads_first


def test_a_request_that_calls_kswapd_begins_to_reclaim_before_kswapd_runs() -> None:
    """Nothing on the way from the call to the reclaim lets kswapd have the CPU: it is one step."""
    memory = boot.empty_machine(MEBIBYTES, 1, 31, policy.load("none"))
    simulation = Simulation(memory, demand(allocs(0, 2 * PAGES), kind=Kind.FILE), 0)
    together, begun, stalls = 0, 0, 0
    while simulation.advance(1):
        counted = memory.array("vmstat")
        together += counted[ALLOCSTALL] > stalls and counted[ALLOC_SLOWPATH] > begun
        stalls, begun = int(counted[ALLOCSTALL]), int(counted[ALLOC_SLOWPATH])
    assert together == stalls > 0


def test_a_reclaimer_keeps_its_cpu_between_batches() -> None:
    """Batches that take 100 us longer than their pages are no sleep: nobody else gets what they free."""
    fill, pages = allocs(0, PAGES), allocs(PAGES, PAGES // 2)
    wanted = replace(
        demand(fill + pages, allocs(2 * PAGES, PAGES // 2), kind=Kind.FILE),
        reclaim_costs=ReclaimCosts(direct_delays=np.full(1, 100_000)),
    )
    found = run(wanted)
    assert found["pgsteal_direct"] > 0
    assert found["stolen_pages"] < found["pgsteal_direct"] / 20


def test_a_task_that_waited_for_its_time_is_behind_nobody() -> None:
    """From 40 ms on two tasks share the CPU in turns: one is through its 44 ms long before the other has had 30, and
    reads the page first. The other's wait does not earn it the CPU until it has run as much."""
    first = [*[(Op.DIRTY, 60)] * 44, (Op.ACTIVATE, 0)]
    second = [(Op.ALLOC, obj) for obj in (*range(1, 31), 0)]
    wanted = demand(first, second, kind=Kind.FILE)
    run_ns = np.array([1_000_000] * 44 + [1000, 1000] + [1_000_000] * 30, np.uint64)
    due = np.array([0] * 46 + [40_000_000] * 30, np.int64)
    assert run(replace(wanted, op_run=run_ns, op_due=due))["pgactivate"] == 0


def test_a_tick_counts_who_waits_by_then() -> None:
    """One runs alone at first, and uses a page after 6 ms. Another one joins the queue after 1 ms: with two to share
    the period the next tick, at 4 ms, ends the first one's turn, and the other reads the page before it is used."""
    wanted = demand([(Op.ACTIVATE, 0)], [(Op.ALLOC, 1), (Op.ALLOC, 0)], kind=Kind.FILE)
    timed = replace(
        wanted,
        op_run=np.array([6_000_000, 1000, 1000], np.uint64),
        op_due=np.array([0, 0, 1_000_000], np.int64),
    )
    assert run(timed)["pgactivate"] == 1


def test_what_a_timer_wakes_comes_with_the_ticks() -> None:
    """The seed moves both by the same time."""
    wanted = demand([(Op.REST, -1)] * 3, allocs(0, 3), kind=Kind.FILE)
    due = np.array([10_000_000, 14_000_000, 18_000_000, 0, 0, 0], np.int64)
    timed = replace(wanted, op_due=due, recorded={"stolen_pages": 0.0}, tick_ns=np.zeros(1, np.int64))
    ends = {run(timed, seed=seed)["simulated_seconds"] for seed in range(5)}
    assert len(ends) == 5
    assert min(ends) >= 0.018
    assert max(ends) < 0.0221


def test_pages_that_reclaim_met_on_their_way_to_the_device_come_to_the_end_of_the_list_when_they_are_written() -> None:
    written = [op for obj in range(2 * PAGES) for op in ((Op.ALLOC, obj), (Op.DIRTY, obj))]
    found = run(replace(demand(written, kind=Kind.FILE), write_ns=np.array([2_000_000], np.int64)))
    assert found["pswpout"] == 0
    assert found["pgrotated"] > 0


def costly_request(
    name: str = "none", order: int = 9, number: int = 1, costs: ReclaimCosts | None = None, **knobs: str
) -> dict[str, float]:
    """Requests for large blocks when memory is full of a file; every 64th page is the kernel's, so there is none of
    order 9."""
    wanted = demand([*allocs(0, PAGES), *allocs(PAGES, number)], kind=Kind.FILE)
    gfp, orders, kind = wanted.op_gfp.copy(), wanted.obj_order.copy(), wanted.obj_kind.copy()
    gfp[-number:] |= GFP_RETRY_MAYFAIL
    orders[-number:] = order
    kind[:PAGES:64] = Kind.KERNEL
    memory = boot.empty_machine(MEBIBYTES, 1, 31, policy.load(name))
    sysctl.apply(memory, sysctl.settings({f"vm.page_capture_{name}": value for name, value in knobs.items()}, {}), {})
    wanted = replace(wanted, op_gfp=gfp, obj_order=orders, obj_kind=kind, reclaim_costs=costs)
    simulation = Simulation(memory, wanted, 0)
    while simulation.advance(500):
        pass
    return metrics(simulation)


@pytest.mark.parametrize("compact", ["0", "1"])
def test_without_compaction_a_costly_request_has_one_reclaim(compact: str) -> None:
    found = costly_request(compact=compact)
    assert found["alloc_fail"] == 1
    assert found["allocstall"] == 1
    assert (found["compact_stall"] > 0) == (compact == "1")


@pytest.mark.parametrize(("target", "least", "most"), [("0", 32, 100), ("100", 100, 200), ("-1", 512, 700)])
def test_how_much_a_costly_reclaim_wants(target: str, least: int, most: int) -> None:
    assert least <= costly_request(compact="0", target=target)["pgsteal_direct"] <= most


@pytest.mark.parametrize("name", ["whitcroft", "kosaki"])
def test_pages_that_a_batch_has_isolated_keep_no_block_from_being_captured(name: str) -> None:
    found = costly_request(name, order=4, number=40, compact="0")
    assert found["captured_pages"] > found["pgsteal_direct"] // 3 > 0


@pytest.mark.parametrize(
    ("name", "pays"),
    [("none", False), ("whitcroft", False), ("kosaki", True), ("placebo", True), ("kosaki-map", False)],
)
def test_who_looks_at_blocks_pays_for_each_page_looked_at(name: str, pays: bool) -> None:
    dear = 10_000
    free, paid = (costly_request(name, number=1, compact="0", costs=ReclaimCosts(looked=ns)) for ns in (0, dear))
    assert (paid["capture_looked_at"] > 0) == pays
    assert paid["stall_ms"] == pytest.approx(free["stall_ms"] + paid["capture_looked_at"] * dear / 1e6)


def test_a_batch_lets_its_pages_go_when_it_ends() -> None:
    """What is captured waits for the settlement of its list only, not for the scan that freed it."""
    file = demand(allocs(0, 2 * PAGES), kind=Kind.FILE)
    blocks = 20
    orders = np.append(file.obj_order, np.full(blocks, 4)).astype(np.uint8)
    last = demand(allocs(0, 2 * PAGES + blocks), kind=Kind.FILE)
    batch_ns = 32 * 20_000
    wanted = replace(last, obj_order=orders, reclaim_costs=ReclaimCosts(scanned=20_000))
    memory = boot.empty_machine(MEBIBYTES, 1, 31, policy.load("whitcroft"), profile=LINUX_6_1.having(compaction=False))
    simulation = Simulation(memory, wanted, 0)
    while simulation.advance(500):
        invariants.check(memory)
    found = metrics(simulation)
    assert found["captured_pages"] > 0
    assert found["withheld_page_ms"] * 1e6 < found["captured_pages"] * batch_ns / 4
