"""Page capture in the open loop: each step of a recorded kernel is predicted; what is not stays one difference."""

from __future__ import annotations

import random

import pytest

from recap.kernel import GFP_KERNEL
from recap.mm.machine import Machine
from recap.pages import COMPILED
from recap.policy.catalogue import KERNEL_MODES
from recap.sim.open_loop import Replay, modes_of, most_open
from recap.trace import Event
from recap.trace.table import CAPTURE_STEPS
from tests.sim.open_loop.capture_tape import RECLAIMERS, CaptureTape, capture_machine, reclaimer

REFUSED = CAPTURE_STEPS.index("refused")


def tape_of(mode: int) -> CaptureTape:
    return CaptureTape(capture_machine(KERNEL_MODES[mode]), mode=mode)


def load(tape: CaptureTape, seed: int, rounds: int) -> None:
    """Two reclaimers at once release pages of a full machine, while others free and allocate."""
    dice = random.Random(seed)
    fixed = [tape.alloc(gfp=GFP_KERNEL) for _ in range(200)]
    held = tape.fill()
    for _ in range(rounds):
        handed: list[int | None] = [None] * RECLAIMERS
        for number in range(RECLAIMERS):
            tape.opens(number)
        for _ in range(dice.randrange(1, 4)):
            for number in range(RECLAIMERS):
                start = dice.randrange(len(held))
                batch, held[start : start + 32] = held[start : start + 32], []
                tape.reclaims(number, sorted(batch, reverse=dice.random() < 0.5))
                freed = [held.pop(dice.randrange(len(held))) for _ in range(8)]
                for pfn in freed:
                    tape.free(pfn)
            for number in range(RECLAIMERS):
                if handed[number] is None and dice.random() < 0.8:
                    handed[number] = tape.settles(number)
        for number in range(RECLAIMERS):
            tape.closes(number, handed[number])
        tape.drain_all()
        if fixed and dice.random() < 0.5:
            tape.free(fixed.pop(dice.randrange(len(fixed))))
        held += tape.fill()


def whole(replay: Replay) -> None:
    """Everything was predicted, each step of capture too."""
    assert replay.deviations() == []
    assert (replay.exact, replay.mismatched) == (replay.allocations, 0)
    assert all(exact == kernel and not extra for kernel, exact, extra in replay.captured().values())


def same_memory(replay: Replay, tape: CaptureTape) -> None:
    model = Machine(replay.m)
    assert model.free_lists() == tape.kernel.free_lists()
    assert model.pcp_lists() == tape.kernel.pcp_lists()
    assert model.capture_lists() == tape.kernel.capture_lists() == {}


@pytest.mark.parametrize("mode", [1, 2, 3])
@pytest.mark.parametrize("seed", range(3 if COMPILED else 1))
def test_two_reclaimers_at_once_are_followed_step_by_step(mode: int, seed: int) -> None:
    tape = tape_of(mode)
    load(tape, seed, 12)
    replay = tape.replayed()
    whole(replay)
    same_memory(replay, tape)
    steps = {name for name, numbers in replay.captured().items() if numbers[0]}
    assert {"opened", "own", "returned"} <= steps
    assert ("neighbour" in steps) == (mode > 1)


def test_a_captured_block_is_the_allocations() -> None:
    tape = tape_of(2)
    held = tape.fill()
    tape.opens(0)
    tape.reclaims(0, held[256:288])
    assert tape.settles(0) == 256
    tape.closes(0, 256)
    replay = tape.replayed()
    whole(replay)
    assert replay.captured()["handed"] == (1, 1, 0)
    assert replay.captured()["own"] == (32, 32, 0)
    assert tape.rows[-1]["event"] == Event.MM_PAGE_ALLOC


def test_what_others_free_beside_a_captured_block_joins_it() -> None:
    """From a per-cpu list as it is emptied, and in a block too large for such lists; the later reclaimer has it all."""
    tape = tape_of(2)
    large = tape.alloc(5)
    held = tape.fill()
    beside = (large ^ 32) - held[0]
    for number in (0, 1):
        tape.opens(number)
    tape.free(held[beside + 31])
    tape.reclaims(0, held[beside : beside + 16])
    tape.reclaims(1, held[beside + 16 : beside + 31])
    tape.drain_all()
    tape.free(large, 5)
    for number in (0, 1):
        tape.closes(number, tape.settles(number))
    replay = tape.replayed()
    whole(replay)
    assert [replay.captured()[name] for name in ("outsider", "stolen", "handed")] == [(2, 2, 0), (1, 1, 0), (1, 1, 0)]
    same_memory(replay, tape)


