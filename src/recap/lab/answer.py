"""The answer in two lines: what was lacking, with the number that decides, and what to do about it on this kernel."""

from __future__ import annotations

from recap import kernel
from recap.lab.callers import for_a_device, of_the_boot_pool
from recap.lab.causes import bound_by, pages
from recap.lab.cgroup_oom import GroupMemory, what_helps, what_it_is
from recap.lab.features import has
from recap.lab.memory_held import OF_THE_KERNEL, USES, chief_use, memory_held, programs, ram_of, share
from recap.lab.results import listed
from recap.lab.what_if import WhatIf, is_full, waits
from recap.lab.zone_verdict import ZoneVerdict, name_of
from recap.trace.failure_report import FailureReport, Task, Victim

LARGEST_TASKS = 5
CHIEF_KERNEL = 0.3
BY_RANK = (
    "raise",
    "vm.watermark_boost_factor",
    "a smaller CMA",
    "compaction",
    "vm.extfrag",
    "asking for order",
    "without",
)


def answer(report: FailureReport, cause: str, because: str, zones: list[ZoneVerdict], changes: list[WhatIf]) -> str:
    """The verdict; memory cgroups have their own."""
    if cause in ("hung", "spins", "kasan", "too_large", "manual"):
        return other_kind(report, cause, because)
    if cause == "vmalloc":
        return f"{sentence(because)} {vmalloc_advice(report)}"
    if of_the_boot_pool(report):
        return f"{refusal(report, cause, because, zones)} {boot_pool(report)}"
    if cause == "no_report" and report.victims:
        return f"{killed(report.victims)} {sentence(because)}"
    if report.kind == "oom":
        return out_of_memory(report, cause, because, zones)
    return f"{refusal(report, cause, because, zones)} {advice(report, cause, changes)}".strip()


def sentence(text: str) -> str:
    """With a capital letter and a full stop."""
    return f"{text[:1].upper()}{text[1:]}."


def request(report: FailureReport) -> str:
    """`order 5 (128 KiB in one piece), atomic`."""
    size = report.page_kib << report.order
    piece = f" ({size:,} KiB in one piece)" if report.order else ""
    patience = "" if waits(report) else ", atomic" if report.gfp & kernel.GFP_HIGH else ", without waiting"
    stalled = f", waiting for {report.waited_ms:,} ms" if report.kind == "stall" and report.waited_ms else ""
    return f"order {report.order}{piece}{patience}{stalled}"


def refusal(report: FailureReport, cause: str, because: str, zones: list[ZoneVerdict]) -> str:
    """What was lacking."""
    mine = [zone for zone in zones if zone.allowed]
    near = min(mine, key=lambda zone: zone.short, default=None)
    if cause == "watermark" and near:
        bound = bound_by(report)
        where = f" (it is bound to {bound})" if bound else ""
        return (
            f"{sentence(request(report))[:-1]}: too little was free in every zone it may use{where}; "
            f"{near.name} lacked {pages(near.short)}."
        )
    enough = [zone for zone in mine if zone.enough]
    if cause in ("fragmentation", "reserved") and enough:
        best = max(enough, key=lambda zone: -1 if zone.largest_order is None else zone.largest_order)
        if best.largest_order is not None:
            largest = report.page_kib << best.largest_order
            had = f"nothing larger than {largest:,} KiB was to be had in {listed([zone.name for zone in enough])}"
            return f"{sentence(request(report))[:-1]}: {had}, though enough was free."
    return f"{sentence(request(report))[:-1]}: {because}."


def advice(report: FailureReport, cause: str, changes: list[WhatIf]) -> str:
    """What to do first: what an administrator can set, then what the code could ask for instead."""
    if report.kind == "slab" and report.cache:
        return f"It was for the cache {report.cache.name} of kernel objects."
    if cause == "watermark" and waits(report) and not report.order:
        held = memory_held(report)
        parts = (filled_by(held, ram_of(report)), swap_words(report), oom_advice(report, cause, held, ram_of(report)))
        return " ".join(part for part in parts if part)
    able = [one for one in changes if one.helps is not False]
    chosen = sorted((one for one in able if rank(one) < len(BY_RANK)), key=rank)[:2]
    if not chosen:
        return ""
    sure = "would have helped" if any(one.helps for one in chosen) else "may help"
    if chosen[0].change.startswith("raise "):
        return sentence(chosen[0].change)
    return f"What {sure}: {', or '.join(one.change for one in chosen)}."


