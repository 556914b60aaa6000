"""The answer to an OOM kill: what filled memory, whether swap had room, who was killed, and what follows."""

from __future__ import annotations

from recap import kernel
from recap.lab.causes import bound_by, pages
from recap.lab.cgroup_oom import GroupMemory, what_helps, what_it_is
from recap.lab.memory_held import (
    OF_THE_KERNEL,
    ONE_THING,
    USES,
    chief_use,
    fills_low_memory,
    is_counted,
    memory_held,
    programs,
    ram_of,
    share,
)
from recap.lab.results import listed
from recap.lab.zone_layout import highest_zone, layout_of, place_of
from recap.trace.failure_report import FailureReport, ListedTask, Victim

LARGEST_TASKS = 5
NAMELESS = "A memory cgroup reached its limit; which one, and what limit, is not in the log."
VICTIMS_NAMED = 3
CHIEF = 0.3  # of RAM, from which on the kernel's own memory is the first suspect
FULL_SWAP = 50  # less than a fiftieth free

ADVICE = {  # by what fills memory
    "huge_pages": "Fewer of them (vm.nr_hugepages) leave more for all else.",
    "shmem": "Look at tmpfs mounts (df -t tmpfs), /dev/shm and shared segments (ipcs -m): only removing frees them.",
    "unevictable": "Look at VmLck in /proc/*/status: who locks that much?",
    "balloon": "Let the host give the guest more, or the balloon go when memory runs out (deflate-on-oom).",
    "compressed": "Swap in RAM (zram, zswap) needs RAM itself: make it smaller, swap to a disk, or run less.",
    "slab_reclaimable": "They should have been freed: see slabtop for the file system's caches (dentry, inode) and who "
    "keeps them in use.",
    "kernel_stacks": "Each thread has a stack: find what starts them (ps -eLf), and limit it.",
}


def sentence(text: str) -> str:
    """With a capital letter and a full stop."""
    return f"{text[:1].upper()}{text[1:]}."


def filled_by(report: FailureReport) -> str:
    """`programs hold 76 % of RAM (387,831 of 507,136 pages), swap is full (0 of 979,956 kB free), ...`."""
    held, ram = memory_held(report), ram_of(report)
    chief = chief_use(held)
    if not chief or not is_counted(report):
        return swap_state(report)
    count = programs(held) if chief == "programs" else held[chief]
    part = 100 * share(count, held, ram)
    of = "RAM" if ram else "what is listed"
    verb = "makes up" if chief in ONE_THING else "hold"
    said = [f"{USES[chief]} {verb} {part:.0f} % of {of} ({count:,} of {ram or sum(held.values()):,} pages)"]
    said += [swap_state(report)] * bool(swap_state(report))
    if chief != "page_cache" and "active_file" in report.memory:
        said.append(f"{pages(held.get('page_cache', 0))} of page cache are left")
    return listed(said)


def swap_state(report: FailureReport) -> str:
    """`swap is full (0 of 979,956 kB free)`."""
    total, free = (report.memory.get(name) for name in ("swap_total", "swap_free"))
    if total is None or free is None:
        return ""
    if total == 0:
        return "there is no swap"
    state = "full" if free * FULL_SWAP < total else "not full"
    return f"swap is {state} ({free * report.page_kib:,} of {total * report.page_kib:,} kB free)"


def memory_advice(report: FailureReport) -> str:
    """By what fills memory."""
    held, ram = memory_held(report), ram_of(report)
    chief = chief_use(held)
    bound = bound_by(report)
    if bound:
        return f"It is bound to {bound}: widen that (numactl, cpuset.mems, numatune), or move load away."
    above, _ = free_elsewhere(report)
    if above == "HighMem":
        return f"{low_memory_advice(report)} A 64-bit kernel has no such limit."
    if above == "Movable":
        return "Less memory must be in the Movable zone (movablecore=, movable_node, or hotplugged as online_movable)."
    if chief in OF_THE_KERNEL and chief not in ADVICE and share(held[chief], held, ram) >= CHIEF:
        return kernel_advice(report, chief)
    if chief == "reserved":
        return (
            "What is reserved at boot leaves too little: crashkernel= of a crash kernel, mem=, the kernel's image and "
            "initramfs, or reserved regions."
        )
    if chief in ADVICE:
        return ADVICE[chief]
    if chief == "page_cache":
        return f"It should have been freed: {why_cache_stays(report)}"
    return programs_advice(report) if programs(held) else ""


