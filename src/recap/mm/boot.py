"""How a machine comes to be: from a snapshot of a real kernel's memory, or empty, as after boot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from recap import kernel
from recap.errors import InputError
from recap.kernel import LINUX_6_1, MIGRATE_MOVABLE, MIGRATE_TYPES, NR_ORDERS, Profile, profile_of
from recap.mm.boot_lru import fill_lru
from recap.mm.migratetype import setup_zone_migrate_reserve
from recap.pages import PAGE, PCP, ZONE, Array, Memory
from recap.policy.policy import Policy
from recap.trace.snapshot import Snapshot, frames

FREE_LIST, PCP_LIST = range(2)
PAGEBLOCK_PAGES = 512
RECORDED = [name for name in PCP.names or () if name not in ("last_refill", "locked")]
HIGH_FRACTION = 8  # MIN_PERCPU_PAGELIST_HIGH_FRACTION: per-cpu lists hold an eighth of a zone at most

LRU_FLAGS = {
    "PG_active": kernel.PG_ACTIVE,
    "PG_swapbacked": kernel.PG_SWAPBACKED,
    "PG_dirty": kernel.PG_DIRTY,
    "PG_referenced": kernel.PG_REFERENCED,
    "PG_workingset": kernel.PG_WORKINGSET,
}


def from_snapshot(
    snapshot: Snapshot, captures: int = 0, policy: Policy | None = None, profile: Profile = LINUX_6_1
) -> Memory:
    """The memory of a recorded kernel: every list in its order, every counter.

    A large folio on an LRU list is a single page to reclaim here.

    Args:
        snapshot: the state to start from.
        captures: how many reclaimers may capture at once.
        policy: who is asked about capture (default: nobody, the kernel as it is).
        profile: the kernel to go on with, by default 6.1; the recorded one is `profile_of(snapshot.kernel)`.
    """
    page = page_records(snapshot)
    zone, pcp = zone_records(snapshot), pcp_records(snapshot)
    memory = Memory(page, zone, pcp, padded_pageblocks(snapshot, page), captures, policy or Policy(), profile)
    numbers = zone_numbers(snapshot)
    for (kind, a, b, c), pfns in snapshot.groups.items():
        if kind in (FREE_LIST, PCP_LIST):
            memory.fill(list_head(memory, kind, numbers.get(a, 0), b, c), pfns)
    fill_lru(memory, snapshot)
    return memory


def as_recorded(snapshot: Snapshot, captures: int = 0, policy: Policy | None = None) -> Memory:
    """The memory of a recorded kernel, with its own rules and large folios: what `verify` starts from."""
    memory = from_snapshot(snapshot, captures, policy, profile_of(snapshot.kernel))
    for lru in range(kernel.NR_LRU_LISTS):
        pfns = snapshot.lru_list(lru)
        memory.set_orders(pfns.tolist(), snapshot.folio_orders(pfns).tolist())
        memory.count_lru(lru, pfns)
    return memory


def zone_numbers(snapshot: Snapshot) -> dict[int, int]:
    """Our number of a zone for the kernel's zone index: empty zones are left out."""
    return {zone.index: number for number, zone in enumerate(snapshot.zones)}


def list_head(memory: Memory, kind: int, zone: int, b: int, c: int) -> int:
    """The head that a snapshot's list belongs to."""
    if kind == FREE_LIST:
        return memory.free_head(zone, b, c)
    return memory.pcp_head(zone, c, b)


def zone_records(snapshot: Snapshot) -> Array:
    """ZONE records; free pages are recounted from the lists, as the kernel's counter lags behind its per-cpu deltas."""
    records = np.zeros(len(snapshot.zones), ZONE)
    lists = snapshot.lists
    for record, zone in zip(records, snapshot.zones, strict=True):
        mine = lists[(lists[:, 0] == FREE_LIST) & (lists[:, 1] == zone.index)]
        blocks = np.bincount(mine[:, 2], minlength=NR_ORDERS)
        record["start"] = zone.start_pfn
        record["end"] = zone.start_pfn + zone.spanned
        record["nr_free"] = blocks
        record["free_pages"] = int((blocks << np.arange(NR_ORDERS)).sum())
        for name in (
            "index",
            "managed",
            "watermark",
            "watermark_boost",
            "nr_reserved_highatomic",
            "below_high",
        ):
            record[name] = getattr(zone, name)
        record["lowmem_reserve"][: len(zone.lowmem_reserve)] = zone.lowmem_reserve  # shorter without ZONE_DEVICE
    return records


def pcp_records(snapshot: Snapshot) -> Array:
    """PCP records, index zone * cpus + cpu."""
    cpus = 1 + max(pcp.cpu for pcp in snapshot.pcps)
    numbers = zone_numbers(snapshot)
    records = np.zeros(len(numbers) * cpus, PCP)
    for pcp in snapshot.pcps:
        record = records[numbers[pcp.zone] * cpus + pcp.cpu]
        for name in RECORDED:
            record[name] = getattr(pcp, name)
    return records