def rank(change: WhatIf) -> int:
    """Where a change stands among what is advised; reserves and marks only in the table, as they help one request."""
    return next((i for i, start in enumerate(BY_RANK) if change.change.startswith(start)), len(BY_RANK))


def boot_pool(report: FailureReport) -> str:
    """dma_atomic_pool_init asks for less until it gets something (since 5.8)."""
    said = "At boot, for the pool of atomic DMA: harmless unless a device fails afterwards"
    if not has(report, "pool only with memory"):
        said += "; since 5.17 there is no such pool where the zone has no memory"
    return f"{said}. coherent_pool=SIZE on the kernel's command line makes the pool smaller."


def vmalloc_advice(report: FailureReport) -> str:
    """Addresses on 32 bits, the size asked for on 64."""
    if any(word in report.reason for word in ("ran out", "allocate page", "page order", "allocate pages")):
        return "Its pages ran out, or the task was being killed: see the zones, and whether an OOM kill came before."
    if report.bits == 32:
        return "On 32 bits it is usually addresses that run out: vmalloc=SIZE on the kernel's command line makes room."
    return "Look at who asked and for how much: addresses (modules have few) or the size itself are the usual reasons."


def other_kind(report: FailureReport, cause: str, because: str) -> str:
    """What is no refusal."""
    if cause == "manual":
        return f"{sentence(because)} Nothing is wrong with memory."
    if cause == "kasan":
        return f"{sentence(because)} It is in {report.reason}: report it to those who wrote that."
    if cause == "too_large":
        return f"{sentence(because)} Look at who called {report.reason} in the call trace; no setting changes it."
    seconds = (report.waited_ms or 0) // 1000
    at = waits_at(report)
    return (
        f"{report.task} did not get on for {seconds} s{f' (in {at})' if at else ''}. {sentence(because)} "
        "Until it does, tasks must free memory themselves, which is slow: look at the disk, the swap or the "
        "file system it waits for."
    )


def waits_at(report: FailureReport) -> str:
    """What a blocked thread waits for."""
    common = ("__schedule", "schedule", "schedule_timeout", "io_schedule", "__switch_to", "schedule_preempt_disabled")
    return next((name for name in report.callers if name not in common), "")


def out_of_memory(report: FailureReport, cause: str, because: str, zones: list[ZoneVerdict]) -> str:
    """An OOM kill of the machine: what holds memory, the state of swap, and what follows."""
    held, ram = memory_held(report), ram_of(report)
    said = refusal(report, cause, because, zones) if zones else sentence(because)
    filled = filled_by(held, ram)
    return " ".join(part for part in (said, filled, swap_words(report), oom_advice(report, cause, held, ram)) if part)


def filled_by(held: dict[str, int], ram: int) -> str:
    """What holds most."""
    chief = chief_use(held)
    if not chief:
        return ""
    count = programs(held) if chief == "programs" else held[chief]
    part = 100 * share(count, held, ram)
    cache = held.get("page_cache", 0)
    left = f", and {pages(cache)} of page cache are left" if chief != "page_cache" and "free" in held else ""
    return f"{USES.get(chief, chief)[:1].upper()}{USES.get(chief, chief)[1:]} hold {part:.0f} % of RAM{left}."


def swap_words(report: FailureReport) -> str:
    """`Swap is full (0 of 979,956 kB free).`"""
    total, free = (report.memory.get(name) for name in ("swap_total", "swap_free"))
    if total is None or free is None:
        return ""
    if total == 0:
        return "There is no swap."
    state = "full" if free * 50 < total else "partly free"
    return f"Swap is {state} ({free * report.page_kib:,} of {total * report.page_kib:,} kB free)."


def oom_advice(report: FailureReport, cause: str, held: dict[str, int], ram: int) -> str:
    """By what fills memory."""
    chief = chief_use(held)
    bound = bound_by(report)
    if bound:
        return f"It is bound to {bound}: widen that (numactl, cpuset.mems, numatune), or move load away."
    if cause in ("fragmentation", "reserved", "recovered", "unclear"):
        return ""
    if low_memory_is_out(report):
        return "Low memory ran out, HighMem does not help the kernel: a 64-bit kernel has no such limit."
    if chief in OF_THE_KERNEL and share(held[chief], held, ram) >= CHIEF_KERNEL:
        return kernel_advice(report, chief)
    if chief == "huge_pages":
        return "Fewer of them (vm.nr_hugepages) leave more for all else."
    if chief == "shmem":
        return "Look at tmpfs mounts (df -t tmpfs), /dev/shm and shared segments (ipcs -m): only removing frees them."
    if chief == "unevictable":
        return "It is locked (mlock): look at VmLck in /proc/*/status."
    if programs(held):
        more = "more swap" if report.memory.get("swap_total") else "swap"
        return f"Give it {more} or RAM, or let the largest tasks have less."
    return ""


