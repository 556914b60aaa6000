"""The line that `info` ends in, on recordings of many kinds."""

import io
import shlex
import tarfile
from pathlib import Path

import msgspec
import numpy as np
import pytest

from recap.lab.finding import NOTHING
from recap.lab.info import info
from recap.trace.record_file import RecordFile

ALLOC = "mm_page_alloc: page=1 pfn={:#x} order={} migratetype=1 gfp_flags={}"
FAILED = "mm_page_alloc: page=0 pfn=0x0 order={} migratetype=1 gfp_flags={}"
ZONE = "zone_start=0x1 migrate_pfn=0x2 free_pfn=0x3 zone_end=0x4, mode=sync"
CALM = [("wl-1", ALLOC.format(7, 0, "GFP_KERNEL")), ("wl-1", "mm_page_free: page=1 pfn=0x7 order=0")]
KSWAPD = [
    ("kswapd0-9", "mm_vmscan_kswapd_wake: nid=0 order=0"),
    ("kswapd0-9", "mm_vmscan_lru_shrink_inactive: nid=0 nr_scanned=32 nr_reclaimed=20 nr_dirty=0"),
    ("kswapd0-9", "mm_vmscan_kswapd_sleep: nid=0"),
]
DIRECT = [
    ("wl-1", "mm_vmscan_direct_reclaim_begin: order=0 gfp_flags=GFP_KERNEL"),
    ("wl-1", "mm_vmscan_direct_reclaim_end: nr_reclaimed=32"),
]
COMPACTION = [("wl-1", f"mm_compaction_begin: {ZONE}"), ("wl-1", f"mm_compaction_end: {ZONE} status=complete")]
KCOMPACTD = [("kcompactd0-8", body) for _, body in COMPACTION]
THP = [
    ("wl-1", ALLOC.format(512, 9, "GFP_TRANSHUGE")),
    ("wl-1", FAILED.format(9, "GFP_TRANSHUGE|__GFP_NORETRY")),
    ("wl-1", FAILED.format(9, "GFP_TRANSHUGE")),
]
OOM = [("wl-1", "mark_victim: pid=17")]
CGROUP = [
    ("wl-1", "mm_vmscan_memcg_reclaim_begin: order=0 gfp_flags=GFP_KERNEL"),
    ("wl-1", "mm_vmscan_memcg_reclaim_end: nr_reclaimed=7"),
]
TWO_OF_THREE = {"thp_fault_alloc": (10, 11), "thp_fault_fallback": (5, 7)}
Lines = list[tuple[str, str]]


def folder(tmp_path: Path, lines: Lines, vmstat: dict[str, tuple[int, int]]) -> Path:
    """A recording: each line of its trace half a second after the one before."""
    text = "".join(f"{task} [000] {1 + n / 2:.6f}: {body}\n" for n, (task, body) in enumerate(lines))
    (tmp_path / "trace.dat").write_text(text)
    for when in (0, 1) if vmstat else ():
        (tmp_path / f"vmstat.{when}").write_text("".join(f"{name} {both[when]}\n" for name, both in vmstat.items()))
    return tmp_path


@pytest.mark.parametrize(
    ("lines", "vmstat", "kind", "says"),
    [
        (CALM, {}, "calm", NOTHING),
        (CALM + KSWAPD, {}, "background", "nobody waited for memory; kswapd reclaimed 20 pages"),
        (
            CALM + KSWAPD[::2],  # as the light set of events has it
            {"pgsteal_kswapd": (5, 47)},
            "background",
            "nobody waited for memory; kswapd reclaimed 42 pages",
        ),
        (CALM + DIRECT, {}, "stalls", "0.5 s in direct reclaim (1 time)"),
        (
            DIRECT + DIRECT + COMPACTION + KSWAPD,
            {},
            "stalls",
            "0.5 s in direct compaction (1 time); 1 s in direct reclaim (2 times); kswapd reclaimed 20 pages",
        ),
        (CALM + KCOMPACTD, {}, "background", "nobody waited for memory; 0.5 s of kcompactd's compaction (1 time)"),
        (THP + COMPACTION, TWO_OF_THREE, "failures", "2 of 3 huge page faults fell back; 0.5 s in direct compaction"),
        (THP, {}, "failures", "2 of 3 requests of order 9 failed"),
        (
            [*THP, ("wl-1", FAILED.format(4, "GFP_KERNEL"))],
            TWO_OF_THREE,
            "failures",
            "2 of 3 huge page faults fell back; 1 of 1 request of order 4 failed",
        ),
        (CALM + DIRECT + OOM, {}, "oom", "the OOM killer killed 1 task; 0.5 s in direct reclaim (1 time)"),
        (CALM, {"oom_kill": (3, 5)}, "oom", "the OOM killer killed 2 tasks"),
        (CALM + CGROUP, {}, "cgroup", "only a memory cgroup was short of memory, not the machine: 0.5 s in reclaim of"),
    ],
)
def test_what_matters(tmp_path: Path, lines: Lines, vmstat: dict[str, tuple[int, int]], kind: str, says: str) -> None:
    found = info(folder(tmp_path, lines, vmstat)).finding
    assert found is not None
    assert (found.kind, found.says[: len(says)]) == (kind, says)


