"""Who asked for memory, by the call trace: the first function that is not the allocator's."""

from __future__ import annotations

import re

from recap.trace.failure_report import FailureReport

ALLOCATOR = re.compile(
    r"^_*(?:dump_|show_|warn_alloc|unwind_backtrace|alloc_page|alloc_frozen|alloc_slab|alloc_contig|alloc_from_pool|"
    r"get_free_page|get_zeroed_page|get_page_from|"
    r"k[mzc]alloc|kmem_|kv?malloc|kvzalloc|kvmalloc|krealloc|kmemdup|new_slab|slab_alloc|allocate_slab|"
    r"cache_(?:alloc|grow)|fallback_alloc|do_kmalloc|slab_out_of|___slab|slab_post|"
    r"vmalloc|vzalloc|oom_kill|out_of_memory|try_charge|mem_cgroup|try_to_free|drain_|page_frag|"
    r"folio_alloc|refill_objects|refill_sheaf|pcs_|alloc_from_pcs|filemap_alloc|page_cache_alloc|vma_alloc|do_try_to_free|shrink_|__handle|stack_trace|"
    r"largest_slab|alloc_new_pud|policy_|mempool_|sysrq|text_poke|preempt_|arch_stack|irq_stack|call_trace)"
)
DMA = ("dma_", "swiotlb", "iommu", "pci_alloc_consistent", "atomic_pool", "x86_swiotlb")
POOL = ("dma_atomic_pool_init", "atomic_pool_expand", "atomic_pool_init", "__dma_atomic_pool_init")
EARLY = 60.0  # seconds since boot within which an initcall of swapper/0 is likely


def asked_by(report: FailureReport) -> str:
    """A function's name, or nothing."""
    if report.kind in ("hung", "spins"):
        return ""
    return next((name for name in report.callers if not ALLOCATOR.match(name)), "")


def for_a_device(report: FailureReport) -> bool:
    """Must the block be contiguous, because a device reads it?"""
    return any(name.startswith(DMA) or name.lstrip("_").startswith(DMA) for name in report.callers)


def has_a_fallback(report: FailureReport) -> bool:
    """Does the caller already fall back to vmalloc?"""
    return any(name.startswith(("kvmalloc", "__kvmalloc", "kvzalloc")) for name in report.callers)


def of_a_fork(report: FailureReport) -> bool:
    """Is it for a new task, whose kernel stack is a block of two to four pages?"""
    return any(name in ("copy_process", "dup_task_struct", "do_fork", "_do_fork") for name in plain(report))


def plain(report: FailureReport) -> list[str]:
    """The functions without what the compiler added and their modules."""
    return [name.split(" ")[0].split(".")[0] for name in report.callers]


def of_the_boot_pool(report: FailureReport) -> bool:
    """Is it the pool for atomic DMA, that the kernel makes at boot with whatever it gets?"""
    if any(name in POOL for name in plain(report)):
        return True
    boots = report.task.startswith("swapper/") and (report.seconds is None or report.seconds < EARLY)
    zone = "GFP_DMA" in report.flags.split("|") or "GFP_DMA32" in report.flags.split("|")
    return boots and zone and not report.callers and report.kind == "failure" and report.order >= 1
