"""`recap explain` on what people paste, each log cut to the lines that show one kind of report (tests/lab/pasted).

Most are of public lists and trackers; where a log left zones out they are composed in the kernel's format.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from recap.lab.explain import Diagnosis, explain
from recap.lab.zone_verdict import ZoneVerdict

PASTED = Path(__file__).parent / "pasted"


def only(start: str) -> Diagnosis:
    (path,) = PASTED.glob(f"{start}-*.txt")
    (found,) = explain(path)
    return found


def zone(found: Diagnosis, name: str) -> ZoneVerdict:
    return next(one for one in found.zones if one.name == f"Node {name}")


def helps(found: Diagnosis) -> dict[str, bool | None]:
    return {change.change: change.helps for change in found.what_if}


def test_free_cma_pages_are_not_for_the_kernels_own_requests() -> None:
    found = only("02")
    dma32 = zone(found, "0 DMA32")
    assert found.cause == "watermark"
    assert (dma32.free, dma32.out_of_reach, dma32.needed - 1, dma32.short) == (132256, 130962, 1349, 56)
    assert "130,962 of the 132,256 free pages are CMA" in found.verdict
    assert next(iter(helps(found).items())) == ("a smaller CMA area (cma= at boot, or the device tree)", True)


def test_a_movable_request_may_have_cma_pages() -> None:
    log = (PASTED / "02-cma-is-not-for-gfp-kernel.txt").read_text()
    (found,) = explain(log.replace("0x400dc0(GFP_KERNEL_ACCOUNT|__GFP_ZERO)", "0x100cca(GFP_HIGHUSER_MOVABLE)"))
    assert found.zones[0].served
    assert found.zones[0].out_of_reach == 0


def test_high_memory_is_not_for_the_kernel_and_reserves_have_a_column_for_each_zone() -> None:
    found = only("03")
    assert found.cause == "watermark"
    dma, normal, high = (zone(found, f"0 {name}") for name in ("DMA", "Normal", "HighMem"))
    assert (dma.free, dma.needed - 1, dma.short) == (1029, 197 + 833, 2)
    assert (normal.free, normal.needed - 1, normal.short) == (10601, 10604, 4)
    assert not high.allowed
    assert "low memory ran out" in found.verdict
    assert "30,229" in found.verdict


def test_dma32_means_normal_where_there_is_no_such_zone() -> None:
    found = only("04")
    assert {one.name: one.short for one in found.zones if one.allowed} == {"Node 0 DMA": 2, "Node 0 Normal": 4}


@pytest.mark.parametrize(
    ("case", "path", "version", "usage", "limit", "failures"),
    [
        ("07", "/docker/a1", 1, 204800, 204800, 4563),
        ("09", "/kubepods.slice/pod1.slice", 2, 1048576, 1048576, 311),
        ("32", "/foo", None, 102400, 102400, 181),
    ],
)
def test_a_memory_cgroup_at_its_limit(
    case: str, path: str, version: int | None, usage: int, limit: int, failures: int
) -> None:
    found = only(case)
    assert found.cause == "memcg"
    assert found.group is not None
    group = found.group
    assert (group.path, group.version, group.usage, group.limit, group.failures) == (
        *(path, version, usage, limit, failures),
    )
    assert f"{path} is at its limit: {usage:,} of {limit:,} kB" in found.verdict
    assert f"failcnt {failures:,}" in found.verdict


def test_the_victim_of_a_cgroup_and_where_its_limit_is_set() -> None:
    found = only("09")
    assert [(one.name, one.pid, one.anon) for one in found.victims] == [("node", 4242, 1022856)]
    assert "node (pid 4242, anon-rss 1,022,856 kB)" in found.verdict
    assert "resources.limits.memory" in found.verdict


def test_a_vmalloc_larger_than_memory_is_not_the_page_allocators_matter() -> None:
    found = only("13")
    assert (found.kind, found.cause, found.task) == ("vmalloc", "vmalloc", "syz-executor7")
    assert "17,178,820,608 bytes" in found.verdict
    assert "RAM is 7.5 GiB (1,965,969 pages)" in found.verdict


def test_a_vmalloc_error_gives_the_kernels_reason_and_64_kib_pages_are_read() -> None:
    found = only("14")
    assert (found.kind, found.cause, found.page_kib) == ("vmalloc", "vmalloc", 64)
    assert "vm_struct allocation failed" in found.because
    assert found.zones[0].served
    assert found.zones[0].free == 2035072 // 64


def test_a_stall_is_a_request_that_waits() -> None:
    found = only("15")
    assert (found.kind, found.cause) == ("stall", "watermark")
    dma32, normal = found.zones
    assert (dma32.free, dma32.needed - 1) == (11389, 6737 + 4734)
    assert (normal.free, normal.needed - 1) == (10105, 10125)
    assert "10,048 ms" in found.verdict


def test_a_memory_policy_binds_to_a_node() -> None:
    found = only("17")
    assert found.cause == "watermark"
    assert not zone(found, "0 Normal").allowed
    assert zone(found, "1 Normal").short == 251
    assert "bound to node 1 by a memory policy" in found.because


def test_a_zone_without_memory() -> None:
    found = only("19")
    assert found.cause == "no_memory"
    assert "managed:0kB" in found.because
    assert "since 5.17" in found.verdict


def test_a_requests_own_pages_are_taken_away_before_the_mark_is_looked_at() -> None:
    found = only("20")
    assert found.zones[0].short == 984
    assert "by 984 pages" in found.because


def test_reserved_blocks_are_named_where_they_are() -> None:
    found = only("21")
    assert found.cause == "reserved"
    assert "Node 0 Normal had blocks large enough, but only reserved ones: for high-order atomic" in found.because
    assert "Node 0 DMA32 had none of 32 pages" in found.because
    assert "Node 0 DMA has such blocks (3,972 pages free), but must leave 32,070" in found.because
    changes = helps(found)
    assert changes["vm.lowmem_reserve_ratio=0 for lower zones"] is True
    assert changes["asking for order 4"] is True
    assert any(change.startswith("compaction") for change in changes)


def test_where_each_order_has_a_mark_a_lower_one_lets_the_request_pass() -> None:
    found = only("22")
    assert (found.cause, found.flags) == ("fragmentation", "GFP_KERNEL|__GFP_COMP|__GFP_ZERO|__GFP_KMEMCG")
    assert "before 4.4 each order had a mark" in found.because
    least = next(change for change in found.what_if if change.change.startswith("vm.min_free_kbytes="))
    assert least.helps
    assert least.change in found.verdict


def test_what_held_memory_before_2_6_32() -> None:
    found = only("24")
    assert (found.held["programs_in_use"], found.held["programs_idle"], found.held["slab"]) == (290797, 97034, 13776)
    assert sum(found.held.values()) == found.ram == 507136
    assert found.held["unaccounted"] == 83926
    assert found.swap is not None
    assert (found.swap.free, found.swap.total) == (0, 979956)
    assert "swap is full (0 of 979,956 kB free)" in found.verdict
    assert "89 pages of page cache are left" in found.verdict
    assert not any("lowmem_reserve" in one or "min_free" in one for one in helps(found))


def test_shared_memory_is_not_programs() -> None:
    found = only("25")
    assert (found.held["shmem"], found.held["programs"]) == (14241, 16)
    assert "shmem" in found.verdict


def test_an_atomic_request_is_helped_by_more_free_memory_on_2_6_32() -> None:
    found = only("26")
    assert (found.cause, found.flags) == ("watermark", "GFP_ATOMIC|__GFP_COMP")
    assert [one.needed for one in found.zones] == [5375, 676]
    first = found.what_if[0]
    assert first.change.startswith("raise vm.min_free_kbytes (about 11,328 now) to 22,656")
    assert not any(change.startswith("vm.min_free_kbytes=") for change in helps(found))
    told = f"{found.verdict} {found.what_if}"
    for later in ("watermark_scale_factor", "compaction", "kvmalloc", "lowmem_reserve_ratio=0"):
        assert later not in told


def test_kswapd_that_is_blocked_refused_nothing() -> None:
    found = only("40")
    assert (found.kind, found.cause, found.task, found.release) == ("hung", "hung", "kswapd1", "")
    assert "kswapd1 was blocked for 120 s (in zfs_zinactive [zfs])" in found.verdict


def test_memory_that_no_count_covers_is_said_to_be_missing() -> None:
    found = only("41")
    assert next(iter(found.held)) == "unaccounted"
    assert sum(found.held.values()) == found.ram
    assert "86 % of RAM" in found.verdict
    assert "No program has it" in found.verdict
    assert [task.name for task in found.largest_tasks] == ["rpc.mountd", "dbus-daemon", "nfsd"]


def test_a_cpuset_keeps_a_request_from_free_memory() -> None:
    found = only("42")
    assert found.cause == "watermark"
    assert zone(found, "0 Normal").why_not == "not of its cpuset"
    assert "bound to node 1 by its cpuset" in found.verdict


def test_low_memory_of_an_old_kernel() -> None:
    found = only("43")
    assert (found.release, found.order, found.cause) == ("2.6.26-2-686", 1, "watermark")
    assert "low memory ran out, and the 57,213 free pages of HighMem" in found.verdict
    assert found.held["slab"] == 203000
    assert not any("compact" in change for change in helps(found))  # it came with 2.6.35


def test_a_boosted_mark_on_top_of_cma() -> None:
    found = only("44")
    (dma,) = found.zones
    assert (dma.free, dma.out_of_reach, dma.needed - 1) == (129778, 128398, 10428 // 4)
    assert helps(found)["vm.watermark_boost_factor=0"] is True


def test_a_reserve_for_atomic_requests_that_is_in_use() -> None:
    found = only("45")
    assert found.zones[0].out_of_reach == 1073152 // 4
    assert "268,288 of the 370,734 free pages are kept for high-order atomic requests" in found.verdict
    assert helps(found)["Linux 6.13 or later"] is True


def test_a_node_with_movable_memory_only() -> None:
    found = only("46")
    assert found.cause == "no_memory"
    assert "Node 4 Movable" in found.because
    assert "only for movable requests" in found.because


def test_the_pool_for_atomic_dma_at_boot_is_harmless() -> None:
    found = only("47")
    assert (found.cause, found.zones[0].short) == ("watermark", 24)
    assert "harmless" in found.verdict
    assert found.asked_by == "atomic_pool_expand"


def test_a_leak_of_the_kernels_own_objects_is_named() -> None:
    found = only("48")
    assert "kernel objects (slab_unreclaimable) hold 74 % of RAM" in found.verdict
    assert "kmalloc-64 1,201,040 kB" in found.verdict
    assert not any("min_free" in change for change in helps(found))


@pytest.mark.parametrize(
    ("release", "offered", "missing"),
    [
        ("2.6.32", [], ["compaction", "kvmalloc", "watermark_scale_factor"]),
        ("3.2.0", ["compaction"], ["kvmalloc", "compaction_proactiveness"]),
        ("4.11.0", ["compaction"], ["kvmalloc", "compaction_proactiveness"]),
        ("4.19.0", ["compaction", "kvmalloc"], ["compaction_proactiveness"]),
        ("6.1.0", ["compaction", "kvmalloc", "compaction_proactiveness"], []),
    ],
)
def test_nothing_is_offered_that_a_release_has_not(release: str, offered: list[str], missing: list[str]) -> None:
    log = (PASTED.parent / "reports" / "order-4-4.8.txt").read_text().replace("4.8.0-rc3-3.bug994066-default", release)
    (found,) = explain(log)
    told = f"{found.verdict} {found.what_if}"
    assert all(words in told for words in offered)
    assert not any(words in told for words in missing)


def test_a_request_through_kvmalloc_is_not_told_to_use_it() -> None:
    log = (PASTED.parent / "reports" / "order-4-4.8.txt").read_text().replace("4.8.0-rc3-3.bug994066-default", "5.10.0")
    first, rest = log.split("\n", 1)
    stamp = first[: first.index("]") + 1]
    (found,) = explain(f"{first}\n{stamp}  kvmalloc_node+0x1/0x2\n{rest}")
    assert "which it came through" in str(found.what_if)


def test_what_cannot_be_known_is_listed() -> None:
    lines = [
        "a: page allocation failure: order:0, mode:0xd0",
        "CPU: 0 PID: 1 Comm: a Not tainted 3.16.0 #1",
        "Node 0 Normal free:4000kB min:400kB low:500kB high:600kB\nlowmem_reserve[]: 0 0",
        "Node 1 Normal free:300kB min:400kB low:500kB high:600kB\nlowmem_reserve[]: 0 0",
    ]
    (found,) = explain("\n".join(lines))
    assert found.cause == "unclear"
    assert "a memory policy binds it to a node" in found.because
    (found,) = explain("\n".join(lines).replace("3.16.0", "4.14.0"))
    assert found.cause == "recovered"


def test_a_kill_alone_says_whose_memory_it_was() -> None:
    (found,) = explain(
        "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/docker/e9,"
        "task=python,pid=2953,uid=999\nOut of memory: Killed process 2953 (python) total-vm:9kB, anon-rss:8kB\n"
    )
    assert found.cause == "no_report"
    assert "the machine's memory that ran out (global_oom), not a limit of /docker/e9" in found.verdict


def test_a_storm_is_told_once() -> None:
    report = (PASTED / "26-lower-min-free-for-an-atomic-request.txt").read_text()
    others = report.replace("swapper: page", "kworker/1:2: page").replace("free:2680kB", "free:2400kB")
    log = "".join(report if number % 5 else others for number in range(20)) + OTHER
    storm, other = explain(log)
    assert (storm.alike.times, storm.alike.tasks) == (20, {"swapper": 16, "kworker": 4})
    assert (storm.alike.first_line, storm.task, storm.zones[1].free) == (1, "kworker/1:2", 600)
    assert storm.alike.last_line == 19 * len(report.splitlines()) + 1
    assert (other.alike.times, other.task) == (1, "b")


OTHER = "[87579.0] b: page allocation failure. order:2, mode:0x20\n"


def test_the_result_has_a_schema_version_and_is_plain_data() -> None:
    found = only("41")
    data = msgspec.json.decode(msgspec.json.encode([found]))
    assert data[0]["schema"] == found.schema
    assert {"kind", "task", "order", "cause", "verdict", "zones", "held"} <= set(data[0])


PAGE_FAULT = """a invoked oom-killer: gfp_mask=0x0, order=0, oom_score_adj=0
CPU: 0 PID: 1 Comm: a Not tainted 4.4.0 #1
Normal free:{free}kB min:400kB low:500kB high:600kB
lowmem_reserve[]: 0 0 0
"""


@pytest.mark.parametrize(("free", "cause"), [(300, "watermark"), (9000, "unclear")])
def test_an_oom_kill_after_a_page_fault_does_not_say_which_request_failed(free: int, cause: str) -> None:
    (found,) = explain(PAGE_FAULT.format(free=free))
    assert found.cause == cause
    assert found.flags == "0"
    assert not found.what_if


def test_nodes_that_a_report_leaves_out_are_those_the_task_may_not_use() -> None:
    log = (
        PAGE_FAULT.format(free=300).replace("0x0", "0x14200ca(GFP_HIGHUSER_MOVABLE)").replace("Normal", "Node 1 Normal")
    )
    (found,) = explain(
        f"{log}oom-kill:constraint=CONSTRAINT_CPUSET,nodemask=(null),cpuset=batch,mems_allowed=1,global_oom"
    )
    assert "bound to node 1 by its cpuset" in found.verdict


ZONE_BELOW_HIGHMEM = """\
mkfs.ext4 invoked oom-killer: gfp_mask=0x101cc0(GFP_USER|__GFP_WRITE), order=0, oom_score_adj=0
CPU: 2 PID: 391 Comm: mkfs.ext4 Not tainted 5.7.0-rc6-next-20200521 #1
Normal free:4300kB min:7736kB low:9668kB high:11600kB active_anon:{anon}kB inactive_anon:0kB active_file:4kB \
inactive_file:{file}kB unevictable:0kB present:884728kB managed:845320kB free_cma:0kB
lowmem_reserve[]: 0 0 8980 0
HighMem free:1048740kB min:512kB low:1748kB high:2984kB active_anon:0kB inactive_anon:0kB active_file:0kB \
inactive_file:0kB unevictable:0kB present:1149540kB managed:1149540kB free_cma:0kB
lowmem_reserve[]: 0 0 0 0
"""


@pytest.mark.parametrize(
    ("anon", "file", "said"),
    [
        (0, 798000, "Low memory is mostly page cache (199,501 of 210,255 pages in use): is it dirty"),
        (798000, 0, "Low memory is mostly programs' own (199,500 of 210,255 pages in use)"),
        (0, 0, "Low memory is mostly the kernel's own (210,254 of 210,255 pages in use)"),
    ],
)
def test_what_fills_low_memory_is_what_must_become_less(anon: int, file: int, said: str) -> None:
    (found,) = explain(ZONE_BELOW_HIGHMEM.format(anon=anon, file=file))
    assert said in found.verdict


def test_what_boot_reserved_is_known_without_its_line() -> None:
    (found,) = explain(
        "kworker/u2:0 invoked oom-killer: gfp_mask=0x100cca(GFP_HIGHUSER_MOVABLE), order=0, oom_score_adj=0\n"
        "CPU: 0 PID: 7 Comm: kworker/u2:0 Not tainted 5.18.0 #1\n"
        "active_anon:90 inactive_anon:674 isolated_anon:0\n"
        " slab_reclaimable:0 slab_unreclaimable:1691\n"
        " mapped:0 shmem:771 pagetables:0 bounce:0\n"
        " free:207 free_pcp:37 free_cma:0\n"
        "Normal free:828kB boost:1024kB min:1464kB low:1572kB high:1680kB present:32768kB managed:12232kB\n"
        "lowmem_reserve[]: 0 0\n"
    )
    assert found.held["reserved"] == 8192 - 3058
    assert "memory reserved at boot makes up 63 % of RAM" in found.verdict


def test_a_vmalloc_of_huge_pages_is_tried_again_with_small_ones() -> None:
    (found,) = explain(
        "mount: vmalloc error: size 14680064, page order 9, failed to allocate pages, "
        "mode:0xcc2(GFP_KERNEL|__GFP_HIGHMEM), nodemask=(null),cpuset=/,mems_allowed=0\n"
        "CPU: 3 PID: 710 Comm: mount Not tainted 6.3.1 #1\n"
    )
    assert found.verdict.startswith("A vmalloc of 14,680,064 bytes failed for lack of pages")
    assert "tried again with single pages" in found.verdict


def test_free_cma_pages_of_low_memory_are_told_before_those_of_high_memory() -> None:
    (found,) = explain(
        "cat invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n"
        "CPU: 2 PID: 961 Comm: cat Tainted: G         C         6.1.21-v7l+ #1642\n"
        "active_anon:239 inactive_anon:7154 isolated_anon:0\n"
        " active_file:25980 inactive_file:4743 isolated_file:128\n"
        " unevictable:3569 dirty:17048 writeback:2622\n"
        " slab_reclaimable:3541 slab_unreclaimable:8728\n"
        "DMA free:519112kB boost:7216kB min:10428kB low:11228kB high:12028kB active_anon:0kB active_file:77632kB "
        "inactive_file:168kB present:786432kB managed:663836kB free_cma:513592kB\n"
        "lowmem_reserve[]: 0 0 3188 3188\n"
        "HighMem free:2700888kB min:512kB low:4000kB high:8000kB present:3264512kB managed:3264512kB free_cma:0kB\n"
        "lowmem_reserve[]: 0 0 0 0\n"
    )
    assert "low memory (where 128,398 of the 129,778 free pages are CMA" in found.verdict
    assert "mostly page cache (19,450 of 36,181 pages in use)" in found.verdict
    assert "19,670 pages wait to be written" in found.verdict


def test_a_device_that_needs_low_addresses_where_all_are_reserved() -> None:
    (found,) = explain(
        "swapper/0: page allocation failure: order:0, mode:0xcc4(GFP_KERNEL|GFP_DMA32), nodemask=(null)\n"
        "CPU: 0 PID: 1 Comm: swapper/0 Not tainted 5.15.68 #1\n"
        "DMA32 free:0kB min:0kB low:0kB high:0kB present:32768kB managed:0kB\n"
        "lowmem_reserve[]: 0 1722 1722\n"
        "Normal free:1680000kB min:5600kB low:7000kB high:8400kB present:1769472kB managed:1763852kB\n"
        "lowmem_reserve[]: 0 0 0\n"
    )
    assert found.cause == "no_memory"
    assert "A device asked for memory at low addresses" in found.verdict


@pytest.mark.parametrize(
    ("swap", "stats", "said"),
    [
        ((0, 0), {"anon": 490}, "its programs' own memory (anon), and it may not swap (memory.swap.max is 0)"),
        ((102400, 102400), {"anon": 490}, "(anon), and its swap is full (102,400 of 102,400 kB)"),
        ((10, 9007199254740988), {"anon": 490}, "its programs' own memory (anon). Killed"),
        (
            (0, 0),
            {"anon": 9, "kernel": 20, "sock": 470},
            "memory of the kernel for its tasks (mostly sock, 481,280 kB)",
        ),
        ((0, 0), {"anon": 9, "kernel": 480, "slab_unreclaimable": 460}, "(mostly slab_unreclaimable, 471,040 kB)"),
        ((0, 0), {"anon": 9, "kernel": 480, "slab": 200, "percpu": 100}, "for its tasks (kmem: slab, sockets, stacks)"),
    ],
)
def test_what_a_memory_cgroup_holds(swap: tuple[int, int], stats: dict[str, int], said: str) -> None:
    listed = "".join(f"{name} {mib << 20}\n" for name, mib in stats.items())
    (found,) = explain(
        "stress invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n"
        "CPU: 0 PID: 99 Comm: stress Not tainted 6.8.0-31-generic #31-Ubuntu\n"
        " mem_cgroup_out_of_memory+0x145/0x160\n"
        "memory: usage 524288kB, limit 524288kB, failcnt 10\n"
        f"swap: usage {swap[0]}kB, limit {swap[1]}kB, failcnt 0\n"
        f"Memory cgroup stats for /system.slice/app.service:\n{listed}"
        "Memory cgroup out of memory: Killed process 99 (stress) total-vm:1200000kB, anon-rss:16000kB, file-rss:0kB\n"
    )
    assert said in found.verdict


@pytest.mark.parametrize(
    ("change", "said", "advice"),
    [
        (("hugepages_total=0", "hugepages_total=3500"), "the pool of huge pages makes up 85 %", "vm.nr_hugepages"),
        (("unevictable:0 ", "unevictable:1800000 "), "locked memory (mlock) makes up 86 %", "who locks that much"),
        (("pagetables:3000", "pagetables:1500000"), "page tables hold 72 %", "map the same memory"),
        (("slab_reclaimable:5000", "slab_reclaimable:1700000"), "kernel caches that can shrink hold", "slabtop"),
        (("kernel_stack:8000kB", "kernel_stack:6000000kB"), "kernel stacks hold 72 %", "thread"),
        (("Balloon:0kB", "Balloon:7000000kB"), "a balloon of the host makes up 83 %", "host"),
        (("zspages:0kB", "zspages:7000000kB"), "kept compressed (zram, zswap) hold 83 %", "swap to a disk"),
    ],
)
def test_what_filled_memory(change: tuple[str, str], said: str, advice: str) -> None:
    log = (
        "java invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=0, oom_score_adj=0\n"
        "CPU: 0 PID: 99 Comm: java Not tainted 6.8.0-31-generic #31-Ubuntu\n"
        "Mem-Info:\n"
        "active_anon:100 inactive_anon:100000 isolated_anon:0\n active_file:200 inactive_file:300 isolated_file:0\n"
        " unevictable:0 dirty:0 writeback:0\n slab_reclaimable:5000 slab_unreclaimable:10000\n"
        " mapped:1000 shmem:500 pagetables:3000\n free:13000 free_pcp:100 free_cma:0\n"
        "Node 0 active_anon:400kB inactive_anon:400000kB kernel_stack:8000kB all_unreclaimable? yes Balloon:0kB\n"
        "Node 0 Normal free:40000kB min:45000kB low:56000kB high:67000kB zspages:0kB free_cma:0kB\n"
        "lowmem_reserve[]: 0 0 0 0 0\n"
        "Node 0 hugepages_total=0 hugepages_free=0 hugepages_surp=0 hugepages_size=2048kB\n"
        "Free swap  = 0kB\nTotal swap = 0kB\n2097152 pages RAM\n61152 pages reserved\n"
    )
    (found,) = explain(log.replace(*change))
    assert said in found.verdict
    assert advice in found.verdict
