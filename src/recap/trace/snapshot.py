"""The memory of a kernel that stood still: all lists in order, all pages' flags, all pageblocks' types."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from recap.errors import InputError
from recap.trace.lru_gen import (
    MAX_NR_GENS,
    TYPES,
    Generations,
    LruGenState,
    classic_lists,
    generations,
    lists_are_missing,
)
from recap.trace.npz import Header, Npz

FREE, PCP, LRU, LRU_GEN = 0, 1, 2, 3
KINDS = 4
MAX_ORDER = 10
PAGEBLOCK_PAGES = 512
PAGEBLOCK_ORDER = 9
PCP_TYPES = 3
COSTLY_ORDER = 3
MIGRATE_TYPES = 5  # these three as the model has them
NR_PCP_LISTS = 14
NR_LRU_LISTS = 4
MOST_ZONES = 5
MOST_CPUS = 8192  # the largest NR_CPUS
TAKE_AGAIN = "take the snapshot again"
FLAG_BITS = 63
FOLIO_ORDER_BITS = 8
MAX_MIGRATETYPES = 16
NR_LRU_LISTS = 4
TIERS = 8  # of both types
MAX_FREE_FACTOR = 16
FRAMES_BEYOND = 1 << 19  # that may be told of behind the last zone, as memory comes in sections (2 GiB at most)
LARGEST_META = 64 << 20
MAX_NUMBER = (1 << 63) - 1

# Array, its type, and its shape: None is any length, "frames" the number of page frames.
ARRAYS: dict[str, tuple[str, tuple[int | str | None, ...]]] = {
    "lists": ("int64", (None, 5)),
    "flags": ("uint64", ("frames",)),
    "mapping": ("uint64", ("frames",)),
    "index": ("uint64", ("frames",)),
    "private": ("uint64", ("frames",)),
    "mapcount_refcount": ("int32", ("frames", 2)),
    "pageblock": ("uint8", (None,)),
}


@dataclass(frozen=True, slots=True)
class ZoneState:
    """One zone's limits and counters (by their kernel names)."""

    index: int
    name: str
    start_pfn: int
    spanned: int
    present: int
    managed: int
    watermark: tuple[int, ...]
    watermark_boost: int
    lowmem_reserve: tuple[int, ...]
    nr_reserved_highatomic: int
    vm_stat: tuple[int, ...]
    nr_free_highatomic: int = 0  # since 6.13
    below_high: int = 0  # ZONE_BELOW_HIGH, since 6.7


@dataclass(frozen=True, slots=True)
class PcpState:
    """One CPU's page cache of one zone; how full it may be is tuned by other numbers since 6.7."""

    zone: int
    cpu: int
    count: int
    high: int
    batch: int
    free_factor: int = 0
    high_min: int = 0
    high_max: int = 0
    alloc_factor: int = 0
    free_count: int = 0
    flags: int = 0


