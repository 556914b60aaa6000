"""Why a request failed: the cause in a word, the reason in a sentence, and what a report leaves open."""

from __future__ import annotations

from recap import kernel
from recap.lab.reported_zone import cma_out_of_reach, open_to_all, rules_of
from recap.lab.results import listed
from recap.lab.zone_verdict import ZoneVerdict, name_of
from recap.trace.failure_report import FailureReport, ReportedZone

OTHER_KINDS = {
    "hung": "no request was refused: a kernel thread that frees memory is blocked itself",
    "spins": "no request was refused: a kernel thread that frees memory finds no end",
    "kasan": "no request was refused: KASAN found an access outside of a vmalloc area, which is a bug in the code",
    "warning": "the page allocator found fault with the request itself, most often one above its largest order",
}
MOVABLE_ONLY = ("Movable", "Device")
KEPT = {"C": "CMA, for movable requests", "H": "for high-order atomic requests", "I": "isolated"}
NODEMASK_PRINTED = (4, 11)  # a8e99259e0c8: a failed request names its nodemask and cpuset


def causes(report: FailureReport, zones: list[ZoneVerdict]) -> tuple[str, str]:
    """The cause in a word, and in a sentence."""
    if report.kind in OTHER_KINDS:
        return ("too_large" if report.kind == "warning" else report.kind), OTHER_KINDS[report.kind]
    if report.constraint == "memcg":
        return "memcg", "the limit of a memory cgroup was reached; the machine's own memory is not the matter"
    if report.kind == "vmalloc":
        return "vmalloc", vmalloc_failed(report, zones)
    if report.manual:
        return "manual", "the OOM killer was called by hand (SysRq f): no request failed"
    mine = [zone for zone in zones if zone.allowed]
    if not mine:
        return nowhere(report, zones)
    return in_zones(report, mine)


def nowhere(report: FailureReport, zones: list[ZoneVerdict]) -> tuple[str, str]:
    """No zone of the log is for the request."""
    empty = [zone.name for zone in zones if zone.why_not.startswith("has no memory")]
    if empty:
        return "no_memory", f"of its zones only {listed(empty)} is there, and that has no memory (managed:0kB)"
    above = [zone for zone in report.zones if zone.name in MOVABLE_ONLY]
    if above and len(above) == len(report.zones):
        free = sum(zone.amounts.get("free", 0) for zone in above)
        where = listed([name_of(zone) for zone in above])
        there = f"{where} ({pages(free)} free) is all there is for it{allowed_words(report)}"
        return "no_memory", f"{there}, and that is only for movable requests"
    if report.kind == "slab":
        return "no_report", "the log has no zone: the lines of the failed page, from Mem-Info on, are missing"
    if zones:
        return "no_report", "the log has no zone this request may use: the report does not show its zones or nodes"
    if report.kind == "oom" and not report.task:
        return "no_report", "only the kill is in the log; the report before it, from `invoked oom-killer` on, tells why"
    return "no_report", "the log has no zone this request may use: the lines from Mem-Info on are missing"


def allowed_words(report: FailureReport) -> str:
    """` on node 4, by its cpuset or policy`: a report shows only the nodes that the task may use."""
    nodes = report.nodemask or report.mems_allowed
    return f" on {'node' if len(nodes) == 1 else 'nodes'} {listed([str(node) for node in nodes])}" if nodes else ""


def in_zones(report: FailureReport, mine: list[ZoneVerdict]) -> tuple[str, str]:
    """Some zone is for the request: what was wrong with all of them?"""
    served = [zone for zone in mine if zone.served and zone.known]
    if served and report.kind == "oom" and all(below_high(report, zone) for zone in served):
        return "watermark", between_marks(served)
    if served:
        return came_free(report, served)
    unknown = [zone for zone in mine if not zone.known]
    if unknown:
        return "no_report", f"it cannot be told: {'; '.join(missing_of(report, zone) for zone in unknown)}"
    enough = [zone for zone in mine if zone.enough]
    if not enough:
        return "watermark", below_marks(report, mine)
    cause, because = in_pieces(report, enough)
    return cause, because + kept_back(report, mine)


