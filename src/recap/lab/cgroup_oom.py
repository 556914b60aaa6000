"""A memory cgroup that reached its limit: which, what its memory is, and what helps there."""

from __future__ import annotations

import re

import msgspec

from recap.lab.features import has
from recap.trace.failure_report import FailureReport, ReportedCgroup

UNLIMITED = 1 << 50  # kB: no limit is set (PAGE_COUNTER_MAX, in kB, on 64 bits)
UNLIMITED_32 = 2147483647 * 4  # and on 32
MOST = 0.5  # of the usage: what is listed must explain that much
PARTS = ("slab", "slab_reclaimable", "slab_unreclaimable", "kernel_stack", "pagetables", "percpu", "sock", "vmalloc")
ALMOST = 0.98
SERVICE = re.compile(r"([\w@.\\-]+\.(?:service|scope))(?=/|$)")
PLACES = (  # where the limit of such a group is set
    (re.compile(r"kubepods"), "the container's resources.limits.memory (Kubernetes)"),
    (re.compile(r"/docker[/-]"), "docker run --memory"),
    (re.compile(r"/lxc"), "the container's memory limit (lxc)"),
    (re.compile(r"/slurm"), "the job's --mem (Slurm)"),
    (re.compile(r"libpod|podman"), "podman run --memory"),
    (re.compile(r"/machine\.slice|libvirt"), "the virtual machine's memory limit (memtune)"),
)


class GroupMemory(msgspec.Struct, frozen=True):
    """The cgroup, its counters and what it holds, in kB."""

    path: str  # empty: not in the log
    task_path: str  # of the task that was killed
    version: int | None  # of the cgroup hierarchy; None: not told
    counter: str  # whose limit was reached: memory, memory+swap, kmem; empty: not in the log
    usage: int | None
    limit: int | None
    failures: int | None
    swap: int | None
    swap_limit: int | None  # None: none is set, or not told
    holds: dict[str, int]  # anon, file, shmem, kernel; the most first
    kernel: dict[str, int]  # of the kernel's: slab_unreclaimable, sock, percpu, ...; the most first


def group_of(report: FailureReport) -> GroupMemory | None:
    """What a report says of its cgroup."""
    if report.constraint != "memcg":
        return None
    group = report.cgroup or ReportedCgroup()
    counter = reached(group)
    figures = group.limits.get(counter)
    swap = group.limits.get("swap")
    return GroupMemory(
        path=group.path,
        task_path=group.task_path,
        version=version_of(group, report),
        counter=counter,
        usage=figures.usage if figures else None,
        limit=figures.limit if figures else None,
        failures=figures.failures if figures else None,
        swap=swap.usage if swap else None,
        swap_limit=swap.limit if swap and not unlimited(swap.limit) else None,
        holds=holds(group),
        kernel=most_first({name: group.stats.get(name, 0) for name in PARTS if name != "slab"}),
    )


def unlimited(limit: int) -> bool:
    """Is a limit none at all?"""
    return limit >= UNLIMITED or limit == UNLIMITED_32


def reached(group: ReportedCgroup) -> str:
    """The counter nearest to its limit."""
    set_ones = {name: one for name, one in group.limits.items() if one.limit and not unlimited(one.limit)}
    set_ones.pop("swap", None)
    fallback = "memory" if "memory" in group.limits else ""
    return max(set_ones, key=lambda name: set_ones[name].usage / set_ones[name].limit, default=fallback)


def version_of(group: ReportedCgroup, report: FailureReport) -> int | None:
    """v1 counts memory with swap, and the kernel's apart; v2 swap by itself."""
    if "memory+swap" in group.limits or "kmem" in group.limits or not has(report, "memory.high"):
        return 1
    return 2 if "swap" in group.limits else None


def holds(group: ReportedCgroup) -> dict[str, int]:
    """What the group's memory is, from memory.stat: v1 says rss and cache, v2 anon and file."""
    stats = group.stats
    shmem = stats.get("shmem", 0)
    slab = stats.get("slab", stats.get("slab_reclaimable", 0) + stats.get("slab_unreclaimable", 0))
    rest = sum(stats.get(name, 0) for name in PARTS if not name.startswith("slab"))
    kernel = stats["kernel"] + stats.get("sock", 0) if stats.get("kernel") else slab + rest
    if not kernel and "kmem" in group.limits:
        kernel = group.limits["kmem"].usage
    found = {
        "anon": stats.get("anon", stats.get("rss", 0)),
        "file": max(0, stats.get("file", stats.get("cache", 0)) - shmem),
        "shmem": shmem,
        "kernel": kernel,
    }
    return most_first(found)


def most_first(found: dict[str, int]) -> dict[str, int]:
    """What is not nothing, the most first."""
    return dict(sorted(((name, kib) for name, kib in found.items() if kib), key=lambda item: -item[1]))


def what_it_is(group: GroupMemory) -> str:
    """Which kind of memory filled it; empty where the log does not say."""
    if not group.usage or sum(group.holds.values()) < MOST * group.usage:
        return ""
    chief, kib = next(iter(group.holds.items()))
    words = {
        "anon": "its programs' own memory (anon)",
        "file": "page cache, which could not be freed fast enough: dirty pages, or pages in use",
        "shmem": "shared memory or files in a tmpfs (shmem), freed only when they are removed",
        "kernel": f"memory of the kernel for its tasks ({mostly(group, kib)})",
    }
    said = f"{kib:,} kB of it ({100 * kib / max(group.usage, kib):.0f} %) are {words[chief]}"
    return said + swap_words(group) if chief == "anon" else said


def mostly(group: GroupMemory, kib: int) -> str:
    """What most of the kernel's memory is; else what it may be."""
    part, most = next(iter(group.kernel.items()), ("", 0))
    return f"mostly {part}, {most:,} kB" if most >= MOST * kib else "kmem: slab, sockets, stacks"


def swap_words(group: GroupMemory) -> str:
    """Why programs' memory was not swapped out, as far as the cgroup is the reason."""
    if group.version != 2 or group.swap_limit is None:
        return ""
    if not group.swap_limit:
        return ", and it may not swap (memory.swap.max is 0)"
    full = (group.swap or 0) >= ALMOST * group.swap_limit
    return f", and its swap is full ({group.swap:,} of {group.swap_limit:,} kB)" if full else ""


def where_to_set(group: GroupMemory) -> str:
    """The setting that made the limit."""
    name = "memory.limit_in_bytes" if group.version == 1 else "memory.max"
    if group.counter == "memory+swap":
        name = "memory.memsw.limit_in_bytes"
    place = next((words for pattern, words in PLACES if pattern.search(group.path)), "")
    services = SERVICE.findall(group.path)
    if not place and services:
        place = f"MemoryMax= of {services[-1]} (MemoryLimit= in old systemd)"
    return f"{name}, that is {place}" if place else name


def what_helps(group: GroupMemory) -> list[str]:
    """What to do, the likeliest first."""
    said = [f"raise {where_to_set(group)} if the work needs more"]
    chief = next(iter(group.holds), "anon") if what_it_is(group) else "anon"
    if chief == "shmem":
        said.append("remove files from its tmpfs (/dev/shm), or give the tmpfs a size")
    elif chief == "kernel":
        said.append("look at slab, sock and percpu in memory.stat: a leak of the kernel does not end with the task")
    elif chief == "file":
        said.append("its tasks write faster than the disk takes it, or the limit is small for the files in use")
    else:
        said.append("look for a leak (does it grow without end at the same load?)")
    if group.version == 2 and chief != "kernel":
        said.append("memory.high somewhat below it slows the group down and reclaims before anything is killed")
    return said
