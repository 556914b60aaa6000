"""The open loop on tapes: a trace made by the rules is followed whole, what it hides is found, a broken rule shows."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recap.kernel import GFP_KERNEL
from recap.mm.machine import Machine
from recap.pages import COMPILED
from recap.sim.open_loop import Replay
from recap.trace import Event
from tests.sim.open_loop.tape import SOFTIRQ, TASK, USER, Tape, machine, newer

NOTHING_INFERRED = set[str]()


def inferred(replay: Replay) -> set[str]:
    return {name for name, number in replay.inferences().items() if number}


def whole(replay: Replay, *kinds: str) -> None:
    """Every frame and every step as recorded; only these kinds of inference were needed."""
    assert (replay.exact, replay.mismatched) == (replay.allocations, 0)
    assert (replay.taken_exact, replay.drained_exact) == (replay.taken, replay.drained)
    assert replay.deviations() == []
    assert inferred(replay) == set(kinds)


def same_memory(replay: Replay, tape: Tape) -> None:
    model = Machine(replay.m)
    assert model.free_lists() == tape.kernel.free_lists()
    assert model.pcp_lists() == tape.kernel.pcp_lists()


def load(tape: Tape, seed: int, operations: int, cpus: int = 1) -> None:
    """Allocations and frees of all kinds in a random order."""
    dice = random.Random(seed)
    held: list[tuple[int, int]] = []
    for _ in range(operations):
        cpu = dice.randrange(cpus)
        if held and dice.random() < 0.45:
            pfn, order = held.pop(dice.randrange(len(held)))
            tape.free(pfn, order, cpu=cpu, pid=TASK + cpu)
        elif len(held) > 20 and dice.random() < 0.05:
            some = [held.pop()[0] for _ in range(20) if held and held[-1][1] == 0]
            tape.free_list(some, cpu=cpu, pid=TASK + cpu)
        else:
            order = dice.choice((0, 0, 0, 0, 0, 1, 2, 3, 5, 9))
            gfp = dice.choice((USER, USER, GFP_KERNEL, GFP_KERNEL | 0x10))
            if tape.kernel.memory.array("zone")["free_pages"][0] > 1500 and tape.kernel.watermark_ok(0, order, gfp):
                held.append((tape.alloc(order, gfp, cpu=cpu, pid=TASK + cpu), order))


@settings(max_examples=100 if COMPILED else 10)
@given(seed=st.integers(0, 1 << 30), cpus=st.integers(1, 2))
def test_a_trace_made_by_the_rules_is_followed_without_any_inference(seed: int, cpus: int) -> None:
    tape = Tape(machine(16, cpus))
    load(tape, seed, 150, cpus)
    replay = tape.replayed()
    whole(replay)
    same_memory(replay, tape)


def test_bulk_allocations_are_found_by_what_follows() -> None:
    tape = Tape()
    tape.alloc(gfp=GFP_KERNEL)
    stack = [tape.take(gfp=GFP_KERNEL) for _ in range(4)]
    tape.alloc(gfp=GFP_KERNEL)
    for pfn in stack:
        tape.free(pfn)
    replay = tape.replayed()
    whole(replay, "bulk_allocations")
    assert replay.inferences()["bulk_allocations"] == 4
    same_memory(replay, tape)


def test_a_refill_in_the_middle_of_a_bulk_allocation_is_followed() -> None:
    tape = Tape()
    batch = int(tape.kernel.memory.array("pcp")["batch"][0])
    for _ in range(batch - 2):
        tape.alloc(gfp=GFP_KERNEL)
    stack = [tape.take(gfp=GFP_KERNEL) for _ in range(4)]
    tape.alloc(gfp=GFP_KERNEL)
    tape.free_list(stack)
    replay = tape.replayed()
    whole(replay, "bulk_allocations")
    same_memory(replay, tape)


def test_an_allocation_reported_after_an_interrupt_was_made_before_it() -> None:
    tape = Tape()
    mine = [tape.alloc() for _ in range(6)]
    tape.free(mine.pop())
    pfn = tape.take()
    for other in mine[:2]:
        tape.free(other, context=SOFTIRQ)
    tape.allocated(pfn)
    tape.alloc()
    replay = tape.replayed()
    whole(replay, "late_reports")
    same_memory(replay, tape)


def test_a_free_that_an_interrupt_came_before_is_done_after_it() -> None:
    tape = Tape()
    mine = [tape.alloc() for _ in range(6)]
    pfn = mine.pop()
    tape.report(Event.MM_PAGE_FREE, pfn=pfn)
    for other in mine[:2]:
        tape.free(other, context=SOFTIRQ)
    tape.kernel.free_pages(pfn)
    tape.report(Event.SCHED_SWITCH)
    for _ in range(3):
        tape.alloc(pid=TASK + 1)
    replay = tape.replayed()
    whole(replay, "late_frees")
    same_memory(replay, tape)


def test_an_allocation_reported_by_a_task_that_was_put_aside_was_made_before() -> None:
    tape = Tape()
    mine = [tape.alloc() for _ in range(6)]
    tape.free(mine.pop())
    pfn = tape.take()
    tape.report(Event.SCHED_SWITCH)
    for other in mine:
        tape.free(other, pid=TASK + 1)
    tape.allocated(pfn)
    tape.alloc()
    replay = tape.replayed()
    whole(replay, "late_reports")
    same_memory(replay, tape)


def test_a_whole_interrupt_found_the_lists_locked_if_one_of_its_frames_was_taken_undrained() -> None:
    tape = Tape()
    mine = [tape.alloc(gfp=GFP_KERNEL) for _ in range(6)]
    for pfn in mine:
        tape.report(Event.MM_PAGE_FREE, pfn=pfn, context=SOFTIRQ)
        tape.kernel.free_to_buddy(pfn)
    batch = int(tape.kernel.memory.array("pcp")["batch"][0])
    for _ in range(2 * batch):
        tape.alloc(gfp=GFP_KERNEL)
    replay = tape.replayed()
    whole(replay, "locked_lists")
    same_memory(replay, tape)


def test_the_second_snapshot_of_6_18_is_reached_through_decays() -> None:
    tape = Tape(newer())
    for _ in range(2):
        held = [tape.alloc() for _ in range(400)]
        for pfn in held:
            tape.free(pfn)
        for _ in range(6):
            tape.update_counters()
    replay = tape.replayed(newer())
    whole(replay)
    same_memory(replay, tape)


def test_an_allocation_may_find_its_lists_locked() -> None:
    """It takes one block, where an empty list is filled with more; its own list is not empty, and stays as it is."""
    tape = Tape(machine(64, 2))
    for pfn in [tape.alloc(cpu=1, pid=TASK + 1) for _ in range(200)]:
        tape.free(pfn, cpu=1, pid=TASK + 1)
    taken = tape.kernel.alloc_from_buddy(0, USER)
    assert taken is not None
    tape.steps(cpu=1, pid=TASK + 1)
    tape.allocated(taken, cpu=1, pid=TASK + 1)
    load(tape, 4, 300, 2)
    replay = tape.replayed()
    whole(replay, "locked_lists")
    assert replay.inferences()["locked_lists"] == 1
    same_memory(replay, tape)


@pytest.mark.parametrize("place", [0, 1])
def test_a_page_of_a_list_may_find_the_per_cpu_lists_locked(place: int) -> None:
    """No event says that it goes to the free lists: it was prepared with the others, and is taken from there next."""
    tape = Tape(machine(16, 2))
    held = [tape.alloc() for _ in range(40)]
    some = held[:3]
    for pfn in some:
        tape.report(Event.MM_PAGE_FREE, pfn=pfn)
    tape.kernel.free_to_buddy(some[place])
    for pfn in some[:place] + some[place + 1 :]:
        tape.report(Event.MM_PAGE_FREE_BATCHED, pfn=pfn)
        tape.kernel.free_pages(pfn)
    for _ in range(100):
        tape.alloc()
    replay = tape.replayed()
    whole(replay, "locked_lists")
    same_memory(replay, tape)


def test_what_interrupts_a_refill_finds_the_lists_locked() -> None:
    tape = Tape()
    block = tape.alloc(2, GFP_KERNEL)
    pfn = tape.take(1, GFP_KERNEL)
    tape.report(Event.MM_PAGE_FREE, pfn=block, order=2, context=SOFTIRQ)
    tape.kernel.free_to_buddy(block, 2)
    tape.allocated(pfn, 1, GFP_KERNEL)
    tape.alloc(0, USER)
    replay = tape.replayed()
    whole(replay, "locked_lists")
    same_memory(replay, tape)


def test_emptied_lists_are_known_by_what_they_give_back() -> None:
    tape = Tape(machine(16, 2))
    for cpu in (0, 1):
        held = [tape.alloc(gfp=gfp, cpu=cpu, pid=TASK + cpu) for gfp in (USER, GFP_KERNEL) for _ in range(5)]
        for pfn in held:
            tape.free(pfn, cpu=cpu, pid=TASK + cpu)
    tape.drain_all()
    tape.alloc()
    replay = tape.replayed()
    whole(replay, "emptied_lists")
    assert replay.inferences()["emptied_lists"] == 2
    same_memory(replay, tape)


def test_per_cpu_lists_hold_less_while_kswapd_reclaims() -> None:
    tape = Tape()
    held = [tape.alloc() for _ in range(200)]
    tape.report(Event.MM_VMSCAN_KSWAPD_WAKE, pid=7, a=3)
    tape.kernel.set_reclaim_active(0, True)
    for pfn in held[:150]:
        tape.free(pfn)
    tape.report(Event.SCHED_SWITCH, pid=7, a=1, b=TASK)
    tape.kernel.set_reclaim_active(0, False)
    for pfn in held[150:]:
        tape.free(pfn)
    replay = tape.replayed()
    assert replay.drained > 0
    whole(replay)
    same_memory(replay, tape)


def split(tape: Tape) -> int:
    """Free single pages that cannot merge, past the per-cpu lists: a long movable list of order 0; how many."""
    held = [tape.alloc() for _ in range(1200)]
    tape.drain_all()
    for pfn in held[::2]:
        tape.free(pfn)
    tape.drain_all()
    return len(held[::2])


def turn(memory: Machine, by: int) -> None:
    """Turn the machine's movable order-0 list."""
    m = memory.memory
    head = m.free_head(0, 0, 1)
    pfns = m.walk(head)
    m.fill(head, np.array(pfns[by:] + pfns[:by]))