def missing_of(report: FailureReport, zone: ZoneVerdict) -> str:
    """What the log lacks of a zone that is needed for an answer."""
    source = reported(report, zone)
    if source.cut and not source.blocks:
        return f"the free list of {zone.name} is cut: it sums to {source.cut[0]:,} kB of {source.cut[1]:,} kB"
    if report.order and not source.blocks:
        return f"the log lacks the free list by order of {zone.name}, so a missing block cannot be told"
    return f"what {zone.name} keeps in reserve (lowmem_reserve) is not in the log"


def reported(report: FailureReport, zone: ZoneVerdict) -> ReportedZone:
    """The zone as the log has it."""
    return next(one for one in report.zones if name_of(one) == zone.name)


def came_free(report: FailureReport, served: list[ZoneVerdict]) -> tuple[str, str]:
    """By what is printed it would be served. That is a matter of time only where nothing else can be the reason."""
    names = listed([zone.name for zone in served])
    doubts = what_is_not_told(report)
    if doubts:
        why = f"by what is printed {names} could serve it; what the report does not tell: {'; '.join(doubts)}"
        return "unclear", f"{why}; or memory came free in between"
    when = "while it waited" if report.kind == "stall" else "when the report was printed"
    return "recovered", f"{when} {names} could have served it: memory came free after"


def below_high(report: FailureReport, zone: ZoneVerdict) -> bool:
    """Is a zone below what the OOM killer's last try asks for (ALLOC_WMARK_HIGH in __alloc_pages_may_oom)?"""
    amounts = reported(report, zone).amounts
    return zone.free - zone.out_of_reach <= amounts.get("high", 0) + zone.needed - 1 - amounts.get("min", 0)


def between_marks(served: list[ZoneVerdict]) -> str:
    """An OOM kill with a little free: memory comes and goes while it is decided, and the last try asks for more."""
    names = listed([f"{zone.name} (by {pages(zone.free - zone.out_of_reach - zone.needed + 1)})" for zone in served])
    said = f"{names} was above its min mark by then, but below its high mark"
    return f"{said}, which the last try before a kill asks for; the others were below their min mark"


def what_is_not_told(report: FailureReport) -> list[str]:
    """What could have kept a request from zones that look fit for it."""
    doubts = []
    nodes = {zone.node for zone in report.zones}
    if len(nodes) > 1 and report.gfp & kernel.GFP_THISNODE:
        doubts.append("for which one node it was (__GFP_THISNODE)")
    elif len(nodes) > 1 and report.nodemask is None and report.is_before(*NODEMASK_PRINTED) is not False:
        doubts.append("whether a memory policy binds it to a node (printed since 4.11)")
    silent = [z for z in report.zones if "reserved_highatomic" not in z.amounts and any("H" in t for _, t in z.blocks)]
    if silent:
        doubts.append(
            f"how much of {listed([name_of(zone) for zone in silent])} is kept for high-order atomic requests"
        )
    if report.order and any(zone.blocks and not any(t for _, t in zone.blocks) for zone in report.zones):
        doubts.append("of which types the free blocks are (printed since 3.8)")
    if report.flags == "0" and report.kind == "oom":
        doubts.append("which request it was (gfp_mask=0: a page fault failed, often at the limit of a memory cgroup)")
    return doubts


def below_marks(report: FailureReport, mine: list[ZoneVerdict]) -> str:
    """All zones lack memory: by how much, and what of it is not for this request."""
    said = f"every zone it may use was below what this request must leave: {shortfalls(mine)}"
    cma = sum(cma_out_of_reach(reported(report, zone), report) for zone in mine)
    if cma:
        said += f"; {cma:,} of the free pages are CMA, which only movable requests may have"
    reserve = sum(zone.out_of_reach for zone in mine) - cma
    if reserve:
        said += f"; {reserve:,} are kept for high-order atomic requests"
    return said + elsewhere(report)


def elsewhere(report: FailureReport) -> str:
    """Free memory that the request could not use, and why."""
    said = ""
    bound = bound_by(report)
    if bound:
        said += f"; it is bound to {bound}, and other nodes do not count"
    above = [zone.amounts for zone in report.zones if zone.name == "HighMem"]
    high = sum(one.get("free", 0) for one in above)
    if high > sum(one.get("high", 0) for one in above) and not report.gfp & kernel.GFP_HIGHMEM:
        said += (
            f"; low memory is what ran out: the {high:,} free pages of HighMem are not for the kernel's own requests"
        )
    return said


