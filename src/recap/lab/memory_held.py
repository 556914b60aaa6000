"""Where memory was when a report was printed: pages by use, and what no count of the kernel covers."""

from __future__ import annotations

from recap.trace.failure_report import FailureReport

USES = {  # in words, for people
    "programs": "programs",
    "programs_in_use": "programs, in use",
    "programs_idle": "programs, not used lately",
    "shmem": "shared memory and tmpfs (shmem)",
    "page_cache": "page cache",
    "lru": "programs and page cache",
    "unevictable": "locked memory (mlock)",
    "slab": "kernel objects (slab)",
    "slab_reclaimable": "kernel caches that can shrink",
    "slab_unreclaimable": "kernel objects (slab_unreclaimable)",
    "page_tables": "page tables",
    "kernel_stacks": "kernel stacks",
    "huge_pages": "the pool of huge pages",
    "compressed": "swapped pages kept compressed (zram, zswap)",
    "balloon": "a balloon of the host",
    "per_cpu_lists": "free, on per-CPU lists",
    "free": "free",
    "reserved": "memory reserved at boot",
    "unaccounted": "memory not accounted for (drivers, vmalloc, per-CPU data, balloons)",
}
OF_PROGRAMS = ("programs", "programs_in_use", "programs_idle")
OF_THE_KERNEL = ("slab", "slab_unreclaimable", "page_tables", "kernel_stacks", "unaccounted")
ONE_THING = ("page_cache", "unaccounted", "shmem", "reserved", "unevictable", "huge_pages", "balloon")  # `makes up`
NOT_HELD = ("free", "per_cpu_lists")
ABOVE = ("HighMem", "Movable", "Device")  # where the kernel has nothing of its own
LISTS_OF_ZONES = {
    "page_cache": ("active_file", "inactive_file"),
    "programs": ("active_anon", "inactive_anon"),
    "lru": ("active", "inactive"),  # before 2.6.28 programs and page cache are counted together
}
MOST = 0.5  # of RAM: what is reserved at boot is the matter only from then on


def memory_held(report: FailureReport) -> dict[str, int]:
    """Pages by use, the most first; what adds up to less than RAM is made whole by `unaccounted`."""
    memory = report.memory
    found = {**on_lists(memory), **of_the_kernel(memory)}
    if "huge_pages" in memory:
        found["huge_pages"] = memory["huge_pages"]
    found["free"] = memory.get("free", 0) or sum(zone.amounts.get("free", 0) for zone in report.zones)
    found["per_cpu_lists"] = memory.get("free_pcp", 0)
    ram = ram_of(report)
    managed = [zone.amounts["managed"] for zone in report.zones if "managed" in zone.amounts]
    unsaid = ram - sum(managed) if managed and "ram" not in memory and is_counted(report) else 0
    found["reserved"] = memory.get("reserved", max(0, unsaid))
    if ram and is_counted(report) and has_slab(memory):
        found["unaccounted"] = max(0, ram - sum(found.values()))
    return dict(sorted(((name, pages) for name, pages in found.items() if pages), key=lambda item: -item[1]))


def on_lists(memory: dict[str, int]) -> dict[str, int]:
    """Of the LRU lists. Shared memory is on those of anonymous pages, or locked, and is no program's own."""
    if "active_anon" not in memory:
        return {"lru": memory.get("active", 0) + memory.get("inactive", 0)} if "active" in memory else {}
    used, idle = memory["active_anon"], memory.get("inactive_anon", 0) + memory.get("isolated_anon", 0)
    cache = sum(memory.get(name, 0) for name in ("active_file", "inactive_file", "isolated_file"))
    rest = {"page_cache": cache, "unevictable": memory.get("unevictable", 0)}
    shmem = memory.get("shmem", 0)
    if not shmem:
        return {"programs_in_use": used, "programs_idle": idle, **rest}
    locked = max(0, shmem - used - idle)
    rest["unevictable"] = max(0, rest["unevictable"] - locked)
    return {"programs": max(0, used + idle - shmem), "shmem": shmem, **rest}


def of_the_kernel(memory: dict[str, int]) -> dict[str, int]:
    """Slab, page tables and stacks."""
    names = {
        "slab": "slab",
        "slab_reclaimable": "slab_reclaimable",
        "slab_unreclaimable": "slab_unreclaimable",
        "kernel_stack": "kernel_stacks",
        "zspages": "compressed",
        "balloon": "balloon",
    }
    found = {name: memory[key] for key, name in names.items() if key in memory}
    tables = memory.get("pagetables", 0) + memory.get("sec_pagetables", 0)
    return {**found, "page_tables": tables} if tables else found


def ram_of(report: FailureReport) -> int:
    """RAM in pages; without the line that says so, what the zones have together, if all are there, or nothing."""
    zones = sum(zone.amounts.get("present", 0) for zone in report.zones)
    counted = sum(report.memory.get(name, 0) for name in ("free", "active_anon", "inactive_anon", "active_file"))
    return report.memory.get("ram") or (zones if zones > counted else 0)


def is_counted(report: FailureReport) -> bool:
    """Does the report say what memory is used for?"""
    memory = report.memory
    return ("active_anon" in memory or "active" in memory) and (has_slab(memory) or bool(ram_of(report)))


def has_slab(memory: dict[str, int]) -> bool:
    """Are the kernel's objects counted? Where they are not, the report is torn."""
    return "slab_unreclaimable" in memory or "slab" in memory


def fills_low_memory(report: FailureReport) -> tuple[str, int, int]:
    """What has most of the zones below HighMem, its pages, and all that is in use there; `` if not told."""
    low = [zone.amounts for zone in report.zones if zone.name not in ABOVE]
    total = sum(one.get("managed", one.get("present", 0)) for one in low)
    if not total or not all("active_file" in one or "active" in one for one in low):
        return "", 0, total
    in_sum = {use: sum(one.get(name, 0) for one in low for name in names) for use, names in LISTS_OF_ZONES.items()}
    uses = {use: count for use, count in in_sum.items() if count}
    total -= sum(one.get("free", 0) for one in low)
    locked = sum(one.get("unevictable", 0) for one in low)
    uses["kernel"] = max(0, total - locked - sum(uses.values()))
    chief = max(uses, key=lambda name: uses[name])
    return chief, uses[chief], total


def share(pages: int, held: dict[str, int], ram: int) -> float:
    """Of RAM; of what is listed, where RAM is not told."""
    return pages / max(1, ram or sum(held.values()))


def programs(held: dict[str, int]) -> int:
    """The programs' own memory."""
    return sum(held.get(name, 0) for name in OF_PROGRAMS)


def chief_use(held: dict[str, int]) -> str:
    """What holds most; programs count as one."""
    uses = {name: pages for name, pages in held.items() if name not in (*OF_PROGRAMS, *NOT_HELD)}
    if uses.get("reserved", 0) < MOST * sum(held.values()):
        uses.pop("reserved", None)
    if programs(held):
        uses["programs"] = programs(held)
    return max(uses, key=lambda name: uses[name], default="")
