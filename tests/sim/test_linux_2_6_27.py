"""Reclaim of Linux 2.6.27 in virtual time, on a small machine: rules by their number in docs/linux-2.6.27.md."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from recap import policy
from recap.demand.demand import Demand
from recap.demand.kinds import Kind, Op
from recap.demand.program import GFP_HIGHUSER_MOVABLE, ObjectTable, Task, join
from recap.kernel import (
    GFP_FS,
    GFP_KERNEL,
    GFP_RETRY_MAYFAIL,
    IN_SWAP,
    LINUX_2_6_27,
    LINUX_2_6_27_MM,
    LINUX_6_1,
    Profile,
)
from recap.mm import boot, invariants
from recap.mm.vmstat import NAMES
from recap.pages import Memory
from recap.sim.closed_loop import Simulation
from recap.sim.run import metrics

MEBIBYTES = 8
PAGES = MEBIBYTES << 8
WRITE_NS = 1_000_000
SECOND = 1_000_000_000
KERNELS = (LINUX_2_6_27, LINUX_2_6_27_MM)


def load(
    kind: Kind,
    pages: int,
    order: int = 0,
    requests: int = 0,
    dirty: bool = False,
    gfp: int = GFP_HIGHUSER_MOVABLE,
    run_ns: int = 1000,
) -> Demand:
    """One task fills memory, in so much time for each page, then asks for blocks of an order and gives them back."""
    objects, task = ObjectTable(), Task("t")
    filled, wanted = objects.make(pages, kind), objects.make(requests, Kind.KERNEL, order)
    for part in np.array_split(filled, 64):
        task.do(Op.ALLOC, part, GFP_HIGHUSER_MOVABLE, run_ns)
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


@pytest.mark.compiled
@pytest.mark.parametrize("profile", KERNELS, ids=lambda profile: profile.name)
def test_rule_38_lumpy_reclaim_makes_blocks_where_reclaim_alone_does_not(profile: Profile) -> None:
    demand = load(Kind.FILE, 2 * PAGES, 9, 3)
    without = run(demand, LINUX_6_1.having(compaction=False))
    assert run(demand, profile)["high_order_successes"] > without["high_order_successes"]


def test_rule_37_the_second_pass_waits_for_what_the_first_one_wrote() -> None:
    found = run(load(Kind.ANON, PAGES + PAGES // 4, 6, 6))
    assert found["nr_vmscan_write"] > 0
    assert found["longest_stall_ms"] >= WRITE_NS / 1e6
    assert found["high_order_successes"] > 0


def test_rule_39_reclaim_writes_dirty_file_pages_itself() -> None:
    """6.1 leaves them to the flusher, except those that kswapd meets again at the tail of its list (PGDAT_DIRTY): none
    here, where the writer leaves the flusher some time."""
    demand = load(Kind.FILE, 4 * PAGES, dirty=True, run_ns=3000)
    old, new = run(demand), run(demand, LINUX_6_1)
    assert old["nr_vmscan_write"] > 4 * new["nr_vmscan_write"]
    assert old["nr_vmscan_immediate_reclaim"] == 0
    assert new["nr_vmscan_immediate_reclaim"] > 0


def test_rules_27_28_a_costly_request_gets_one_round_and_repeat_more() -> None:
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


@pytest.mark.compiled
def test_rules_31_32_33_kswapd_reclaims_for_the_order_asked_for() -> None:
    """After a costly request it goes on until a block is there, far beyond the order-0 watermark."""
    single = run(load(Kind.ANON, PAGES + PAGES // 4))
    high = run(load(Kind.ANON, PAGES + PAGES // 4, 9, 1))
    assert high["pgsteal_kswapd"] > single["pgsteal_kswapd"]


def test_rule_48_a_writer_over_the_dirty_limit_waits_for_the_device() -> None:
    free = load(Kind.FILE, PAGES // 2, dirty=True)
    limited = replace(free, dirty_ratio=10)
    waits = run(limited)["simulated_seconds"] - run(free)["simulated_seconds"]
    assert waits > (PAGES // 2 - PAGES // 5) / 32 * WRITE_NS / 1e9


def memory_after(
    task: Task, objects: ObjectTable, profile: Profile = LINUX_2_6_27_MM, swappiness: int = 60, **limits: int
) -> Memory:
    """The memory when a task is through, with plenty of swap."""
    limits = {"request_pages": 32} | limits
    demand = join(objects, [task], 1, write_ns=np.array([WRITE_NS], np.int64), **limits)
    memory = boot.empty_machine(MEBIBYTES, 1, 31, policy.load("none"), profile=profile)
    memory.nr_swap_pages = 4 * PAGES
    memory.swappiness = swappiness
    simulation = Simulation(memory, demand, 0, 1000)
    while simulation.advance(2000):
        pass
    invariants.check(memory)
    return memory


def counter(memory: Memory, name: str) -> int:
    return int(memory.array("vmstat")[NAMES.index(name)])


@pytest.mark.parametrize(("pages", "wakes"), [(PAGES // 2, False), (PAGES, True)])
def test_rule_30_kswapd_is_told_below_the_low_mark_only(pages: int, wakes: bool) -> None:
    assert (run(load(Kind.FILE, pages))["pageoutrun"] > 0) == wakes


def test_rules_34_35_nothing_is_scanned_below_the_first_priority_when_all_is_unreclaimable() -> None:
    """So the killer is called soon: a page that cannot go is scanned a few times, not once for each priority."""
    found = run(load(Kind.ANON, PAGES + PAGES // 4), LINUX_2_6_27, swap=0)
    assert found["oom_kills"] >= 1
    assert found["pgscan_direct"] < found["allocstall"] * 13 * PAGES


def test_rules_36_54_a_pass_of_low_priority_scans_a_batch_not_a_share_of_small_lists() -> None:
    found = run(load(Kind.FILE, PAGES + 64))
    assert 0 < found["pgscan_kswapd"] + found["pgscan_direct"] < PAGES
    assert found["pgsteal_kswapd"] + found["pgsteal_direct"] >= 32


@pytest.mark.compiled
@pytest.mark.parametrize(("swappiness", "swaps"), [(0, False), (100, True)])
def test_rules_41_42_mapped_pages_stay_on_the_one_active_list_until_there_is_need(swappiness: int, swaps: bool) -> None:
    objects, task = ObjectTable(), Task("t")
    anon, file = objects.make(PAGES // 4, Kind.ANON), objects.make(4 * PAGES, Kind.FILE)
    task.do(Op.ALLOC, anon, GFP_HIGHUSER_MOVABLE, 1000)
    task.do(Op.ALLOC, file, GFP_HIGHUSER_MOVABLE, 1000)
    memory = memory_after(task, objects, LINUX_2_6_27, swappiness)
    assert (counter(memory, "pswpout") > 0) == swaps


@pytest.mark.parametrize(("order", "spared"), [(0, True), (6, False)])
def test_rules_39_43_use_protects_a_page_from_small_requests_and_not_from_costly_ones(order: int, spared: bool) -> None:
    objects, task = ObjectTable(), Task("t")
    mixed = objects.make(3 * PAGES // 4, Kind.ANON)
    hot = mixed[::2]
    wanted = objects.make(12 if order else 700, Kind.KERNEL, order)
    task.do(Op.ALLOC, mixed, GFP_HIGHUSER_MOVABLE, 1000)
    for some in np.array_split(wanted, len(wanted) // 2):
        task.do(Op.TOUCH, hot, GFP_HIGHUSER_MOVABLE, 100)
        task.do(Op.ALLOC, some, GFP_HIGHUSER_MOVABLE, 1000)
    memory = memory_after(task, objects)
    lost = (memory.array("resident")[hot] >= IN_SWAP).sum()
    assert counter(memory, "pswpout") > 0
    assert (lost < len(hot) // 50) == spared


def test_rule_44_anonymous_pages_begin_active_and_those_of_files_do_not() -> None:
    objects, task = ObjectTable(), Task("t")
    task.do(Op.ALLOC, objects.make(100, Kind.ANON), GFP_HIGHUSER_MOVABLE, 1000)
    task.do(Op.ALLOC, objects.make(50, Kind.FILE), GFP_HIGHUSER_MOVABLE, 1000)
    assert memory_after(task, objects).array("node")["lru_size"][0].tolist() == [0, 100, 50, 0]


def test_rules_44_52_the_kernel_before_the_split_has_one_pair_of_lists() -> None:
    objects, task = ObjectTable(), Task("t")
    task.do(Op.ALLOC, objects.make(100, Kind.ANON), GFP_HIGHUSER_MOVABLE, 1000)
    task.do(Op.ALLOC, objects.make(50, Kind.FILE), GFP_HIGHUSER_MOVABLE, 1000)
    assert memory_after(task, objects, LINUX_2_6_27).array("node")["lru_size"][0].tolist() == [0, 0, 50, 100]


def test_rule_45_a_file_page_used_twice_is_active() -> None:
    objects, task = ObjectTable(), Task("t")
    file = objects.make(50, Kind.FILE)
    task.do(Op.ALLOC, file, GFP_HIGHUSER_MOVABLE, 1000)
    task.do(Op.TOUCH, file, GFP_HIGHUSER_MOVABLE, 1000)
    task.do(Op.TOUCH, file[:20], GFP_HIGHUSER_MOVABLE, 1000)
    assert memory_after(task, objects).array("node")["lru_size"][0].tolist() == [0, 0, 30, 20]


@pytest.mark.compiled
def test_rules_40_46_what_was_written_is_kept_and_comes_next() -> None:
    found = run(load(Kind.FILE, 4 * PAGES, dirty=True))
    assert found["pgrotated"] > 0
    assert found["pgrotated"] <= found["nr_vmscan_write"]


@pytest.mark.parametrize(("gfp", "shrinks"), [(GFP_KERNEL, True), (GFP_KERNEL & ~GFP_FS, False)])
def test_rule_47_inodes_age_with_the_lists_and_who_may_not_enter_a_file_system_leaves_them(
    gfp: int, shrinks: bool
) -> None:
    """kswapd may always; so the machine is filled by somebody else's pages first, and all is asked for at once."""
    objects, task = ObjectTable(), Task("t")
    slab, file = objects.make(PAGES // 4, Kind.SLAB), objects.make(PAGES // 2, Kind.FILE)
    task.do(Op.ALLOC, slab, GFP_KERNEL, 1000)
    task.do(Op.ALLOC, file, GFP_HIGHUSER_MOVABLE, 1000)
    assert memory_after(task, objects).array("node")["nr_slab"][0] == len(slab)
    rest = objects.make(PAGES, Kind.FILE)
    task.do(Op.ALLOC, rest[: PAGES if shrinks else 1], gfp, 1000)
    assert (memory_after(task, objects).array("node")["nr_slab"][0] < len(slab)) == shrinks


@pytest.mark.compiled
def test_rule_47_a_page_with_an_object_in_use_stays() -> None:
    objects, task = ObjectTable(), Task("t")
    slab, file = objects.make(PAGES // 4, Kind.SLAB), objects.make(8 * PAGES, Kind.FILE)
    task.do(Op.ALLOC, slab, GFP_KERNEL, 1000)
    for some in np.array_split(file, 256):
        task.do(Op.ALLOC, some, GFP_HIGHUSER_MOVABLE, 1000)
        task.do(Op.TOUCH, slab[::4], GFP_KERNEL, 100)
    resident = memory_after(task, objects).array("resident")[: len(slab)] < IN_SWAP
    assert resident[::4].all()
    assert not resident.all()


def test_rule_48_pages_dirty_for_30_s_are_written_in_any_case() -> None:
    objects, task = ObjectTable(), Task("t")
    file = objects.make(20, Kind.FILE)
    task.do(Op.ALLOC, file, GFP_HIGHUSER_MOVABLE, 1000)
    task.do(Op.DIRTY, file, 0, 1000)
    task.do(Op.TOUCH, file[:1], GFP_HIGHUSER_MOVABLE, 0, 40 * SECOND)
    assert counter(memory_after(task, objects, dirty_expire_ns=30 * SECOND), "nr_written") == 20
    assert counter(memory_after(task, objects), "nr_written") == 0


def test_rule_49_who_waits_for_the_device_goes_on_with_the_next_page_written() -> None:
    """A tenth of a second is the longest; a request of the disk takes a hundredth of that."""
    found = run(load(Kind.ANON, PAGES + PAGES // 4, 6, 6))
    assert found["allocstall"] > 0
    assert WRITE_NS / 1e6 <= found["longest_stall_ms"] < 100


@pytest.mark.compiled
def test_rules_53_56_without_swap_anonymous_pages_are_not_scanned() -> None:
    objects, task = ObjectTable(), Task("t")
    anon, file = objects.make(PAGES // 4, Kind.ANON), objects.make(2 * PAGES, Kind.FILE)
    task.do(Op.ALLOC, anon, GFP_HIGHUSER_MOVABLE, 1000)
    task.do(Op.ALLOC, file, GFP_HIGHUSER_MOVABLE, 1000)
    demand = join(objects, [task], 1, write_ns=np.array([WRITE_NS], np.int64), request_pages=32)
    assert run(demand, swap=0)["pgdeactivate"] == 0
    assert run(demand)["pgdeactivate"] > 0


def test_rule_55_neighbours_of_a_costly_area_join_whether_active_or_not() -> None:
    """All anonymous pages begin active: without it no area would ever be whole."""
    assert run(load(Kind.ANON, PAGES, 6, 6))["high_order_successes"] > 0


@pytest.mark.compiled
def test_kswapd_writes_no_faster_than_the_disk() -> None:
    """A queue of 128 requests, then it sleeps (get_request_wait)."""
    found = run(load(Kind.ANON, 3 * PAGES))
    assert found["pswpout"] / 32 * WRITE_NS / 1e9 < found["simulated_seconds"] + 128 * WRITE_NS / 1e9


def test_writes_wait_for_reads_and_are_not_starved() -> None:
    def seconds(reads: bool) -> float:
        objects, writer, reader = ObjectTable(), Task("writer"), Task("reader")
        dirty, file = objects.make(PAGES // 2, Kind.FILE), objects.make(400, Kind.FILE)
        writer.mix((Op.ALLOC, dirty, GFP_HIGHUSER_MOVABLE), (Op.DIRTY, dirty, 0), run_ns=1000)
        reader.do(Op.TOUCH, file if reads else file[:1], GFP_HIGHUSER_MOVABLE, 1000)
        write_ns = np.array([10 * WRITE_NS], np.int64)
        return run(
            join(
                objects, [writer, reader], 1, write_ns=write_ns, request_pages=32, dirty_ratio=15, read_page_ns=WRITE_NS
            )
        )["simulated_seconds"]

    assert seconds(reads=False) + 0.2 < seconds(reads=True) < seconds(reads=False) + 1.5


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
    objects, task = ObjectTable(), Task("t")
    wanted = objects.make(5, Kind.KERNEL)
    task.mix((Op.PACE, wanted, 0), (Op.ALLOC, wanted, GFP_KERNEL), run_ns=0, wait_ns=SECOND)
    assert (
        3.9 < run(join(objects, [task], 1, write_ns=np.array([WRITE_NS]), request_pages=32))["simulated_seconds"] < 4.1
    )


def test_a_task_with_an_end_goes_round_until_it_is_killed_and_its_files_stay() -> None:
    objects, task = ObjectTable(), Task("t", until=SECOND)
    anon, file = objects.make(50, Kind.ANON), objects.make(50, Kind.FILE)
    task.do(Op.TOUCH, file, GFP_HIGHUSER_MOVABLE, 1000)
    task.do(Op.ALLOC, anon, GFP_HIGHUSER_MOVABLE, 1_000_000)
    found = run(join(objects, [task], 1, write_ns=np.array([WRITE_NS]), request_pages=32))
    assert 1.0 <= found["simulated_seconds"] < 1.1
    assert PAGES - 200 < found["nr_free_pages"] <= PAGES - 50
