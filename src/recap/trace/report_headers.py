"""The first lines of reports: which kind begins, and for whom.

The page allocator's own are warn_alloc's (`page allocation failure`, from 4.10 to 4.14 `page allocation stalls`) and
the OOM killer's (dump_header). vmalloc and the slab allocators print theirs through the same functions or beside them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from recap.trace.failure_report import FailureReport
from recap.trace.kernel_log import LogLine

MASK = r"(0x[0-9a-f]+|0)(?:\(([^)]*)\))?"
ORDER = r"([12]?\d)(?!\d)"  # no kernel has more than 20 or so
FAILURE = re.compile(r"^(.*?):? ?\bpage allocation failure[:.] ?order: ?" + ORDER + r", ?mode: ?" + MASK)
STALL = re.compile(r"^(.*?): page allocation stalls for (\d+)ms, order:" + ORDER + r", mode:" + MASK)
OOM = re.compile(r"^(.*?) invoked oom-killer: gfp_mask=" + MASK + r".*?order=(-?[12]?\d)(?!\d)")
VMALLOC = re.compile(r"^(.*?):? ?\bvmalloc(?: error: size (\d+)|: allocation failure(?:: (\d+) bytes)?)(.*)")
VMAP = re.compile(r"^vmap allocation for size (\d+) failed")
PARTLY = "failed to allocate pages"  # in the words of later kernels
PAGE_ORDER = re.compile(r"page order (\d+)")
VMALLOC_OF = re.compile(r"allocated \d+ of (\d+) bytes")
VMALLOC_WHY = re.compile(r",\s*((?:[a-zA-Z][^,]*)?(?:fail|exceed)[^,]*|page order \d+[^:]*?)\s*(?=,\s*mode|$)")
MODE = re.compile(r"mode:" + MASK)
SLAB = re.compile(r"^SL[AU]B: Unable to allocate memory on .*?\(?gfp=" + MASK)
HUNG = re.compile(r"^INFO: task ((?:kswapd|kcompactd|khugepaged)\d*):\d+ (?:is )?blocked for more than (\d+) seconds")
SPINS = re.compile(r"soft lockup - CPU#\d+ stuck for (\d+)s! \[((?:kswapd|kcompactd)\d+):\d+\]")
KASAN = re.compile(r"^BUG: KASAN: vmalloc-out-of-bounds in (\S+)")
WARNING = re.compile(r"^WARNING: .*\bat mm/page_alloc\.c:\d+ (\S+)")
KILL = re.compile(r"^(Memory cgroup out of memory|Out of memory)\b.*?: [Kk]ill(?:ed)? process (\d+)")
CONSTRAINT = re.compile(r"^oom-kill:constraint=CONSTRAINT_")
NODEMASK = re.compile(r"nodemask=\(?([\d,-]+|null)")
ALLOWED = re.compile(r"mems_allowed=([\d,-]+)")

OF_OLD_KERNELS = (
    ("oomkilladj=", (2, 6, 30)),  # until 2.6.31
    ("oom_adj=", (2, 6, 32)),  # until 2.6.35
    ("page allocation failure.", (2, 6, 32)),  # until 2.6.39
    *(
        (flag, (4, 9)) for flag in ("__GFP_REPEAT", "GFP_TEMPORARY", "__GFP_COLD", "__GFP_NOTRACK")
    ),  # until 4.12 to 4.14
)
LONGEST_NAME = 15  # TASK_COMM_LEN, with its NUL
CUT = re.compile(r"[\"“'`]|[\]>|:] ")

Start = Callable[[LogLine], FailureReport | None]


def number(mask: str) -> int:
    """A mask as a number."""
    return int(mask, 16)


def page_allocator(line: LogLine) -> FailureReport | None:
    """warn_alloc: a request failed, or waits too long."""
    failed = FAILURE.match(line.text)
    if failed:
        task, order, mask, names = failed.groups()
        return asked(FailureReport(line.number, line.seconds, "failure", named(task), int(order)), mask, names)
    stalled = STALL.match(line.text)
    if stalled:
        task, waited, order, mask, names = stalled.groups()
        report = FailureReport(line.number, line.seconds, "stall", named(task), int(order), waited_ms=int(waited))
        return asked(report, mask, names)
    return None


def oom_killer(line: LogLine) -> FailureReport | None:
    """dump_header of the OOM killer; an order of -1 is somebody at the keyboard."""
    called = OOM.match(line.text)
    if not called:
        return None
    task, mask, names, order = called.groups()
    manual = int(order) < 0
    report = FailureReport(line.number, line.seconds, "oom", named(task), max(0, int(order)), manual=manual)
    return asked(report, mask, names)


def vmalloc(line: LogLine) -> FailureReport | None:
    """__vmalloc_node_range in its several words, and the address space of 32-bit kernels running out."""
    space = VMAP.match(line.text)
    if space:
        reason = "there is no free range of addresses of that size"
        return FailureReport(line.number, line.seconds, "vmalloc", "", bytes=int(space[1]), reason=reason)
    found = VMALLOC.match(line.text)
    if not found:
        return None
    task, size, older, rest = found.groups()
    partly = VMALLOC_OF.search(rest)
    wanted = size or older or (partly[1] if partly else None)
    why = VMALLOC_WHY.search(f"{rest},")
    report = FailureReport(line.number, line.seconds, "vmalloc", named(task), bytes=int(wanted) if wanted else None)
    report.reason = why[1].strip(" ,") if why else (PARTLY if partly else "")
    order = PAGE_ORDER.search(rest)
    report.order = int(order[1]) if order else 0
    mode = MODE.search(rest)
    return asked(report, mode[1], mode[2]) if mode else report


def slab(line: LogLine) -> FailureReport | None:
    """slab_out_of_memory: a cache of kernel objects could not grow."""
    found = SLAB.match(line.text)
    if not found:
        return None
    return asked(FailureReport(line.number, line.seconds, "slab", ""), found[1], found[2])


def not_a_refusal(line: LogLine) -> FailureReport | None:
    """What is pasted for a failed allocation and is none: hung kernel threads, bugs, requests that cannot be."""
    hung, spins = HUNG.match(line.text), SPINS.search(line.text)
    if hung:
        return FailureReport(line.number, line.seconds, "hung", hung[1], waited_ms=1000 * int(hung[2]))
    if spins:
        return FailureReport(line.number, line.seconds, "spins", spins[2], waited_ms=1000 * int(spins[1]))
    bug, warning = KASAN.match(line.text), WARNING.match(line.text)
    if bug:
        return FailureReport(line.number, line.seconds, "kasan", "", reason=bug[1])
    if warning:
        return FailureReport(line.number, line.seconds, "warning", "", reason=warning[1])
    return None


def kill(line: LogLine) -> FailureReport | None:
    """A kill whose report is not in the log: the kernel limits how often it prints one, and people grep."""
    if KILL.match(line.text) or CONSTRAINT.match(line.text):
        return FailureReport(line.number, line.seconds, "oom", "")
    return None


STARTS: tuple[tuple[str, Start], ...] = (  # what such a line has in it, cheaper to look for than to match
    ("page allocation ", page_allocator),
    ("invoked oom-killer", oom_killer),
    ("vmalloc", vmalloc),
    ("vmap allocation", vmalloc),
    ("Unable to allocate memory on", slab),
    (" blocked for more than ", not_a_refusal),
    ("soft lockup", not_a_refusal),
    ("mm/page_alloc.c", not_a_refusal),
    ("KASAN", not_a_refusal),
)


def begin(line: LogLine) -> FailureReport | None:
    """The report that a line begins, if it begins one."""
    for mark, start in STARTS:
        if mark in line.text:
            report = start(line)
            if report:
                report.era = next((era for words, era in OF_OLD_KERNELS if words in line.text), None)
                may_use(report, line.text)
                return report
    return None


def named(task: str) -> str:
    """A task's name, without what was left before it: the kernel keeps 15 characters."""
    name = task.strip(" :>|")
    if len(name) <= LONGEST_NAME:
        return name
    return CUT.split(name[-LONGEST_NAME:])[-1].strip(" :")


def asked(report: FailureReport, mask: str, names: str | None) -> FailureReport:
    """With the flags as they were printed; they are read when the release is known."""
    if names is None:
        report.mask = number(mask)
    else:
        report.flags = names or "0"
    return report


def may_use(report: FailureReport, text: str) -> None:
    """The nodes of a memory policy and of a cpuset: `0-1,4`."""
    if report.nodemask is None and "nodemask=" in text:
        policy = NODEMASK.search(text)
        if policy and policy[1] != "null":
            report.nodemask = list(listed(policy[1]))
    if report.mems_allowed is None and "mems_allowed=" in text:
        allowed = ALLOWED.search(text)
        if allowed:
            report.mems_allowed = list(listed(allowed[1]))


def listed(text: str) -> Iterator[int]:
    """The numbers of a list of ranges."""
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        if first:
            yield from range(int(first), min(int(last or first), int(first) + 1023) + 1)