def page_records(snapshot: Snapshot) -> Array:
    """PAGE records of a snapshot, all but the links.

    Frames outside all lists count as allocated one by one, but for compound pages: of others a snapshot does not tell
    the order they were asked for at.
    """
    page = np.zeros(len(snapshot.flags), PAGE)
    page["state"][snapshot.in_use()] = kernel.STATE_ALLOCATED
    heads, orders = snapshot.compound_blocks()
    page["state"][frames(heads, orders)] = kernel.STATE_TAIL
    page["state"][heads] = kernel.STATE_ALLOCATED
    page["order"][heads] = orders
    page["state"][snapshot.has("PG_reserved")] = kernel.STATE_RESERVED
    for kind, state in ((FREE_LIST, kernel.STATE_BUDDY), (PCP_LIST, kernel.STATE_PCP)):
        pfn, order = snapshot.free_blocks(kind)
        page["state"][pfn] = state
        page["order"][pfn] = order
    noted = snapshot.index[pfn]  # where set_pcppage_migratetype keeps it, until 6.10
    page["migratetype"][pfn] = np.where(noted < MIGRATE_TYPES, noted, snapshot.pageblock[pfn // PAGEBLOCK_PAGES])
    free = snapshot.lists[snapshot.lists[:, 0] == FREE_LIST]
    page["migratetype"][free[:, 4]] = free[:, 3]
    lru = snapshot.on_lru()
    page["flags"][lru] = kernel.PG_LRU
    page["flags"][snapshot.block_device_pages()] |= kernel.PG_JOURNALLED
    for name, flag in LRU_FLAGS.items():
        page["flags"][lru] |= np.where(snapshot.has(name)[lru], flag, 0).astype(np.uint16)
    page["flags"][lru] |= np.where(snapshot.shmem()[lru], kernel.PG_SHMEM, 0).astype(np.uint16)
    return page


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
    profile: Profile = LINUX_6_1,
) -> Memory:
    """One zone (DMA32) of free memory, sized by the kernel's own formulas, all pageblocks movable.

    Args:
        mebibytes: memory in MiB, a multiple of the largest block.
        cpus: number of CPUs, each with its own per-cpu lists.
        captures, policy: as in `from_snapshot`.
        settings: vm.min_free_kbytes and vm.watermark_scale_factor by these names.
        profile: the kernel version; with `migrate_reserve` some pageblocks are set aside.

    Errors:
        InputError: the memory is smaller than the largest block.
    """
    largest = profile.max_order - 1
    frames = (mebibytes << 20) // profile.page_size >> largest << largest
    if frames <= 0:
        problem = f"is less than the largest block of {profile.name}, {profile.page_size << largest >> 20} MiB"
        raise InputError("machine", f"{mebibytes} MiB", problem, "give it more memory")
    zone = np.zeros(1, ZONE)
    zone["end"] = frames
    zone["index"] = kernel.ZONE_DMA32
    zone["managed"] = frames
    zone["free_pages"] = frames
    zone["nr_free"][0, largest] = frames >> largest
    zone["watermark"] = watermarks(profile, frames, settings or {})
    pcp = np.zeros(cpus, PCP)
    if profile.rules.single_pcp_list:
        pcp["batch"], pcp["high"] = kernel.pcp_sizes_2_6_27(frames, profile.page_size)
    else:
        pcp["batch"] = kernel.zone_batchsize(frames)
        batch = int(pcp["batch"][0])
        pcp["high"] = kernel.zone_highsize(int(zone["watermark"][0, 1]), batch, cpus)
        if profile.rules.tuned_pcp:
            pcp["high_min"], pcp["high_max"] = pcp["high"], kernel.zone_highsize(frames // HIGH_FRACTION, batch, cpus)
    page = np.zeros(frames, PAGE)
    heads = np.arange(0, frames, 1 << largest)
    page["state"][heads] = kernel.STATE_BUDDY
    page["order"][heads] = largest
    page["migratetype"][heads] = MIGRATE_MOVABLE
    pageblock = np.full(frames >> profile.pageblock_order, MIGRATE_MOVABLE, np.uint8)
    memory = Memory(page, zone, pcp, pageblock, captures, policy or Policy(), profile)
    memory.fill(memory.free_head(0, largest, MIGRATE_MOVABLE), heads)
    if profile.rules.migrate_reserve:
        setup_zone_migrate_reserve(memory, 0)
    return memory


def watermarks(profile: Profile, frames: int, settings: Mapping[str, Any]) -> Array:
    """The marks of a machine of one zone, by the formulas of its kernel."""
    least = int(settings.get("vm.min_free_kbytes", -1))
    if least <= 0:
        least = kernel.min_free_kbytes(frames * (profile.page_size >> 10))
    if profile.rules.watermark_scale_factor:
        scale = int(settings.get("vm.watermark_scale_factor", 10))
        return np.array(kernel.setup_per_zone_wmarks([frames], least, scale))
    return np.array(kernel.setup_per_zone_pages_min([frames], least, profile.page_size))