def low_memory_advice(report: FailureReport) -> str:
    """By what fills the zones below HighMem."""
    chief, held, all_of_it = fills_low_memory(report)
    part = f"({held:,} of {all_of_it:,} pages in use)"
    if chief == "page_cache":
        return f"Low memory is mostly page cache {part}: {why_cache_stays(report)}"
    if chief == "programs":
        return f"Low memory is mostly programs' own {part}: they must have less, or more swap."
    if chief == "kernel":
        return f"Low memory is mostly the kernel's own {part}: slab, page tables or drivers must have less."
    return "What fills low memory (slab, page tables) must become less."


def why_cache_stays(report: FailureReport) -> str:
    """Pages that wait to be written cannot be freed."""
    waiting = report.memory.get("dirty", 0) + report.memory.get("writeback", 0)
    if not waiting or waiting * 2 < memory_held(report).get("page_cache", 0):
        return "is it dirty, on a slow disk, or of files in use?"
    return (
        f"{pages(waiting)} wait to be written, as the disk is slower than the writers; a lower vm.dirty_ratio "
        "(with vm.dirty_background_ratio) holds them up sooner."
    )


def programs_advice(report: FailureReport) -> str:
    """By whether swap had room."""
    total, free = (report.memory.get(name, 0) for name in ("swap_total", "swap_free"))
    if not total:
        return "Give it more RAM or swap, or let the largest tasks have less."
    if free * FULL_SWAP < total:
        return "Give it more RAM or more swap, or let the largest tasks have less."
    if report.kind == "oom":
        return "Swap has room that was not used: is vm.swappiness 0, the device slow, or memory locked?"
    return "Swap has room: reclaim was too slow for this request, or it could not reclaim itself."


def free_elsewhere(report: FailureReport) -> tuple[str, int]:
    """Free pages of a zone above those that the kernel's own requests may use: HighMem or Movable.

    Since 6.0 a report leaves out zones that are not for the request; what is free in them is in the total.
    """
    layout = layout_of(report)
    if report.gfp & kernel.GFP_HIGHMEM or highest_zone(report.gfp, layout) != place_of("Normal", layout):
        return "", 0
    for name in ("HighMem", "Movable"):
        zones = [zone for zone in report.zones if zone.name == name]
        free = sum(zone.amounts.get("free", 0) for zone in zones)
        if free > sum(zone.amounts.get("high", 0) for zone in zones):
            return name, free
    unseen = report.memory.get("free", 0) - sum(zone.amounts.get("free", 0) for zone in report.zones)
    if report.zones and report.memory.get("highmem") and unseen * 20 > report.memory["highmem"]:
        return "HighMem", unseen
    return "", 0


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
    return f"That looks like a leak in the kernel: see slabtop, and whether it grows without end.{named}"


def of_group(group: GroupMemory, victims: list[Victim]) -> str:
    """The verdict on a cgroup at its limit."""
    path = group.path or "(its path is not in the log)"
    if group.limit:
        met = f" (failcnt {group.failures:,})" if group.failures else ""
        of = "" if group.counter == "memory" else f" for {group.counter}"
        said = (
            f"The memory cgroup {path} is at its limit{of}: {group.usage or 0:,} of {group.limit:,} kB are used{met}."
        )
    else:
        said = f"A memory cgroup reached its limit: {path}." if group.path else NAMELESS
    is_made_of = what_it_is(group)
    parts = [said, sentence(is_made_of) if is_made_of else "", killed(victims)]
    return " ".join(part for part in [*parts, sentence("; ".join(what_helps(group)))] if part)


def killed(victims: list[Victim]) -> str:
    """Who was killed, with what it had."""
    named = [victim_words(victim) for victim in victims[:VICTIMS_NAMED]]
    more = f" and {len(victims) - VICTIMS_NAMED} more" if len(victims) > VICTIMS_NAMED else ""
    return f"Killed: {', '.join(named)}{more}." if named else ""


def end_of(report: FailureReport) -> str:
    """Who was killed; or the kernel stopped."""
    if report.panic and not report.victims:
        return "Nobody could be killed, or vm.panic_on_oom is set: the kernel panicked."
    return killed(report.victims)


def victim_words(victim: Victim) -> str:
    """`java (pid 4242, anon-rss 1,022,856 kB)`."""
    held = f", anon-rss {victim.anon:,} kB" if victim.anon is not None else ""
    shmem = f", shmem-rss {victim.shmem:,} kB" if victim.shmem else ""
    return f"{victim.name} (pid {victim.pid}{held}{shmem})"


def largest_tasks(report: FailureReport) -> list[ListedTask]:
    """The five that held most, swapped pages too."""
    return sorted(report.tasks, key=lambda task: -(task.rss + task.swap))[:LARGEST_TASKS]
