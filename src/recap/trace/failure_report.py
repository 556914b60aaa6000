"""What a report of the kernel log says about one request for memory, as data; the modules beside it read it."""

from __future__ import annotations

from dataclasses import dataclass, field

from recap.kernel import Version, version_of
from recap.trace.gfp_masks import KSWAPD_BIT

OLDEST_WITH_NAMES = (4, 6)  # the first to print flags by name (edf14cdbf9a0)
MOST_WITHOUT_NAMES = (3, 10)  # its rules are those of most kernels that print a mask alone


@dataclass
class ReportedZone:
    """A zone as the report shows it; `blocks` are (number, types) by order, empty where the log does not have them."""

    node: int
    name: str
    amounts: dict[str, int]  # pages: free, boost, min, low, high, reserved_highatomic, managed, free_pcp, ...
    lowmem_reserve: list[int] | None = None  # pages, by the highest zone a request may use; None: not in the log
    blocks: list[tuple[int, str]] = field(default_factory=list)
    cut: tuple[int, int] | None = None  # a free list that does not add up: kB it sums to, and kB it should


@dataclass
class Limit:
    """A counter of a memory cgroup, in kB."""

    usage: int
    limit: int
    failures: int  # how often the limit was met


@dataclass
class ReportedCgroup:
    """The memory cgroup whose limit was reached."""

    path: str = ""
    task_path: str = ""  # of the victim: the same, or one below it
    limits: dict[str, Limit] = field(default_factory=dict)  # memory, memory+swap, swap, kmem
    stats: dict[str, int] = field(default_factory=dict)  # kB by the names of memory.stat


@dataclass
class ListedTask:
    """A row of the OOM killer's table, in pages."""

    pid: int
    name: str
    rss: int
    swap: int = 0
    oom_score_adj: int | None = None


@dataclass
class Victim:
    """A task that was killed; kB, None where the kernel did not print it."""

    pid: int
    name: str
    anon: int | None = None
    file: int | None = None
    shmem: int | None = None


@dataclass
class SlabCache:
    """The cache that could not grow (slab_out_of_memory)."""

    name: str
    object_size: int = 0
    order: int | None = None  # that it was content with at last


@dataclass
class FailureReport:
    """One request that failed, and memory as it was then."""

    line: int  # of the file, from 1
    seconds: float | None  # since boot
    kind: str  # failure, oom, stall, vmalloc, slab, hung, kasan, warning
    task: str
    order: int = 0
    gfp: int = 0  # today's bits
    flags: str = ""  # by name
    mask: int | None = None  # as printed, where the kernel gave no names
    release: str = ""
    era: Version | None = None  # a version with the words of the first line, where they are of old ones only
    nodemask: list[int] | None = None  # of a memory policy; None: not told
    mems_allowed: list[int] | None = None  # of the task's cpuset; None: not told
    constraint: str = ""  # of an OOM: none, cpuset, memory_policy or memcg
    page_kib: int = 4
    bits: int | None = None  # 32 or 64, by the width of the addresses printed
    memory: dict[str, int] = field(default_factory=dict)  # pages by use: active_anon, slab_unreclaimable, free, ...
    zones: list[ReportedZone] = field(default_factory=list)
    huge_kib: int = 0  # in the pool of huge pages
    nodes_kib: dict[str, int] = field(default_factory=dict)  # by use, of all nodes that are printed
    cgroup: ReportedCgroup | None = None
    is_global: bool = False  # an OOM of the machine, as since 5.0 the kernel says (global_oom)
    victim_cgroup: str = ""  # where the victim lives, whatever ran out
    tasks: list[ListedTask] = field(default_factory=list)
    victims: list[Victim] = field(default_factory=list)
    slabs: dict[str, int] = field(default_factory=dict)  # kB by cache, of the table of unreclaimable ones
    cache: SlabCache | None = None
    callers: list[str] = field(default_factory=list)  # of the call trace, the innermost first: `zpl_putpage [zfs]`
    bytes: int | None = None  # that vmalloc was asked for
    reason: str = ""  # that the kernel gives
    waited_ms: int | None = None  # of a stall or a hung task
    manual: bool = False  # SysRq f
    panic: bool = False  # for lack of memory: nobody could be killed, or vm.panic_on_oom says so
    mixed: bool = False  # with the lines of another report, which another CPU printed meanwhile

    @property
    def version(self) -> Version | None:
        """The mainline version."""
        return version_of(self.release)

    @property
    def likely(self) -> Version | None:
        """The version; where the log does not say, one that prints as this one did. None: any since 4.6."""
        by_mask = None if self.mask is None else (4, 4) if self.mask & KSWAPD_BIT else MOST_WITHOUT_NAMES
        return self.version or self.era or by_mask

    def is_before(self, *version: int) -> bool | None:
        """Is the kernel older than a version? None: the log does not tell."""
        if self.likely is not None:
            return self.likely < version
        return False if self.flags and version <= OLDEST_WITH_NAMES else None