def low_memory_is_out(report: FailureReport) -> bool:
    """Did the kernel's own zones run out while high memory has some?"""
    return not report.gfp & kernel.GFP_HIGHMEM and any(
        zone.name == "HighMem" and zone.amounts.get("free", 0) > zone.amounts.get("high", 0) for zone in report.zones
    )


def kernel_advice(report: FailureReport, chief: str) -> str:
    """A leak, most likely."""
    if chief == "page_tables":
        return "Page tables this large come of many tasks that map the same memory: huge pages make them smaller."
    if chief == "unaccounted":
        return (
            "No program has it: a driver, vmalloc, per-CPU data, a balloon or a file system's own cache does. "
            "Compare /proc/meminfo and /proc/vmallocinfo after a boot with later."
        )
    largest = sorted(report.slabs.items(), key=lambda item: -item[1])[:3]
    named = f" The largest caches: {', '.join(f'{name} {kib:,} kB' for name, kib in largest)}." if largest else ""
    return f"That smells of a leak in the kernel: see slabtop, and whether it grows without end.{named}"


def of_group(group: GroupMemory, victims: list[Victim]) -> str:
    """The verdict on a cgroup at its limit."""
    path = group.path or "whose path is not in the log"
    if group.limit:
        met = f" ({group.failures:,} times so far)" if group.failures else ""
        said = f"The memory cgroup {path} is at its limit: {group.usage or 0:,} of {group.limit:,} kB are used{met}."
    else:
        said = f"A memory cgroup reached its limit: {path}."
    is_made_of = what_it_is(group)
    parts = [said, sentence(is_made_of) if is_made_of else "", killed(victims)]
    return " ".join(part for part in [*parts, sentence("; ".join(what_helps(group)))] if part)


def killed(victims: list[Victim]) -> str:
    """Who was killed, with what it had."""
    named = [victim_words(victim) for victim in victims[:3]]
    more = f" and {len(victims) - 3} more" if len(victims) > 3 else ""
    return f"Killed: {', '.join(named)}{more}." if named else ""


def victim_words(victim: Victim) -> str:
    """`java (pid 4242, anon-rss 1,022,856 kB)`."""
    held = f", anon-rss {victim.anon:,} kB" if victim.anon is not None else ""
    shmem = f", shmem-rss {victim.shmem:,} kB" if victim.shmem else ""
    return f"{victim.name} (pid {victim.pid}{held}{shmem})"


def largest_tasks(report: FailureReport) -> list[Task]:
    """The five that held most, swapped pages too."""
    return sorted(report.tasks, key=lambda task: -(task.rss + task.swap))[:LARGEST_TASKS]


def uncertain(report: FailureReport, cause: str, zones: list[ZoneVerdict]) -> list[str]:
    """What the reader should know is not known."""
    said = []
    if cause in ("watermark", "fragmentation", "reserved", "recovered", "unclear"):
        if report.version is None:
            era = "before 4.6" if report.mask is not None else "since 4.6" if report.flags else ""
            seen = f" (the flags are printed as kernels {era} do)" if era else ""
            said.append(f"the log does not say which kernel it is{seen}: 6.1's rules are assumed")
        said.append("a report is printed a moment after the refusal: free pages and blocks may have changed")
        said += [f"{zone.name}: {zone.why_not}" for zone in zones if zone.why_not.startswith("not of its cpuset")]
    odd = [zone for zone in report.zones if zone.cut and zone.blocks]
    said += [f"the free list of {name_of(z)} sums to {z.cut[0]:,} kB of {z.cut[1]:,} kB" for z in odd if z.cut]
    if is_full(report) and report.kind == "oom":
        said.append("programs hold three quarters of RAM: no setting of the allocator changes that")
    if cause in ("fragmentation", "reserved") and for_a_device(report):
        said.append("it is for a device, which needs one piece unless it has an IOMMU")
    if report.gfp & kernel.GFP_THISNODE and len({zone.node for zone in report.zones}) > 1:
        said.append("it was for one node only (__GFP_THISNODE), and the report does not say which")
    return said
