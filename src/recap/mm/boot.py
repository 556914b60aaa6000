"""How a machine comes to be: from a snapshot of a real kernel's memory, or empty, as after boot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from recap import kernel
from recap.kernel import MIGRATE_MOVABLE, NR_ORDERS
from recap.pages import PAGE, PCP, ZONE, Array, Memory
from recap.policy.policy import Policy

if TYPE_CHECKING:
    from recap.trace import Snapshot

FREE_LIST, PCP_LIST, LRU_LIST = range(3)

LRU_FLAGS = {
    "PG_active": kernel.PF_ACTIVE,
    "PG_swapbacked": kernel.PF_SWAPBACKED,
    "PG_dirty": kernel.PF_DIRTY,
    "PG_referenced": kernel.PF_REFERENCED,
}


def from_snapshot(snapshot: Snapshot, captures: int = 0, policy: Policy | None = None) -> Memory:
    """The memory of a recorded kernel: every list in its order, every counter.

    Args:
        snapshot: the state to start from.
        captures: how many reclaimers may capture at once.
        policy: who is asked about capture (default: nobody, the kernel as it is).
    """
    zone = zone_records(snapshot)
    numbers = {z["index"]: i for i, z in enumerate(snapshot.meta["zones"])}
    page = page_records(snapshot, zone)
    memory = Memory(page, zone, pcp_records(snapshot, numbers), padded_pageblocks(snapshot, page), captures, policy or Policy())
    for (kind, a, b, c), pfns in grouped(snapshot.lists):
        memory.fill(list_head(memory, kind, numbers.get(a, 0), b, c), pfns)
        if kind == LRU_LIST:
            memory.lru_size[b] = len(pfns)
    return memory


def grouped(lists: Array) -> Iterator[tuple[tuple[int, int, int, int], Array]]:
    """Each list of a snapshot with its frames, head first."""
    if not len(lists):
        return
    edges = np.flatnonzero((lists[1:, :4] != lists[:-1, :4]).any(axis=1)) + 1
    for part in np.split(lists, edges):
        kind, a, b, c = (int(value) for value in part[0, :4])
        yield (kind, a, b, c), part[:, 4]


def list_head(memory: Memory, kind: int, zone: int, b: int, c: int) -> int:
    """The head that a snapshot's list belongs to."""
    if kind == FREE_LIST:
        return memory.free_head(zone, b, c)
    if kind == PCP_LIST:
        return memory.pcp_head(zone, c, b)
    return int(memory.lru_heads) + b


def zone_records(snapshot: Snapshot) -> Array:
    """ZONE records; free pages are recounted from the lists, as the kernel's counter lags behind its per-cpu deltas."""
    zones = snapshot.meta["zones"]
    zone = np.zeros(len(zones), ZONE)
    lists = snapshot.lists
    for i, z in enumerate(zones):
        mine = lists[(lists[:, 0] == FREE_LIST) & (lists[:, 1] == z["index"])]
        blocks = np.bincount(mine[:, 2], minlength=NR_ORDERS)
        zone[i]["start"] = z["start_pfn"]
        zone[i]["end"] = z["start_pfn"] + z["spanned"]
        zone[i]["index"] = z["index"]
        zone[i]["managed"] = z["managed"]
        zone[i]["nr_free"] = blocks
        zone[i]["free_pages"] = int((blocks << np.arange(NR_ORDERS)).sum())
        zone[i]["watermark"] = z["watermark"]
        zone[i]["watermark_boost"] = z["watermark_boost"]
        zone[i]["lowmem_reserve"] = z["lowmem_reserve"]
        zone[i]["nr_reserved_highatomic"] = z["nr_reserved_highatomic"]
    return zone


def pcp_records(snapshot: Snapshot, numbers: Mapping[int, int]) -> Array:
    """PCP records, index zone * cpus + cpu."""
    rows = snapshot.meta["pcp"]
    cpus = 1 + max(row["cpu"] for row in rows)
    pcp = np.zeros(len(numbers) * cpus, PCP)
    for row in rows:
        mine = pcp[numbers[row["zone"]] * cpus + row["cpu"]]
        for name in ("count", "high", "batch", "free_factor"):
            mine[name] = row[name]
    return pcp


