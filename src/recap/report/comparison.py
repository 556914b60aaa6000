"""A comparison for a reader: the table, what it rests on, and what it says in a few sentences."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.table import Table
from rich.text import Text

from recap.lab.results import BASELINE, KERNEL, METRICS, Column, Comparison, Interval
from recap.report.conclusions import conclusions
from recap.report.layout import ruled
from recap.report.numbers import NO_FIGURE

PROSE_WIDTH = 100
MARK = "*"
LEGEND = f"{MARK} apart from {BASELINE}: the two 95 % intervals share no point"
ONE_SEED = f"{MARK} apart from {BASELINE}, by one seed: how far chance moves the figures is unknown"
UNLISTED = "other counters"
METRIC = {metric.name: metric for metric in METRICS}


def comparison(result: Comparison) -> RenderableType:
    """The table, its legend, the caveats, the conclusions."""
    prose = [*legend(result), *caveats(result), *paragraphs(conclusions(result))]
    return Group(comparison_table(result), *(Constrain(text, PROSE_WIDTH) for text in prose))


def comparison_table(result: Comparison) -> Table:
    """One column for each policy; one row for each metric, under its heading."""
    table = ruled(result.source)
    table.add_column(no_wrap=True)
    for column in result.columns:
        table.add_column(Text(head(column)), justify="right", no_wrap=True)
    baseline = result.column(BASELINE)
    for heading, names in sections(result):
        table.add_row(Text(heading, style="bold"))
        for name in names:
            table.add_row(Text(f"  {name}"), *(cell(name, column, baseline) for column in result.columns))
    return table


def head(column: Column) -> str:
    """The column's name, and how many seeds its intervals come from."""
    return f"{column.name}\n{column.seeds} seeds" if column.seeds > 1 else column.name


def sections(result: Comparison) -> Iterator[tuple[str, list[str]]]:
    """The metrics that occur, under their headings in the order of METRICS; the unlisted ones last."""
    present = dict.fromkeys(name for column in result.columns for name in column.metrics)
    for heading in dict.fromkeys(metric.heading for metric in METRICS):
        names = [metric.name for metric in METRICS if metric.heading == heading and metric.name in present]
        if names:
            yield heading, names
    unlisted = [name for name in present if name not in METRIC]
    if unlisted:
        yield UNLISTED, unlisted


def cell(name: str, column: Column, baseline: Column | None) -> Text:
    """A figure, marked where it is apart from the baseline's."""
    value = column.metrics.get(name)
    if value is None:
        return Text(f"{NO_FIGURE} ", style="dim")
    reference = baseline.metrics.get(name) if baseline else None
    if column.name == KERNEL or reference is None or not value.apart_from(reference):
        return Text(f"{value} ")
    return Text(f"{value}{MARK}", style=judgement(name, value, reference))


def judgement(name: str, value: Interval, reference: Interval) -> str:
    """Green for better than the reference, red for worse, bold where neither is."""
    better = METRIC[name].better if name in METRIC else None
    if better is None:
        return "bold"
    return "green" if (value.mean > reference.mean) == (better == "more") else "red"


def legend(result: Comparison) -> list[Text]:
    """What the mark means, and recap's own words as far as they occur."""
    present = {name for column in result.columns for name in column.metrics}
    mark = LEGEND if any(column.seeds > 1 for column in result.columns) else ONE_SEED
    words = [metric for metric in METRICS if metric.meaning and metric.name in present]
    lines = [mark, *(f"{metric.name}: {metric.meaning}" for metric in words)]
    return [Text(line, style="dim") for line in lines]


def caveats(result: Comparison) -> list[Text]:
    """What was assumed, and what the model lacks."""
    assumed = paragraphs([f"Assumed: {assumption}" for assumption in result.assumptions])
    return assumed + paragraphs([f"Not modelled: {mechanism}" for mechanism in result.missing])


def paragraphs(lines: list[str]) -> list[Text]:
    """An empty line, then the lines, if there are any."""
    return [Text(), *map(Text, lines)] if lines else []
