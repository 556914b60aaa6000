"""What `info` hands back: plain data with the meaning of every number, ready for JSON. Times are in seconds."""

from __future__ import annotations

from typing import Literal

import msgspec

from recap.lab.memory import ZoneMemory
from recap.lab.results import plain
from recap.printable import html_table


class Share(msgspec.Struct, frozen=True):
    """Part of all requests: what they have in common, how many, and the pages they got."""

    name: str
    requests: int
    pages: int


class OrderCount(msgspec.Struct, frozen=True):
    """Requests of one order."""

    order: int
    requests: int
    failed: int


class Rates(msgspec.Struct, frozen=True):
    """Per second, over time: one figure for each bin of `bin_seconds` from the first event on."""

    bin_seconds: float
    events: list[float]
    pages_allocated: list[float]
    pages_freed: list[float]
    stalls: list[float]
    pages_scanned: list[float]
    pages_reclaimed: list[float]
    compactions: list[float]


class Matching(msgspec.Struct, frozen=True):
    """Frees against allocations. An unmatched free is of a frame that was free: its allocation is untraced, or lost."""

    frees: int
    matched: int  # the allocation is in the trace
    held_at_start: int  # the state at the start has it
    told_by_use: int  # of a frame taken untold that then went to an LRU list: compaction's
    never_told: int  # of a frame nothing was known about
    given_back: int  # by compaction, which took it untold and did not use it
    kernel_stacks: int  # of frames allocated in bulk, untold, and freed all in a row; no more than tasks were forked
    unmatched: int
    matched_ratio: float  # all but the unmatched, of all frees
    start: str  # where the state at the start is from: snapshot, page flags, unknown


class Lifetime(msgspec.Struct, frozen=True):
    """How long blocks of one order lived, in nanoseconds; percentiles are right to an eighth of their value."""

    order: int
    count: int
    p50_ns: int
    p90_ns: int
    p99_ns: int


class Stall(msgspec.Struct, frozen=True):
    """How long something took, in nanoseconds."""

    name: str
    count: int
    total_ns: int
    p50_ns: int
    p90_ns: int
    p99_ns: int
    max_ns: int


class Reclaim(msgspec.Struct, frozen=True):
    """What reclaim did, in pages but for the two counts of episodes."""

    direct: int  # episodes
    direct_reclaimed: int  # what they said at their end, slab included
    kswapd_episodes: int
    scanned_direct: int
    stolen_direct: int
    scanned_kswapd: int
    stolen_kswapd: int
    written: int


class Compaction(msgspec.Struct, frozen=True):
    """What compaction did: runs by their result in the kernel's words, pages that moved and that did not."""

    runs: int
    results: dict[str, int]
    pages_migrated: int
    pages_failed: int


class Failure(msgspec.Struct, frozen=True):
    """Requests that got nothing."""

    order: int
    gfp_flags: str
    comm: str
    count: int


class Fallback(msgspec.Struct, frozen=True):
    """Requests for one migratetype served from another one's free list."""

    wanted: str
    taken_from: str
    count: int


class Fragmentation(msgspec.Struct, frozen=True):
    """Free memory over time: per-cpu lists count as free. A whole block is a pageblock of 512 frames, all free."""

    seconds: list[float]
    free_pages: list[int]
    in_whole_blocks: list[float]  # share of the free pages


class LostSpan(msgspec.Struct, frozen=True):
    """A CPU's events from here to there are lost; how many, where the kernel counted them."""

    cpu: int
    begin: float
    end: float
    count: int | None


Kind = Literal["oom", "failures", "stalls", "background", "cgroup", "calm", "empty"]  # the worst there was


class Finding(msgspec.Struct, frozen=True):
    """What matters in a recording, in one line, and which command to run next."""

    kind: Kind
    says: str
    next: str


class Info(msgspec.Struct, frozen=True):
    """The result of `info`.

    Example:
        >>> recap.info("recordings/calm-1cpu").clock
        'mono'
    """

    source: str
    clock: str
    cpus: int
    seconds: float
    events: int
    events_per_second: float
    counts: dict[str, int]
    marks: list[str]
    lost: list[LostSpan]
    rates: Rates
    allocations: int  # requests, failed ones included
    pages_allocated: int
    failed: int
    orders: list[OrderCount]
    gfp_flags: list[Share]
    migratetypes: list[Share]
    comms: list[Share]
    matching: Matching
    lifetimes: list[Lifetime]
    stalls: list[Stall]
    reclaim: Reclaim
    compaction: Compaction
    failures: list[Failure]
    fallbacks: list[Fallback]
    fragmentation: Fragmentation | None
    notes: list[str]
    zones: list[ZoneMemory] = []
    vmstat: dict[str, int] = {}  # what it counted meanwhile, or where there is but one file, since boot
    finding: Finding | None = None  # None where only a trace was examined
    schema: int = 1

    def _repr_html_(self) -> str:
        """The figures that are one number, for notebooks; `recap info` prints all."""
        names = (name for name in self.__struct_fields__ if isinstance(getattr(self, name), int | float))
        return html_table(self.source, ["", ""], [[name, plain(getattr(self, name))] for name in names])
