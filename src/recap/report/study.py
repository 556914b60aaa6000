"""The study of 2008 for a reader: the covers' table, the mmtests tables, the answers."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from recap.lab.capture_2008 import PUBLISHED, Answer, Row, Study
from recap.lab.results import BASELINE, Interval
from recap.report.layout import ruled
from recap.report.numbers import NO_FIGURE


def study_tables(result: Study) -> RenderableType:
    """All of it, widest view first."""
    return Group(*parts(result))


def parts(result: Study) -> Iterator[RenderableType]:
    """The tables in their order."""
    yield covers(result)
    for architecture in dict.fromkeys(row.architecture for row in result.rows):
        yield Text(mmtests(result, architecture))
    yield costs(result)
    yield crowd(result)
    yield answers(result)
    yield Text("* apart from zero: the 95 % interval over seeds does not hold it", style="dim")
    for line in result.missing:
        yield Text(f"Not modelled: {line}")


def spread(value: Interval, places: int = 2) -> str:
    """Mean and half-width."""
    return f"{value.mean:.{places}f} ±{value.spread:.{places}f}"


def scaled(value: Interval, by: float) -> Interval:
    """The same in a larger unit."""
    return Interval(value.mean / by, value.low / by, value.high / by)


def covers(result: Study) -> Table:
    """The table of the v2 to v4 covers: gain in points, and in percent of the baseline."""
    heads = ("architecture", "Absolute", "published", "Effective", "published")
    table = ruled("the 2008 covers' table: whitcroft", heads, words=("architecture",))
    for row in result.rows:
        if row.policy == "whitcroft":
            absolute, effective = PUBLISHED[row.architecture]
            table.add_row(
                row.architecture,
                f"{spread(row.absolute)}%",
                f"{absolute:.2f}%",
                f"{spread(row.effective)}%",
                f"{effective:.2f}%",
            )
    return table


def mmtests(result: Study, architecture: str) -> str:
    """STRESS-HIGHALLOC in the form of 2009 to 2011: success, and the difference in points from the first column."""
    rows = [row for row in result.rows if row.architecture == architecture]
    base = next(row for row in rows if row.policy == BASELINE)
    width = max(20, *(len(row.policy) + 2 for row in rows))
    lines = [f"STRESS-HIGHALLOC {architecture}", " " * 10 + "".join(f"{row.policy:>{width}}" for row in rows)]
    for label in base.success:
        cells = "".join(f"{cell(row, base, label):>{width}}" for row in rows)
        lines.append(f"{label.capitalize():<10}{cells}")
    return "\n".join(lines) + "\n"


def cell(row: Row, base: Row, label: str) -> str:
    """`%8.2f (%5.2f%%)`, as mmtests wrote it then."""
    mean = row.success[label].mean
    return f"{mean:8.2f} ({mean - base.success[label].mean:5.2f}%)"


def costs(result: Study) -> Table:
    """What each policy withheld, and what others waited."""
    heads = (
        "architecture",
        "policy",
        "gain, points",
        "withheld, page-s",
        "stolen",
        "longest, s",
        "order-0, µs",
        "longest, ms",
        "OOM",
    )
    table = ruled("what it costs", heads, words=("architecture", "policy"))
    for row in result.rows:
        table.add_row(
            row.architecture,
            row.policy,
            spread(row.absolute),
            spread(row.withheld_page_seconds, 0),
            spread(row.stolen_pages, 0),
            spread(scaled(row.longest_stall_ms, 1000), 1),
            spread(row.order0_stall_us),
            spread(row.order0_longest_stall_ms, 0),
            spread(row.oom_kills, 1),
        )
    return table


def crowd(result: Study) -> Table:
    """Peak of what is withheld, in percent of memory, and OOM kills where there are any."""
    policies = list(dict.fromkeys(row.policy for row in result.crowd))
    table = ruled("withheld at most, % of memory, by number of reclaimers (and OOM kills)", ("tasks", *policies))
    for tasks in dict.fromkeys(row.tasks for row in result.crowd):
        mine = {row.policy: row for row in result.crowd if row.tasks == tasks}
        table.add_row(str(tasks), *(crowd_cell(mine[p].withheld_peak_percent, mine[p].oom_kills) for p in policies))
    return table


def crowd_cell(withheld: Interval, kills: Interval) -> str:
    """`82.8 ±0.3`, and the kills if there were any."""
    return spread(withheld, 1) + (f" ({kills.mean:.1f} killed)" if kills.mean else "")


def answers(result: Study) -> Table:
    """Each question of the thread with its number."""
    table = ruled("the thread's questions")
    table.add_column("what")
    table.add_column("question", max_width=60)
    table.add_column("answer", justify="right")
    table.add_column("unit")
    for one in result.answers:
        table.add_row(one.name, one.question, figure(one), one.unit)
    return table


def figure(one: Answer) -> str:
    """The number, marked where it can be told from zero."""
    if one.value.low == one.value.high:
        return f"{one.value.mean:g}" if one.apart_from_zero else NO_FIGURE
    return spread(one.value) + ("*" if one.apart_from_zero else " ")
