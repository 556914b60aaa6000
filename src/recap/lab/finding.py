"""The line that `info` ends with: what matters in a recording, and which command to run next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from recap.lab.information import Finding, Info, Kind, Stall
from recap.trace import Recording
from recap.trace.record_file import RecordFile

NANOSECONDS = 1e9
HUGE_FAULT = "GFP_TRANSHUGE"
OOM_EVENT = "mark_victim"
RECORD = "recap record -o DIR -- COMMAND"
NOTHING = "no pressure: nothing to compare"


def finding(info: Info, recording: Recording, record: RecordFile | None) -> Finding:
    """What matters in a recording.

    Args:
        info: its figures.
        recording: where they are from.
        record: what its record.json says.
    """
    kind, says = judgement(info, vmstat_covers=bool(recording.vmstat(0) and recording.vmstat(1)))
    if info.lost:
        says += f"; {lost(info)}"
    return Finding(kind, says, go_on(kind, info, recording, record))


def judgement(info: Info, *, vmstat_covers: bool) -> tuple[Kind, str]:
    """How bad it was, and what it was; the worst first."""
    if not info.events:
        return no_trace(info)
    vmstat = info.vmstat if vmstat_covers else {}
    killed = info.counts.get(OOM_EVENT, 0) or vmstat.get("oom_kill", 0)
    refused = [*failures(info, vmstat)]
    waited = [*waits(info)]
    parts = [f"the OOM killer killed {number(killed, 'task')}"] if killed else []
    parts += refused + waited
    own, limit = [*background(info, vmstat)], [*cgroup(info)]
    if parts:
        return "oom" if killed else "failures" if refused else "stalls", "; ".join([*parts, *own[:1]])
    if own:
        return "background", "; ".join(["nobody waited for memory", *own, *limit])
    if limit:
        return "cgroup", f"only a memory cgroup was short of memory, not the machine: {limit[0]}"
    return "calm", "no pressure in what is left of the trace" if info.lost else NOTHING


def no_trace(info: Info) -> tuple[Kind, str]:
    """What /proc alone tells."""
    killed, fell = info.vmstat.get("oom_kill", 0), info.vmstat.get("thp_fault_fallback", 0)
    stalls = sum(times for name, times in info.vmstat.items() if name.startswith("allocstall_"))
    told = [
        f"{number(killed, 'task')} killed by the OOM killer" if killed else "",
        f"{of_faults(fell, info.vmstat)} fell back" if fell else "",
        f"{number(stalls, 'request')} waited for reclaim" if stalls else "",
    ]
    kind: Kind = "oom" if killed else "failures" if fell else "stalls" if stalls else "empty"
    since = "there is no trace; since boot" if not any(zone.when for zone in info.zones) else "there is no trace"
    return kind, f"{since}: " + ("; ".join(filter(None, told)) or "nothing of note")


def failures(info: Info, vmstat: dict[str, int]) -> Iterator[str]:
    """Requests that got nothing. A huge page fault may ask twice, so the kernel's own count says more."""
    fell = vmstat.get("thp_fault_fallback", 0)
    failed = {row.order: row.failed for row in info.orders if row.failed}
    if fell:
        yield f"{of_faults(fell, vmstat)} fell back"
        for row in info.failures:
            if row.gfp_flags.startswith(HUGE_FAULT):
                failed[row.order] -= row.count
    requests = {row.order: row.requests for row in info.orders}
    for order in sorted(failed, key=lambda order: -failed[order] / requests[order]):
        if failed[order] > 0:
            yield f"{failed[order]:,} of {number(requests[order], 'request')} of order {order} failed"


def waits(info: Info) -> Iterator[str]:
    """How long tasks waited."""
    stalls = {stall.name: stall for stall in info.stalls}
    for name in ("direct compaction", "direct reclaim"):
        if stalls[name].count:
            yield spent(stalls[name], f"in {name}")


def background(info: Info, vmstat: dict[str, int]) -> Iterator[str]:
    """What the kernel's threads did."""
    stalls = {stall.name: stall for stall in info.stalls}
    counted = sum(pages for name, pages in vmstat.items() if name.startswith("pgsteal_kswapd"))
    pages = info.reclaim.stolen_kswapd or counted
    awake = stalls["kswapd awake"]
    if pages or awake.count:
        yield f"kswapd reclaimed {number(pages, 'page')}"
    if stalls["kcompactd compacting"].count:
        yield spent(stalls["kcompactd compacting"], "of kcompactd's compaction")


def cgroup(info: Info) -> Iterator[str]:
    """How long tasks waited because their cgroup had reached its limit."""
    for stall in info.stalls:
        if stall.name == "memory cgroup reclaim" and stall.count:
            yield spent(stall, "in reclaim of a cgroup at its limit")


def lost(info: Info) -> str:
    """That the figures are not all."""
    counts = [span.count for span in info.lost]
    known = sum(count or 0 for count in counts)
    how_many = f"{'at least ' if None in counts else ''}{number(known, 'event')}" if known else "events"
    return f"{how_many} lost at {number(len(counts), 'place')}, so there was more"


def go_on(kind: Kind, info: Info, recording: Recording, record: RecordFile | None) -> str:
    """The command to run next."""
    source = shlex.quote(info.source)
    if info.lost and record is not None and record.lost:
        return f"recap record --buffer {2 * record.buffer_kb // 1024 or 1} -o DIR -- COMMAND"
    if kind == "calm" or not info.events or kind == "cgroup":
        return f"{RECORD}, with a load that needs more memory than is free"
    if record is not None and record.event_set == "light":
        return f"{RECORD}, with all events, which compare needs"
    if not any(recording.beside(name) for name in ("snap0.npz", "kpageflags.0.npz")):
        return f"{RECORD}, which saves what compare needs beside the trace"
    return f"recap compare {source} -p none -p kosaki"


def of_faults(fell: int, vmstat: dict[str, int]) -> str:
    """How many of the huge page faults."""
    return f"{fell:,} of {number(fell + vmstat.get('thp_fault_alloc', 0), 'huge page fault')}"


def spent(stall: Stall, what: str) -> str:
    """How long in all, and how often."""
    return f"{stall.total_ns / NANOSECONDS:.2g} s {what} ({number(stall.count, 'time')})"


def number(count: int, of: str) -> str:
    """A count of something."""
    return f"{count:,} {of}{'' if count == 1 else 's'}"
