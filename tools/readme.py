"""The table of the README, from a comparison that `make demo` kept: python tools/readme.py build/demo.

It takes the place of the block between the two marks; the text around it is left alone.
"""

from __future__ import annotations

import sys
from pathlib import Path

from recap.lab.kept import KeptComparison
from recap.lab.results import KERNEL, Column
from recap.report.comparison import MARK
from recap.report.numbers import NO_FIGURE, beside

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- demo -->\n", "<!-- end -->\n"
ROWS = (
    "high_order_attempts",
    "high_order_successes",
    "success_percent",
    "stolen_pages",
    "capture_handed_over",
    "withheld_peak_pages",
    "withheld_page_ms",
    "pgsteal_direct",
)


def table(columns: list[Column]) -> str:
    """An indented block: the mean, and of a policy the difference to `none` with its 95 % interval."""
    seeds = max(column.seeds for column in columns)
    lines = [[f"{seeds} seeds", *(column.name for column in columns)]]
    lines += [[name, *(cell(column, name) for column in columns)] for name in ROWS]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "".join(f"    {row(line, widths)}\n" for line in lines)


def cell(column: Column, name: str) -> str:
    """A figure, starred where it is certain."""
    value = column.metrics.get(name)
    if value is None:
        return NO_FIGURE
    return str(value) if column.name == KERNEL else beside(value) + (MARK if value.differs else "")


def row(cells: list[str], widths: list[int]) -> str:
    """The name to the left, figures to the right."""
    figures = [f"{text:>{width}}" for text, width in zip(cells[1:], widths[1:], strict=True)]
    return "  ".join([f"{cells[0]:<{widths[0]}}", *figures]).rstrip()


def main() -> None:
    """Write it."""
    before, begin, rest = README.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin, f"README.md has no line {BEGIN}"
    assert end, f"README.md has no line {END}"
    made = table(KeptComparison(sys.argv[1]).comparison.columns)
    README.write_text(f"{before}{BEGIN}\n{made}\n{END}{after}")


if __name__ == "__main__":
    main()
