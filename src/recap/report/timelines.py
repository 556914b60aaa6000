"""What happened when, under one policy: free memory, reclaim and compaction, pages withheld, stalls."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recap.report.charts import Chart
from recap.report.distributions import SHORTEST_MS
from recap.sim.note import Note
from recap.sim.timeline import Timeline

PIECES = (  # of free memory, by the order of its blocks: (first order, last order, name, style)
    (0, 3, "up to 8 pages", "f0"),
    (4, 6, "16 to 64 pages", "f1"),
    (7, 8, "128 or 256 pages", "f2"),
    (9, 99, "huge page or larger", "f3"),
)
LANES = (  # what frees and moves pages: (its episodes, name, style), the uppermost first
    (Note.KSWAPD, "kswapd", "kswapd"),
    (Note.KCOMPACTD, "kcompactd", "kcompactd"),
    (Note.RECLAIM, "reclaim", "reclaim"),
    (Note.COMPACT, "compact", "compact"),
)
WAITING = ("waits", "reclaims", "compacts")  # the rows of a task's slices, in the order of the page's script
LANE = 18
NS = 1e9
MS = 1e6


def seconds(seen: Timeline) -> tuple[float, float]:
    """From the start to the last sample."""
    return 0.0, float(seen.samples["time"][-1]) / NS


def free_memory(seen: Timeline, span: tuple[float, float], most: float) -> Chart:
    """Free pages of the largest zone and its watermarks, in powers of ten: the marks are far below what is free."""
    time = seen.samples["time"] / NS
    free = seen.samples["free_pages"]
    largest = largest_zone(seen)
    least = min(float(seen.samples["watermark"][:, largest, 0].min()), float(free[:, largest].min()))
    ends = (10.0 ** np.floor(np.log10(max(least, 1))), 10.0 ** np.ceil(np.log10(max(most, 10))))
    chart = Chart(span, ends, log_y=True, label="free memory and the watermarks", unit=" s")
    for i in range(3):
        mark = seen.samples["watermark"][:, largest, i]
        chart.line(time, mark, "mark")
    chart.text(span[0], float(mark[0]), "min, low, high")
    chart.line(time, free[:, largest], "free")
    return chart


def episodes(seen: Timeline, span: tuple[float, float]) -> Chart:
    """When the kernel's threads and tasks reclaimed or compacted, a lane each; OOM kills run through all."""
    count = len(LANES)
    chart = Chart(span, (-0.7, count - 0.3), LANE * count, y_ticks=False, unit=" s")
    chart.label = "episodes of reclaim and compaction"
    for i, (kind, name, style) in enumerate(LANES):
        found = seen.notes_of(kind)
        y = count - 1 - i
        chart.spans(found["time"] / NS, found["until"] / NS, y, LANE * 0.55, style)
        chart.lane(y, name)
    for kill in seen.notes_of(Note.OOM_KILL):
        chart.line([kill["time"] / NS] * 2, [-0.7, count - 0.3], "stolen")
    return chart


def largest_zone(seen: Timeline) -> int:
    """The zone whose free memory is drawn."""
    return int(np.argmax(seen.samples["free_pages"].max(axis=0)))


def fragmentation(seen: Timeline, span: tuple[float, float]) -> Chart:
    """Free memory by the size of the block it is in, in percent of what is free."""
    time = seen.samples["time"] / NS
    blocks = seen.samples["free"].sum(axis=(1, 2))
    pages = blocks * (1 << np.arange(blocks.shape[1]))
    total = np.maximum(pages.sum(axis=1), 1)
    chart = Chart(span, (0, 100), label="free memory by block size, percent", unit=" s")
    low = np.zeros(len(time))
    for first, last, _, style in PIECES:
        high = low + 100 * pages[:, first : last + 1].sum(axis=1) / total
        chart.area(time, low, high, style)
        low = high
    return chart


def withheld(seen: Timeline, span: tuple[float, float], most: float) -> Chart:
    """Pages withheld between two samples, on average: lists come and go within one."""
    time = seen.samples["time"] / NS
    mean = np.append(mean_withheld(seen), 0)
    chart = Chart(span, (0, most), height=80, label="pages withheld on capture lists", unit=" s")
    chart.area(time, np.zeros(len(time)), mean, "held")
    return chart


def mean_withheld(seen: Timeline) -> npt.NDArray[np.float64]:
    """Pages withheld between each sample and the next, on average."""
    gap = np.maximum(np.diff(seen.samples["time"]), 1)
    return np.asarray(np.diff(seen.samples["withheld_page_ns"]) / gap)


def waited_ms(seen: Timeline) -> npt.NDArray[np.float64]:
    """How long each request of the slow path waited."""
    found = seen.notes_of(Note.STALL)
    return np.asarray((found["until"] - found["time"]) / MS)


def stalls(seen: Timeline, span: tuple[float, float], longest_ms: float) -> Chart:
    """Each request that had to wait: when, how long (in powers of ten), and whether it was served."""
    found = seen.notes_of(Note.STALL)
    took = np.maximum(waited_ms(seen), SHORTEST_MS)
    highest = 10.0 ** np.ceil(np.log10(max(longest_ms, 1)))
    chart = Chart(span, (SHORTEST_MS, highest), log_y=True, label="stalls and their length in ms", unit=" s")
    for served, style in ((1, "served"), (0, "failed")):
        chosen = found["served"] == served
        chart.dots(found["time"][chosen] / NS, took[chosen], style)
    return chart


def reclaim(seen: Timeline, span: tuple[float, float], most: float) -> Chart:
    """Pages reclaimed by tasks, and pages stolen from them, so far."""
    time = seen.samples["time"] / NS
    chart = Chart(span, (0, most), height=90, label="pages reclaimed by tasks and stolen from them, so far", unit=" s")
    chart.line(time, seen.vmstat("pgsteal_direct"), "steal")
    chart.line(time, seen.vmstat("stolen_pages"), "stolen")
    return chart


def slices(span: tuple[float, float]) -> Chart:
    """Where the page's script draws a task's waits, and reclaim and compaction during them."""
    count = len(WAITING)
    chart = Chart(span, (-0.7, count - 0.3), LANE * count, y_ticks=False, unit=" s")
    chart.label = "waits of the chosen task"
    for i, name in enumerate(WAITING):
        chart.lane(count - 1 - i, name)
    return chart
