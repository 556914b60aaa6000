"""What each page frame is used for at an instant, as one byte a frame: the picture of memory."""

from __future__ import annotations

import enum

import numpy as np
import numpy.typing as npt

from recap import kernel
from recap.kernel import NR_ORDERS, PAGE_ALLOC_COSTLY_ORDER
from recap.pages import Array, Memory

PageMap = npt.NDArray[np.uint8]


class Use(enum.IntEnum):
    """What a frame is used for."""

    RESERVED = 0  # the kernel's image, memory that is not there
    KERNEL = 1  # allocated, and nothing reclaim can free
    ANON = 2
    FILE = 3
    PCP = 4  # free, on a CPU's own list
    FREE = 5  # free, in a block smaller than a pageblock
    FREE_HUGE = 6  # free, in a block as large as a pageblock or larger
    HIGH_ORDER = 7  # in use as part of a block of high order
    CAPTURED = 8  # on a reclaimer's capture list
    RECLAIMED = 9  # free again by direct reclaim since the last picture
    STOLEN = 10  # taken by somebody else, since the last picture, while the reclaimer that freed it waited


def page_map(m: Memory) -> PageMap:
    """Use of every frame, (frames,) uint8; frames that pad the page array are RESERVED. Never RECLAIMED or STOLEN."""
    page = m.array("page")[: m.nr_frames]
    state, order = page["state"], page["order"]
    lru = page["flags"] & kernel.PF_LRU != 0
    anon = page["flags"] & kernel.PF_SWAPBACKED != 0
    use = np.full(len(page), Use.RESERVED, np.uint8)
    allocated = state == kernel.PG_ALLOCATED
    use[allocated] = Use.KERNEL
    use[allocated & lru] = np.where(anon[allocated & lru], Use.ANON, Use.FILE)
    use[allocated & (order > PAGE_ALLOC_COSTLY_ORDER)] = Use.HIGH_ORDER
    use[state == kernel.PG_PCP] = Use.PCP
    use[state == kernel.PG_CAPTURED] = Use.CAPTURED
    buddy = state == kernel.PG_BUDDY
    use[buddy] = np.where(order[buddy] >= m.pageblock_order, Use.FREE_HUGE, Use.FREE)
    spread_over_blocks(use, order, state != kernel.PG_TAIL)
    return use


def spread_over_blocks(use: PageMap, order: Array, head: Array) -> None:
    """Give every frame of a block what its head says."""
    for k in range(1, NR_ORDERS):
        first = np.flatnonzero(head & (order == k))
        if len(first):
            block = np.minimum(first[:, None] + np.arange(1 << k), len(use) - 1)
            use[block] = use[first][:, None]
