"""The study of 2008 as a page: Markdown tables, and plots where altair is installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from recap.lab.capture_2008 import PUBLISHED, Row, Study
from recap.lab.results import BASELINE
from recap.report.numbers import NO_FIGURE
from recap.report.plots import WIDTH, drawn
from recap.report.study import figure, mmtests, scaled, spread


def study_markdown(result: Study) -> str:
    """Every table of the study, in Markdown."""
    return "\n".join(lines(result)) + "\n"


def lines(result: Study) -> Iterator[str]:
    """The covers' table, mmtests', the costs, the answers, the crowd."""
    yield from ("| architecture | Absolute | published | Effective | published |", "|---|---|---|---|---|")
    for row in (row for row in result.rows if row.policy == "whitcroft"):
        absolute, effective = PUBLISHED[row.architecture]
        measured = f"{spread(row.absolute)} % | {absolute:.2f} % | {spread(row.effective)} % | {effective:.2f} %"
        yield f"| {row.architecture} | {measured} |"
    for architecture in dict.fromkeys(row.architecture for row in result.rows):
        yield from ("", "```", mmtests(result, architecture).rstrip(), "```")
    yield from (
        "",
        "| architecture | policy | success, % | gain, points | withheld, page-s | stolen | longest, s | order-0, µs |",
    )
    yield "|---|---|---|---|---|---|---|---|"
    yield from (cost(row) for row in result.rows)
    yield from ("", "| what | question | answer | unit |", "|---|---|---|---|")
    for one in result.answers:
        yield f"| {one.name} | {one.question} | {figure(one).strip()} | {one.unit} |"
    policies = list(dict.fromkeys(row.policy for row in result.crowd))
    yield from ("", f"| tasks | {' | '.join(policies)} |", "|---" * (len(policies) + 1) + "|")
    for tasks in dict.fromkeys(row.tasks for row in result.crowd):
        mine = {row.policy: row for row in result.crowd if row.tasks == tasks}
        yield f"| {tasks} | {' | '.join(spread(mine[policy].withheld_peak_percent, 1) for policy in policies)} |"


def cost(row: Row) -> str:
    """One policy: what it gained, and what for."""
    gain = NO_FIGURE if row.policy == BASELINE else spread(row.absolute)
    return (
        f"| {row.architecture} | {row.policy} | {spread(row.success['pass 1'])} | {gain} "
        f"| {spread(row.withheld_page_seconds, 0)} | {spread(row.stolen_pages, 0)} "
        f"| {spread(scaled(row.longest_stall_ms, 1000), 1)} | {spread(row.order0_stall_us)} |"
    )


def study_plots(result: Study) -> dict[str, str]:
    """SVG pictures by file name."""
    return drawn(lambda alt: {"gains.svg": gains_chart(alt, result), "withheld.svg": withheld_chart(alt, result)})


def gains_chart(alt: Any, result: Study) -> Any:
    """Gain of each policy in points, with its interval, one panel an architecture."""
    values = [
        {
            "architecture": row.architecture,
            "policy": row.policy,
            "gain": row.absolute.mean,
            "low": row.absolute.low,
            "high": row.absolute.high,
        }
        for row in result.rows
        if row.policy != BASELINE
    ]
    order = list(dict.fromkeys(value["policy"] for value in values))
    base = alt.Chart(alt.Data(values=values)).encode(y=alt.Y("policy:N", sort=order, title=None))
    title = "points of success over the unchanged kernel, 95 % interval"
    bars = base.mark_rule().encode(x=alt.X("low:Q", title=title), x2="high:Q")
    points = base.mark_point(filled=True).encode(x="gain:Q")
    panel = (bars + points).properties(width=WIDTH, height=180)
    return panel.facet(row=alt.Row("architecture:N", title=None))


def withheld_chart(alt: Any, result: Study) -> Any:
    """Peak of what is withheld, by the number of reclaimers."""
    values = [
        {"tasks": row.tasks, "policy": row.policy, "withheld": row.withheld_peak_percent.mean} for row in result.crowd
    ]
    return (
        alt.Chart(alt.Data(values=values))
        .mark_line(point=True)
        .encode(
            x=alt.X("tasks:Q", scale=alt.Scale(type="log", base=2), title="reclaimers at once"),
            y=alt.Y("withheld:Q", title="withheld at most, % of memory"),
            color="policy:N",
        )
        .properties(width=WIDTH, height=220)
    )
