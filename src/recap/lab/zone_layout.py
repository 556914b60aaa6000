"""Which zones a machine has, and how far up a request may go: lowmem_reserve has a column for each of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations

from recap import kernel
from recap.trace.failure_report import FailureReport

ZONES = ("DMA", "DMA32", "Normal", "HighMem", "Movable", "Device")  # lowest first, as in enum zone_type
ALWAYS = {"Normal", "Movable"}
Row = tuple[str, tuple[int, ...]]


def layout_of(report: FailureReport) -> tuple[str, ...]:
    """The zones the kernel was built with: as many as columns, and the columns of empty zones add nothing."""
    named = frozenset(zone.name for zone in report.zones)
    rows = tuple((zone.name, tuple(zone.lowmem_reserve)) for zone in report.zones if zone.lowmem_reserve)
    filled = frozenset(
        zone.name for zone in report.zones if zone.amounts.get("managed", zone.amounts.get("present", 1))
    )
    return fitting(named, filled, rows, report.bits)


@lru_cache(256)
def fitting(named: frozenset[str], filled: frozenset[str], rows: tuple[Row, ...], bits: int | None) -> tuple[str, ...]:
    """The layout that contradicts the report least; among equals the commonest."""
    columns = max((len(row) for _, row in rows), default=0)
    options = list(possible(named, columns)) or list(possible(named, 0))
    return min(options, key=lambda layout: (misfits(layout, filled, rows), oddity(layout, named, bits)))


def possible(named: frozenset[str], columns: int) -> Iterator[tuple[str, ...]]:
    """Every set of zones with that number of columns, or of any size if no row tells."""
    optional = [name for name in ZONES if name not in ALWAYS]
    for count in range(len(optional) + 1):
        for chosen in combinations(optional, count):
            layout = tuple(name for name in ZONES if name in ALWAYS or name in chosen)
            if named <= set(layout) and (not columns or len(layout) == columns):
                yield layout


def misfits(layout: tuple[str, ...], filled: frozenset[str], rows: tuple[Row, ...]) -> int:
    """How often a row grows at a zone without memory, or does not at one that has some."""
    wrong = 0
    for name, row in rows:
        own = layout.index(name)
        for column in range(1, min(len(row), len(layout))):
            grows = row[column] > row[column - 1]
            wrong += grows and (column <= own or layout[column] not in filled)
    return wrong


def oddity(layout: tuple[str, ...], named: frozenset[str], bits: int | None) -> tuple[int, int]:
    """How unusual a layout is for the width of the machine."""
    narrow = bits == 32 or "HighMem" in named
    wide = bits == 64 or "DMA32" in named
    odd = 0
    if wide or not narrow:
        odd += 4 * ("HighMem" in layout)
    if narrow:
        odd += 4 * ("DMA32" in layout and "DMA32" not in named) + 2 * ("HighMem" not in layout)
    return odd + ("Device" in layout), -len(layout) if not narrow else len(layout)


def highest_zone(gfp: int, layout: tuple[str, ...]) -> int:
    """The highest zone a request may use, by its place in the layout (gfp_zone).

    Where a kernel has no zone of a name, the flag that asks for it means Normal (OPT_ZONE_DMA and its like).
    """
    wanted = "Normal"
    if gfp & kernel.GFP_DMA:
        wanted = "DMA"
    elif gfp & kernel.GFP_DMA32:
        wanted = "DMA32"
    elif gfp & kernel.GFP_HIGHMEM:
        wanted = "Movable" if gfp & kernel.GFP_MOVABLE else "HighMem"
    return layout.index(wanted if wanted in layout else "Normal")


def place_of(name: str, layout: tuple[str, ...]) -> int:
    """Where a zone is in the layout."""
    return layout.index(name)
