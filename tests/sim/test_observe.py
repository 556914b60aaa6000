"""Observing a run: the same figures, what is seen is what happened, and the file gives it back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recap import policy
from recap.demand.demand import Demand
from recap.demand.kinds import Kind
from recap.errors import InputError
from recap.kernel import LINUX_6_1
from recap.mm import boot, invariants
from recap.mm.page_map import Use, page_map
from recap.sim.closed_loop import Simulation
from recap.sim.note import Note
from recap.sim.observe import SAMPLES, Observer
from recap.sim.run import metrics
from recap.sim.timeline import Timeline, read_timeline
from tests.sim.test_closed_loop import MEBIBYTES, PAGES, allocs, demand, demand_with_orders


def workload(duration_ns: int) -> Demand:
    """Page cache larger than memory, then requests for 256 pages."""
    cache, large = allocs(0, PAGES), allocs(PAGES, 6)
    wanted = demand(cache + large, kind=Kind.FILE)
    orders = wanted.obj_order.copy()
    orders[PAGES:] = 8
    return replace(demand_with_orders(wanted, orders), duration_ns=duration_ns)


def scene(name: str, duration_ns: int = 2_000_000) -> Simulation:
    """Without compaction, so that large blocks come from reclaim alone."""
    memory = boot.empty_machine(MEBIBYTES, 1, 31, policy.load(name))
    memory.follow(LINUX_6_1.having(compaction=False))
    return Simulation(memory, workload(duration_ns), 0)


def observed(name: str, duration_ns: int = 2_000_000) -> tuple[Timeline, dict[str, float]]:
    simulation = scene(name, duration_ns)
    observer = Observer(simulation)
    while simulation.advance(500):
        observer.look()
    invariants.check(simulation.m)
    return observer.timeline(), metrics(simulation)


@pytest.fixture(scope="module")
def run() -> tuple[Timeline, dict[str, float]]:
    """One run under whitcroft, observed."""
    return observed("whitcroft")


@pytest.mark.compiled
@pytest.mark.parametrize("name", ["none", "whitcroft"])
def test_looking_changes_nothing(name: str) -> None:
    simulation = scene(name)
    while simulation.advance(500):
        pass
    assert observed(name)[1] == metrics(simulation)


def test_the_journal_and_the_samples_agree_with_the_counters(run: tuple[Timeline, dict[str, float]]) -> None:
    seen, figures = run
    stalls = seen.notes_of(Note.STALL)
    assert len(stalls) == figures["alloc_slowpath"]
    assert float((stalls["until"] - stalls["time"]).sum()) / 1e6 == pytest.approx(figures["stall_ms"])
    assert len(seen.notes_of(Note.STOLEN)) == figures["stolen_pages"]
    assert len(seen.notes_of(Note.RECLAIM)) == figures["allocstall"]
    assert len(seen.notes_of(Note.COMPACT)) == 0
    assert seen.vmstat("pgsteal_direct")[-1] == figures["pgsteal_direct"]
    assert seen.samples["free_pages"][-1].sum() == figures["nr_free_pages"]
    assert (np.diff(seen.samples["time"]) >= 0).all()
    sizes = 1 << np.arange(seen.samples["free"].shape[3])
    assert ((seen.samples["free"] * sizes).sum(axis=(2, 3)) == seen.samples["free_pages"]).all()


def test_episodes_lie_within_the_stall_of_their_task(run: tuple[Timeline, dict[str, float]]) -> None:
    seen, _ = run
    stalls = seen.notes_of(Note.STALL)
    for episode in seen.notes_of(Note.RECLAIM):
        mine = stalls[stalls["task"] == episode["task"]]
        assert ((mine["time"] <= episode["time"]) & (episode["until"] <= mine["until"])).any()


def test_a_picture_is_taken_while_pages_are_withheld(run: tuple[Timeline, dict[str, float]]) -> None:
    seen, figures = run
    assert figures["captured_pages"] > 0
    assert (seen.pictures == Use.CAPTURED).any()


def test_no_frame_was_freed_for_a_request_still_to_come() -> None:
    simulation = scene("none")
    while simulation.advance(500):
        pass
    assert (simulation.freed_after(0) == (simulation.m.array("frame")["freed_by"] > 0)).all()
    assert simulation.freed_after(0).any()
    assert not simulation.freed_after(simulation.requests.issued).any()


@pytest.mark.compiled
def test_without_capture_no_picture_shows_captured_pages() -> None:
    assert not (observed("none")[0].pictures == Use.CAPTURED).any()


@pytest.mark.compiled
def test_compaction_is_seen_as_episodes(tmp_path: Path) -> None:
    memory = boot.empty_machine(MEBIBYTES, 1, 31, policy.load("none"))
    simulation = Simulation(memory, workload(2_000_000), 0)
    observer = Observer(simulation, pictures=False)
    while simulation.advance(500):
        observer.look()
    seen = observer.timeline()
    path = tmp_path / "seen.npz"
    path.write_bytes(seen.packed())
    assert len(read_timeline(path, path.read_bytes()).pictures) == 0  # it was refused as no timeline
    assert len(seen.notes_of(Note.COMPACT)) >= seen.vmstat("compact_stall")[-1] > 0
    assert (seen.notes_of(Note.KCOMPACTD)["task"] == simulation.sched.kcompactd).all()


@pytest.mark.compiled
def test_a_run_that_outlasts_its_demand_is_sampled_less_often() -> None:
    seen, _ = observed("none", duration_ns=1000)
    assert SAMPLES < len(seen.samples["time"]) <= 2 * SAMPLES + 2
    assert len(seen.pictures) == len(seen.picture_time)


@pytest.mark.compiled
def test_a_page_map_counts_what_the_machine_counts() -> None:
    simulation = scene("none")
    while simulation.advance(500):
        use = page_map(simulation.m)
        free = np.isin(use, (Use.FREE, Use.FREE_HUGE))
        assert free.sum() == simulation.m.array("zone")["free_pages"].sum()
        assert (use == Use.FILE).sum() == simulation.m.array("node")["lru_size"][:, 2:].sum()
        assert (use == Use.PCP).sum() == simulation.m.array("pcp")["count"].sum()


def test_the_file_gives_back_what_was_seen(run: tuple[Timeline, dict[str, float]]) -> None:
    seen, _ = run
    back = read_timeline(Path("run.npz"), seen.packed())
    assert (back.pictures == seen.pictures).all()
    assert (back.notes == seen.notes).all()
    assert all((back.samples[name] == column).all() for name, column in seen.samples.items())


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 half"])
def test_another_file_is_bad_input(content: bytes) -> None:
    with pytest.raises(InputError, match="is not the timeline of a run"):
        read_timeline(Path("run.npz"), content)
