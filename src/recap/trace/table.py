"""The neutral form of a trace: one table of equal columns in time order, whatever file it came from."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from recap.printable import html_table
from recap.trace.event import CaptureStep, Event
from recap.trace.memory import forget

PIECE = 1 << 18  # rows of a trace that is read piece by piece
CAPTURE_STEPS = tuple(step.name.lower() for step in CaptureStep)  # as the tracepoint prints them

# Names of tracepoints in other kernels, and of the marker in its format file.
ALIASES = {
    "print": Event.TRACE_MARKER,
    "mm_vmscan_writepage": Event.MM_VMSCAN_WRITE_FOLIO,
    "writeback_dirty_page": Event.WRITEBACK_DIRTY_FOLIO,
}
TRACEPOINTS = MappingProxyType({event.name.lower(): event for event in Event} | ALIASES)

PAGE = {"pfn": "pfn"}
ORDERED = {**PAGE, "order": "order"}
ISOLATED = {"pfn": "start_pfn", "flags": "nr_scanned", "a": "end_pfn", "b": "nr_taken"}
TYPED = {**ORDERED, "migratetype": "migratetype"}
CACHED = {**PAGE, "flags": "s_dev", "a": "i_ino", "b": "index"}
REQUEST = {"flags": "dev", "order": "rwbs", "a": "sector", "b": "nr_sector"}

# Which column each field of an event goes to. Not listed: pid and context (the event's common_pid and common_flags),
# and what stays empty.
SCHEMA: MappingProxyType[Event, dict[str, str]] = MappingProxyType(
    {
        Event.MM_PAGE_ALLOC: {**TYPED, "flags": "gfp_flags"},
        Event.MM_PAGE_FREE: ORDERED,
        Event.MM_PAGE_FREE_BATCHED: PAGE,
        Event.MM_PAGE_PCPU_DRAIN: TYPED,
        Event.MM_PAGE_ALLOC_ZONE_LOCKED: {**TYPED, "a": "percpu_refill"},
        Event.MM_PAGE_ALLOC_EXTFRAG: {
            **PAGE,
            "order": "alloc_order",
            "migratetype": "alloc_migratetype",
            "a": "fallback_order",
            "b": "fallback_migratetype",
        },
        Event.MM_LRU_INSERTION: {**PAGE, "a": "lru"},
        Event.MM_LRU_ACTIVATE: PAGE,
        Event.MM_FILEMAP_ADD_TO_PAGE_CACHE: CACHED,
        Event.MM_FILEMAP_DELETE_FROM_PAGE_CACHE: CACHED,
        Event.WRITEBACK_DIRTY_FOLIO: {"a": "ino", "b": "index"},
        Event.BLOCK_RQ_ISSUE: REQUEST,
        Event.BLOCK_RQ_COMPLETE: REQUEST,
        Event.SCHED_SWITCH: {"pid": "prev_pid", "a": "prev_state", "b": "next_pid"},
        Event.SCHED_PROCESS_FORK: {"pid": "parent_pid", "a": "child_pid"},
        Event.SCHED_PROCESS_EXIT: {"pid": "pid"},
        Event.SCHED_PROCESS_EXEC: {"pid": "pid"},
        Event.MM_VMSCAN_DIRECT_RECLAIM_BEGIN: {"order": "order", "flags": "gfp_flags"},
        Event.MM_VMSCAN_DIRECT_RECLAIM_END: {"a": "nr_reclaimed"},
        Event.MM_VMSCAN_KSWAPD_WAKE: {"order": "order", "a": "zid"},
        Event.MM_VMSCAN_KSWAPD_SLEEP: {},
        Event.MM_VMSCAN_WAKEUP_KSWAPD: {"order": "order", "flags": "gfp_flags"},
        Event.MM_VMSCAN_LRU_SHRINK_INACTIVE: {
            "a": "nr_scanned",
            "b": "nr_reclaimed",
            "order": "reclaim_flags",
            "flags": "nr_activate0",
            "migratetype": "nr_activate1",
        },
        Event.MM_VMSCAN_LRU_SHRINK_ACTIVE: {"a": "nr_taken", "b": "nr_deactivated", "order": "reclaim_flags"},
        Event.MM_VMSCAN_WRITE_FOLIO: PAGE,
        Event.MM_COMPACTION_BEGIN: {"pfn": "migrate_pfn", "a": "free_pfn", "b": "sync"},
        Event.MM_COMPACTION_END: {"a": "status", "b": "sync"},
        Event.MM_COMPACTION_KCOMPACTD_WAKE: {"order": "order"},
        Event.MM_COMPACTION_KCOMPACTD_SLEEP: {},
        Event.MM_MIGRATE_PAGES: {"a": "succeeded", "b": "failed"},
        Event.TRACE_MARKER: {"a": "buf"},
        Event.MM_COMPACTION_ISOLATE_MIGRATEPAGES: ISOLATED,
        Event.MM_COMPACTION_ISOLATE_FREEPAGES: ISOLATED,
        Event.MM_COMPACTION_WAKEUP_KCOMPACTD: {"order": "order"},
        Event.MM_MIGRATE_PAGES_START: {},
        Event.MM_VMSCAN_MEMCG_RECLAIM_BEGIN: {"order": "order", "flags": "gfp_flags"},
        Event.MM_VMSCAN_MEMCG_RECLAIM_END: {"a": "nr_reclaimed"},
        Event.WORKQUEUE_EXECUTE_START: {"a": "function"},
        Event.PAGE_CAPTURE: {**ORDERED, "a": "step", "flags": "wanted"},
    }
)

OPTIONAL = ("reclaim_flags", "nr_activate0", "nr_activate1", "migrate_pfn", "free_pfn", "sync")  # not of all kernels

# The fields whose values (or bits) the kernel's own formats give names to.
SYMBOLIC = MappingProxyType({Event.MM_PAGE_ALLOC: "gfp_flags", Event.MM_COMPACTION_END: "status"})

COLUMNS: MappingProxyType[str, type[np.generic]] = MappingProxyType(
    {
        "time": np.int64,
        "event": np.uint8,
        "cpu": np.uint16,
        "context": np.uint8,
        "pid": np.int32,
        "pfn": np.uint32,
        "order": np.uint8,
        "migratetype": np.int8,
        "flags": np.uint32,
        "a": np.int64,
        "b": np.int64,
    }
)


@dataclass(frozen=True, slots=True)
class Lost:
    """Events that the kernel dropped: on which CPU, before when, and how many if it counted them."""

    cpu: int
    time: int
    count: int | None


@dataclass(slots=True)
class Unread:
    """Lines of a text that begin like an event and cannot be read."""

    count: int = 0
    line: int = 0  # of the first of them, from 1
    problem: str = ""  # with it
    gfp_names: dict[str, int] = field(default_factory=dict)  # flags that recap does not know, and how often

    def notes(self) -> Iterator[str]:
        """The same in words."""
        if self.count == 1:
            yield f"line {self.line} is cut or damaged, and left out: {self.problem}"
        elif self.count:
            first = f"the first is line {self.line}: {self.problem}"
            yield f"{self.count:,} lines are cut or damaged, and left out; {first}"
        if self.gfp_names:
            names = ", ".join(f"{name} ({count:,})" for name, count in sorted(self.gfp_names.items()))
            yield f"gfp flags that recap does not know were left out: {names}"


@dataclass(frozen=True, eq=False, repr=False)
class Events:
    """A trace. The columns are read-only, of equal length, in time order (ties: by CPU, then as recorded)."""

    time: npt.NDArray[np.int64]
    event: npt.NDArray[np.uint8]
    cpu: npt.NDArray[np.uint16]
    context: npt.NDArray[np.uint8]
    pid: npt.NDArray[np.int32]
    pfn: npt.NDArray[np.uint32]
    order: npt.NDArray[np.uint8]
    migratetype: npt.NDArray[np.int8]
    flags: npt.NDArray[np.uint32]
    a: npt.NDArray[np.int64]
    b: npt.NDArray[np.int64]
    comms: dict[int, str]
    marks: list[str]
    lost: list[Lost]
    other: dict[str, int]
    clock: str
    cpus: int
    buffers: tuple[str, ...]
    symbols: dict[str, dict[int, str]] = field(default_factory=dict)  # what the kernel calls a field's values or bits
    unread: Unread = field(default_factory=Unread)

    def __len__(self) -> int:
        return len(self.time)

    def slice(self, start: int, stop: int) -> Self:
        """The rows from `start` up to `stop`, sharing memory; facts about the whole trace stay."""
        columns: dict[str, Any] = {name: getattr(self, name)[start:stop] for name in COLUMNS}
        return replace(self, **columns)

    def with_columns(self, columns: dict[str, Any]) -> Self:
        """The same trace with other rows; facts about the whole trace stay."""
        for column in columns.values():
            column.flags.writeable = False
        return replace(self, **columns)

    def pieces(self) -> Iterator[Self]:
        """Tables of `PIECE` rows that follow each other; of a long one, no more than a piece is kept in memory."""
        for start in range(0, len(self), PIECE):
            yield self.slice(start, min(start + PIECE, len(self)))
            self.forget()

    def forget(self) -> None:
        """Let go of the memory of a long table: what is needed is read again."""
        forget(*(getattr(self, name) for name in COLUMNS))

    def flow(self) -> "Flow":
        """The same piece by piece."""
        told = {name: getattr(self, name) for name in ("comms", "clock", "cpus", "buffers", "symbols", "unread")}
        return Flow(**told, pieces=self.pieces(), marks=self.marks, lost=self.lost, other=self.other)

    def counts(self) -> dict[Event, int]:
        """How often each event occurs."""
        found = np.bincount(self.event, minlength=len(Event))
        return {event: int(found[event]) for event in Event if found[event]}

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The table for polars, pandas, DuckDB and others; needs pyarrow."""
        from recap.trace.arrow import stream_of_events  # noqa: PLC0415 (it needs an extra)

        return stream_of_events(self, requested_schema)

    def __repr__(self) -> str:
        if not len(self):
            return "<Events: none>"
        seconds = float(self.time[-1] - self.time[0]) / 1e9
        cpus = f"{self.cpus} CPU{'s' if self.cpus > 1 else ''}"
        return f"<Events: {len(self):,} of {len(self.counts())} kinds in {seconds:.3f} s on {cpus}, {self.clock} clock>"

    def _repr_html_(self) -> str:
        """How often each event occurs, for notebooks."""
        most_first = sorted(self.counts().items(), key=lambda found: -found[1])
        return html_table(repr(self), ["event", "count"], [[one.name.lower(), f"{n:,}"] for one, n in most_first])


