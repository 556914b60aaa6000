"""How figures spread over seeds, and how long requests waited: what a mean does not tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from recap.lab.results import KERNEL, Comparison, Interval
from recap.lab.statistics import prediction
from recap.report.charts import Chart

HALF = 560
ROW = 34
SHORTEST_MS = 0.001
STEPS = 400  # of a line, more than the picture's height in pixels; dozens of seeds have a million waits


def spread(result: Comparison, metric: str, runs: Mapping[str, Sequence[float]]) -> str:
    """One row for each column: a dot for each seed, the 95 % interval of the mean, where 95 % of further runs are to be
    expected; the recorded kernel is a line through all.
    """
    named = [(column.name, column.metrics[metric]) for column in result.columns if metric in column.metrics]
    rows = [(name, value) for name, value in named if name != KERNEL]
    expected = {name: prediction(runs[name]) for name, _ in rows if len(runs[name]) > 1}
    ends = [value.high for _, value in named] + [one.high for one in expected.values()]
    highest = max(ends + [max(runs[name]) for name, _ in rows] + [0.0])
    chart = Chart(
        (0, highest * 1.08 or 1), (-0.6, len(rows) - 0.4), ROW * len(rows) + 44, HALF, y_ticks=False, label=metric
    )
    for name, value in named:
        if name == KERNEL:
            chart.line([value.mean, value.mean], [-0.6, len(rows) - 0.4], "mark")
            chart.text(value.mean, len(rows) - 0.45, "recorded kernel", anchor="end" if value.mean else "start")
    for i, (name, value) in enumerate(rows):
        if name in expected:
            y = len(rows) - 1 - i
            chart.line([max(0.0, expected[name].low), expected[name].high], [y, y], "expected")
        draw_row(chart, len(rows) - 1 - i, name, value, runs[name])
    return chart.svg()


def draw_row(chart: Chart, y: int, name: str, value: Interval, runs: Sequence[float]) -> None:
    """Name, interval, seeds."""
    chart.text(0, y + 0.28, name, "name")
    chart.line([max(0, value.low), value.high], [y, y], "free")
    chart.dots(list(runs), [y] * len(runs), "d1", 4)


def waits(stalls: Mapping[str, npt.NDArray[np.float64]]) -> str:
    """The share of waits that lasted longer than so many milliseconds, one line for each policy, in powers of ten."""
    longest = max((float(ms.max()) for ms in stalls.values() if len(ms)), default=1.0)
    most = max(map(len, stalls.values()), default=1)
    rarest = 10.0 ** np.floor(2 - np.log10(max(most, 10)))
    x = (SHORTEST_MS, 10.0 ** np.ceil(np.log10(max(longest, 1))))
    chart = Chart(x, (rarest, 100), 300, HALF, log_x=True, log_y=True, unit=" ms")
    chart.label = "percent of waits that lasted longer than so many milliseconds"
    for i, ms in enumerate(stalls.values()):
        waited = np.sort(np.maximum(ms, SHORTEST_MS))
        longer = 100 * np.arange(len(waited), 0, -1) / max(len(waited), 1)
        shown = steps_shown(len(waited))
        waited, longer = waited[shown], longer[shown]
        chart.steps(np.append(waited, waited[-1:]), np.append(longer, rarest), f"s{i % 6}")
    return chart.svg()


def steps_shown(waits: int) -> npt.NDArray[np.int64]:
    """Which of the waits in order are drawn: all of the longest, then evenly by the share that is longer, in powers of
    ten.
    """
    if not waits:
        return np.zeros(0, np.int64)
    return waits - np.unique(np.geomspace(1, waits, STEPS).astype(np.int64))[::-1]
