"""A sweep for a reader: a table for each metric, values down, policies across, a verdict; and as a plot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec.structs import replace
from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.table import Table
from rich.text import Text

from recap.errors import InputError
from recap.lab.results import Difference
from recap.lab.statistics import holm
from recap.lab.sweep import Sweep, SweepPoint
from recap.report.comparison import MARK, PROSE_WIDTH, difference_legend
from recap.report.conclusions import OUTCOME, no_difference
from recap.report.layout import ruled
from recap.report.numbers import NO_FIGURE, beside, changed
from recap.report.plots import WIDTH, drawn

OWN = "→"


def sweep_tables(result: Sweep, metrics: Sequence[str]) -> RenderableType:
    """All tables, what the marks mean, and the verdict.

    Errors:
        InputError: a metric nobody counted.
    """
    known = result.points[0].metrics
    for name in metrics:
        if name not in known:
            raise InputError("--metric", name, "is not counted", f"take some of {', '.join(known)}")
    prose = [*(Text(line, style="dim") for line in legend(result)), Text(), *map(Text, verdict(result))]
    return Group(*(table(result, name) for name in metrics), *(Constrain(text, PROSE_WIDTH) for text in prose))


def table(result: Sweep, metric: str) -> Table:
    """One metric."""
    made = ruled(metric, (result.parameter, *result.policies()))
    for value in result.values():
        own = OWN if value == result.own else " "
        cells = (cell(result.at(value, policy), metric) for policy in result.policies())
        made.add_row(f"{own} {value:,}", *cells)
    return made


def cell(point: SweepPoint, metric: str) -> str:
    """A figure, marked where it certainly differs from the baseline's."""
    found = point.metrics.get(metric)
    if found is None:
        return NO_FIGURE
    return beside(found) + (MARK if found.differs else " ")


def legend(result: Sweep) -> Iterator[str]:
    """What the marks mean."""
    if result.own is not None:
        found = "" if result.own in result.values() else f", {result.own:,}, is not among them"
        yield f"{OWN} the machine's own value{found}"
    if len(result.policies()) > 1 and result.points[0].seeds > 1:
        yield difference_legend(result.baseline)


def verdict(result: Sweep) -> Iterator[str]:
    """Which values serve more or fewer high-order requests than the value of reference, under each policy."""
    if result.points[0].seeds < 2:
        yield "Verdict: one seed cannot tell a difference from chance; run more seeds."
        return
    own = "the machine's own value" if result.reference == result.own else "the first"
    for policy in result.policies():
        changes = changes_of(result, policy)
        parts = [
            f"{value:,} serves {changed(change)} points {'more' if change.mean > 0 else 'fewer'}"
            for value, change in changes.items()
            if change.certain
        ]
        level = [f"{value:,}" for value, change in changes.items() if not change.certain]
        if level:
            parts.append(no_difference(level))
        against = f"{result.at(result.reference, policy).metrics[OUTCOME].mean:.1f} % at {result.reference:,} ({own})"
        said = "; ".join(parts) or "nothing else was run"
        yield f"Verdict for {policy}, {result.parameter}: against {against}, {said}."


def changes_of(result: Sweep, policy: str) -> dict[int, Difference]:
    """Of each other value, the change of success against the value of reference, corrected over all values (Holm)."""
    points = {point.value: point for point in result.points if point.policy == policy}
    found = {value: point.changes[OUTCOME] for value, point in points.items() if OUTCOME in point.changes}
    chances = holm([change.p for change in found.values()])
    return {value: replace(change, adjusted=p) for (value, change), p in zip(found.items(), chances, strict=True)}


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
