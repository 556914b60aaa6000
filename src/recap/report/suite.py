"""Several comparisons for a reader: the outcome on each source, then the mean of all of them."""

from collections.abc import Callable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from recap.lab.results import Comparison, Suite
from recap.report.comparison import cell, comparison_in_brief
from recap.report.conclusions import OUTCOME
from recap.report.layout import ruled
from recap.report.numbers import NO_FIGURE


def suite(result: Suite, render: Callable[[Comparison], RenderableType]) -> RenderableType:
    """One row for each source; then the mean of all, rendered like a comparison. In brief, conclusions come first."""
    parts = [outcomes(result), render(result.together)]
    first, second = reversed(parts) if render is comparison_in_brief else parts
    return Group(first, Text(), second)


def outcomes(result: Suite) -> Table:
    """Success on each source."""
    found = {one.source: {column.name: column for column in one.columns} for one in result.comparisons}
    names = list(dict.fromkeys(name for columns in found.values() for name in columns))
    table = ruled(OUTCOME, ("source", *names), words=("source",))
    for source, columns in found.items():
        shown = (cell(OUTCOME, columns[name]) if name in columns else Text(f"{NO_FIGURE} ") for name in names)
        table.add_row(Text(source), *shown)
    return table
