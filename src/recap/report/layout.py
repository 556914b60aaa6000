"""The tables that several reports have in common, empty."""

from collections.abc import Collection, Iterable

from rich import box
from rich.table import Table


def ruled(title: str, heads: Iterable[str] = (), *, words: Collection[str] = ()) -> Table:
    """A table with a rule below its heads; the columns named in `words` are set to the left, figures to the right."""
    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for head in heads:
        table.add_column(head, justify="left" if head in words else "right")
    return table


def named_figures() -> Table:
    """A table of name, figure, and what it says, without heads."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim")
    return table
