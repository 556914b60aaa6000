"""What a request's flags say: its type, and the highest zone it may use."""

from __future__ import annotations

from recap.kernel import (
    GFP_DMA,
    GFP_DMA32,
    GFP_HIGHMEM,
    GFP_MOVABLE,
    ZONE_DMA,
    ZONE_DMA32,
    ZONE_MOVABLE,
    ZONE_NORMAL,
)


def gfp_migratetype(gfp: int) -> int:
    """The migratetype a request asks for (gfp_migratetype)."""
    return (gfp >> 3) & 3


def gfp_zone(gfp: int) -> int:
    """The highest zone index a request may use (gfp_zone, x86-64: no HIGHMEM)."""
    if gfp & GFP_DMA:
        return ZONE_DMA
    if gfp & GFP_DMA32:
        return ZONE_DMA32
    if gfp & GFP_HIGHMEM and gfp & GFP_MOVABLE:
        return ZONE_MOVABLE
    return ZONE_NORMAL
