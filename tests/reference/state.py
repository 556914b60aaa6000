"""What there is to know of a machine: zones and their lists, blocks in use, capture lists."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from recap.kernel import LINUX_6_1, MIGRATE_MOVABLE, MIGRATE_TYPES, NR_PCP_LISTS, Profile
from tests.reference.policies import NoCapture


@dataclass(frozen=True)
class ZoneShape:
    """A zone as it is made: its kernel index, its size, its marks."""

    index: int
    pages: int
    watermark: tuple[int, int, int, int]
    lowmem_reserve: tuple[int, int, int, int, int] = (0, 0, 0, 0, 0)


@dataclass(frozen=True)
class Shape:
    """A machine as it is made, all its memory free and movable."""

    zones: tuple[ZoneShape, ...]
    cpus: int = 1
    captures: int = 2
    pcp_batch: int = 7
    pcp_high: int = 28
    pcp_high_max: int = 56
    max_order: int = 11
    pageblock_order: int = 9
    profile: Profile = LINUX_6_1


@dataclass
class Pcp:
    """One CPU's lists of a zone, each head first."""

    batch: int
    high: int
    pageblock_order: int
    free_factor: int = 0
    high_min: int = 0
    high_max: int = 0
    alloc_factor: int = 0
    free_count: int = 0
    flags: int = 0
    lists: list[list[int]] = field(default_factory=lambda: [[] for _ in range(NR_PCP_LISTS)])

    def order(self, i: int) -> int:
        """Three types for each of orders 0 to 3, then two lists for huge pages."""
        return i // 3 if i < 12 else self.pageblock_order

    def count(self) -> int:
        return sum(len(pfns) << self.order(i) for i, pfns in enumerate(self.lists))


@dataclass
class Zone:
    """A zone: free blocks by (order, migratetype), head first, and what steers who may have them."""

    index: int
    start: int
    end: int
    watermark: tuple[int, int, int, int]
    lowmem_reserve: tuple[int, ...]
    pcps: list[Pcp]
    free: defaultdict[tuple[int, int], list[int]] = field(default_factory=lambda: defaultdict(list))
    watermark_boost: int = 0
    boosted: bool = False
    reclaim_active: bool = False
    below_high: bool = False
    nr_reserved_highatomic: int = 0

    @property
    def managed(self) -> int:
        return self.end - self.start

    def free_pages(self) -> int:
        return sum([len(pfns) << order for (order, _), pfns in self.free.items()])

    def nr_free(self, order: int) -> int:
        return sum(len(self.free[order, mt]) for mt in range(MIGRATE_TYPES))


@dataclass
class CaptureList:
    """What one reclaimer holds back: (first frame, order), newest first."""

    wanted: int = 0
    state: str = "idle"
    largest: int = 0
    entries: list[tuple[int, int]] = field(default_factory=list)

    def pages(self) -> int:
        return sum(1 << order for _, order in self.entries)


@dataclass
class State:
    """The whole machine."""

    zones: list[Zone]
    pageblock: list[int]
    captures: list[CaptureList]
    policy: NoCapture
    max_order: int
    pageblock_order: int
    old: bool = False  # 2.6.27's rules
    new: bool = False  # 6.18's rules
    used: dict[int, int] = field(default_factory=dict)  # first frame -> order
    in_use: set[int] = field(default_factory=set)  # every frame of those blocks
    pcp_type: dict[int, int] = field(default_factory=dict)  # per-cpu frame -> its way back
    lru: set[int] = field(default_factory=set)
    withheld_peak: int = 0
    events: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def block_pages(self) -> int:
        return 1 << self.pageblock_order

    def block_type(self, pfn: int) -> int:
        return self.pageblock[pfn >> self.pageblock_order]

    def zone_of(self, pfn: int) -> Zone:
        return next(zone for zone in self.zones if zone.start <= pfn < zone.end)

    def withheld(self) -> int:
        return sum(held.pages() for held in self.captures)

    def take_into_use(self, pfn: int, order: int) -> None:
        self.used[pfn] = order
        self.in_use.update(range(pfn, pfn + (1 << order)))

    def take_out_of_use(self, pfn: int) -> int:
        """The order the block had. A page that is given up is on no LRU list."""
        order = self.used.pop(pfn)
        self.in_use.difference_update(range(pfn, pfn + (1 << order)))
        self.lru.discard(pfn)
        return order


def boot(shape: Shape, policy: NoCapture) -> State:
    """A machine whose memory lies on the movable lists in blocks of the largest order, lowest frame first."""
    zones, start = [], 0
    largest = shape.max_order - 1
    for made in shape.zones:
        low, high = (shape.pcp_high, shape.pcp_high_max) if shape.profile.rules.tuned_pcp else (0, 0)
        pcps = [
            Pcp(shape.pcp_batch, shape.pcp_high, shape.pageblock_order, high_min=low, high_max=high)
            for _ in range(shape.cpus)
        ]
        zone = Zone(made.index, start, start + made.pages, made.watermark, made.lowmem_reserve, pcps)
        zone.free[largest, MIGRATE_MOVABLE] = list(range(zone.start, zone.end, 1 << largest))
        zones.append(zone)
        start = zone.end
    blocks = [MIGRATE_MOVABLE] * (start >> shape.pageblock_order)
    captures = [CaptureList() for _ in range(shape.captures)]
    old, new = not shape.profile.rules.tail_if_merge_near, shape.profile.rules.tuned_pcp
    return State(zones, blocks, captures, policy, shape.max_order, shape.pageblock_order, old, new)
