"""A comparison for a reader: the table, what it rests on, and what it says in a few sentences."""

from collections.abc import Collection, Iterator

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.table import Table
from rich.text import Text

from recap.lab.results import METRICS, Column, Comparison, Difference
from recap.report.conclusions import conclusions
from recap.report.layout import ruled
from recap.report.numbers import NO_FIGURE, beside

PROSE_WIDTH = 100
MARK = "*"
OUTSIDE = "†"
UNLISTED = "other counters"
STARTS = {
    "dump": "dump, the kernel's own lists while the machine was paused",
    "live": "live, the kernel's own lists, read while it ran",
    "flags": "flags, from /proc and the trace; what they do not say, above all the order of lists, is drawn at random",
}
METRIC = {metric.name: metric for metric in METRICS}
BRIEF = (
    "high_order_attempts",
    "success_percent",
    "oom_kills",
    "stolen_pages",
    "withheld_peak_pages",
    "pgscan_direct",
    "pgsteal_direct",
    "allocstall",
    "stall_ms",
    "longest_stall_ms",
)


def comparison(result: Comparison) -> RenderableType:
    """The metrics that have a heading, the legend, the caveats, the conclusions."""
    rest = [name for name in result.metrics() if name not in METRIC]
    more = [Text(f"-v shows the {UNLISTED}, {len(rest)} of them", style="dim")] if rest else []
    return whole(result, METRIC, more)


def everything(result: Comparison) -> RenderableType:
    """The same with all counters."""
    return whole(result, result.metrics(), [])


def whole(result: Comparison, names: Collection[str], more: list[Text]) -> RenderableType:
    """Table, legend, caveats, conclusions."""
    prose = [*more, *legend(result, names), *start_of(result), *caveats(result), *paragraphs(conclusions(result))]
    return Group(comparison_table(result, names), *(Constrain(text, PROSE_WIDTH) for text in prose))


def comparison_in_brief(result: Comparison) -> RenderableType:
    """The conclusions, then ten rows."""
    told = (Constrain(Text(line), PROSE_WIDTH) for line in conclusions(result))
    notes = (Constrain(Text(line, style="dim"), PROSE_WIDTH) for line in marks(result))
    return Group(*told, Text(), comparison_table(result, BRIEF), *notes)


def comparison_table(result: Comparison, names: Collection[str]) -> Table:
    """One column for each policy; one row for each of these metrics that occurs, under its heading."""
    table = ruled(result.source)
    table.add_column(no_wrap=True)
    for column in result.columns:
        table.add_column(Text(head(column)), justify="right", no_wrap=True)
    for heading, shown in sections(result, names):
        table.add_row(Text(heading, style="bold"))
        for name in shown:
            table.add_row(Text(f"  {name}"), *(cell(name, column) for column in result.columns))
    return table


def head(column: Column) -> str:
    """The column's name, and how many seeds its intervals come from."""
    return f"{column.name}\n{column.seeds} seeds" if column.seeds > 1 else column.name


def sections(result: Comparison, names: Collection[str]) -> Iterator[tuple[str, list[str]]]:
    """Those of the metrics that occur, under their headings in the order of METRICS; the unlisted ones last."""
    present = [name for name in result.metrics() if name in names]
    for heading in dict.fromkeys(metric.heading for metric in METRICS):
        shown = [metric.name for metric in METRICS if metric.heading == heading and metric.name in present]
        if shown:
            yield heading, shown
    unlisted = [name for name in present if name not in METRIC]
    if unlisted:
        yield UNLISTED, unlisted


def cell(name: str, column: Column) -> Text:
    """A figure; marked where it certainly differs from the baseline's, or the kernel's from its model's."""
    value = column.metrics.get(name)
    if value is None:
        return Text(f"{NO_FIGURE} ", style="dim")
    if value.unlike_model:
        return Text(f"{value}{OUTSIDE}")
    if value.difference is None or not value.differs:
        return Text(f"{beside(value)} ")
    return Text(f"{beside(value)}{MARK}", style=judgement(name, value.difference))


def judgement(name: str, change: Difference) -> str:
    """Green for better than the baseline, red for worse, bold where neither is."""
    better = METRIC[name].better if name in METRIC else None
    if better is None:
        return "bold"
    return "green" if (change.mean > 0) == (better == "more") else "red"


def legend(result: Comparison, names: Collection[str]) -> list[Text]:
    """What the marks mean, and recap's own words as far as they occur."""
    present = {name for column in result.columns for name in column.metrics if name in names}
    words = [metric for metric in METRICS if metric.meaning and metric.name in present]
    lines = [*marks(result), *(f"{metric.name}: {metric.meaning}" for metric in words)]
    return [Text(line, style="dim") for line in lines]


def marks(result: Comparison) -> Iterator[str]:
    """What stands beside a figure."""
    if all(column.seeds < 2 for column in result.columns):
        yield "one seed does not show how much chance moves a figure: nothing is marked"
        return
    figures = [figure for column in result.columns for figure in column.metrics.values()]
    if any(figure.difference is not None for figure in figures):
        yield difference_legend(result.baseline)
    if any(figure.unlike_model for figure in figures):
        yield f"{OUTSIDE} outside the range in which 95 % of the model's runs are expected"


def difference_legend(baseline: str) -> str:
    """How a difference is taken, and when it is marked."""
    return (
        f"+1.0 ±0.5{MARK}: the difference to {baseline} and its 95 % interval, paired by seed where seeds move both "
        f"alike, otherwise by Welch's test; {MARK} where it is certain: p < 0.05 after Holm's correction over the "
        "column"
    )


def start_of(result: Comparison) -> list[Text]:
    """Which memory state the model began from."""
    return paragraphs([f"Start: {STARTS.get(result.start, result.start)}"]) if result.start else []


def caveats(result: Comparison) -> list[Text]:
    """What was assumed, and what the model lacks."""
    assumed = paragraphs([f"Assumed: {assumption}" for assumption in result.assumptions])
    return assumed + paragraphs([f"Not modelled: {mechanism}" for mechanism in result.missing])


def paragraphs(lines: list[str]) -> list[Text]:
    """An empty line, then the lines, if there are any."""
    return [Text(), *map(Text, lines)] if lines else []
