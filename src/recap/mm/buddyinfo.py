"""/proc/buddyinfo and /proc/pagetypeinfo of a machine at an instant, letter by letter as the kernel prints them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recap import kernel
from recap.kernel import MIGRATE_TYPES, NR_ORDERS
from recap.pages import Memory

ZONE_NAMES = ("DMA", "DMA32", "Normal", "Movable")
MIGRATETYPE_NAMES = ("Unmovable", "Movable", "Reclaimable", "HighAtomic", "Isolate")
SHOWN_AT_MOST = 100_000  # blocks of one list that pagetypeinfo counts


@dataclass(frozen=True, eq=False)
class FreeBlocks:
    """What the two files count. Zones are those that have memory, lowest first."""

    zones: Sequence[str]
    free: npt.NDArray[np.int64]  # blocks on the free lists: (zones, migratetypes, orders)
    blocks: npt.NDArray[np.int64]  # pageblocks: (zones, migratetypes)
    pageblock_order: int

    def buddyinfo(self) -> str:
        """/proc/buddyinfo (frag_show)."""
        rows = zip(self.zones, self.free.sum(axis=1).tolist(), strict=True)
        return "".join(f"Node 0, zone {zone:>8} {cells(counts, 6)}\n" for zone, counts in rows)

    def pagetypeinfo(self) -> str:
        """/proc/pagetypeinfo (pagetypeinfo_show), without the mixed counts of a kernel booted with page_owner=on."""
        orders = self.free.shape[2]
        lines = [f"Page block order: {self.pageblock_order}", f"Pages per block:  {1 << self.pageblock_order}", ""]
        lines.append(f"{'Free pages count per migrate type at order':<43} {cells(range(orders), 6)}")
        for zone, types in zip(self.zones, self.free.tolist(), strict=True):
            for name, counts in zip(MIGRATETYPE_NAMES, types, strict=True):
                lines.append(f"Node {0:>4}, zone {zone:>8}, type {name:>12} {cells(counts, 6, SHOWN_AT_MOST)}")
        lines += ["", f"{'Number of blocks type':<23}{cells(MIGRATETYPE_NAMES, 12)}"]
        for zone, counts in zip(self.zones, self.blocks.tolist(), strict=True):
            lines.append(f"Node {0}, zone {zone:>8} {cells(counts, 12)}")
        return "\n".join(lines) + "\n"


def cells(values: Sequence[object], width: int, most: int | None = None) -> str:
    """Right-justified values with a space behind each; what is counted no further than `most` has a > before it."""
    capped = [f">{most:{width}d}" if most and int(str(v)) >= most else f"{v!s:>{width}}" for v in values]
    return "".join(f"{cell} " for cell in capped)


def free_blocks(m: Memory) -> FreeBlocks:
    """The counts of a machine, now."""
    zones = [ZONE_NAMES[index] for index in m.array("zone")["index"].tolist()]
    return FreeBlocks(zones, free_by_type(m), pageblocks_by_type(m), int(m.pageblock_order))


def free_by_type(m: Memory) -> npt.NDArray[np.int64]:
    """Blocks on the free lists, (zones, migratetypes, orders)."""
    page = m.array("page")[: m.nr_frames]
    pfn = np.flatnonzero(page["state"] == kernel.STATE_BUDDY)
    zone = np.searchsorted(m.array("zone")["end"], pfn, side="right")
    found = np.zeros((int(m.nr_zones), MIGRATE_TYPES, NR_ORDERS), np.int64)
    np.add.at(found, (zone, page["migratetype"][pfn], page["order"][pfn]), 1)
    return found[:, :, : m.max_order]


def pageblocks_by_type(m: Memory) -> npt.NDArray[np.int64]:
    """Pageblocks, (zones, migratetypes), one for each step of a pageblock from the zone's start."""
    types, zones = m.array("pageblock"), m.array("zone")
    found = np.zeros((int(m.nr_zones), MIGRATE_TYPES), np.int64)
    for z, (start, end) in enumerate(zip(zones["start"].tolist(), zones["end"].tolist(), strict=True)):
        at = np.arange(start, end, 1 << m.pageblock_order) >> m.pageblock_order
        found[z] = np.bincount(types[at], minlength=MIGRATE_TYPES)
    return found
