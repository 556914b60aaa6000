"""Results of experiments: plain data with the meaning of every number, ready for JSON.

Metrics carry the names of /proc/vmstat where the kernel counts the same thing; recap's own are explained in
`METRICS`. Counts are totals over one run, in pages or events.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from recap.printable import html_table
from recap.trace.arrow import stream_of_table

SCHEMA = 2  # of Comparison, raised when a field changes its meaning
KERNEL = "kernel"  # the column of what was recorded
BASELINE = "none"  # the policy of the unchanged kernel

CHANCE = 0.05  # a difference is certain where chance makes one as large less often
SMALL = 100  # below it a mean over seeds keeps one decimal


def decimals(value: float) -> int:
    """How many decimals a figure deserves."""
    return int(abs(value) < SMALL and value != round(value))


class Interval(msgspec.Struct, frozen=True):
    """A mean over seeds with its 95 % confidence interval; for a single figure all three are equal.

    Example:
        >>> print(recap.Interval(61.2, 59.8, 62.6))
        61.2 ±1.4
    """

    mean: float
    low: float
    high: float

    def apart_from(self, other: Interval) -> bool:
        """Whether the two intervals share no point: a stricter test than whether the difference has zero in it."""
        return self.low > other.high or self.high < other.low

    @property
    def spread(self) -> float:
        """Half its width."""
        return max(self.mean - self.low, self.high - self.mean)

    def __str__(self) -> str:
        """Mean and half-width, `61.2 ±1.4`; a figure without spread stands alone."""
        spread = self.spread
        if not spread:
            return f"{self.mean:,.{decimals(self.mean)}f}"
        places = 0 if abs(self.mean) >= SMALL else max(decimals(self.mean), decimals(spread))
        return f"{self.mean:,.{places}f} ±{spread:,.{places}f}"


class Range(msgspec.Struct, frozen=True):
    """From one figure to another."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


class Difference(Interval, frozen=True, kw_only=True):
    """How far a policy's figure is above the baseline's, with a 95 % confidence interval.

    Example:
        >>> found = recap.Difference(1.4, 1.1, 1.7, p=0.0004, adjusted=0.008, paired=True)
        >>> print(found, found.certain)
        +1.4 ±0.3 True
    """

    p: float  # how often chance alone makes one at least as large
    adjusted: float  # the same by Holm over all figures that are shown with it
    paired: bool  # taken within each seed; else by Welch

    @property
    def certain(self) -> bool:
        """Is chance ruled out, at the 5 % level?"""
        return self.adjusted < CHANCE

    def __str__(self) -> str:
        """With its sign."""
        return f"+{super().__str__()}" if self.mean >= 0 else super().__str__()


class Figure(Interval, frozen=True, omit_defaults=True):
    """One metric of one column: its mean, and what it is compared with.

    A policy's has a difference to the baseline, once there are two seeds; the recorded kernel's has its percentile
    among the runs of the model of that kernel, and the range in which 95 % of further runs are expected.

    Example:
        >>> change = recap.Difference(1.4, 1.1, 1.7, p=0.0004, adjusted=0.008, paired=True)
        >>> recap.Figure(94.0, 93.8, 94.2, difference=change).differs
        True
    """

    difference: Difference | None = None
    percentile: float | None = None
    prediction: Range | None = None

    @property
    def differs(self) -> bool:
        """Does it certainly differ from the baseline's?"""
        return self.difference is not None and self.difference.certain

    @property
    def unlike_model(self) -> bool:
        """Of the recorded kernel: is it outside the range expected of the model's runs?"""
        return self.prediction is not None and self.mean not in self.prediction


class Column(msgspec.Struct, frozen=True):
    """One policy over all seeds, or, named `kernel`, what the recorded kernel itself did.

    The policy `none` is the model of the unchanged kernel: every other policy is read against it. `metrics` are by
    name: counts in pages or events, times in ms where the name says so.

    Example:
        >>> column = recap.Column("none", "none", 2, {"stolen_pages": recap.Figure(450, 370, 530)})
        >>> print(column.metrics["stolen_pages"])
        450 ±80
    """

    name: str
    policy: str
    seeds: int
    metrics: dict[str, Figure]