def test_a_list_that_compaction_turned_is_found_turned() -> None:
    tape = Tape()
    split(tape)
    turn(tape.kernel, 100)
    tape.report(Event.MM_COMPACTION_ISOLATE_MIGRATEPAGES, pfn=0, a=512, flags=512, b=0)
    for _ in range(300):
        tape.alloc()
    replay = tape.replayed()
    assert replay.inferences()["turned_lists"] == 1
    whole(replay, "turned_lists", "emptied_lists")
    same_memory(replay, tape)


def test_a_list_does_not_turn_without_compaction() -> None:
    tape = Tape()
    split(tape)
    turn(tape.kernel, 100)
    for _ in range(300):
        tape.alloc()
    replay = tape.replayed()
    assert replay.inferences()["turned_lists"] == 0
    assert replay.mismatched > 0
    assert replay.taken_exact < replay.taken


def test_after_a_difference_the_model_is_set_right() -> None:
    tape = Tape()
    load(tape, 5, 300)
    stray = tape.kernel.alloc_pages(3, USER)  # behind the tape's back
    tape.kernel.memory.nr_emitted = 0
    assert stray is not None
    load(tape, 6, 600)
    replay = tape.replayed()
    assert replay.deviations()
    assert replay.exact > 0.9 * replay.allocations