@pytest.mark.parametrize(("recorded", "replayed"), [(1, 2), (2, 1), (2, 3), (3, 2)])
def test_another_policy_shows(recorded: int, replayed: int) -> None:
    tape = tape_of(recorded)
    load(tape, 3, 12)
    replay = tape.replayed(capture_machine(KERNEL_MODES[replayed]))
    assert {kind for kind, *_ in replay.deviations()} >= {"capture"}
    assert any(exact < kernel + extra for kernel, exact, extra in replay.captured().values())


def test_a_verdict_that_the_model_would_not_give_stays_one_difference() -> None:
    """The kernel refuses a block where by its watermark it need not."""
    tape = tape_of(2)
    held = tape.fill()
    for number in (0, 1):
        tape.opens(number)
    tape.reclaims(0, held[256:288])
    marks = tape.kernel.memory.array("zone")["watermark"][0].tolist()
    tape.kernel.memory.set_watermarks(0, [4000] * 4)
    assert tape.settles(0) is None
    tape.kernel.memory.set_watermarks(0, marks)
    assert tape.rows[-1]["a"] == REFUSED
    tape.reclaims(0, held[320:352])
    handed = tape.settles(0)
    for number in (0, 1):
        tape.closes(number, handed if number == 0 else None)
    replay = tape.replayed()
    assert [kind for kind, *_ in replay.deviations()] == ["capture"]
    assert replay.exact == replay.allocations
    assert replay.captured()["refused"] == (1, 0, 0)
    assert replay.captured()["handed"] == (1, 1, 1)
    same_memory(replay, tape)


def test_a_page_that_is_not_captured_although_the_model_would_stays_one_difference() -> None:
    tape = tape_of(2)
    held = tape.fill()
    tape.opens(0)
    tape.free_list(held[256:257], **reclaimer(0))
    tape.report(Event.MM_VMSCAN_LRU_SHRINK_INACTIVE, a=1, b=1, **reclaimer(0))
    tape.reclaims(0, held[320:352])
    tape.closes(0, tape.settles(0))
    replay = tape.replayed()
    assert [kind for kind, *_ in replay.deviations()] == ["capture"]
    same_memory(replay, tape)


def test_a_page_whose_last_user_goes_while_it_is_put_back_is_not_reclaims() -> None:
    """It is freed in the batch, but the batch does not count it."""
    tape = tape_of(2)
    held = tape.fill()
    tape.opens(0)
    tape.free_list(held[256:257], **reclaimer(0))
    tape.report(Event.MM_VMSCAN_LRU_SHRINK_INACTIVE, a=1, b=0, **reclaimer(0))
    tape.closes(0, None)
    whole(tape.replayed())


def test_what_merged_otherwise_is_set_right_when_it_goes_free() -> None:
    """The kernel captured a page that the model does not find useful: in its block lies one that is not on the LRU."""
    tape = tape_of(3)
    held = tape.fill()
    tape.opens(0)
    rows = len(tape.rows)
    tape.reclaims(0, held[256:264])
    tape.closes(0, tape.settles(0))
    model = capture_machine("kosaki")
    insertions = [
        i for i, row in enumerate(tape.rows[:rows]) if row["event"] == Event.MM_LRU_INSERTION and row["pfn"] == 270
    ]
    del tape.rows[insertions[0]]
    replay = tape.replayed(model)
    assert {kind for kind, *_ in replay.deviations()} == {"capture"}
    assert replay.captured()["own"] == (8, 0, 0)
    assert replay.captured()["returned"][1] == 0
    same_memory(replay, tape)


def test_the_trace_tells_the_modes_and_how_many_capture_at_once() -> None:
    tape = tape_of(3)
    load(tape, 1, 2)
    assert modes_of(tape.events()) == {3}
    assert most_open(tape.events()) == RECLAIMERS


@pytest.mark.parametrize("seed", range(20 if COMPILED else 8))
def test_a_trace_that_makes_no_sense_is_followed_to_its_end(seed: int) -> None:
    """Rows lost, exchanged and altered: nothing is indexed wildly, and the replay ends."""
    dice = random.Random(seed)
    tape = tape_of(dice.choice((1, 2, 3)))
    load(tape, seed, 4)
    captures = [row for row in tape.rows if row["event"] == Event.PAGE_CAPTURE]
    frames = int(tape.kernel.memory.nr_frames)
    for _ in range(dice.randrange(1, 60)):
        row = dice.choice(captures)
        row["a"], row["order"], row["flags"] = dice.randrange(-2, 12), dice.randrange(14), dice.randrange(14)
        row["pfn"] = dice.randrange(2 * frames)
        row["pid"] = 110 + dice.randrange(3)
    del tape.rows[dice.randrange(10) :: dice.randrange(2, 20)]
    if seed % 2:
        dice.shuffle(tape.rows)
    replay = tape.replayed()
    assert 0 <= replay.exact <= replay.allocations
