"""What `info` says of small traces made here, of the project's recordings, and of text."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from recap.lab.info import KnownFrames, examine, held_and_free, info
from recap.lab.requests import flag_names
from recap.trace import Event, Recording, open_trace
from recap.trace.kpageflags import KPF
from recap.trace.opening import open_flow

MATCHED = 0.999


def trace(tmp_path: Path, *lines: tuple[float, int, str]) -> Path:
    """Text of a trace: time in seconds, pid, what happened."""
    path = tmp_path / "trace.txt"
    path.write_text("".join(f"task{pid}-{pid} [000] {time:.6f}: {body}\n" for time, pid, body in lines))
    return path


def alloc(pfn: int, order: int = 0, flags: str = "GFP_KERNEL", migratetype: int = 0) -> str:
    return f"mm_page_alloc: page=1 pfn={pfn:#x} order={order} migratetype={migratetype} gfp_flags={flags}"


def free(pfn: int, order: int = 0) -> str:
    return f"mm_page_free: page=1 pfn={pfn:#x} order={order}"


def test_who_asked_for_what(tmp_path: Path) -> None:
    path = trace(
        tmp_path,
        (1.0, 1, alloc(8, 3)),
        (1.1, 2, alloc(1)),
        (1.2, 2, alloc(0, 9, "GFP_HIGHUSER_MOVABLE|__GFP_COMP", 1)),
        (1.3, 2, free(1)),
        (2.0, 1, free(8, 3)),
        (3.0, 1, free(99)),
        (3.0, 1, free(99)),
    )
    found = info(path)
    assert (found.allocations, found.pages_allocated, found.failed) == (3, 9, 1)
    assert [(row.order, row.requests, row.failed) for row in found.orders] == [(0, 1, 0), (3, 1, 0), (9, 1, 1)]
    assert [(row.name, row.requests, row.pages) for row in found.comms] == [("task1", 1, 8), ("task2", 2, 1)]
    assert [(row.name, row.pages) for row in found.gfp_flags] == [
        ("GFP_KERNEL", 9),
        ("GFP_HIGHUSER_MOVABLE|__GFP_COMP", 0),
    ]
    assert [row.name for row in found.migratetypes] == ["Unmovable", "Movable"]
    assert [(row.order, row.comm, row.count) for row in found.failures] == [(9, "task2", 1)]
    matching = found.matching
    assert (matching.frees, matching.matched, matching.never_told, matching.unmatched) == (4, 2, 1, 1)
    assert matching.matched_ratio == 0.75
    lived = {row.order: row.p50_ns for row in found.lifetimes}
    assert lived[3] == pytest.approx(1e9, rel=0.125)
    assert lived[0] == pytest.approx(2e8, rel=0.125)
    assert found.seconds == 2.0
    assert sum(found.rates.events) * found.rates.bin_seconds == pytest.approx(7)
    assert found.fragmentation is None


def test_stalls_and_compaction(tmp_path: Path) -> None:
    begin, end = (
        "mm_vmscan_direct_reclaim_begin: order=0 gfp_flags=GFP_KERNEL",
        "mm_vmscan_direct_reclaim_end: nr_reclaimed={}",
    )
    zone = "zone_start=0x1 migrate_pfn=0x2 free_pfn=0x3 zone_end=0x4, mode=sync"
    path = trace(
        tmp_path,
        (1.0, 1, begin),
        (1.1, 2, begin),
        (1.2, 1, end.format(32)),
        (1.4, 2, end.format(8)),
        (2.0, 1, f"mm_compaction_begin: {zone}"),
        (2.5, 1, f"mm_compaction_end: {zone} status=success"),
        (2.6, 1, f"mm_compaction_end: {zone} status=complete"),
        (2.7, 3, "mm_vmscan_kswapd_wake: nid=0 order=0"),
        (2.8, 3, "mm_vmscan_kswapd_sleep: nid=0"),
        (2.81, 4, "mm_vmscan_memcg_reclaim_begin: order=0 gfp_flags=GFP_KERNEL"),
        (2.82, 4, "mm_vmscan_memcg_reclaim_end: nr_reclaimed=7"),
        (2.9, 1, "mm_migrate_pages: nr_succeeded=5 nr_failed=2"),
        (2.91, 3, "mm_vmscan_lru_shrink_inactive: nid=0 nr_scanned=32 nr_reclaimed=20 nr_dirty=0"),
        (
            3.0,
            1,
            "mm_page_alloc_extfrag: pfn=0x1 alloc_order=0 fallback_order=9 alloc_migratetype=0 fallback_migratetype=1",
        ),
    )
    found = info(path)
    stalls = {row.name: row for row in found.stalls}
    assert (stalls["direct reclaim"].count, stalls["direct reclaim"].max_ns) == (2, 300_000_000)
    assert stalls["direct reclaim"].total_ns == 500_000_000
    assert stalls["direct compaction"].p50_ns == 500_000_000
    assert stalls["kswapd awake"].count == 1
    assert stalls["memory cgroup reclaim"].max_ns == 10_000_000
    assert found.reclaim.direct_reclaimed == 40
    assert found.compaction.results == {"complete": 1, "success": 1}
    per_second = (found.rates.stalls, found.rates.compactions, found.rates.pages_scanned, found.rates.pages_reclaimed)
    assert [round(sum(series) * found.rates.bin_seconds) for series in per_second] == [2, 1, 32, 20]
    assert (found.compaction.pages_migrated, found.compaction.pages_failed) == (5, 2)
    assert [(row.wanted, row.taken_from, row.count) for row in found.fallbacks] == [("Unmovable", "Movable", 1)]


def test_lost_spans(tmp_path: Path) -> None:
    path = trace(tmp_path, (1.0, 1, free(1)), (2.0, 1, free(2)))
    path.write_text(path.read_text().replace("task1-1 [000] 2", "CPU:0 [LOST 12 EVENTS]\ntask1-1 [000] 2"))
    (span,) = info(path).lost
    assert (span.cpu, span.count) == (0, 12)


def test_more_kernel_stacks_than_tasks_are_not_believed(tmp_path: Path) -> None:
    frees = [(1.0 + 0.01 * n, 1, free(n % 8)) for n in range(16)]
    path = trace(tmp_path, *frees, (2.0, 2, "sched_process_fork: comm=a pid=2 child_comm=a child_pid=3"))
    matching = info(path).matching
    assert (matching.never_told, matching.kernel_stacks, matching.unmatched) == (8, 4, 4)


def test_page_flags_tell_the_start() -> None:
    flags = np.array([1 << KPF.BUDDY, 1 << KPF.LRU, 0, 1 << KPF.NOPAGE], np.uint64)
    held, free_frames = held_and_free(flags)
    assert held.tolist() == [False, True, False, False]
    assert free_frames.tolist() == [True, False, False, False]


def test_what_was_freed_while_page_flags_were_read_was_held_before(tmp_path: Path) -> None:
    """Frame 1 was freed, 2 allocated before the flags were read, which show them so; frame 3 was never heard of
    before, and frame 4 is allocated in bulk, without an event."""
    path = trace(
        tmp_path,
        (1.0, 1, free(1)),
        (1.1, 1, alloc(2)),
        (2.0, 1, "tracing_mark_write: START"),
        (2.1, 1, free(2)),
        (2.2, 1, free(3)),
        (2.3, 1, free(4)),
    )
    flags = np.array([0, 1 << KPF.BUDDY, 1 << KPF.LRU, 1 << KPF.LRU, 1 << KPF.BUDDY], np.uint64)
    start = KnownFrames("page flags", *held_and_free(flags), at_mark=True)
    found = examine(open_flow(path), start, "it").matching
    assert (found.frees, found.matched, found.never_told, found.held_at_start, found.unmatched) == (4, 1, 1, 1, 1)


def test_flag_names_as_the_kernel_prints_them() -> None:
    names = {0xCC0: "GFP_KERNEL", 0x40: "__GFP_IO", 0x100: "__GFP_ZERO"}
    assert flag_names(0xDC0, names) == "GFP_KERNEL|__GFP_ZERO"
    assert flag_names(0x40 | 1 << 30, names) == "__GFP_IO|0x40000000"
    assert flag_names(0, names) == "0x0"


@pytest.mark.compiled
@pytest.mark.parametrize("name", ["calm-1cpu", "hugetlb-1cpu"])
def test_real_recordings(name: str) -> None:
    folder = Path(__file__).parents[2] / "recordings" / name
    events = Recording(folder).events
    looks: list[float] = []
    found = info(folder, progress=looks.append)
    assert found.matching.start == "snapshot"
    assert found.matching.matched_ratio > MATCHED
    assert found.counts == {event.name.lower(): n for event, n in events.counts().items()} | events.other
    assert sum(share.requests for share in found.comms) == found.allocations
    assert sum(row.requests for row in found.orders) == int((events.event == Event.MM_PAGE_ALLOC).sum())
    assert found.fragmentation is not None
    assert max(found.fragmentation.in_whole_blocks) <= 1
    assert looks
    assert msgspec.json.decode(msgspec.json.encode(found), type=type(found)) == found


@pytest.mark.compiled
def test_fragmentation_ends_where_the_kernel_ended() -> None:
    folder = Path(__file__).parents[2] / "recordings" / "calm-1cpu"
    found, after = info(folder), Recording(folder).snapshot(1)
    assert after is not None
    assert found.fragmentation is not None
    kernel = int((~after.in_use() & ~after.has("PG_reserved")).sum())
    assert found.fragmentation.free_pages[-1] == pytest.approx(kernel, rel=0.05)


def test_an_empty_recording_is_told(tmp_path: Path) -> None:
    events = open_trace(trace(tmp_path, (1.0, 1, "softirq_raise: vec=1")))
    assert len(events) == 0
    found = examine(events.flow(), KnownFrames("unknown"), "x")
    assert (found.events, found.allocations, found.seconds) == (1, 0, 0.0)
    assert any("no mm_page_alloc" in note for note in found.notes)
