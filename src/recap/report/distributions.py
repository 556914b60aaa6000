"""How figures spread over seeds, and how long requests waited: what a mean hides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from recap.lab.results import KERNEL, Comparison, Interval
from recap.lab.statistics import prediction
from recap.report.charts import Chart

ROW = 34
SHORTEST_MS = 0.001
STEPS = 400  # of a line, more than the picture's height in pixels; dozens of seeds have a million waits


def spread(result: Comparison, metric: str, runs: Mapping[str, Sequence[float]]) -> Markup:
    """One row for each column: a dot for each seed, the 95 % interval of the mean, and the range in which 95 % of
    further runs are expected; the recorded kernel is a line through all.
    """
    named = [(column.name, column.metrics[metric]) for column in result.columns if metric in column.metrics]
    rows = [(name, value) for name, value in named if name != KERNEL]
    expected = {name: prediction(runs[name]) for name, _ in rows if len(runs[name]) > 1}
    ends = [value.high for _, value in named] + [one.high for one in expected.values()]
    highest = max(ends + [max(runs[name]) for name, _ in rows] + [0.0])
    chart = Chart((0, highest * 1.08 or 1), (-0.5, len(rows)), ROW * (len(rows) + 1), y_ticks=False, label=metric)
    for name, value in named:
        if name == KERNEL:
            chart.line([value.mean, value.mean], [-0.5, len(rows)], "mark")
            right = value.mean < highest / 2
            chart.text(value.mean, len(rows), "recorded kernel", "note below" if right else "note below before")
    for i, (name, value) in enumerate(rows):
        if name in expected:
            y = len(rows) - 1 - i
            chart.line([max(0.0, expected[name].low), expected[name].high], [y, y], "expected")
        draw_row(chart, len(rows) - 1 - i, name, value, runs[name])
    return chart.html()


def draw_row(chart: Chart, y: int, name: str, value: Interval, runs: Sequence[float]) -> None:
    """Name, interval, seeds."""
    chart.text(0, y + 0.5, name, "name row")
    chart.line([max(0, value.low), value.high], [y, y], "free")
    chart.dots(list(runs), [y] * len(runs), "d1 seed")


def waits(stalls: Mapping[str, npt.NDArray[np.float64]]) -> Markup:
    """The share of waits longer than x milliseconds, one line for each policy, in powers of ten."""
    longest = max((float(ms.max()) for ms in stalls.values() if len(ms)), default=1.0)
    most = max(map(len, stalls.values()), default=1)
    rarest = 10.0 ** np.floor(2 - np.log10(max(most, 10)))
    x = (SHORTEST_MS, 10.0 ** np.ceil(np.log10(max(longest, 1))))
    chart = Chart(x, (rarest, 100), 260, log_x=True, log_y=True, unit=" ms")
    chart.label = "percent of waits that were longer than the time below"
    for i, ms in enumerate(stalls.values()):
        waited = np.sort(np.maximum(ms, SHORTEST_MS))
        longer = 100 * np.arange(len(waited), 0, -1) / max(len(waited), 1)
        shown = steps_shown(len(waited))
        waited, longer = waited[shown], longer[shown]
        chart.steps(np.append(waited, waited[-1:]), np.append(longer, rarest), f"s{i % 6}")
    return chart.html()


def steps_shown(waits: int) -> npt.NDArray[np.int64]:
    """Which of the sorted waits are drawn: all of the longest, and fewer the more are longer (log scale)."""
    if not waits:
        return np.zeros(0, np.int64)
    return waits - np.unique(np.geomspace(1, waits, STEPS).astype(np.int64))[::-1]