def bound_by(report: FailureReport) -> str:
    """Node 1, by a memory policy."""
    nodes = {zone.node for zone in report.zones}
    for allowed, by in ((report.nodemask, "a memory policy"), (report.mems_allowed, "its cpuset")):
        told = report.constraint == ("memory_policy" if by == "a memory policy" else "cpuset")  # other nodes not shown
        if allowed is None or (nodes <= set(allowed) and not told):
            continue
        if by == "its cpuset" and report.constraint not in ("", "cpuset", "none"):
            continue
        words = "node" if len(allowed) == 1 else "nodes"
        return f"{words} {listed([str(node) for node in allowed])} by {by}"
    return ""


def shortfalls(zones: list[ZoneVerdict]) -> str:
    """`Node 0 Normal by 120 pages`."""
    return ", ".join(f"{zone.name} by {pages(zone.short)}" for zone in zones)


def pages(count: int) -> str:
    """`1 page`, `120 pages`."""
    return f"{count:,} page" if count == 1 else f"{count:,} pages"


def in_pieces(report: FailureReport, enough: list[ZoneVerdict]) -> tuple[str, str]:
    """Enough is free, but no block that this request may have."""
    blocks = {zone.name: [b for b in reported(report, zone).blocks[report.order :] if b[0]] for zone in enough}
    having = [name for name, found in blocks.items() if found]
    if rules_of(report).rules.watermark_per_order and any(
        open_to_all(types) for found in blocks.values() for _, types in found
    ):
        return (
            "fragmentation",
            f"{listed(having)} had such a block, but too little in large ones: before 4.4 each order had a mark",
        )
    lacking = [name for name, found in blocks.items() if not found]
    without = f"; {listed(lacking)} had none of {1 << report.order} pages" if lacking else ""
    if having:
        types = sorted({letter for found in blocks.values() for _, letters in found for letter in letters})
        kept = listed([KEPT.get(letter, letter) for letter in types])
        return "reserved", f"{listed(having)} had blocks large enough, but only reserved ones: {kept}{without}"
    names = listed(lacking)
    return "fragmentation", f"{names} had enough free memory, but no block of {1 << report.order} contiguous pages"


def kept_back(report: FailureReport, mine: list[ZoneVerdict]) -> str:
    """Lower zones that have such a block, and keep it by their reserve or mark."""
    kept = []
    for zone in mine:
        blocks = reported(report, zone).blocks[report.order :]
        if not zone.enough and any(count and open_to_all(types) for count, types in blocks):
            kept.append(
                f"{zone.name} has such blocks ({zone.free:,} pages free), but must leave {zone.needed - 1:,} free"
            )
    return "".join(f"; {one}" for one in kept)


def lacks_pages(report: FailureReport) -> bool:
    """Did a vmalloc fail for lack of pages, not of addresses?"""
    return any(words in report.reason for words in ("allocate pages", "page array"))


def vmalloc_failed(report: FailureReport, zones: list[ZoneVerdict]) -> str:
    """vmalloc's failures: addresses, bookkeeping or pages."""
    size = f"{report.bytes:,} bytes" if report.bytes else "memory"
    mine = [zone for zone in zones if zone.allowed]
    if lacks_pages(report):
        said = f"a vmalloc of {size} failed for lack of pages ({report.reason})"
        return f"{said}; {in_zones(report, mine)[1]}" if mine else said
    said = f"a vmalloc of {size} failed, which is not the page allocator"
    if report.reason:
        said += f": {report.reason}"
    ram = report.memory.get("ram", 0)
    if report.bytes and ram and report.bytes > ram * report.page_kib << 10:
        return (
            f"{said}; RAM is {ram * report.page_kib / (1 << 20):.1f} GiB ({ram:,} pages), so no zone refused anything"
        )
    fine = [zone for zone in mine if zone.enough]
    return f"{said}; no zone refused anything, {listed([zone.name for zone in fine])} had memory" if fine else said
