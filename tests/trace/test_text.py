"""Text of three kinds, against the trace.dat it was printed from, and line by line."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from recap.errors import InputError
from recap.lab.info import info
from recap.trace import NO_PFN, Event, Events, Lost, open_trace
from recap.trace.gfp import GFP_NAMES, gfp_bits, unknown_names

ALLOC = "mm_page_alloc: page=0x1 pfn=0x26cc75 order=3 migratetype=1 gfp_flags=GFP_KERNEL|__GFP_ZERO"
TEXTS = Path(__file__).parent / "texts"
needs_trace_cmd = pytest.mark.skipif(shutil.which("trace-cmd") is None, reason="trace-cmd is not installed")


Text = Callable[..., Events]


@pytest.fixture
def text(tmp_path: Path) -> Text:
    """Read lines as a trace."""

    def read(*lines: str) -> Events:
        path = tmp_path / "trace.txt"
        path.write_text("\n".join(lines) + "\n")
        return open_trace(path)

    return read


@pytest.mark.parametrize(
    "line",
    [
        f"   kworker/u8:0-77      [003]    12.000345: {ALLOC}",
        f"   kworker/u8:0-77      [003] d.h2.    12.000345: {ALLOC}",
        f"   kworker/u8:0-77      (     77) [003] d.h2.    12.000345: {ALLOC}",
        f"   kworker/u8:0-77      3d.h2.    12.000345000: {ALLOC}",
        f"kworker/u8:0    77 [003]    12.000345:   kmem:{ALLOC}",
        f"kworker/u8:0    1/77 [003]    12.000345000:   kmem:{ALLOC}",
    ],
)
def test_every_way_a_line_begins(text: Text, line: str) -> None:
    events = text("# tracer: nop", "", line)
    row = {
        name: getattr(events, name).tolist() for name in ("time", "cpu", "pid", "pfn", "order", "migratetype", "flags")
    }
    assert row == {
        "time": [12_000_345_000],
        "cpu": [3],
        "pid": [77],
        "pfn": [0x26CC75],
        "order": [3],
        "migratetype": [1],
        "flags": [0xDC0],
    }
    assert events.context.tolist() == [9 if "d.h2." in line else 0]
    assert events.comms == {77: "kworker/u8:0"}
    assert events.cpus == 4


def test_events_with_a_form_of_their_own(text: Text) -> None:
    bodies = (
        "mm_filemap_add_to_page_cache: dev 8:1 ino 1c pfn=0x10 ofs=8192 order=0",
        "block_rq_issue: 8,0 WS 4096 () 123 + 8 none,0,0 [sh]",
        "block_rq_complete: 8,0 R () 123 + 8 [0]",
        "sched_switch: prev_comm=a b prev_pid=1 prev_prio=120 prev_state=D ==> next_comm=c next_pid=2 next_prio=120",
        "sched_switch: init:1 [120] S ==> rcu_preempt:15 [120]",
        "mm_compaction_isolate_freepages: range=(0x10 ~ 0x20) nr_scanned=16 nr_taken=3",
        "mm_compaction_end: zone_start=0x1 migrate_pfn=0x2 free_pfn=0x3 zone_end=0x4, mode=sync status=success",
        "mm_migrate_pages: nr_succeeded=5 nr_failed=2 mode=MIGRATE_ASYNC reason=compaction",
        "mm_page_alloc: page=(nil) pfn=0x0 order=9 migratetype=1 gfp_flags=none",
        "print: tracing_mark_write: START here",
        "tracing_mark_write: END",
        "softirq_raise: vec=1",
    )
    events = text(*(f"x-1 [000] 0.{n:06}: {body}" for n, body in enumerate(bodies)))
    rows = list(zip(*(getattr(events, name).tolist() for name in ("pfn", "order", "flags", "a", "b")), strict=True))
    assert rows[:9] == [
        (0x10, 0, 8 << 20 | 1, 0x1C, 2),
        (NO_PFN, 1, 8 << 20, 123, 8),
        (NO_PFN, 0, 8 << 20, 123, 8),
        (NO_PFN, 0, 0, 2, 2),
        (NO_PFN, 0, 0, 1, 15),
        (0x10, 0, 16, 0x20, 3),
        (NO_PFN, 0, 0, 8, 1),
        (NO_PFN, 0, 0, 5, 2),
        (NO_PFN, 9, 0, 0, 0),
    ]
    assert events.marks == ["START here", "END"]
    assert events.other == {"softirq_raise": 1}


def test_lost_events(text: Text) -> None:
    before = f"x-1 [000] 1.000000: {ALLOC}"
    events = text(before, "CPU:1 [LOST 12 EVENTS]", "CPU:0 [EVENTS DROPPED]", "CPU: 2 [7 EVENTS DROPPED]")
    assert events.lost == [Lost(0, 10**9, None), Lost(1, 10**9, 12), Lost(2, 10**9, 7)]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("nothing", "line 1: this is not a trace that recap can read"),
        ("x-1 [000] 1.000000: mm_page_free: order=0", "line 1: mm_page_free cannot be read: it has no page frame"),
        ("x-1 [000] 1.000000: mm_page_free: pfn=zero order=0", "'zero' is not a number"),
        ("x-1 [000] 1.000000: sched_switch: so what", "sched_switch cannot be read"),
        ("x-1 [000] 1.000000: mm_page_free: pfn=1 order=999", "mm_page_free cannot be read"),
    ],
)
def test_a_text_without_a_line_that_can_be_read_is_refused(text: Text, line: str, problem: str) -> None:
    with pytest.raises(InputError) as told:
        text(line)
    assert problem in str(told.value)


def test_gfp_names_are_the_kernels() -> None:
    assert all(gfp_bits(name) == bits for bits, name in GFP_NAMES.items())
    assert gfp_bits("GFP_HIGHUSER_MOVABLE|0x80000000") == 0x80100CCA
    assert gfp_bits("GFP_KERNEL|__GFP_NOTHING|FACE") == gfp_bits("GFP_KERNEL")
    assert unknown_names("GFP_KERNEL|__GFP_NOTHING|0x80000000|FACE") == ("__GFP_NOTHING", "FACE")


@pytest.mark.parametrize(
    ("old", "today"),
    [
        ("GFP_KERNEL|GFP_ZERO", "GFP_KERNEL|__GFP_ZERO"),  # before 4.6
        ("GFP_IO|GFP_WAIT|GFP_REPEAT|GFP_COMP", "GFP_NOIO|__GFP_IO|__GFP_RETRY_MAYFAIL|__GFP_COMP"),
        ("GFP_TEMPORARY|GFP_COLD|GFP_NO_KSWAPD", "GFP_KERNEL|__GFP_RECLAIMABLE"),
        ("GFP_KERNEL|__GFP_NOTRACK|__GFP_OTHER_NODE|__GFP_COLD", "GFP_KERNEL"),  # 4.6 to 4.18
        ("GFP_USER|__GFP_SKIP_ZERO|__GFP_SKIP_KASAN|__GFP_NOLOCKDEP|__GFP_CMA", "GFP_USER"),  # arm64, lockdep, Android
    ],
)
def test_names_of_other_releases_are_read(old: str, today: str) -> None:
    assert unknown_names(old) == ()
    assert gfp_bits(old) == gfp_bits(today)


def test_the_frees_of_old_kernels_count_once(text: Text) -> None:
    lines = (TEXTS / "old-free-events.txt").read_text().splitlines()
    found = info(TEXTS / "old-free-events.txt")
    assert (found.matching.frees, found.events, round(found.seconds, 6)) == (3, 4, 0.009094)
    assert not any("mm_page_free" in note for note in found.notes)
    again = lines[-1].replace("mm_pagevec_free", "mm_page_free_direct").replace("560", "561")  # from 2.6.34 to 3.2
    events = text(*lines, again)
    assert events.counts()[Event.MM_PAGE_FREE] == 3
    assert events.other == {"mm_page_free_direct": 1}


def test_a_cut_line_costs_itself(text: Text) -> None:
    found = info(TEXTS / "cut-in-the-last-line.txt")
    assert (found.events, found.allocations) == (1, 1)
    assert any("line 2 is cut" in note for note in found.notes)
    whole = f"x-1 [000] 1.000000: {ALLOC}"
    events = text(
        whole, f"x-1 [000] 1.000001: {ALLOC}|GFP_SILLY", "x-1 [000] 1.000002: mm_page_free: pfn=z order=0", whole
    )
    assert len(events) == 3
    assert (events.unread.count, events.unread.line, events.unread.gfp_names) == (1, 3, {"GFP_SILLY": 1})


@pytest.mark.parametrize(
    "end", ["x-1 [000] 1.0", "x-1 [000] 1.000001: mm_page_free: pfn=12", f"x-1 [000] 1.000001: {ALLOC}"[:-3]]
)
def test_the_end_of_a_text_may_be_cut_anywhere(tmp_path: Path, end: str) -> None:
    path = tmp_path / "trace"
    path.write_text(f"x-1 [000] 1.000000: {ALLOC}\n{end}")
    events = open_trace(path)
    assert (len(events), events.unread.count, events.unread.line) == (1, 1, 2)


def test_the_first_event_may_stand_far_below(text: Text) -> None:
    assert info(TEXTS / "with-many-idle-cpus.txt").events == 1
    page = ["<!DOCTYPE html>", *["<script>var a = 1.5; // 12.000001: no event</script>"] * 900]
    assert len(text(*page, f"  x-1 [000] ...1 1.000000: {ALLOC}", "</html>")) == 1


def test_flags_of_other_kernels_do_not_refuse_a_trace() -> None:
    found = info(TEXTS / "gfp-names-of-other-kernels.txt")
    assert found.allocations == 5
    assert not any("left out" in note for note in found.notes)


@pytest.mark.parametrize(("name", "seconds"), [("function-graph", 0.0), ("function-graph-with-times", 0.000201)])
def test_the_events_among_the_functions_of_a_graph(name: str, seconds: float) -> None:
    found = info(TEXTS / f"{name}.txt")
    assert (found.events, found.allocations, found.pages_allocated, round(found.seconds, 6)) == (2, 1, 8, seconds)
    assert found.comms[0].name == "bash"


def test_the_span_is_that_of_all_events(text: Text, tmp_path: Path) -> None:
    text(
        "x-1 [000] 1.000000: softirq_raise: vec=1",
        f"x-1 [000] 2.000000: {ALLOC}",
        "x-1 [000] 5.0: a",
        "x-1 [000] 5.000000: a: b",
    )
    assert info(tmp_path / "trace.txt").seconds == 4.0


@pytest.mark.slow
@needs_trace_cmd
@pytest.mark.compiled
def test_what_trace_cmd_prints_reads_as_what_it_printed(tmp_path: Path, hugetlb: Path) -> None:
    command = ["trace-cmd", "report", "-t", "-i", str(hugetlb / "trace.dat")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        printed = [process.stdout.readline() for _ in range(150_000)]
        process.terminate()
    path = tmp_path / "report.txt"
    path.write_bytes(b"".join(printed))
    read = open_trace(path)
    real = open_trace(hugetlb / "trace.dat").slice(0, len(read))
    for name in ("time", "event", "cpu", "pid", "pfn", "order", "migratetype", "b"):
        assert np.array_equal(getattr(read, name), getattr(real, name)), name
    atomic = 0x200  # a bit of GFP_ATOMIC that is gone since 6.3
    assert np.array_equal(read.flags & ~np.uint32(atomic), real.flags & ~np.uint32(atomic))
    others = real.event != Event.SCHED_SWITCH  # whose state is printed by one letter
    assert np.array_equal(read.a[others], real.a[others])


def test_binary_is_not_taken_for_text(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    for content, problem in ((b"\x7fELF\0", "this is not a trace that recap can read"), (b"PERFILE2\0", "perf script")):
        path.unlink(missing_ok=True)
        path.write_bytes(content)
        with pytest.raises(InputError, match=problem):
            open_trace(path)
