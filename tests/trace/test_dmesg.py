"""Reports of the kernel log as data: first lines, masks, tables and counters of many releases."""

from __future__ import annotations

import pytest

from recap.kernel import version_of
from recap.trace.dmesg import failures
from recap.trace.failure_report import FailureReport
from recap.trace.gfp_masks import names_of_mask, printed
from recap.trace.kernel_log import lines_of
from recap.trace.release import bits_of, release_in

SACRIFICE = "Out of memory: Kill process 12 (a) (b)) score 3 or sacrifice child\n"
OOM = "a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n"


def only(text: str) -> FailureReport:
    (report,) = failures(lines_of(text))
    return report


@pytest.mark.parametrize(
    ("line", "kind", "task", "order", "flags"),
    [
        ("swapper: page allocation failure. order:1, mode:0x20", "failure", "swapper", 1, "GFP_ATOMIC"),
        ("a b: page allocation failure: order:3, mode:0x10c0d0", "failure", "a b", 3, "GFP_KERNEL|__GFP_COMP"),
        ("x: page allocation failure: order:0, mode:0x0(), nodemask=(null)", "failure", "x", 0, "0"),
        ("hog invoked oom-killer: gfp_mask=0x201da, order=0, oom_adj=0", "oom", "hog", 0, "GFP_HIGHUSER_MOVABLE"),
        ("k: page allocation stalls for 9ms, order:2, mode:0x1(GFP_DMA)", "stall", "k", 2, "GFP_DMA"),
        ("m: vmalloc: allocation failure: 42 bytes, mode:0xcc0(GFP_KERNEL)", "vmalloc", "m", 0, "GFP_KERNEL"),
        ("m: vmalloc error: size 42, page order 9, failed to allocate pages, mode:0xcc2(GFP_USER)",
         *("vmalloc", "m", 9, "GFP_USER")),
        ("SLUB: Unable to allocate memory on node -1, gfp=0xa20(GFP_ATOMIC)", "slab", "", 0, "GFP_ATOMIC"),
        ("SLAB: Unable to allocate memory on node 0 (gfp=0xd0)", "slab", "", 0, "GFP_KERNEL"),
        ("INFO: task kswapd0:50 blocked for more than 120 seconds.", "hung", "kswapd0", 0, ""),
        ("watchdog: BUG: soft lockup - CPU#2 stuck for 22s! [kswapd0:80]", "spins", "kswapd0", 0, ""),
        ("BUG: KASAN: vmalloc-out-of-bounds in foo+0x1/0x2", "kasan", "", 0, ""),
        ("WARNING: CPU: 1 PID: 9 at mm/page_alloc.c:5412 __alloc_pages+0x2f/0x3", "warning", "", 0, ""),
    ],
)  # fmt: skip
def test_first_lines_of_all_kinds(line: str, kind: str, task: str, order: int, flags: str) -> None:
    report = only(line)
    assert (report.kind, report.task, report.order) == (kind, task, order)
    assert report.flags.startswith(flags)


@pytest.mark.parametrize(
    ("mask", "version", "flags"),
    [
        (0x20, (2, 6, 32), "GFP_ATOMIC"),
        (0x4020, (2, 6, 32), "GFP_ATOMIC|__GFP_COMP"),
        (0x1201D2, (2, 6, 27), "GFP_HIGHUSER_MOVABLE|__GFP_COLD"),  # __GFP_MOVABLE was another bit then
        (0x201DA, (2, 6, 30), "GFP_HIGHUSER_MOVABLE|__GFP_COLD"),
        (0xD1, (3, 2), "GFP_KERNEL|GFP_DMA"),
        (0x800D0, (3, 10), "GFP_TEMPORARY"),
        (0x10C0D0, (3, 13), "GFP_KERNEL|__GFP_COMP|__GFP_ZERO|__GFP_KMEMCG"),
        (0x24000C0, (4, 4), "GFP_KERNEL"),
        (0x2080020, (4, 4), "GFP_ATOMIC"),
        (0x24280CA, (4, 5), "GFP_HIGHUSER_MOVABLE|__GFP_ZERO"),
        (0x2080020, None, "GFP_ATOMIC"),
        (0, (3, 2), "GFP_NOWAIT"),
    ],
)
def test_masks_of_before_4_6_by_name(mask: int, version: tuple[int, ...] | None, flags: str) -> None:
    assert printed(names_of_mask(mask, version)) == flags


