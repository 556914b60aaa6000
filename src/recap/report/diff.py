"""Two comparisons for a reader: what certainly changed, and each policy before and after."""

from collections.abc import Callable, Iterator

from msgspec.structs import replace
from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.table import Table
from rich.text import Text

from recap.lab.diff import Diff, PolicyDiff
from recap.lab.results import Comparison
from recap.report.comparison import BRIEF, METRIC, PROSE_WIDTH, comparison_table, difference_legend
from recap.report.conclusions import OUTCOME, more_or_fewer

Names = Callable[[Comparison], list[str]]


def diff_table(result: Diff) -> RenderableType:
    """With the metrics that have a heading."""
    return whole(result, lambda both: [name for name in both.metrics() if name in METRIC])


def diff_in_brief(result: Diff) -> RenderableType:
    """With ten rows for each policy."""
    return whole(result, lambda _both: list(BRIEF))


def everything(result: Diff) -> RenderableType:
    """With all counters."""
    return whole(result, Comparison.metrics)


def whole(result: Diff, names: Names) -> RenderableType:
    """The verdict, how the two were made differently, a table for each policy."""
    said = [Constrain(Text(line), PROSE_WIDTH) for line in [*verdict(result), *result.notes, ""]]
    tables = [table(one, names) for one in result.policies]
    return Group(*said, *tables, Constrain(Text(difference_legend("before"), style="dim"), PROSE_WIDTH))


def table(one: PolicyDiff, names: Names) -> Table:
    """One policy, before and after."""
    same = one.before.name == one.after.name
    columns = [replace(one.before, name="before"), replace(one.after, name="after")]
    title = one.after.name if same else f"{one.before.name} before, {one.after.name} after"
    both = Comparison(title, columns, [], [], "", baseline="before")
    return comparison_table(both, names(both))


def verdict(result: Diff) -> Iterator[str]:
    """Success under each policy, and how many figures changed."""
    for one in result.policies:
        moved = [figure for figure in one.after.metrics.values() if figure.difference is not None]
        certain = sum(figure.differs for figure in moved)
        success = one.after.metrics.get(OUTCOME)
        if success is None:
            said = f"{one.after.name} has no {OUTCOME}"
        elif success.differs:
            said = more_or_fewer(one.after)
        else:
            said = f"{one.after.name} serves as many high-order requests, as far as the seeds tell"
        yield f"{said}; {certain} of {len(moved)} figures certainly changed."
