"""The answer in two lines: what was lacking, with the number that decides, and what to do about it on this kernel."""

from __future__ import annotations

import re

from recap import kernel
from recap.kernel import PAGE_ALLOC_COSTLY_ORDER
from recap.lab.callers import asked_by, for_a_device, of_the_boot_pool
from recap.lab.causes import bound_by, lacks_pages, pages, reported
from recap.lab.features import has
from recap.lab.memory_held import fills_low_memory
from recap.lab.oom_answer import end_of, filled_by, free_elsewhere, memory_advice, sentence
from recap.lab.reported_zone import cma_out_of_reach, rules_of
from recap.lab.results import listed
from recap.lab.what_if import WhatIf, is_full, waits
from recap.lab.zone_verdict import ZoneVerdict, name_of
from recap.trace.failure_report import FailureReport

NO_REFUSAL = ("hung", "spins", "kasan", "too_large", "manual")
ASSUMED = ("watermark", "fragmentation", "reserved", "recovered", "unclear")
CONTAINER = re.compile(r"docker|kubepods|libpod|podman|lxc|containerd|slurm|garden|mesos")
MEMCG_CACHE = re.compile(r"\(\d+:")  # kmalloc-64(1793:name), before 5.9
BY_RANK = (
    *(
        "raise",
        "vm.watermark_boost_factor",
        "a smaller CMA",
        "Linux 6.13",
        "compaction",
        "vm.extfrag",
        "Linux 4.9",
        "asking for",
    ),
    "without",
)
TOO_LITTLE = "too little was free in every zone it may use"
STALLED = "Nothing is refused yet, but reclaim is slow: look at what the disk does (swap, dirty pages)."


def answer(report: FailureReport, cause: str, because: str, zones: list[ZoneVerdict], changes: list[WhatIf]) -> str:
    """The verdict on a request; memory cgroups have their own."""
    if cause in NO_REFUSAL:
        return no_refusal(report, cause, because)
    if cause == "vmalloc":
        return f"{sentence('; '.join(because.split('; ')[:2]))} {vmalloc_advice(report)}"
    if cause == "no_report" and report.kind == "oom":
        machine = of_the_machine(report) if report.is_global else ""
        filled = sentence(filled_by(report)) if filled_by(report) else ""
        return together(machine, end_of(report), sentence(because), filled)
    if cause == "no_report" and report.kind == "slab":
        return cache_failed(report)
    return f"{refusal(report, cause, because, zones)} {advice(report, cause, zones, changes)}".strip()


def request(report: FailureReport) -> str:
    """`Order 5 (128 KiB contiguous), atomic`."""
    size = report.page_kib << report.order
    piece = f" ({size:,} KiB contiguous)" if report.order else ""
    patience = "" if waits(report) else ", atomic" if report.gfp & kernel.GFP_HIGH else ", without waiting"
    stalled = f", waiting for {report.waited_ms:,} ms" if report.kind == "stall" and report.waited_ms else ""
    if report.kind == "oom":
        return f"Out of memory at order {report.order}{piece}" if report.order else "Out of memory"
    return f"Order {report.order}{piece}{patience}{stalled}"


def refusal(report: FailureReport, cause: str, because: str, zones: list[ZoneVerdict]) -> str:
    """What was lacking."""
    mine = [zone for zone in zones if zone.allowed]
    near = min(mine, key=lambda zone: zone.short, default=None)
    if cause == "watermark" and near:
        special = circumstance(report, mine) or commonly(report)
        if not near.short:
            return f"{request(report)}: {special or TOO_LITTLE}; no zone was above its high mark."
        return f"{request(report)}: {special or TOO_LITTLE}; {near.name} lacked {pages(near.short)}."
    enough = [zone for zone in mine if zone.enough]
    best = max(enough, key=lambda zone: -1 if zone.largest_order is None else zone.largest_order, default=None)
    if cause == "fragmentation" and best and best.largest_order is not None:
        largest = report.page_kib << best.largest_order
        had = f"no free block is larger than {largest:,} KiB in {listed([zone.name for zone in enough])}"
        return f"{request(report)}: {had}, though enough memory is free."
    return f"{request(report)}: {because.split('; ', maxsplit=1)[0] if cause == 'reserved' else because}."


