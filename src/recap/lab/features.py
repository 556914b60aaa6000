"""Since which mainline version a thing can be advised: nothing is offered that the kernel of a report lacks."""

from __future__ import annotations

from recap.kernel import Version
from recap.trace.failure_report import FailureReport

SINCE: dict[str, Version] = {
    "compaction": (2, 6, 35),  # 748446bb6b5a: vm.compact_memory, vm.extfrag_threshold
    "watermark_scale_factor": (4, 6),  # 795ae7a0de6b
    "kvmalloc": (4, 12),  # a7c3e901a46f
    "virtually mapped stacks": (4, 9),  # ba14a194a434: a kernel stack needs no block (CONFIG_VMAP_STACK)
    "reserve off": (4, 17),  # d3cda2337bba: before, a lowmem_reserve_ratio of 0 was taken as 1
    "watermark_boost_factor": (5, 0),  # 1c30844d2dfe
    "compaction_proactiveness": (5, 9),  # facdaa917c4d
    "memory.high": (4, 5),  # with the cgroup2 file system
    "pool only with memory": (5, 17),  # a674e48c5443: no DMA pool where the zone has no memory
}


def has(report: FailureReport, feature: str) -> bool:
    """Has the kernel of a report this? Where it does not say what it is, today's is assumed."""
    return not report.is_before(*SINCE[feature])