@pytest.mark.parametrize(
    ("line", "release"),
    [
        ("CPU: 3 UID: 101 PID: 4191 Comm: ip Not tainted 6.12.39 #8", "6.12.39"),
        ("Pid: 0, comm: swapper Not tainted 2.6.32-24-generic #39-Ubuntu", "2.6.32-24-generic"),
        ("CPU: 2 PID: 9 Comm: x Kdump: loaded Tainted: G        W  OE  ------------   3.10.0-1160.el7.x86_64 #1",
         "3.10.0-1160.el7.x86_64"),
        ("CPU: 0    Not tainted  (3.0.35 #5)", "3.0.35"),
        ("      Tainted: P           O      5.4.0-88-generic #99-Ubuntu", "5.4.0-88-generic"),
        ("Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org) (gcc-12", "6.1.0-18-amd64"),
        ("CPU: 1 PID: 2 Comm: 1.2 Not tainted", ""),
    ],
)  # fmt: skip
def test_the_release_stands_beside_the_taint(line: str, release: str) -> None:
    assert release_in(line) == release


def test_versions_and_widths() -> None:
    assert version_of("2.6.32-24-generic") == (2, 6, 32)
    assert version_of("3.10.0-1160.el7.x86_64") == (3, 10)
    assert version_of("") is None
    assert (bits_of("4.9.0-5-amd64"), bits_of("4.9.0-6-686-pae"), bits_of("6.1.0")) == (64, 32, None)


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("[ pid ]   uid  tgid total_vm      rss cpu oom_adj name",
         "[ 1046]  1066  1046   228537    95491   3       0 apache 2"),
        ("[ pid ]   uid  tgid total_vm      rss cpu oom_adj oom_score_adj name",
         "[ 1046]  1066  1046   228537    95491   3       0             0 apache 2"),
        ("[ pid ]   uid  tgid total_vm      rss nr_ptes swapents oom_score_adj name",
         "[ 1046]  1066  1046   228537    95491   31      7             0 apache 2"),
        ("[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name",
         "[   1046]  1066  1046   228537    95491   318976        7             0 apache 2"),
        ("[  pid  ]   uid  tgid total_vm rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name",
         "[   1046]  1066  1046   228537 95491    95000      491         0  318976        7             0 apache 2"),
    ],
)  # fmt: skip
def test_task_tables_of_all_times(head: str, row: str) -> None:
    (task,) = only(f"{OOM}{head}\n{row}\n").tasks
    assert (task.pid, task.name, task.rss) == (1046, "apache 2", 95491)
    assert task.swap == (7 if "swapents" in head else 0)


@pytest.mark.parametrize(
    ("lines", "anon"),
    [
        ("Out of memory: kill process 12 (a) (b)) score 3 or a child\nKilled process 12 (a) (b))", None),
        (SACRIFICE + "Killed process 12 (a) (b)) total-vm:9kB, anon-rss:8kB, file-rss:0kB", 8),
        ("Killed process 12, UID 679, (a) (b)) total-vm:9kB, anon-rss:8kB, file-rss:1kB", 8),
        ("Out of memory: Killed process 12 (a) (b)) total-vm:9kB, anon-rss:8kB, UID:0 pgtables:1kB oom_score_adj:0", 8),
    ],
)  # fmt: skip
def test_victims_of_all_times(lines: str, anon: int | None) -> None:
    (victim,) = only(OOM + lines).victims
    assert (victim.pid, victim.name, victim.anon) == (12, "a) (b)", anon)


def test_a_child_may_be_killed_in_place_of_the_task_that_was_chosen() -> None:
    victims = only(f"{OOM}{SACRIFICE}Killed process 13 (child) total-vm:9kB, anon-rss:8kB, file-rss:0kB\n").victims
    assert [(victim.pid, victim.name) for victim in victims] == [(13, "child")]


MEMCG = (
    ("Task in /A/B killed as a result of limit of /A\nmemory: usage 9kB, limit 10kB, failcnt 3\n"
     "memory+swap: usage 9kB, limit 9007199254740991kB, failcnt 0\nMem-Info:\nNode 0 DMA32 free:9999kB min:1kB\n"
     "Memory cgroup out of memory: kill process 8887 (bash) score 3221 or a child\nKilled process 8887 (bash)"),
    ("Memory limit reached of cgroup /A\nmemory: usage 9kB, limit 10kB, failcnt 3\n"
     "kmem: usage 0kB, limit 1kB, failcnt 0\nMemory cgroup stats for /A: cache:1KB rss:5KB\n"
     "Memory cgroup stats for /A/B: cache:1KB rss:2KB"),
    ("memory: usage 9kB, limit 10kB, failcnt 3\nswap: usage 0kB, limit 0kB, failcnt 0\n"
     "Memory cgroup stats for /A:\nanon 7168\nfile 2048\nslab 0\n"
     "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/A,task_memcg=/A/B,"
     "task=x,pid=1,uid=0"),
)  # fmt: skip


