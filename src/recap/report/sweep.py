"""A sweep for a reader: a table for each metric, values down, policies across; and as a plot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from recap.errors import InputError
from recap.lab.results import BASELINE
from recap.lab.sweep import Sweep
from recap.report.comparison import LEGEND, MARK
from recap.report.layout import ruled
from recap.report.numbers import NO_FIGURE
from recap.report.plots import WIDTH, drawn


def sweep_tables(result: Sweep, metrics: Sequence[str]) -> RenderableType:
    """All tables.

    Errors:
        InputError: a metric nobody counted.
    """
    known = result.points[0].metrics
    for name in metrics:
        if name not in known:
            raise InputError("--metric", name, "is not counted", f"take some of {', '.join(known)}")
    notes = [Text(LEGEND, style="dim")] if BASELINE in result.policies() and len(result.policies()) > 1 else []
    return Group(*(table(result, name) for name in metrics), *notes)


def table(result: Sweep, metric: str) -> Table:
    """One metric."""
    made = ruled(metric, (result.parameter, *result.policies()))
    for value in result.values():
        made.add_row(f"{value:,}", *(cell(result, value, policy, metric) for policy in result.policies()))
    return made


def cell(result: Sweep, value: int, policy: str, metric: str) -> str:
    """A figure, marked where it can be told from the baseline's."""
    found = result.at(value, policy).metrics.get(metric)
    if found is None:
        return NO_FIGURE
    apart = False
    if policy != BASELINE and BASELINE in result.policies():
        apart = found.apart_from(result.at(value, BASELINE).metrics[metric])
    return str(found) + (MARK if apart else "")


def sweep_plots(result: Sweep, metrics: Sequence[str]) -> dict[str, str]:
    """SVG pictures by file name: a panel for each metric, a line with its intervals for each policy."""
    return drawn(lambda alt: {"sweep.svg": alt.vconcat(*(panel(alt, result, metric) for metric in metrics))})


def panel(alt: Any, result: Sweep, metric: str) -> Any:
    """One metric over the values."""
    rows = [
        {"value": point.value, "policy": point.policy, "mean": mean.mean, "low": mean.low, "high": mean.high}
        for point in result.points
        for mean in [point.metrics[metric]]
    ]
    values = result.values()
    kind = "log" if min(values) > 0 and max(values) > 8 * min(values) else "linear"
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("value:Q", scale=alt.Scale(type=kind, nice=False), title=result.parameter), color="policy:N"
    )
    bars = base.mark_rule(opacity=0.5).encode(y=alt.Y("low:Q", title=metric), y2="high:Q")
    return (bars + base.mark_line(point=True).encode(y="mean:Q")).properties(width=WIDTH, height=180)
