"""The result of `verify` for a reader: what was predicted, what was inferred, where it first went wrong."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from recap.lab.results import VerifyResult
from recap.report.numbers import NO_FIGURE, count, percent


def verification(result: VerifyResult) -> RenderableType:
    """The figures, then the first mismatch and the notes, if any."""
    parts: list[RenderableType] = [figures(result)]
    if result.first_mismatch:
        parts += [Text(), Text(f"First mismatch: {result.first_mismatch}", style="yellow")]
    if result.notes:
        parts += [Text(), *(Text(f"Note: {note}") for note in result.notes)]
    return Group(*parts)


def figures(result: VerifyResult) -> Table:
    """One line for each figure: name, value, what it says."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim")
    kernel_free = NO_FIGURE if result.free_pages_kernel is None else count(result.free_pages_kernel)
    same_lists = NO_FIGURE if result.free_lists_exact is None else f"{percent(result.free_lists_exact)} %"
    for row in (
        ("events", count(result.events), "of the recording, replayed"),
        ("allocations", count(result.allocations), "the kernel made"),
        ("exact", count(result.exact), "predicted to the page frame"),
        ("", f"{percent(result.exact_ratio)} %", ""),
        ("mismatched", count(result.mismatched), "predicted another frame"),
        ("untraced", count(result.untraced), "reported by no tracepoint, inferred"),
        ("free pages", count(result.free_pages_model), f"at the end; the kernel has {kernel_free}"),
        ("free lists", same_lists, "of the kernel's free blocks: same frame, order and type"),
        ("speed", count(result.events_per_second), f"events a second, {result.seconds:.2f} s in all"),
    ):
        table.add_row(*row)
    return table
