"""Results as charts of altair, an extra; a notebook shows them, and `.save(...)` writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from recap.errors import InputError, MissingExtraError
from recap.lab.results import KERNEL, Comparison, Figure
from recap.lab.sweep import Sweep
from recap.sim.timeline import Timeline

WIDTH = 460
ROW = 28


def altair() -> Any:
    """The library, or a line that says how to get it."""
    try:
        import altair  # noqa: ICN001, PLC0415 (an extra)
    except ImportError:
        raise MissingExtraError("altair", "plots") from None
    return altair


def interval(figures: Mapping[str, Figure], metric: str, **where: Any) -> dict[str, Any]:
    """A metric's mean and interval as a row of a chart's data."""
    figure = figures[metric]
    return {**where, "mean": figure.mean, "low": figure.low, "high": figure.high}


def known(metric: str, names: Sequence[str]) -> str:
    """The metric, if there is one of that name."""
    if metric not in names:
        raise InputError("plot", metric, "is not among the metrics", f"take one of {', '.join(names)}")
    return metric


def of_comparison(result: Comparison, metric: str) -> Any:
    """A metric of every column with its 95 % interval; the recorded kernel is a line."""
    alt, name = altair(), known(metric, result.metrics())
    columns = [column for column in result.columns if name in column.metrics]
    rows = [interval(column.metrics, name, policy=column.name) for column in columns if column.name != KERNEL]
    order = [row["policy"] for row in rows]
    base = alt.Chart(alt.Data(values=rows)).encode(y=alt.Y("policy:N", sort=order, title=None))
    scale = alt.Scale(zero=False)
    layers = [
        base.mark_rule().encode(x=alt.X("low:Q", title=name, scale=scale), x2="high:Q"),
        base.mark_point(filled=True).encode(
            x=alt.X("mean:Q", scale=scale), tooltip=["policy:N", "mean:Q", "low:Q", "high:Q"]
        ),
    ]
    kernel = [interval(column.metrics, name) for column in columns if column.name == KERNEL]
    if kernel:
        layers.append(alt.Chart(alt.Data(values=kernel)).mark_rule(strokeDash=[4, 4]).encode(x="mean:Q"))
    return alt.layer(*layers).properties(width=WIDTH, height=ROW * len(rows), title=result.source)


def of_sweep(result: Sweep, metric: str) -> Any:
    """A metric over the values of the parameter, a line with its 95 % band for each policy."""
    alt, name = altair(), known(metric, list(result.points[0].metrics))
    rows = [interval(point.metrics, name, value=point.value, policy=point.policy) for point in result.points]
    x = alt.X("value:Q", title=result.parameter)
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, color="policy:N")
    y = alt.Y("mean:Q", title=name, scale=alt.Scale(zero=False))
    return alt.layer(
        base.mark_area(opacity=0.2).encode(y="low:Q", y2="high:Q"), base.mark_line(point=True).encode(y=y)
    ).properties(width=WIDTH, title=result.source)


def of_timelines(seen: Mapping[str, Timeline], name: str) -> Any:
    """A counter of /proc/vmstat, free_pages or withheld over time, a line for each policy."""
    alt = altair()
    rows = [
        {"policy": policy, "seconds": seconds, "value": value}
        for policy, one in seen.items()
        for seconds, value in zip((one.samples["time"] / 1e9).tolist(), one.sampled(name).tolist(), strict=True)
    ]
    chart = alt.Chart(alt.Data(values=rows)).mark_line()
    return chart.encode(x="seconds:Q", y=alt.Y("value:Q", title=name), color="policy:N").properties(width=WIDTH)
