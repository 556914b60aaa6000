"""What the recorded kernel itself counted: the column that the model's are held against."""

from __future__ import annotations

from collections.abc import Mapping

from recap.demand.demand import Demand
from recap.sim.run import success_percent
from recap.trace import Recording
from recap.trace.event import CaptureMode

SHARED_COUNTERS = (
    "pgscan_kswapd",
    "pgsteal_kswapd",
    "pgscan_direct",
    "pgsteal_direct",
    "pgrefill",
    "pgactivate",
    "pgdeactivate",
    "pswpout",
    "pageoutrun",
    "nr_vmscan_write",
)
CAPTURES_NOTHING = {str(int(mode)) for mode in (CaptureMode.NONE, CaptureMode.PLACEBO)}
STALL_COUNTERS = ("allocstall_dma", "allocstall_dma32", "allocstall_normal", "allocstall_movable")
COMPACTION_COUNTERS = (
    "compact_stall",
    "compact_fail",
    "compact_success",
    "thp_fault_alloc",
    "thp_fault_fallback",
)


def recorded_figures(recording: Recording, demand: Demand) -> dict[str, float]:
    """What the recorded kernel did: its /proc/vmstat over the load, and what only its trace tells."""
    change = counted(recording.vmstat(0), recording.vmstat(1))
    found = dict(demand.recorded)
    found["success_percent"] = success_percent(found["high_order_successes"], found["high_order_attempts"])
    if recording.sysctl.get("vm.page_capture", "0") in CAPTURES_NOTHING:
        found["withheld_peak_pages"] = 0.0
    if change:
        found["oom_kills"] = change.get("oom_kill", 0.0)
        found |= {name: change[name] for name in SHARED_COUNTERS + COMPACTION_COUNTERS if name in change}
        found["allocstall"] = allocstall(change)
    return found


def counted(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, float]:
    """What /proc/vmstat counted between two looks."""
    return {name: float(after[name] - before[name]) for name in after if name in before}


def allocstall(change: Mapping[str, float]) -> float:
    """Direct reclaim of all zones."""
    return sum(change.get(name, 0.0) for name in STALL_COUNTERS)
