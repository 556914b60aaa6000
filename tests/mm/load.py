"""Machines small enough to fill, and operations that fill them, break them up and reclaim them."""

from __future__ import annotations

from random import Random

from recap.kernel import (
    GFP_ATOMIC_BIT,
    GFP_DMA32,
    GFP_HIGH,
    GFP_HIGHMEM,
    GFP_KERNEL,
    GFP_KSWAPD_RECLAIM,
    GFP_MOVABLE,
    GFP_NOMEMALLOC,
    GFP_RECLAIMABLE,
    MIGRATE_PCPTYPES,
    ZONE_DMA32,
    ZONE_NORMAL,
)
from tests.mm.twins import Twins
from tests.reference.state import Shape, State, ZoneShape

MOVABLE = GFP_KERNEL | GFP_HIGHMEM | GFP_MOVABLE
RECLAIMABLE = GFP_KERNEL | GFP_RECLAIMABLE
ATOMIC = GFP_HIGH | GFP_ATOMIC_BIT | GFP_KSWAPD_RECLAIM
GFPS = (
    GFP_KERNEL,
    MOVABLE,
    RECLAIMABLE,
    ATOMIC,
    GFP_KERNEL | GFP_DMA32,
    GFP_KSWAPD_RECLAIM,
    GFP_KERNEL | GFP_HIGH,
    ATOMIC | GFP_NOMEMALLOC,
    GFP_MOVABLE,
)

SIXTEEN_MIB = ZoneShape(ZONE_DMA32, 4096, (128, 160, 192, 224), (0, 0, 64, 64, 64))
REAL = Shape((SIXTEEN_MIB, ZoneShape(ZONE_NORMAL, 4096, (128, 160, 192, 224))), cpus=2)
ONE_ZONE = Shape((SIXTEEN_MIB,), cpus=1, pcp_batch=1, pcp_high=160)
MINIATURE = Shape(
    (
        ZoneShape(ZONE_DMA32, 512, (16, 20, 24, 28), (0, 0, 8, 8, 8)),
        ZoneShape(ZONE_NORMAL, 512, (16, 20, 24, 28)),
    ),
    cpus=2,
    captures=3,
    pcp_batch=3,
    pcp_high=12,
    max_order=8,
    pageblock_order=5,
)
SHAPES = (MINIATURE, REAL, ONE_ZONE)


def single_pages(state: State, around: int, order: int) -> list[int]:
    """Frames allocated one by one in the aligned area of an order around a frame."""
    start = around & -(1 << order)
    return [pfn for pfn in range(start, start + (1 << order)) if state.used.get(pfn) == 0]


def break_up(twins: Twins, rng: Random) -> None:
    """Use all memory, half of it for pages on the LRU, then free a part: what is free lies scattered."""
    got = []
    for order in (3, 2, 0):
        gfp = rng.choice(GFPS)
        while (pfn := twins.alloc_pages(order, gfp)) is not None:
            got.append(pfn)
    for pfn in rng.sample(got, len(got) // 2):
        twins.mark_lru(pfn, True)
    for pfn in rng.sample(got, len(got) * rng.randrange(10) // 10):
        twins.free_pages(pfn, rng.randrange(len(twins.state.zones[0].pcps)))


class RandomLoad:
    """Operations in random order, memory hovering about a level that changes; a seed names the operations."""

    def __init__(self, twins: Twins, seed: int) -> None:
        self.twins = twins
        self.state = twins.state
        self.rng = Random(seed)
        self.frames = self.state.zones[-1].end
        self.cpus = len(self.state.zones[0].pcps)
        self.level = 0.5
        self.operations = 0

    def run(self, operations: int) -> None:
        """So many calls of the machine."""
        last = self.operations + operations
        self.level = self.rng.uniform(0.6, 1.02)
        while self.operations < last:
            roll = self.rng.random()
            if roll < 0.8:
                self.churn()
            elif roll < 0.9:
                self.mark()
            elif roll < 0.98:
                self.capture()
            else:
                self.administer()

    def churn(self) -> None:
        """Allocate below the level, free above it."""
        self.operations += 1
        if len(self.state.in_use) < self.level * self.frames:
            largest = self.rng.choices((0, 3, self.state.max_order - 1), (30, 3, 1))[0]
            order = self.rng.randint(0, largest)
            if self.twins.alloc_pages(order, self.rng.choice(GFPS), self.cpu()) is not None:
                return
        if self.state.used:
            self.twins.free_pages(self.used(), self.cpu())

    def mark(self) -> None:
        """Put a page on the LRU, or take it off."""
        self.operations += 1
        if self.state.used:
            self.twins.mark_lru(self.used(), self.rng.random() < 0.8)

    def capture(self) -> None:
        """Open a list, reclaim an area into it, settle or close it."""
        number = self.rng.randrange(len(self.state.captures))
        held = self.state.captures[number]
        order = self.rng.choice((2, 4, 4, 4, 5, self.state.max_order - 1))
        self.operations += 1
        if held.state == "idle":
            self.twins.open_capture(number, order)
        roll = self.rng.random()
        if held.state == "idle" or roll < 0.7:
            self.reclaim_area(number, held.wanted)
        elif roll < 0.95:
            self.twins.settle(number, self.rng.choice(GFPS), order)
        else:
            self.twins.close_capture(number)

    def reclaim_area(self, number: int, order: int) -> None:
        """A reclaimer frees the single pages of an area, most on the LRU, and somebody else some of them."""
        pages = single_pages(self.state, self.rng.randrange(self.frames), order)
        self.operations += 2 * len(pages)
        unevictable = self.rng.choice((0.0, 0.0, 0.1))
        for pfn in pages:
            self.twins.mark_lru(pfn, self.rng.random() >= unevictable)
        for pfn in pages:
            if self.rng.random() < 0.9:
                self.twins.reclaim_page(pfn, number, self.cpu())
            else:
                self.twins.free_pages(pfn, self.cpu())

    def administer(self) -> None:
        """What happens now and then: kswapd starts or ends, lists are drained, a reserve is given up."""
        self.operations += 1
        zone = self.rng.randrange(len(self.state.zones))
        action = self.rng.randrange(5 if self.state.new else 4)
        if action == 4:
            self.twins.decay_pcp_high(self.cpu())
        elif action == 0:
            self.twins.drain_all_pages()
        elif action == 1:
            mt = self.rng.randrange(MIGRATE_PCPTYPES)
            self.twins.unreserve_highatomic(zone, mt, self.rng.random() < 0.5)
        else:
            self.twins.set_reclaim_active(zone, action == 2)

    def used(self) -> int:
        """Any block in use."""
        pfn = self.rng.randrange(self.frames)
        while pfn not in self.state.used:
            pfn = (pfn - 1) % self.frames
        return pfn

    def cpu(self) -> int:
        return self.rng.randrange(self.cpus)
