"""The result of `verify --episodes` for a reader: by order and kind, then the worst, then what is not known."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from recap.lab.episode_tests import Episode, EpisodeGroup, EpisodeTests, Percentiles
from recap.report.layout import ruled
from recap.report.numbers import count

HEADS = (
    *("kind", "order", "n", "same end", "same pages", "kernel", "model", "used"),
    *("scanned", "model", "block %", "model"),
)
WORST_HEADS = ("at, s", "task", "kind", "order", "pages", "model", "scanned", "model", "block", "model")


def episode_tests(result: EpisodeTests) -> RenderableType:
    """The tables."""
    intro = f"{count(result.same)} of {count(result.episodes)} ended as the kernel's, with the block or without."
    parts: list[RenderableType] = [
        Text(intro, style="bold"),
        Text("Pages reclaimed or moved, and pages scanned: 50th, 90th and 99th percentile.", style="dim"),
        Text("used: the model's pages where the accessed bits are known that recorded reclaim found.", style="dim"),
        by_kind(result.groups),
        Text(),
        Text("Those that differ most", style="bold"),
        worst(result.worst),
        Text(),
        Text("Not known, which is why the model may differ", style="bold"),
        *(Text(f"* {unknown}") for unknown in result.unknown),
    ]
    return Group(*parts)


def by_kind(groups: list[EpisodeGroup]) -> Table:
    """A line for each kind and order."""
    table = ruled("", HEADS, words=("kind",))
    for group in groups:
        table.add_row(
            group.kind,
            str(group.order),
            count(group.episodes),
            count(group.same),
            count(group.same_pages),
            three(group.kernel_pages),
            three(group.model_pages),
            three(group.model_pages_used),
            three(group.kernel_scanned),
            three(group.model_scanned),
            f"{100 * group.kernel_block:.0f}",
            f"{100 * group.model_block:.0f}",
        )
    return table


def three(percentiles: Percentiles) -> str:
    """Three percentiles."""
    return " ".join(f"{value:,.0f}" for value in percentiles)


def worst(episodes: list[Episode]) -> Table:
    """A line for each episode."""
    table = ruled("", WORST_HEADS, words=("kind",))
    for one in episodes:
        table.add_row(
            f"{one.seconds:.6f}",
            str(one.pid),
            one.kind,
            str(one.order),
            count(one.kernel_pages),
            count(one.model_pages),
            count(one.kernel_scanned),
            count(one.model_scanned),
            "yes" if one.kernel_block else "no",
            "yes" if one.model_block else "no",
        )
    return table