def circumstance(report: FailureReport, mine: list[ZoneVerdict]) -> str:
    """Why there was too little: what is special about this request, if anything."""
    bound = bound_by(report)
    if bound:
        return f"too little was free where it may go, bound to {bound}"
    free = sum(zone.free for zone in mine)
    cma = sum(cma_out_of_reach(reported(report, zone), report) for zone in mine)
    above, unused = free_elsewhere(report)
    if above:
        low = "low memory" if above == "HighMem" else "what the kernel itself can use"
        if cma * 2 > free:
            low += f" (where {cma:,} of the {free:,} free pages are CMA, for movable requests only)"
        return f"{low} ran out, and the {unused:,} free pages of {above} are not for the kernel's own requests"
    if cma * 2 > free:
        return f"{cma:,} of the {free:,} free pages are CMA, for movable requests only"
    reserved = sum(zone.out_of_reach for zone in mine) - cma
    if reserved * 2 > free:
        return f"{reserved:,} of the {free:,} free pages are kept for high-order atomic requests"
    return ""


def commonly(report: FailureReport) -> str:
    """Why there was too little, where nothing is special: what filled memory, if it was an OOM."""
    return filled_by(report) if report.kind == "oom" and report.order <= PAGE_ALLOC_COSTLY_ORDER else ""


def advice(report: FailureReport, cause: str, zones: list[ZoneVerdict], changes: list[WhatIf]) -> str:
    """What to do first."""
    if of_the_boot_pool(report):
        return boot_pool(report, cause)
    if cause == "no_memory" and report.gfp & (kernel.GFP_DMA | kernel.GFP_DMA32):
        return (
            "A device asked for memory at low addresses, and all there is of it is reserved: leave some to the kernel "
            "(reserved-memory of the device tree, crashkernel=, cma=), or let the driver set a wider DMA mask."
        )
    if cause == "no_memory":
        return "Let it use a node with memory for the kernel too: widen cpuset.mems or the memory policy."
    if "GFP_TRANSHUGE" in report.flags:
        return "It was for a huge page: small pages are used instead, and nothing is lost."
    settings = setting_advice(report, cause, changes)
    tight = cause == "watermark" or (report.kind == "oom" and cause in ("recovered", "unclear") and is_full(report))
    if tight and (not report.order or report.kind == "oom") and waits(report):
        matters = any(one.helps and one.change.startswith(BY_RANK[1:4]) for one in changes) and not is_full(report)
        return together(settings if matters else "", said_of_memory(report, zones, cause), of_the_end(report))
    if report.kind == "oom":
        return together(settings, end_of(report))
    return together(settings, said_of_memory(report, zones, cause) if cause == "watermark" and is_full(report) else "")


def together(*parts: str) -> str:
    """One after the other, those that are there."""
    return " ".join(part for part in parts if part)


def said_of_memory(report: FailureReport, zones: list[ZoneVerdict], cause: str) -> str:
    """What filled memory, unless that was said first, and what to do about it."""
    first = report.kind == "oom" and cause == "watermark" and not circumstance(report, [z for z in zones if z.allowed])
    low = free_elsewhere(report)[0] == "HighMem" and fills_low_memory(report)[0]
    filled = "" if first or low else filled_by(report)
    return together(sentence(filled) if filled else "", end_of(report), memory_advice(report))


def of_the_end(report: FailureReport) -> str:
    """What to say about a stall, and about a container's task that died for lack of the machine's memory."""
    if report.kind == "stall":
        return STALLED
    return of_the_machine(report) if report.is_global and CONTAINER.search(report.victim_cgroup) else ""


def setting_advice(report: FailureReport, cause: str, changes: list[WhatIf]) -> str:
    """What an administrator can set, then what the code could ask for instead.

    Reserves and marks are only in the table, as they help this request and not the next; but before 4.4 the mark of
    each order is what refused.
    """
    able = [one for one in changes if one.helps is not False]
    starts: tuple[str, ...] = (*BY_RANK, "vm.lowmem")
    if cause == "fragmentation" and rules_of(report).rules.watermark_per_order:
        starts = ("vm.min_free_kbytes", *starts)
    ranked = [(i, one) for one in able for i, start in enumerate(starts) if one.change.startswith(start)]
    chosen = [one for _, one in sorted(ranked, key=lambda item: item[0])[:2]]
    if not chosen:
        return ""
    if chosen[0].change.startswith("raise "):
        return sentence(chosen[0].change)
    sure = "would have helped" if chosen[0].helps else "may help"
    return f"What {sure}: {', or '.join(one.change for one in chosen)}."


def cache_failed(report: FailureReport) -> str:
    """SLUB or SLAB alone, without the page allocator's own report."""
    cache = report.cache
    name = f"{cache.name} ({cache.object_size:,} bytes each)" if cache else "whose name is not in the log"
    said = f"A cache of kernel objects could not grow: {name}, {request(report).lower()}."
    if cache and MEMCG_CACHE.search(cache.name):
        return f"{said} It is the copy for a memory cgroup: see that cgroup's kmem limit before the machine's memory."
    return f"{said} No zone is in the log: what ran out is in the page allocator's own report, if it printed one."


