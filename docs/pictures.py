"""The picture in the README, docs/capture.svg: `python docs/pictures.py` draws it.

Twice the same 4 MiB of page cache. One task wants 64 contiguous pages and frees pages for them in LRU order, as direct
reclaim does; another allocates a page after every second one. On the left the kernel as it is, on the right the policy
`kosaki`.
"""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import recap
from recap.kernel import GFP_HIGHMEM, GFP_KERNEL, GFP_MOVABLE
from recap.mm.page_map import COLOURS, Use, as_svg

PICTURE = Path(__file__).with_name("capture.svg")
MOVABLE = GFP_KERNEL | GFP_HIGHMEM | GFP_MOVABLE
WANTED = 6
PINNED = (70, 141, 333, 420, 555, 811)  # pages that reclaim cannot free
FREED = 190
LEGEND = {
    Use.FILE: "page cache",
    Use.KERNEL: "cannot be reclaimed",
    Use.FREE: "free (bottom right: reserve)",
    Use.CAPTURED: "captured",
}
PANEL, GAP, TOP, BOTTOM = 320, 40, 64, 48


def lru_order() -> list[int]:
    """Frames of the first 192, in runs of four contiguous ones: what reclaim finds at the tail of its list."""
    runs = [list(range(first, first + 4)) for first in range(0, 192, 4)]
    Random(3).shuffle(runs)
    return [pfn for run in runs for pfn in run if pfn not in PINNED]


def race(policy: str) -> recap.Machine:
    """The machine after the race."""
    machine = recap.Machine.empty(mebibytes=4, policy=policy)
    while (pfn := machine.alloc_pages(gfp=MOVABLE)) is not None:
        machine.mark_lru(pfn, on=pfn not in PINNED)
    machine.open_capture(0, WANTED)
    for count, pfn in enumerate(lru_order()[:FREED]):
        machine.reclaim_page(pfn, 0)
        if count % 2:
            taken = machine.alloc_pages(gfp=MOVABLE)
            if taken is not None:
                machine.mark_lru(taken)
    machine.drain_all_pages()  # as the slow path does before it gives up
    return machine


def largest_free(machine: recap.Machine) -> int:
    """The largest free block below the reserve that the watermark keeps, in pages."""
    return max((1 << order for (_, order, _), frames in machine.free_lists().items() if min(frames) < 960), default=0)


def caption(machine: recap.Machine) -> str:
    """What became of the block."""
    blocks = [order for held in machine.capture_lists().values() for _, order in held]
    if WANTED in blocks:
        return f"a block of {1 << WANTED} pages is complete"
    return f"{FREED} pages freed; the largest free block has {largest_free(machine)}"


def panel(policy: str, title: str, left: int) -> str:
    """One machine, its title and what became of the block."""
    machine = race(policy)
    picture = re.sub("<title>.*?</title>", "", as_svg(machine.memory, across=1))  # an image shows no tooltips
    placed = f'<svg x="{left}" y="{TOP}" width="{PANEL}" height="{PANEL}" ' + picture.removeprefix("<svg ")
    middle = left + PANEL // 2
    return (
        f'<text x="{middle}" y="24" font-size="18" font-weight="bold">{title}</text>'
        f'<text x="{middle}" y="48" font-size="14">{caption(machine)}</text>{placed}'
    )


def legend() -> str:
    """What the colours mean."""
    parts, left = [], 4
    for use, name in LEGEND.items():
        parts.append(
            f'<rect x="{left}" y="{TOP + PANEL + 22}" width="14" height="14" fill="{COLOURS[use]}"/>'
            f'<text x="{left + 20}" y="{TOP + PANEL + 34}" font-size="13" text-anchor="start">{name}</text>'
        )
        left += 44 + 7 * len(name)
    return "".join(parts)


def draw() -> str:
    """The whole picture."""
    width, height = 2 * PANEL + GAP, TOP + PANEL + BOTTOM
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'text-anchor="middle" fill="#6b7280">{panel("none", "without capture", 0)}'
        f"{panel('kosaki', 'with page capture', PANEL + GAP)}{legend()}</svg>\n"
    )


if __name__ == "__main__":
    PICTURE.write_text(draw())