def test_a_wrong_batch_shows() -> None:
    tape = Tape()
    load(tape, 1, 400)
    model = machine()
    batch = int(model.memory.array("pcp")["batch"][0])
    model.memory.set_pcp_batch(0, 0, batch + 2)
    replay = tape.replayed(model)
    assert replay.taken_exact < replay.taken
    assert replay.mismatched > 0


def test_a_wrong_limit_shows_in_the_drains() -> None:
    tape = Tape()
    held = [tape.alloc() for _ in range(1000)]
    for pfn in held:
        tape.free(pfn)
    model = machine()
    model.memory.set_pcp_high(0, 0, int(model.memory.array("pcp")["high"][0]) - 7)
    replay = tape.replayed(model)
    assert replay.drained_exact < replay.drained or replay.deviations()


@pytest.mark.skipif(COMPILED, reason="compiled rules cannot be exchanged; bench/broken_rules.py compiles broken ones")
@pytest.mark.parametrize(
    ("module", "rule", "broken"),
    [
        ("recap.mm.buddy", "buddy_merge_likely", lambda *_: False),
        ("recap.mm.pcplist", "nr_pcp_free", lambda m, p, *_: m.pcp[p].batch),
        ("recap.mm.migratetype", "fallback_type", lambda migratetype, i: (2, 0, 1)[migratetype] if i else -1),
        ("recap.mm.pcplist", "nr_pcp_high", lambda m, _, p, __: m.pcp[p].high // 2),
    ],
)
def test_a_broken_rule_shows(module: str, rule: str, broken: object, monkeypatch: pytest.MonkeyPatch) -> None:
    tape = Tape()
    load(tape, 11, 300)
    held = [tape.alloc(gfp=gfp) for gfp in (USER, GFP_KERNEL, GFP_KERNEL | 0x10) for _ in range(300)]
    for pfn in held[::3] + held[1::3]:
        tape.free(pfn)
    whole(tape.replayed())
    monkeypatch.setattr(f"{module}.{rule}", broken)
    replay = tape.replayed()
    assert replay.deviations()
    assert replay.exact < replay.allocations or replay.drained_exact < replay.drained


@settings(max_examples=150 if COMPILED else 5)
@given(seed=st.integers(0, 1 << 30))
def test_a_trace_that_makes_no_sense_is_followed_to_its_end(seed: int) -> None:
    """Rows lost, exchanged and altered: whatever is told, nothing is indexed wildly, and the replay ends."""
    dice = random.Random(seed)
    tape = Tape(machine(64, 2))
    load(tape, seed, 120, 2)
    frames = int(tape.kernel.memory.nr_frames)
    for _ in range(dice.randrange(1, 60)):
        row = dice.choice(tape.rows)
        row["event"] = dice.choice((row["event"], *range(7), 13, 17, 18, 19, 21, 26, 29, 31, 32))
        row["order"] = dice.randrange(11)
        row["migratetype"] = dice.randrange(5)
        row["cpu"], row["pid"] = dice.randrange(2), TASK + dice.randrange(3)
        row["context"], row["flags"] = dice.choice((0, SOFTIRQ)), dice.choice((USER, GFP_KERNEL, 0, 0x1C0DCA))
        row["pfn"] = dice.randrange(frames) >> row["order"] << row["order"]
        row["a"], row["b"] = dice.randrange(2 * frames), dice.randrange(-1, 64)
    dice.shuffle(tape.rows)
    del tape.rows[:: dice.randrange(2, 20)]
    replay = tape.replayed()
    assert replay.exact + replay.mismatched == replay.allocations