def plain(value: float) -> str:
    """A figure as a notebook shows it: counts whole, others to six digits."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"


def listed(items: Sequence[str]) -> str:
    """`a, b and c`."""
    *most, last = items
    return f"{', '.join(most)} and {last}" if most else last


class Comparison(msgspec.Struct, frozen=True):
    """The result of `compare`: one column for each policy, the recorded kernel first. A notebook shows the table.

    Example:
        >>> column = recap.Column("none", "none", 1, {"oom_kills": recap.Figure(1, 1, 1)})
        >>> recap.Comparison("made up", [column], [], [], "").table()
        {'column': ['none'], 'metric': ['oom_kills'], 'mean': [1], 'low': [1], 'high': [1]}
    """

    source: str
    columns: list[Column]
    assumptions: list[str]  # what the source does not say and was assumed
    missing: list[str]  # mechanisms of the kernel that the model lacks
    digest: str  # SHA-256 over the figures of every run: equal runs give equal digests
    baseline: str = BASELINE  # the column that differences are to
    model: str = ""  # the column that models the kernel as it was recorded; empty where none does
    sysctls: dict[str, str] = {}  # kernel parameters that were changed
    start: str = ""  # the state it started from: dump, live or flags; nothing of a synthetic workload
    schema: int = SCHEMA

    def column(self, name: str) -> Column | None:
        """The column of that name, if there is one."""
        return next((column for column in self.columns if column.name == name), None)

    def metrics(self) -> list[str]:
        """The names of all figures, each once."""
        return list(dict.fromkeys(name for column in self.columns for name in column.metrics))

    def table(self) -> dict[str, list[Any]]:
        """Columns of equal length: column, metric, mean, low, high."""
        rows = [(c.name, metric, v.mean, v.low, v.high) for c in self.columns for metric, v in c.metrics.items()]
        names = ("column", "metric", "mean", "low", "high")
        return {name: [row[i] for row in rows] for i, name in enumerate(names)}

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The same for polars, pandas, DuckDB and others; needs pyarrow."""
        return stream_of_table(self.table(), requested_schema)

    def plot(self, metric: str = "success_percent") -> Any:
        """A chart of a metric with its intervals, by altair.

        Errors:
            MissingExtraError: altair is not installed.
        """
        from recap.lab.plot import of_comparison  # noqa: PLC0415 (it imports this file)

        return of_comparison(self, metric)

    def _repr_html_(self) -> str:
        """The figures, for notebooks."""
        names = self.metrics()
        rows = [[name, *(str(column.metrics.get(name, "–")) for column in self.columns)] for name in names]
        return html_table(self.source, ["", *(column.name for column in self.columns)], rows)


class Suite(msgspec.Struct, frozen=True):
    """The result of `compare` over several sources: each by itself, and the mean of all of them."""

    comparisons: list[Comparison]
    together: Comparison
    schema: int = SCHEMA


class RunRecord(msgspec.Struct, frozen=True):
    """One run of a kept comparison, and its files, relative to the folder."""

    policy: str  # the name of its column
    seed: int
    metrics: str  # JSON: figures by name
    timeline: str  # npz: recap.sim.timeline; none of a run that was not observed

    @property
    def files(self) -> list[str]:
        """All of them but the checksums."""
        return [name for name in (self.metrics, self.timeline) if name]

    @property
    def sums(self) -> str:
        """The file of their checksums."""
        return f"{self.metrics.removesuffix('.json')}.sha256"


class Deviation(msgspec.Struct, frozen=True):
    """One place where the model deviated from the kernel; it is corrected before the replay continues."""

    number: int  # in order, from 1: `recap verify --explain` takes it
    kind: str  # allocation, refill, drain, stray, free or isolation (recap.sim.open_loop.DEVIATIONS)
    event: int  # of the replayed part of the trace
    seconds: float  # trace time
    cpu: int
    task: str
    what: str  # in words


class Counter(msgspec.Struct, frozen=True):
    """A number of the end state, by the model and by the kernel."""

    name: str
    model: int
    kernel: int


class EndState(msgspec.Struct, frozen=True):
    """The model's memory at the second snapshot beside the kernel's; shares are of what the kernel has.

    A block is in place when the same one is ahead of it on its list as well.
    """

    free_lists_exact: float  # free blocks with the same frame, order and type
    free_lists_in_place: float
    pcp_lists_exact: float  # blocks on the same CPU's list of the same zone, order and type
    pcp_lists_in_place: float
    pageblocks_exact: float  # pageblocks of the same type
    counters: list[Counter]


class Steps(msgspec.Struct, frozen=True):
    """Steps of one kind: how many the kernel did, how many of these the model did as well, and what only it did."""

    kernel: int
    exact: int
    only_model: int = 0