def test_lost_events_are_never_taken_for_calm(tmp_path: Path) -> None:
    path = folder(tmp_path, CALM, {}) / "trace.dat"
    path.write_text(path.read_text().replace("wl-1 [000] 1.5", "CPU:0 [LOST 12 EVENTS]\nwl-1 [000] 1.5"))
    found = info(tmp_path).finding
    assert found is not None
    assert found.says == "no pressure in what is left of the trace; 12 events lost at 1 place, so there was more"


COMPARE = "recap compare {} -p none -p kosaki"
HEAVIER = "recap record -o DIR -- COMMAND, with a load that needs more memory than is free"


@pytest.mark.parametrize(
    ("lines", "event_set", "command"),
    [
        (DIRECT, "full", COMPARE),
        (DIRECT, "light", "recap record -o DIR -- COMMAND, with all events, which compare needs"),
        (DIRECT, None, "recap record -o DIR -- COMMAND, which saves what compare needs beside the trace"),
        (CALM, "full", HEAVIER),
        (CGROUP, "full", HEAVIER),
    ],
)
def test_the_command_that_goes_on(tmp_path: Path, lines: Lines, event_set: str | None, command: str) -> None:
    place = tmp_path / "it's mine"
    place.mkdir()
    folder(place, lines, {})
    if event_set:
        recorded(place, event_set)
    found = info(place).finding
    assert found is not None
    assert found.next == command.format(shlex.quote(str(place)))


def recorded(place: Path, event_set: str, lost: int = 0) -> None:
    """What `recap record` leaves beside a trace."""
    np.savez(place / "kpageflags.0.npz", start=[0], flags=np.ones(1, np.uint64), frames=1, meta=np.array("{}"))
    found = RecordFile("Linux", [], None, 3, lost, 1.0, 1, event_set, [], 4096, 1, [7], None)
    (place / "record.json").write_bytes(msgspec.json.encode(found))


def test_lost_events_ask_for_more_buffer(tmp_path: Path) -> None:
    path = folder(tmp_path, DIRECT, {}) / "trace.dat"
    path.write_text("CPU:0 [LOST 12 EVENTS]\n" + path.read_text())
    recorded(tmp_path, "full", lost=12)
    found = info(tmp_path).finding
    assert found is not None
    assert found.next == "recap record --buffer 8 -o DIR -- COMMAND"


@pytest.mark.parametrize(
    ("vmstat", "kind", "says"),
    [
        ("allocstall_normal 0\n", "empty", "there is no trace; since boot: nothing of note"),
        (
            "allocstall_normal 7\nthp_fault_alloc 8\nthp_fault_fallback 1\noom_kill 2\n",
            "oom",
            (
                "there is no trace; since boot: 2 tasks killed by the OOM killer; 1 of 9 huge page faults fell back; "
                "7 requests waited for reclaim"
            ),
        ),
    ],
)
def test_an_archive_of_proc_files(tmp_path: Path, vmstat: str, kind: str, says: str) -> None:
    with tarfile.open(tmp_path / "sos.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("host/proc/vmstat")
        member.size = len(vmstat)
        archive.addfile(member, io.BytesIO(vmstat.encode()))
    found = info(tmp_path / "sos.tar.gz").finding
    assert found is not None
    assert (found.kind, found.says) == (kind, says)
    assert found.next == HEAVIER