def of_the_machine(report: FailureReport) -> str:
    """A container's task may die for lack of the machine's memory."""
    group = report.victim_cgroup
    if len(group) <= 1:
        return "It was the machine's memory that ran out."
    return f"It was the machine's memory that ran out (global_oom), not a limit of {group}."


def boot_pool(report: FailureReport, cause: str) -> str:
    """dma_atomic_pool_init asks for less until it gets something (since 5.8)."""
    said = "At boot, for the pool of atomic DMA: harmless unless a device fails afterwards"
    if cause == "no_memory" and not has(report, "pool only with memory"):
        said += "; since 5.17 there is no such pool where the zone has no memory"
    return f"{said}. coherent_pool=SIZE on the kernel's command line makes the pool smaller."


def vmalloc_advice(report: FailureReport) -> str:
    """Addresses on 32 bits, the size asked for on 64."""
    if lacks_pages(report) and report.order:
        return "vmalloc tried again with single pages: nothing is lost, unless a report with page order 0 follows."
    if lacks_pages(report):
        return "A task that is being killed gets no pages either: see whether an OOM kill came before."
    if report.bytes and report.bytes > report.memory.get("ram", 0) * report.page_kib << 10 and report.memory.get("ram"):
        return (
            f"No setting gives that: look at the caller ({asked_by(report) or report.task}) and the size it asks for."
        )
    if report.bits == 32:
        return "On 32 bits it is usually addresses that run out: vmalloc=SIZE on the kernel's command line makes room."
    if any(name.startswith(("module_alloc", "execmem_alloc")) for name in report.callers):
        return "It was for a module or a BPF program: their range of addresses is small and of its own; load fewer."
    return "Look at the caller and its size: too few addresses (as for modules) or the size itself is the usual reason."


def no_refusal(report: FailureReport, cause: str, because: str) -> str:
    """What is pasted for a failed allocation and is none."""
    if cause == "manual":
        return f"{sentence(because)} {end_of(report)}".strip()
    if cause == "kasan":
        return f"{sentence(because)} It is in {report.reason}: report it to those who wrote that."
    if cause == "too_large":
        return f"{sentence(because)} Look at who called {report.reason} in the call trace; no setting changes it."
    seconds = (report.waited_ms or 0) // 1000
    at = waits_at(report)
    was = "was blocked" if cause == "hung" else "did not leave a CPU"
    return (
        f"{report.task} {was} for {seconds} s{f' (in {at})' if at else ''}. {sentence(because)} "
        "Until it does, tasks must free memory themselves, which is slow: look at the disk, the swap or the "
        "file system it waits for."
    )


def waits_at(report: FailureReport) -> str:
    """What a blocked thread waits for."""
    common = ("schedule", "io_schedule", "schedule_timeout", "schedule_preempt_disabled", "switch_to")
    own = [name for name in report.callers if name.strip("_").split(" ")[0] not in common]
    return next((name for name in own if "[" in name), own[0] if own else "")


def uncertain(report: FailureReport, cause: str, zones: list[ZoneVerdict]) -> list[str]:
    """What the reader should know is not known."""
    said = []
    if cause in ASSUMED:
        if report.version is None:
            era = "before 4.6" if report.mask is not None else "since 4.6" if report.flags else ""
            seen = f" (the flags are printed as kernels {era} do)" if era else ""
            rules = ".".join(str(part) for part in report.likely or (6, 1))
            said.append(f"the log does not say which kernel it is{seen}: {rules}'s rules are assumed")
        said.append("a report is printed a moment after the refusal: free pages and blocks may have changed")
        said += [f"{zone.name}: {zone.why_not}" for zone in zones if zone.why_not.startswith("not of its cpuset")]
    if report.mixed:
        said.append("several CPUs printed their reports at once: lines of another report may be among these")
    odd = [zone for zone in report.zones if zone.cut and zone.blocks]
    said += [f"the free list of {name_of(z)} sums to {z.cut[0]:,} kB of {z.cut[1]:,} kB" for z in odd if z.cut]
    if is_full(report) and report.kind == "oom" and cause in ASSUMED:
        said.append("nearly nothing is left to free: no setting of the allocator changes that")
    if cause in ("fragmentation", "reserved") and for_a_device(report):
        said.append("it is for a device, which needs one piece unless it has an IOMMU")
    if report.task.startswith("kswapd") and waits(report) and not report.gfp & kernel.GFP_NOMEMALLOC:
        said.append("kswapd may go below every mark (PF_MEMALLOC): when it asked, next to nothing was free")
    if report.gfp & kernel.GFP_THISNODE and len({zone.node for zone in report.zones}) > 1:
        said.append("it was for one node only (__GFP_THISNODE), and the report does not say which")
    return said
