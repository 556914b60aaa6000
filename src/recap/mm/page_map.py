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
    lru = page["flags"] & kernel.PG_LRU != 0
    anon = page["flags"] & kernel.PG_SWAPBACKED != 0
    use = np.full(len(page), Use.RESERVED, np.uint8)
    allocated = state == kernel.STATE_ALLOCATED
    use[allocated] = Use.KERNEL
    use[allocated & lru] = np.where(anon[allocated & lru], Use.ANON, Use.FILE)
    use[allocated & (order > PAGE_ALLOC_COSTLY_ORDER)] = Use.HIGH_ORDER
    use[state == kernel.STATE_PCP] = Use.PCP
    use[state == kernel.STATE_CAPTURED] = Use.CAPTURED
    buddy = state == kernel.STATE_BUDDY
    use[buddy] = np.where(order[buddy] >= m.pageblock_order, Use.FREE_HUGE, Use.FREE)
    spread_over_blocks(use, order, state != kernel.STATE_TAIL)
    return use


def spread_over_blocks(use: PageMap, order: Array, head: Array) -> None:
    """Give every frame of a block what its head says."""
    for k in range(1, NR_ORDERS):
        first = np.flatnonzero(head & (order == k))
        if len(first):
            block = np.minimum(first[:, None] + np.arange(1 << k), len(use) - 1)
            use[block] = use[first][:, None]


COLOURS = {  # readable on light and on dark
    Use.RESERVED: "#c9c5bb",
    Use.KERNEL: "#6b7280",
    Use.ANON: "#9d86c9",
    Use.FILE: "#7fb0de",
    Use.PCP: "#a7c48a",
    Use.FREE: "#cfe6d3",
    Use.FREE_HUGE: "#6fbf83",
    Use.HIGH_ORDER: "#14532d",
    Use.CAPTURED: "#f59e0b",
}
SIDE = 5  # the largest block, 1024 frames, is a square of 2**SIDE by 2**SIDE
LARGEST_SVG = 1 << 14  # frames: beyond, a picture of single blocks is no picture


def place(frame: int) -> tuple[int, int]:
    """Column and row of a frame in its largest block: along a Z-shaped curve, so that every block is a rectangle."""
    column = sum(((frame >> 2 * bit) & 1) << bit for bit in range(SIDE))
    row = sum(((frame >> 2 * bit + 1) & 1) << bit for bit in range(SIDE))
    return column, row


def as_svg(m: Memory, across: int = 4) -> str:
    """The page map as an SVG: one rectangle for each block, `across` largest blocks in a row, frames in Z order.

    A memory of more than 64 MiB gives an empty string: at that size look at `recap report`.
    """
    frames = int(m.array("zone")["end"].max())
    if frames > LARGEST_SVG:
        return ""
    use, order = page_map(m), m.array("page")["order"]
    state = m.array("page")["state"]
    parts = []
    frame = 0
    while frame < frames:
        k = int(order[frame]) if state[frame] != kernel.STATE_TAIL else 0
        square, inside = divmod(frame, 1 << 2 * SIDE)
        column, row = place(inside)
        x, y = (square % across << SIDE) + column, (square // across << SIDE) + row
        width, height = 1 << (k + 1) // 2, 1 << k // 2
        parts.append(
            f'<rect x="{x + 0.06}" y="{y + 0.06}" width="{width - 0.12:.2f}" height="{height - 0.12:.2f}" '
            f'fill="{COLOURS[Use(int(use[frame]))]}"><title>frame {frame}, order {k}: '
            f"{Use(int(use[frame])).name.lower().replace('_', ' ')}</title></rect>"
        )
        frame += 1 << k
    squares = -(-frames >> 2 * SIDE)
    box = f"0 0 {min(across, squares) << SIDE} {-(-squares // across) << SIDE}"
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" style="max-width:720px">{"".join(parts)}</svg>'