def joined(pieces: list[Events]) -> Events:
    """Pieces that follow each other as one table."""
    if len(pieces) == 1:
        return pieces[0]
    columns: dict[str, Any] = {name: np.concatenate([getattr(piece, name) for piece in pieces]) for name in COLUMNS}
    for column in columns.values():
        column.flags.writeable = False
    return replace(pieces[-1], **columns)


TOLD = ("comms", "marks", "lost", "other", "clock", "cpus", "buffers", "symbols", "unread")


@dataclass(eq=False)
class Flow:
    """A trace piece by piece: tables that follow each other in time, each of `PIECE` rows but the last.
    Some are empty while the next takes long, so that progress can be shown.

    The pieces can be read once. Facts about the whole are as in `Events`; marks, lost (in no order), other,
    unread and span are complete once the pieces are.
    """

    comms: dict[int, str]
    clock: str
    cpus: int
    buffers: tuple[str, ...]
    symbols: dict[str, dict[int, str]]
    pieces: Iterator[Events] = field(default_factory=lambda: iter(()))
    marks: list[str] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    other: dict[str, int] = field(default_factory=dict)
    unread: Unread = field(default_factory=Unread)
    span: tuple[int, int] | None = None  # of all events, those of `other` too; None: that of the pieces is all we know
    share: float = 0.0  # of the trace, that was read

    def table(self, columns: dict[str, Any]) -> Events:
        """Columns as a piece, with what is known of the whole so far."""
        for column in columns.values():
            column.flags.writeable = False
        told: dict[str, Any] = {name: getattr(self, name) for name in TOLD}
        return Events(**columns, **told)

    def whole(self) -> Events:
        """All pieces as one table."""
        pieces = [piece for piece in self.pieces if len(piece)]
        self.lost.sort(key=lambda before: (before.time, before.cpu))
        if not pieces:
            return self.table({name: np.empty(0, kind) for name, kind in COLUMNS.items()})
        return replace(joined(pieces), **{name: getattr(self, name) for name in TOLD})