@dataclass
class Taken:
    """How a snapshot was taken.

    Args:
        start: of a machine that stood still, or that ran.
        readings: how often the lists were read.
        differ: in how many places the last two readings differ; 0 if they agree.
        ms: from the beginning of the first of these two to the end of the second.
        torn: the lists that could not be followed from end to end, with the entries that were found.
        cgroups: how many sets of LRU lists there were, of which one was made.
        generations: whether the LRU had more generations than two, of which active and inactive lists were made.
        whole: whether all struct pages were part of each reading; else older ones were read once, before.
        node: the only one that is in it, and how many there are.
    """

    start: Literal["dump", "live"] = "dump"
    readings: int = 1
    differ: int = 0
    ms: float = 0.0
    torn: dict[str, int] = field(default_factory=dict)
    cgroups: int = 1
    generations: bool = False
    whole: bool = True
    node: int = 0
    nodes: int = 1


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A memory state. Arrays other than `lists` are indexed by page frame, and read-only."""

    path: Path
    lists: npt.NDArray[np.int64]
    flags: npt.NDArray[np.uint64]
    mapping: npt.NDArray[np.uint64]
    index: npt.NDArray[np.uint64]
    private: npt.NDArray[np.uint64]
    mapcount_refcount: npt.NDArray[np.int32]
    pageblock: npt.NDArray[np.uint8]
    kernel: str
    zones: tuple[ZoneState, ...]
    pcps: tuple[PcpState, ...]
    node_vm_stat: tuple[int, ...]
    enums: dict[str, dict[str, int]]
    taken: Taken = field(default_factory=Taken)
    lru_gen: LruGenState | None = None  # None: not kept

    @property
    def start(self) -> Literal["dump", "live"]:
        """Whether it is of a machine that stood still, or of one that ran on."""
        return self.taken.start

    @property
    def mapcount(self) -> npt.NDArray[np.int32]:
        """struct page's _mapcount, or the type of a page that cannot be mapped."""
        return self.mapcount_refcount[:, 0]

    @cached_property
    def groups(self) -> dict[tuple[int, int, int, int], npt.NDArray[np.int64]]:
        """The page frames of every list that is not empty, head first, by the four numbers that name it."""
        keys, which = np.unique(self.lists[:, :4], axis=0, return_inverse=True)
        order = np.argsort(which.ravel(), kind="stable")
        cuts = np.cumsum(np.bincount(which.ravel(), minlength=len(keys)))[:-1]
        groups = np.split(self.lists[order, 4], cuts)
        return {(k[0], k[1], k[2], k[3]): pfns for k, pfns in zip(keys.tolist(), groups, strict=True)}

    def listed(self, kind: int, a: int, b: int, c: int) -> npt.NDArray[np.int64]:
        """One list, head first."""
        return self.groups.get((kind, a, b, c), np.empty(0, np.int64))

    def free_list(self, zone: int, order: int, migratetype: int) -> npt.NDArray[np.int64]:
        """The first frames of a free area's blocks, head first."""
        return self.listed(FREE, zone, order, migratetype)

    def pcp_list(self, zone: int, index: int, cpu: int) -> npt.NDArray[np.int64]:
        """One of the lists of a CPU's page cache, head first."""
        return self.listed(PCP, zone, index, cpu)

    def lru_list(self, lru: int) -> npt.NDArray[np.int64]:
        """An LRU list, head first; of generations, those that count as such a list, youngest first."""
        if self.generations is None or self.taken.generations:
            return self.listed(LRU, 0, lru, 0)
        return classic_lists(self.generations)[lru]

    def on_lru(self) -> npt.NDArray[np.int64]:
        """All frames on LRU lists."""
        return np.concatenate([self.lru_list(lru) for lru in range(NR_LRU_LISTS)])

    @cached_property
    def generations(self) -> Generations | None:
        """The multi-generational LRU, where the kernel had it and something tells of it."""
        kept = {(key[1], key[2], key[3]): pfns for key, pfns in self.groups.items() if key[0] == LRU_GEN}
        return generations(self, kept) if self.multi_gen else None

    @cached_property
    def multi_gen(self) -> bool:
        """Did the kernel have the multi-generational LRU?"""
        if self.lru_gen is not None:
            return self.lru_gen.enabled != 0
        return self.taken.generations or lists_are_missing(self)

    def shmem(self) -> npt.NDArray[np.bool_]:
        """Which frames hold pages of files that are backed by swap."""
        anonymous = self.mapping & np.uint64(1) != 0  # PAGE_MAPPING_ANON
        found: npt.NDArray[np.bool_] = self.has("PG_swapbacked") & (self.mapping != 0) & ~anonymous
        return found

    def block_device_pages(self) -> npt.NDArray[np.int64]:
        """Frames with a filesystem's metadata: of the file pages with buffers, those of the mapping that reaches
        furthest, a device's; a page's index is its block there."""
        pfns = np.concatenate((self.lru_list(2), self.lru_list(3)))
        pfns = pfns[self.has("PG_private")[pfns]]
        if not len(pfns):
            return pfns
        device = self.mapping[pfns[self.index[pfns].argmax()]]
        mine: npt.NDArray[np.int64] = pfns[self.mapping[pfns] == device]
        return mine

    def has(self, flag: str) -> npt.NDArray[np.bool_]:
        """Which frames have a page flag, such as PG_dirty."""
        bit = np.uint64(self.number("pageflags", flag))
        return (self.flags >> bit & np.uint64(1)).astype(np.bool_)

    def free_blocks(self, kind: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """First frame and order of every block on the lists of a kind, FREE or PCP."""
        rows = self.lists[self.lists[:, 0] == kind]
        if kind == PCP:
            small = rows[:, 2] // PCP_TYPES
            return rows[:, 4], np.where(small > COSTLY_ORDER, PAGEBLOCK_ORDER, small)
        return rows[:, 4], rows[:, 2]

    def compound_blocks(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """First frame and order of every block in use that its owner may only free whole: slab, large folios.

        The second frame of such a block says how many there are (compound_nr), in the upper half of the word that is
        `mapping` in others; since 6.6 its flags have the order.
        """
        heads = np.flatnonzero(self.has("PG_head")[:-1])
        if self.has_folio_orders:
            order = self.folio_orders(heads).astype(np.int64)
            pages = np.int64(1) << np.minimum(order, MAX_ORDER + 1)
        else:
            pages = (self.mapping[heads + 1] >> np.uint64(32)).astype(np.int64)
            order = np.log2(np.maximum(pages, 1)).astype(np.int64)
        sound = (pages > 1) & (pages == 1 << order) & (order <= MAX_ORDER) & (heads % np.maximum(pages, 1) == 0)
        return heads[sound], order[sound]

    def in_use(self) -> npt.NDArray[np.bool_]:
        """Frames of a zone that somebody has: neither free, nor on a per-cpu list, nor reserved at boot."""
        used = np.zeros(len(self.flags), np.bool_)
        for zone in self.zones:
            used[zone.start_pfn : zone.start_pfn + zone.spanned] = True
        for kind in (FREE, PCP):
            used[frames(*self.free_blocks(kind))] = False
        return used & ~self.has("PG_reserved")

    @property
    def has_folio_orders(self) -> bool:
        """Whether the second page's flags have a folio's order."""
        return self.enums["pageflags"].get("PG_has_hwpoisoned", 0) >= FOLIO_ORDER_BITS

    def folio_orders(self, pfns: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """The orders of blocks in use, where the kernel has them in the second page's flags (ebc1baf5c9b4, 6.6), which
        are its others' only from bit 8 on; 0 elsewhere."""
        if not self.has_folio_orders:
            return np.zeros(len(pfns), np.uint8)
        second = np.minimum(pfns + 1, len(self.flags) - 1)
        orders = (self.flags[second] & np.uint64((1 << FOLIO_ORDER_BITS) - 1)).astype(np.uint8)
        return np.where(self.has("PG_head")[pfns], orders, 0).astype(np.uint8)

    def on_pcp(self) -> npt.NDArray[np.bool_]:
        """Frames on a per-cpu list."""
        there = np.zeros(len(self.flags), np.bool_)
        there[frames(*self.free_blocks(PCP))] = True
        return there

    def zone_stat(self, zone: ZoneState, item: str) -> int:
        """A zone's counter, such as NR_FREE_PAGES."""
        return zone.vm_stat[self.number("zone_stat_item", item)]

    def node_stat(self, item: str) -> int:
        """The node's counter, such as NR_FILE_DIRTY."""
        return self.node_vm_stat[self.number("node_stat_item", item)]

    def number(self, enum: str, name: str) -> int:
        """What the recorded kernel calls so.

        Errors:
            InputError: it is not among what was saved.
        """
        found = self.enums[enum].get(name)
        if found is None:
            raise InputError(self.path, f"field {enum}", f"lacks {name}", TAKE_AGAIN)
        return found


def frames(pfn: npt.NDArray[np.int64], order: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """All frames of blocks given by first frame and order."""
    size = np.int64(1) << order
    before = np.cumsum(size) - size
    return np.repeat(pfn - before, size) + np.arange(int(size.sum()))


def read_snapshot(path: Path) -> Snapshot:
    """Load and check a snapshot."""
    meta, arrays = load(path)
    for array in arrays.values():
        array.flags.writeable = False
    snapshot = Snapshot(
        path=path,
        **arrays,
        kernel=meta.text("kernel"),
        zones=meta.zones(),
        pcps=meta.pcps(),
        node_vm_stat=meta.numbers("node_vm_stat"),
        enums=meta.enums(),
        taken=meta.taken(),
        lru_gen=meta.lru_gen(),
    )
    check_lists(snapshot)
    check_blocks(snapshot)
    return snapshot


def load(path: Path) -> tuple["Meta", dict[str, npt.NDArray[Any]]]:
    """Everything in the file, the large arrays once the rest says that they may be so large."""
    if not path.is_file():
        raise InputError(path, "", "there is no such file", TAKE_AGAIN)
    try:
        with path.open("rb") as file, Npz(file) as archive:
            check_headers(path, archive.headers)
            meta = Meta(path, archive.read(("meta",))["meta"])
            check_zones(path, meta.zones(), *archive.headers["flags"].shape)
            return meta, archive.read(tuple(ARRAYS))
    except ValueError as error:
        raise InputError(path, "", f"is not a snapshot, or is damaged: {error}", TAKE_AGAIN) from None


def check_headers(path: Path, headers: Mapping[str, Header]) -> None:
    """All arrays are there, of the types they must have, and of shapes that belong together."""
    for name in ("meta", *ARRAYS):
        if name not in headers:
            raise InputError(path, f"array {name}", "is missing", TAKE_AGAIN)
    for name, (wanted, _) in ARRAYS.items():
        if headers[name].dtype != wanted:
            raise InputError(path, f"array {name}", f"is of {headers[name].dtype}, not of {wanted}", TAKE_AGAIN)
    if headers["meta"].nbytes > LARGEST_META:
        raise InputError(path, "array meta", f"has more than {LARGEST_META >> 20} MiB", TAKE_AGAIN)
    check_shapes(path, {name: headers[name].shape for name in ARRAYS})


def check_shapes(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Hold the arrays' shapes against each other."""
    frames = shapes["flags"][0] if shapes["flags"] else 0
    for name, (_, wanted) in ARRAYS.items():
        shape = shapes[name]
        sizes = [frames if size == "frames" else size for size in wanted]
        if len(shape) != len(sizes) or any(w is not None and w != s for w, s in zip(sizes, shape, strict=True)):
            raise InputError(path, f"array {name}", f"has the shape {shape}", TAKE_AGAIN)
    blocks = shapes["pageblock"][0]
    if not frames <= blocks * PAGEBLOCK_PAGES <= frames + FRAMES_BEYOND:
        problem = "too short" if blocks * PAGEBLOCK_PAGES < frames else "too long"
        raise InputError(path, "array pageblock", f"is {problem} for {frames} page frames", TAKE_AGAIN)
    if shapes["lists"][0] > frames:
        raise InputError(path, "array lists", f"has more rows than the {frames} page frames", TAKE_AGAIN)


def check_lists(snapshot: Snapshot) -> None:
    """Every list entry is on a list that exists, of a frame that exists, and no frame is on two."""
    frames, zones = len(snapshot.flags), {zone.index for zone in snapshot.zones}
    kind, zone, order, last, pfn = snapshot.lists.T
    cpus = [pcp.cpu for pcp in snapshot.pcps]
    faults = {
        "names an unknown kind of list": (kind < 0) | (kind >= KINDS),
        "names an unknown zone": (kind < LRU) & ~np.isin(zone, list(zones)),
        "names an unknown generation": (kind == LRU_GEN) & ((zone < 0) | (zone >= MAX_NR_GENS) | (order & ~1 != 0)),
        "names a generation of an unknown zone": (kind == LRU_GEN) & ~np.isin(last, list(zones)),
        "names an order out of range": (kind == FREE) & ((order < 0) | (order > MAX_ORDER)),
        "names an unknown migratetype": (kind == FREE) & ((last < 0) | (last >= MIGRATE_TYPES)),
        "names an unknown per-cpu list": (kind == PCP) & ((order < 0) | (order >= NR_PCP_LISTS) | ~np.isin(last, cpus)),
        "names an unknown LRU list": (kind == LRU) & ((order < 0) | (order >= NR_LRU_LISTS)),
        "names a page frame beyond memory": (pfn < 0) | (pfn >= frames),
        "names a page frame that is on another list": ~np.isin(
            np.arange(len(pfn)), np.unique(pfn, return_index=True)[1]
        ),
    }
    for problem, rows in faults.items():
        if rows.any():
            raise InputError(snapshot.path, f"array lists, row {rows.argmax()}", problem, TAKE_AGAIN)
    if (snapshot.pageblock >= MIGRATE_TYPES).any():
        raise InputError(snapshot.path, "array pageblock", "names an unknown migratetype", TAKE_AGAIN)
    for pcp in snapshot.pcps:
        sane = 1 <= pcp.batch <= frames and 0 <= pcp.count <= frames and 0 <= pcp.high < 1 << 30
        known = 0 <= pcp.cpu < MOST_CPUS and pcp.zone in zones
        if not sane or not known or not 0 <= pcp.free_factor <= MAX_FREE_FACTOR:
            raise InputError(snapshot.path, f"pcp of zone {pcp.zone}, cpu {pcp.cpu}", "is impossible", TAKE_AGAIN)


def check_blocks(snapshot: Snapshot) -> None:
    """Free blocks lie in their zones as the allocator has them, and share no frame with others or with an LRU list."""
    lists, frames_there = snapshot.lists, len(snapshot.flags)
    rows = lists[lists[:, 0] == FREE]
    size, pfn = np.int64(1) << rows[:, 2], rows[:, 4]
    misplaced = pfn % size != 0
    for zone in snapshot.zones:
        outside = (pfn < zone.start_pfn) | (pfn + size > zone.start_pfn + zone.spanned)
        misplaced |= (rows[:, 1] == zone.index) & outside
    held, orders = snapshot.free_blocks(PCP)
    if misplaced.any() or (held + (np.int64(1) << orders) > frames_there).any():
        raise InputError(snapshot.path, "array lists", "has a free block where none can be", TAKE_AGAIN)
    blocks = np.bincount(frames(np.append(pfn, held), np.append(rows[:, 2], orders)), minlength=frames_there)
    if (blocks > 1).any() or blocks[lists[lists[:, 0] >= LRU][:, 4]].any():
        problem = "has a free block with another in it, or with a page of an LRU list"
        raise InputError(snapshot.path, "array lists", problem, TAKE_AGAIN)


def check_zones(path: Path, zones: tuple[ZoneState, ...], frames: int) -> None:
    """The zones are where the page frames are, and there are no more frames than zones."""
    for zone in zones:
        if not 0 <= zone.index < MOST_ZONES:
            raise InputError(path, f"zone {zone.name}", f"has the number {zone.index}", TAKE_AGAIN)
        if zone.start_pfn < 0 or zone.spanned < 0 or zone.start_pfn + zone.spanned > frames:
            raise InputError(path, f"zone {zone.name}", f"goes beyond {frames} page frames", TAKE_AGAIN)
    end = max((zone.start_pfn + zone.spanned for zone in zones), default=0)
    if frames > end + FRAMES_BEYOND:
        raise InputError(path, "zones", f"end at frame {end}, and there are {frames}", TAKE_AGAIN)


class Meta:
    """The snapshot's JSON part, and what must be in it."""

    def __init__(self, path: Path, text: npt.NDArray[Any]) -> None:
        self.path = path
        try:
            self.values = json.loads(str(text))
        except (ValueError, RecursionError) as error:
            raise self.error("meta", f"is not JSON: {error}") from None
        if not isinstance(self.values, dict):
            raise self.error("meta", "is not a JSON object")

    def error(self, key: str, problem: str) -> InputError:
        """What is wrong with one entry."""
        return InputError(self.path, f"field {key}", problem, TAKE_AGAIN)

    def take(self, values: dict[str, Any], key: str, kind: type[Any]) -> Any:
        """An entry of the type it must have."""
        if not isinstance(values.get(key), kind):
            raise self.error(key, f"is missing or not of type {kind.__name__}")
        return values[key]

    def text(self, key: str) -> str:
        """A text."""
        return str(self.take(self.values, key, str))

    def numbers(self, key: str, values: dict[str, Any] | None = None) -> tuple[int, ...]:
        """A list of whole numbers."""
        found = self.take(self.values if values is None else values, key, list)
        if not all(is_whole(number) for number in found):
            raise self.error(key, "holds something other than whole numbers")
        return tuple(found)

    def taken(self) -> Taken:
        """How it was taken; older files do not tell."""
        try:
            return msgspec.convert(self.values.get("taken", {"start": self.values.get("start", "dump")}), Taken)
        except msgspec.ValidationError as error:
            raise self.error("taken", str(error)) from None

    def zones(self) -> tuple[ZoneState, ...]:
        """The zones."""
        return tuple(
            ZoneState(**self.record("zones", zone, ZoneState)) for zone in self.take(self.values, "zones", list)
        )

    def pcps(self) -> tuple[PcpState, ...]:
        """The CPUs' page caches."""
        return tuple(PcpState(**self.record("pcp", pcp, PcpState)) for pcp in self.take(self.values, "pcp", list))

    def lru_gen(self) -> LruGenState | None:
        """The multi-generational LRU's numbers, if they were kept."""
        if "lru_gen" not in self.values:
            return None
        found = LruGenState(**self.record("lru_gen", self.values["lru_gen"], LruGenState))
        sizes = {len(getattr(found, one.name)) for one in fields(found) if one.default is not MISSING}
        oldest = [found.max_seq - seq for seq in found.min_seq]
        if len(oldest) != len(TYPES) or not all(1 <= age < MAX_NR_GENS for age in oldest) or not sizes <= {0, TIERS}:
            raise self.error("lru_gen", "holds numbers that cannot be so")
        return found

    def record(self, key: str, values: Any, kind: type[Any]) -> dict[str, Any]:
        """The values for a dataclass of numbers, lists of numbers and texts."""
        if not isinstance(values, dict):
            raise self.error(key, "holds something other than objects")
        found = {}
        for one in fields(kind):
            if one.name not in values and one.default is not MISSING:
                continue
            if one.type is str:
                found[one.name] = self.take(values, one.name, str)
            elif one.type is int:
                (found[one.name],) = self.numbers(one.name, {one.name: [values.get(one.name)]})
            else:
                found[one.name] = self.numbers(one.name, values)
        return found

    def enums(self) -> dict[str, dict[str, int]]:
        """The kernel's own enumerations."""
        zones = self.zones()
        limits = {
            "migratetype": MAX_MIGRATETYPES,
            "pageflags": FLAG_BITS,
            "zone_stat_item": min((len(zone.vm_stat) for zone in zones), default=0),
            "node_stat_item": len(self.numbers("node_vm_stat")),
        }
        return {name: self.enum(name, limit) for name, limit in limits.items()}

    def enum(self, name: str, limit: int) -> dict[str, int]:
        """One of them: numbers by name, up to the one that counts them."""
        found = self.take(self.values, name, dict)
        if not all(is_whole(number) and 0 <= number <= limit for number in found.values()):
            raise self.error(name, f"holds something other than numbers from 0 to {limit}")
        return dict(found)


def is_whole(value: Any) -> bool:
    """Whether JSON gave a whole number that fits an array."""
    return type(value) is int and -MAX_NUMBER <= value <= MAX_NUMBER