def page_records(snapshot: Snapshot, zone: Array) -> Array:
    """PAGE records of a snapshot, all but the links.

    Frames outside all lists count as allocated one by one: a snapshot does not tell the order they were asked for at.
    """
    page = np.zeros(len(snapshot.flags), PAGE)
    for z in zone:
        page["state"][z["start"] : z["end"]] = kernel.PG_ALLOCATED
    bits = snapshot.meta["pageflags"]
    page["state"][(snapshot.flags >> bits["PG_reserved"]) & 1 == 1] = kernel.PG_RESERVED
    kind, b, c, pfn = (snapshot.lists[:, i] for i in (0, 2, 3, 4))
    free = kind == FREE_LIST
    page["state"][covered(pfn[free], b[free])] = kernel.PG_TAIL
    page["state"][pfn[free]] = kernel.PG_BUDDY
    page["order"][pfn[free]] = b[free]
    page["migratetype"][pfn[free]] = c[free]
    pcp = kind == PCP_LIST
    order = np.where(b[pcp] >= 12, kernel.LINUX_6_1.pageblock_order, b[pcp] // kernel.MIGRATE_PCPTYPES)
    page["state"][covered(pfn[pcp], order)] = kernel.PG_TAIL
    page["state"][pfn[pcp]] = kernel.PG_PCP
    page["order"][pfn[pcp]] = order
    page["migratetype"][pfn[pcp]] = snapshot.index[pfn[pcp]]  # where set_pcppage_migratetype keeps it
    lru = pfn[kind == LRU_LIST]
    flags = np.full(len(lru), kernel.PF_LRU, np.uint8)
    for name, flag in LRU_FLAGS.items():
        flags |= np.where((snapshot.flags[lru] >> bits[name]) & 1, flag, 0).astype(np.uint8)
    page["flags"][lru] = flags
    return page


def covered(pfn: Array, order: Array) -> Array:
    """All frames of blocks given by first frame and order."""
    size = np.int64(1) << order
    starts = np.repeat(pfn - np.concatenate(([0], np.cumsum(size)[:-1])), size)
    return starts + np.arange(int(size.sum())) if len(pfn) else np.zeros(0, np.int64)


def padded_pageblocks(snapshot: Snapshot, page: Array) -> Array:
    """A migratetype for each pageblock the padded page array has."""
    blocks = -(-len(page) // 1024) * 2
    types = np.full(blocks, MIGRATE_MOVABLE, np.uint8)
    types[: len(snapshot.pageblock)] = snapshot.pageblock
    return types


def empty_machine(
    mebibytes: int = 512,
    cpus: int = 1,
    captures: int = 0,
    policy: Policy | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Memory:
    """One zone (DMA32) of free memory, sized by the kernel's own formulas, all pageblocks movable.

    Args:
        mebibytes: memory in MiB, a multiple of 4.
        cpus: number of CPUs, each with its own per-cpu lists.
        captures, policy: as in `from_snapshot`.
        settings: vm.min_free_kbytes and vm.watermark_scale_factor by these names.
    """
    frames = mebibytes << 8
    knobs = dict(settings or {})
    least = int(knobs.get("vm.min_free_kbytes", kernel.min_free_kbytes(frames * 4)))
    zone = np.zeros(1, ZONE)
    zone["end"] = frames
    zone["index"] = kernel.ZONE_DMA32
    zone["managed"] = frames
    zone["free_pages"] = frames
    zone["nr_free"][0, 10] = frames >> 10
    zone["watermark"] = kernel.setup_per_zone_wmarks([frames], least, int(knobs.get("vm.watermark_scale_factor", 10)))
    pcp = np.zeros(cpus, PCP)
    pcp["batch"] = kernel.zone_batchsize(frames)
    pcp["high"] = kernel.zone_highsize(int(zone["watermark"][0, 1]), int(pcp["batch"][0]), cpus)
    page = np.zeros(frames, PAGE)
    heads = np.arange(0, frames, 1024)
    page["state"][heads] = kernel.PG_BUDDY
    page["order"][heads] = 10
    page["migratetype"][heads] = MIGRATE_MOVABLE
    pageblock = np.full(frames >> 9, MIGRATE_MOVABLE, np.uint8)
    memory = Memory(page, zone, pcp, pageblock, captures, policy or Policy())
    memory.fill(memory.free_head(0, 10, MIGRATE_MOVABLE), heads)
    return memory
