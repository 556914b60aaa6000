"""What people's machines are: each kind as a recording that was changed to be of it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recap.demand.from_trace import from_trace
from recap.demand.hotplug import with_all_cpus
from recap.demand.spot import from_snapshot_on
from recap.errors import InputError
from recap.lab.compare import rules_assumed
from recap.lab.runs import prepare
from recap.mm import boot
from recap.trace import Event, Events, Lost, Recording

SHORT = Path(__file__).parents[2] / "recordings/kosaki-1cpu"
ZONES = (("DMA", 1, 4095, 3840), ("DMA32", 4096, 126976, 0))
MANAGED = 120_000


def recording(folder: Path, events: dict[str, Any] | None = None) -> Recording:
    """The short recording beside other files of /proc, with some of its trace changed."""
    for path in SHORT.iterdir():
        if not (folder / path.name).exists():
            (folder / path.name).symlink_to(path)
    found = Recording(folder)
    found.__dict__["events"] = replace(Recording(SHORT).events, **(events or {}))
    return found


def zoneinfo(present: int) -> str:
    """One zone of so many pages."""
    marks = "  pages free 100\n        min 1\n        low 2\n        high 3\n"
    sizes = f"        spanned {present}\n        present {present}\n        managed {MANAGED}\n"
    pageset = "  pagesets\n    cpu: 0\n              count: 3\n"
    return f"Node 0, zone   Normal\n{marks}{sizes}{pageset}  start_pfn:           0\n"


def frames() -> int:
    snapshot = Recording(SHORT).snapshot(0)
    assert snapshot is not None
    return len(snapshot.flags)


def with_a_frame_beyond(events: Events) -> dict[str, Any]:
    """The trace with its last allocation and free of a page in memory that was not there at the start."""
    pfn = events.pfn.copy()
    for kind in (Event.MM_PAGE_ALLOC, Event.MM_PAGE_FREE):
        rows = np.flatnonzero((events.event == kind) & (events.order == 0))
        pfn[rows[-1]] = frames() + 512
    return {"pfn": pfn}


def test_cpus_that_come_later_begin_with_empty_lists(tmp_path: Path) -> None:
    (tmp_path / "zoneinfo.0").write_text(zoneinfo(frames()))
    found = recording(tmp_path, {"cpus": 3})
    beginning = from_snapshot_on(found)
    snapshot, events = beginning.snapshot, beginning.events
    assert {pcp.cpu for pcp in snapshot.pcps} == {0, 1, 2}
    late = [pcp for pcp in snapshot.pcps if pcp.cpu]
    assert {pcp.count for pcp in late} == {0}
    assert min(pcp.batch for pcp in late) > 0
    assert boot.from_snapshot(snapshot, 1).nr_cpus == 3
    assert with_all_cpus(snapshot, 3) is snapshot
    told = from_trace(found).assumptions
    assert "2 of 3 CPUs came later: their per-cpu lists are empty at first" in told
    assert events.cpus == 3


def test_memory_that_is_added_is_not_another_machine(tmp_path: Path) -> None:
    events = with_a_frame_beyond(Recording(SHORT).events)
    with pytest.raises(InputError, match="field pfn: frame"):
        from_trace(recording(tmp_path, events))
    (tmp_path / "zoneinfo.0").write_text(zoneinfo(frames()))
    (tmp_path / "zoneinfo.1").write_text(zoneinfo(frames() + 1024))
    told = from_trace(recording(tmp_path, events)).assumptions
    assert "1024 pages of memory were added meanwhile: the model has what there was at the start" in told


def test_memory_that_is_removed_is_told(tmp_path: Path) -> None:
    (tmp_path / "zoneinfo.0").write_text(zoneinfo(frames()))
    (tmp_path / "zoneinfo.1").write_text(zoneinfo(frames() - 512))
    told = from_trace(recording(tmp_path)).assumptions
    assert "512 pages of memory were removed meanwhile: the model has what there was at the start" in told


def test_pages_of_64_kib_are_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "zoneinfo.0").write_text(zoneinfo(frames()))
    (tmp_path / "meminfo.0").write_text(f"MemTotal:       {MANAGED * 64} kB\n")
    with pytest.raises(InputError, match=r"its pages are 64 KiB, the model's 4 KiB"):
        prepare(recording(tmp_path), {})
    (tmp_path / "meminfo.0").write_text(f"MemTotal:       {MANAGED * 4} kB\n")
    assert Recording(tmp_path).page_kib() == 4
    assert Recording(SHORT).page_kib() is None


@pytest.mark.parametrize(
    ("kernel", "told"),
    [
        (
            "5.4.0-150-generic",
            "all rules are those of Linux 6.1, the nearest profile there is; the recorded kernel is 5.4",
        ),
        ("6.0.19", "all rules are those of Linux 6.1, the nearest profile there is"),
        ("7.2.1", "all rules are those of Linux 6.18, the newest there are; the recorded kernel is 7.2"),
    ],
)
def test_the_nearest_profile_is_named(kernel: str, told: str) -> None:
    assert rules_assumed(kernel, ())[0].startswith(told)
    for known in ("6.1.90", "6.12.118", "6.18.15-amd64", "no release"):
        assert rules_assumed(known, ()) == []


def test_lost_events_cgroups_and_zram_are_told(tmp_path: Path) -> None:
    (tmp_path / "swaps.0").write_text("Filename\tType\tSize\tUsed\tPriority\n/dev/zram0 partition 1048572 0 100\n")
    events = Recording(SHORT).events
    kind = events.event.copy()
    kind[np.flatnonzero(kind == Event.SCHED_SWITCH)[-3:]] = Event.MM_VMSCAN_MEMCG_RECLAIM_BEGIN
    changed = {"event": kind, "lost": [Lost(0, int(events.time[-9]), 7), Lost(0, int(events.time[-5]), None)]}
    told = from_trace(recording(tmp_path, changed)).assumptions
    assert told[:3] == [
        "at least 7 events are lost, at 2 places: what was asked for or freed then is missing",
        "3 times a memory cgroup reclaimed at its limit: the model frees the same at the same time",
        "swap is on /dev/zram0, in memory: what the model swaps out takes none",
    ]