class VerifyResult(msgspec.Struct, frozen=True):
    """The result of `verify`: how much of a recorded kernel's allocator the model predicts frame by frame.

    Example:
        >>> result = recap.verify("recordings/calm-1cpu")
        >>> result.allocations, result.exact_ratio
        (221637, 1.0)
    """

    events: int  # of the trace, replayed
    allocations: int  # that succeeded in the trace: what the model had to predict
    exact: int  # the model returned the same page frame
    mismatched: int  # the model returned another
    untraced: int  # allocations no tracepoint reported, inferred to explain what followed
    exact_ratio: float  # exact / allocations
    free_pages_model: int  # free at the second snapshot (else at the end), by the model
    free_pages_kernel: int | None  # and by the kernel's snapshot, where the recording has one
    free_lists_exact: float | None  # share of the kernel's free blocks with the same frame, order and type
    seconds: float  # in the engine
    events_per_second: float  # the same, by event
    notes: list[str]
    first_mismatch: Deviation | None = None
    refills: int = 0  # blocks the kernel took from the free lists
    refills_exact: float = 1.0  # share the model took in the same step
    drains: int = 0  # blocks the kernel gave back from per-cpu lists
    drains_exact: float = 1.0  # share the model gave back in the same step
    inferred: dict[str, int] = {}  # what no event reports, by kind (recap.sim.open_loop.INFERENCES)
    deviations: dict[str, int] = {}  # where the model deviated, by kind
    decode_seconds: float = 0.0  # reading the recording, apart from the engine
    end: EndState | None = None
    captures: int = 0  # steps of page capture, of a kernel that has it
    captures_exact: float = 1.0  # share both did, with the same block, of all that either did
    captured: dict[str, Steps] = {}  # the steps by kind; empty where no reclaim captured

    def _repr_html_(self) -> str:
        """The figures, for notebooks."""
        names = (field for field in self.__struct_fields__ if isinstance(getattr(self, field), int | float))
        return html_table("verify", ["", ""], [[name, plain(getattr(self, name))] for name in names])


class ExplainedDeviation(msgspec.Struct, frozen=True):
    """The surroundings of one deviation, with the model as it stood before the operation."""

    deviation: Deviation
    kernel_frame: int | None  # what the kernel took, freed or gave back
    model_frame: int | None  # what the model did instead
    where: list[str]  # where the model had these frames, and what the trace tells of them next
    events: list[str]  # of the trace, around the operation; the one it deviated at is marked
    model_lists: list[str]  # the lists concerned, head first
    kernel_takes: list[str]  # blocks the kernel takes next from the same kind of list: the head of its own


class Metric(msgspec.Struct, frozen=True):
    """One row of a comparison: the heading it belongs under, which way is better, and what it counts.

    `meaning` explains recap's own words; a name of /proc/vmstat means what it means there.
    """

    name: str
    heading: Literal["outcome", "capture", "reclaim", "stalls"]
    better: Literal["more", "less"] | None = None
    meaning: str = ""


METRICS = (
    Metric("high_order_attempts", "outcome", None, "requests for a high-order block"),
    Metric("high_order_successes", "outcome", "more", "how many of these were served"),
    Metric("success_percent", "outcome", "more", "the same in percent of the attempts"),
    Metric("oom_kills", "outcome", "less", "tasks killed because memory ran out"),
    Metric("thp_fault_alloc", "outcome", "more"),
    Metric("thp_fault_fallback", "outcome", "less"),
    Metric("stolen_pages", "capture", "less", "pages a direct reclaimer freed and another task took first"),
    Metric("capture_looked_at", "capture", "less", "struct pages inspected to see what reclaim can free in a block"),
    Metric("withheld_peak_pages", "capture", "less", "pages on all capture lists together, at most"),
    Metric("withheld_page_ms", "capture", "less", "pages on capture lists, times the ms they stayed there"),
    Metric("capture_handed_over", "capture", "more", "captured blocks given to the task that reclaimed for them"),
    Metric("pgscan_kswapd", "reclaim"),
    Metric("pgsteal_kswapd", "reclaim"),
    Metric("pgscan_direct", "reclaim", "less"),
    Metric("pgsteal_direct", "reclaim"),
    Metric("pswpin", "reclaim", "less"),
    Metric("pswpout", "reclaim", "less"),
    Metric("workingset_refault_anon", "reclaim", "less"),
    Metric("workingset_refault_file", "reclaim", "less"),
    Metric("allocstall", "stalls", "less", "direct reclaims, of all zones"),
    Metric("stall_ms", "stalls", "less", "time that all requests together waited"),
    Metric("longest_stall_ms", "stalls", "less", "the longest wait of one request"),
    Metric("compact_stall", "stalls", "less"),
    Metric("compact_success", "stalls", "more"),
    Metric("compact_fail", "stalls", "less"),
)
