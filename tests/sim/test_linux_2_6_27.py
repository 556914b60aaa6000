"""Reclaim of Linux 2.6.27 in virtual time, on a small machine: rules by their number in docs/linux-2.6.27.md."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from recap import policy
from recap.demand.demand import Demand, Kind, Op
from recap.demand.program import GFP_HIGHUSER_MOVABLE, Objects, Task, join
from recap.kernel import GFP_KERNEL, GFP_RETRY_MAYFAIL, LINUX_2_6_27, LINUX_2_6_27_MM, LINUX_6_1, Profile
from recap.mm import boot, invariants
from recap.sim.closed_loop import Simulation
from recap.sim.run import metrics

MEBIBYTES = 8
PAGES = MEBIBYTES << 8
WRITE_NS = 1_000_000
SECOND = 1_000_000_000
KERNELS = (LINUX_2_6_27, LINUX_2_6_27_MM)


def load(
    kind: Kind, pages: int, order: int = 0, requests: int = 0, dirty: bool = False, gfp: int = GFP_HIGHUSER_MOVABLE
) -> Demand:
    """One task fills memory, then asks for blocks of an order and gives them back."""
    objects, task = Objects(), Task("t")
    filled, wanted = objects.make(pages, kind), objects.make(requests, Kind.KERNEL, order)
    for part in np.array_split(filled, 64):
        task.do(Op.ALLOC, part, GFP_HIGHUSER_MOVABLE, 1000)
        if dirty:
            task.do(Op.DIRTY, part, 0, 100)
    task.do(Op.TOUCH, filled[:1], GFP_HIGHUSER_MOVABLE, 0, SECOND // 10)
    task.do(Op.ALLOC, wanted, gfp, 1000)
    task.do(Op.FREE, wanted, 0, 100)
    return join(objects, [task], 1, write_ns=np.array([WRITE_NS], np.int64), request_pages=32)


def run(
    demand: Demand, profile: Profile = LINUX_2_6_27_MM, name: str = "none", swap: int = 4 * PAGES
) -> dict[str, float]:
    """All of it, with every invariant checked as it goes."""
    memory = boot.empty_machine(MEBIBYTES, 1, 31, policy.load(name), profile=profile)
    memory.nr_swap_pages = swap
    simulation = Simulation(memory, demand, 0)
    while simulation.advance(2000):
        invariants.check(memory)
    invariants.check(memory)
    return metrics(simulation)


@pytest.mark.parametrize("profile", KERNELS, ids=lambda profile: profile.name)
def test_rule_38_lumpy_reclaim_makes_blocks_where_reclaim_alone_does_not(profile: Profile) -> None:
    demand = load(Kind.FILE, 2 * PAGES, 8, 6)
    without = run(demand, replace(LINUX_6_1, compaction=False))
    assert run(demand, profile)["high_order_successes"] > without["high_order_successes"]


def test_rule_37_the_second_pass_waits_for_what_the_first_one_wrote() -> None:
    found = run(load(Kind.ANON, PAGES + PAGES // 4, 6, 6))
    assert found["nr_vmscan_write"] > 0
    assert found["longest_stall_ms"] >= WRITE_NS / 1e6
    assert found["high_order_successes"] > 0


def test_rule_39_reclaim_writes_dirty_file_pages_itself() -> None:
    demand = load(Kind.FILE, 4 * PAGES, dirty=True)
    assert run(demand)["nr_vmscan_write"] > 0
    assert run(demand, LINUX_6_1)["nr_vmscan_write"] == 0


def test_rule_27_a_costly_request_gets_one_round_and_repeat_more() -> None:
    once = run(load(Kind.ANON, PAGES, 8, 4))
    repeated = run(load(Kind.ANON, PAGES, 8, 4, gfp=GFP_HIGHUSER_MOVABLE | GFP_RETRY_MAYFAIL))
    assert 0 < once["allocstall"] <= 4
    assert repeated["allocstall"] >= once["allocstall"]


@pytest.mark.parametrize("profile", KERNELS, ids=lambda profile: profile.name)
def test_rule_50_small_requests_kill_and_costly_ones_do_not(profile: Profile) -> None:
    assert run(load(Kind.ANON, PAGES + PAGES // 4), profile, swap=0)["oom_kills"] >= 1
    found = run(load(Kind.KERNEL, PAGES - PAGES // 8, 6, 8, gfp=GFP_KERNEL), profile, swap=0)
    assert found["oom_kills"] == 0
    assert found["alloc_fail"] > 0


def test_rules_31_32_kswapd_reclaims_for_the_order_asked_for() -> None:
    """After a costly request it goes on until a block is there, far beyond the order-0 watermark."""
    single = run(load(Kind.ANON, PAGES + PAGES // 4))
    high = run(load(Kind.ANON, PAGES + PAGES // 4, 9, 1))
    assert high["pgsteal_kswapd"] > single["pgsteal_kswapd"]


def test_rule_48_a_writer_over_the_dirty_limit_waits_for_the_device() -> None:
    free = load(Kind.FILE, PAGES // 2, dirty=True)
    limited = replace(free, dirty_ratio=10)
    waits = run(limited)["simulated_seconds"] - run(free)["simulated_seconds"]
    assert waits > (PAGES // 2 - PAGES // 5) / 32 * WRITE_NS / 1e9


@pytest.mark.compiled
@pytest.mark.parametrize("profile", KERNELS, ids=lambda profile: profile.name)
@pytest.mark.parametrize("name", [info.name for info in policy.catalogue()])
def test_every_policy_withholds_nothing_in_the_end_and_repeats_itself(name: str, profile: Profile) -> None:
    demand = load(Kind.ANON, PAGES + PAGES // 4, 6, 8)
    first, second = run(demand, profile, name), run(demand, profile, name)
    assert first == second
    assert first["high_order_attempts"] == 8
    assert (first["withheld_peak_pages"] > 0) == (first["captured_pages"] > 0)


def test_a_paced_task_keeps_its_slots_and_a_late_one_goes_on_at_once() -> None:
    objects, task = Objects(), Task("t")
    wanted = objects.make(5, Kind.KERNEL)
    task.mix((Op.PACE, wanted, 0), (Op.ALLOC, wanted, GFP_KERNEL), run_ns=0, wait_ns=SECOND)
    assert (
        3.9 < run(join(objects, [task], 1, write_ns=np.array([WRITE_NS]), request_pages=32))["simulated_seconds"] < 4.1
    )


def test_a_task_with_an_end_goes_round_until_it_is_killed_and_its_files_stay() -> None:
    objects, task = Objects(), Task("t", until=SECOND)
    anon, file = objects.make(50, Kind.ANON), objects.make(50, Kind.FILE)
    task.do(Op.TOUCH, file, GFP_HIGHUSER_MOVABLE, 1000)
    task.do(Op.ALLOC, anon, GFP_HIGHUSER_MOVABLE, 1_000_000)
    found = run(join(objects, [task], 1, write_ns=np.array([WRITE_NS]), request_pages=32))
    assert 1.0 <= found["simulated_seconds"] < 1.1
    assert PAGES - 200 < found["nr_free_pages"] <= PAGES - 50