@pytest.mark.parametrize("lines", MEMCG)
def test_memory_cgroups_of_all_times(lines: str) -> None:
    report = only(OOM + lines)
    assert report.constraint == "memcg"
    assert report.cgroup is not None
    assert report.cgroup.path == "/A"
    memory = report.cgroup.limits["memory"]
    assert (memory.usage, memory.limit, memory.failures) == (9, 10, 3)


def test_counts_of_all_cgroups_below_the_limit_are_added_up() -> None:
    cgroup = only(OOM + MEMCG[1]).cgroup
    assert cgroup is not None
    assert cgroup.stats == {"cache": 2, "rss": 7}
    cgroup = only(OOM + MEMCG[2]).cgroup
    assert cgroup is not None
    assert cgroup.stats == {"anon": 7, "file": 2, "slab": 0}


def test_a_whole_cgroup_may_be_killed_and_a_later_kill_is_another_report() -> None:
    kill = "Memory cgroup out of memory: Killed process {} (w) total-vm:1kB, anon-rss:1kB"
    log = f"[ 1.0] {OOM}[ 1.1] memory: usage 1kB, limit 1kB, failcnt 1\n"
    log += "".join(f"[ 1.{pid}] {kill.format(pid)}\n" for pid in (2, 3)) + f"[ 99.0] {kill.format(9)}\n"
    first, second = failures(lines_of(log))
    assert [victim.pid for victim in first.victims] == [2, 3]
    assert ([victim.pid for victim in second.victims], second.constraint) == ([9], "memcg")


def test_a_call_trace_names_who_asked_on_arm_and_elsewhere() -> None:
    log = OOM + "[<c020fe6c>] (unwind_backtrace) from [<c020b338>] (show_stack+0x10/0x14)\n"
    log += " ? guessed+0x1/0x2\n zpl_putpage+0x18/0x40 [zfs]\n"
    report = only(log)
    assert report.bits == 32
    assert report.callers == ["unwind_backtrace", "zpl_putpage [zfs]"]


def test_unreclaimable_slab_and_huge_pages_are_read() -> None:
    log = OOM + "Node 0 Normal free:400kB min:4kB\nNode 0 hugepages_total=2 hugepages_free=0 hugepages_surp=0 "
    log += "hugepages_size=2048kB\nUnreclaimable slab info:\nName                      Used          Total\n"
    report = only(log + "kmalloc-2048             100KB        200KB\n")
    assert report.slabs == {"kmalloc-2048": 200}
    assert report.memory["huge_pages"] == 1024


def test_a_free_list_that_is_cut_is_not_taken_for_whole() -> None:
    zone = "Node 0 Normal free:{}kB min:4kB\nNode 0 Normal: {}\n"
    cut = only(OOM + zone.format(400, "1*4kB (U) 2*8kB (U)")).zones[0]
    assert (cut.blocks, cut.cut) == ([], (20, 400))
    whole = only(OOM + zone.format(400, "1*4kB (U) 2*8kB (U) = 20kB")).zones[0]
    assert (whole.blocks, whole.cut) == ([(1, "U"), (2, "U")], None)


def test_vmalloc_of_old_kernels_tells_in_three_lines() -> None:
    log = (
        "vmap allocation for size 3866624 failed: use vmalloc=<size> to increase size.\n"
        "vmalloc: allocation failure: 3760332 bytes\n"
        "modprobe: page allocation failure: order:0, mode:0x24000c0\n"
        "CPU: 5 PID: 1748 Comm: modprobe Tainted: P           OE   4.4.131 #1\n"
    )
    report = only(log)
    assert (report.kind, report.task, report.bytes, report.mask) == ("vmalloc", "modprobe", 3866624, 0x24000C0)


@pytest.mark.parametrize(
    ("first", "likely"),
    [
        ("a invoked oom-killer: gfp_mask=0x44d0, order=2, oomkilladj=0", (2, 6, 30)),
        ("a invoked oom-killer: gfp_mask=0x44d0, order=2, oom_adj=0", (2, 6, 32)),
        ("a: page allocation failure. order:1, mode:0x20", (2, 6, 32)),
        ("a: page allocation failure: order:1, mode:0x20", (3, 10)),
        ("a: page allocation failure: order:1, mode:0x2280020", (4, 4)),
        ("a: page allocation failure: order:1, mode:0x2284020(GFP_ATOMIC|__GFP_COMP|__GFP_NOTRACK)", (4, 9)),
        ("a: page allocation failure: order:1, mode:0x40a20(GFP_ATOMIC|__GFP_COMP)", None),
    ],
)
def test_a_log_without_a_release_is_of_those_that_print_so(first: str, likely: tuple[int, ...] | None) -> None:
    report = only(first + "\nMem-Info:\nfree:1\n")
    assert report.version is None
    assert report.likely == likely
